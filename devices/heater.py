"""A heater around the cell: a ramp to a setpoint (degC), with limits that switch it off and say why."""

from __future__ import annotations

import threading
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalRO
from ophyd.areadetector.base import EpicsSignalWithRBV
from ophyd.status import DeviceStatus
from ophyd.utils import LimitError

from .bounded import fresh, in_background, until, write
from .reach import ReachedDevice, halt, naming

REPLY_LIMIT_S = 10.0
ABSOLUTE_ZERO_DEGC = -273.15


class HeaterTrippedError(RuntimeError):
    """The heater has switched itself off at one of its limits."""


class TemperatureSafety(Device):
    """Limits that the heater's own server guards."""

    high = Cpt(
        EpicsSignalWithRBV, "TMAX", auto_monitor=True, put_complete=True, write_timeout=10.0, kind="config"
    )
    delay = Cpt(EpicsSignalWithRBV, "DELAY", put_complete=True, write_timeout=10.0, kind="config")
    trip = Cpt(EpicsSignalRO, "TRIP", auto_monitor=True, kind="normal")
    cause = Cpt(EpicsSignalRO, "CAUSE", string=True, auto_monitor=True, kind="omitted")
    reset = Cpt(EpicsSignal, "RESET", put_complete=True, kind="omitted")


class Heater(ReachedDevice):
    """Temperature of the cell; `set` ramps to a setpoint and is done when the cell is there.

    Parameters
    ----------
    tolerance_k
        How far from the setpoint counts as there, K.
    settle_limit_s
        Wall time that a ramp may take on top of its nominal duration, s.
    """

    console_labels = frozenset({"heaters"})

    readback = Cpt(EpicsSignalRO, "RBV", auto_monitor=True, kind="hinted")
    setpoint = Cpt(
        EpicsSignalWithRBV, "SP", auto_monitor=True, put_complete=True, write_timeout=10.0, kind="normal"
    )
    ramp = Cpt(
        EpicsSignalWithRBV, "RAMP", auto_monitor=True, put_complete=True, write_timeout=10.0, kind="config"
    )
    enable = Cpt(
        EpicsSignalWithRBV,
        "ENABLE",
        string=True,
        auto_monitor=True,
        put_complete=True,
        write_timeout=10.0,
        kind="config",
    )
    ramping = Cpt(EpicsSignalRO, "RAMPING", auto_monitor=True, kind="omitted")
    safety = Cpt(TemperatureSafety, "SAFETY:")

    egu = "degC"

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        tolerance_k: float = 0.5,
        settle_limit_s: float = 600.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        super().__init__(prefix, name=name, **kwargs)
        self.tolerance_k = tolerance_k
        self.settle_limit_s = settle_limit_s
        self.readback.name = self.name
        self._orders = 0
        self._may_heat = False
        self._switching = threading.Lock()

    @property
    def position(self) -> float:
        """Present temperature of the cell, degC."""
        return _number(self.readback.get())

    def check_value(self, value: float, **_: object) -> None:
        """Refuse a setpoint above the limit, or that is no temperature.

        Raises
        ------
        LimitError
            Naming value, limit and unit.
        """
        if not value >= ABSOLUTE_ZERO_DEGC:
            raise LimitError(f"{self.name}: {value:g} degC is no temperature; give a number of degC")
        high = _number(self.safety.high.get())
        if not value <= high:
            raise LimitError(
                f"{self.name}: {value:g} degC is above the limit {high:g} degC of {self.prefix}SAFETY:TMAX; "
                "choose less, or set safety.high"
            )

    def set(self, temperature_degc: float) -> DeviceStatus:
        """Switch on and ramp to a temperature.

        Parameters
        ----------
        temperature_degc
            degC.

        Returns
        -------
        DeviceStatus
            Done when the cell is within the tolerance; fails with `HeaterTrippedError` at a limit, and in
            time in any case.

        Raises
        ------
        LimitError
            If the temperature is above the limit, or, by the status, the heater does not take it.
        HeaterTrippedError
            If the heater has tripped before, and nobody has reset it.
        """
        target = float(temperature_degc)
        with naming(self, f"heat to {target:g} degC"):
            self.check_value(target)
            self._check_trip()
        self._orders += 1
        number, self._may_heat = self._orders, True

        def work() -> None:
            with naming(self, f"heat to {target:g} degC"):
                self._aim(target)
                self._switch()
                self._await(target, number)

        return in_background(self, work)

    def stop(self, *, success: bool = False) -> None:
        """Hold the present temperature: no longer heat towards the setpoint, and no less than now."""
        del success
        self._orders += 1
        here = min(self.position, _number(self.safety.high.get()))
        halt(self.setpoint, here)  # type: ignore[arg-type]

    def switch_off(self) -> DeviceStatus:
        """Heat no longer; the cell cools down as it can."""
        self._orders += 1
        self._may_heat = False
        return in_background(self, self._switch)

    def _switch(self) -> None:
        """Switch on or off, as was told last: an order to heat may have been under way before."""
        with self._switching:
            write(self.enable, "Enable" if self._may_heat else "Disable", REPLY_LIMIT_S)

    def _aim(self, target: float) -> None:
        """Set the setpoint, and see whether the heater has taken it: a server that refuses does not tell."""
        self.setpoint.put(target)

        def taken() -> bool:
            return abs(_number(self.setpoint.get()) - target) <= self.tolerance_k

        if not until((self.setpoint,), taken, REPLY_LIMIT_S):
            raise LimitError(
                f"{self.name}: {target:g} degC asked for, the heater keeps {_number(self.setpoint.get()):g} "
                f"degC; choose what is within the limits of {self.prefix}SP"
            )

    def _await(self, target: float, number: int) -> None:
        per_s = max(_number(fresh(self.ramp, REPLY_LIMIT_S)), 1e-3) / 60.0
        limit_s = self.settle_limit_s + abs(target - self.position) / per_s

        def over() -> bool:
            there = abs(self.position - target) <= self.tolerance_k
            return there or bool(self.safety.trip.get()) or self._orders != number

        in_time = until((self.readback, self.safety.trip), over, limit_s)
        self._check_trip()
        if self._orders != number:
            raise RuntimeError(f"{self.name}: the ramp to {target:g} degC was replaced or stopped")
        if not in_time:
            raise TimeoutError(
                f"stands at {self.position:.2f} degC, not within {self.tolerance_k:g} K of {target:g} degC, "
                f"after {limit_s:.0f} s; lengthen settle_limit_s, or look at the heater"
            )

    def _check_trip(self) -> None:
        if self.safety.trip.get():
            cause = str(self.safety.cause.get())
            raise HeaterTrippedError(
                f"{self.name} is off: {cause or 'it has tripped'}; make sure that the cell is safe, then put "
                f"1 to {self.prefix}SAFETY:RESET"
            )


def _number(value: Any) -> float:  # noqa: ANN401 - ophyd types what a signal holds loosely
    return float(value)
