"""What a cycler never lets the cell pass, and what it does when nobody is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from .cut_off import CutOff, Until
from .impedance import GalvanostaticImpedance, PotentiostaticImpedance
from .refusal import check_finite, check_positive, refuse
from .step import ConstantPower

if TYPE_CHECKING:
    from .protocol import Protocol, Step

PLAUSIBLE_C_RATE = 30.0
"""A C-rate beyond which a unit or a capacity is mistaken, 1/h."""

WatchdogAction = Literal["continue", "rest", "hold_voltage", "hold_current", "stop"]


@dataclass(frozen=True)
class Limits:
    """What the cycler never lets the cell pass; a breach that lasts `delay_s` opens the circuit and latches.

    Parameters
    ----------
    voltage_max_v, voltage_min_v
        V.
    current_max_a
        A, without sign.
    capacity_max_mah
        Net charge since the protocol was started, mA h, without sign.
    temperature_max_degc
        degC.
    delay_s
        How long a breach must last, s (instruments offer 0.01 to 1).
    time_max_s
        Since the protocol was started, s; None for any.
    start_voltage_min_v, start_voltage_max_v
        Window of the open-circuit voltage in which the protocol may be started, V; None: that of the limits.
    c_rate_max
        Largest current that the protocol may ask for, per capacity of the cell, 1/h.
    """

    voltage_max_v: float
    voltage_min_v: float
    current_max_a: float
    capacity_max_mah: float
    temperature_max_degc: float = 60.0
    delay_s: float = 0.1
    time_max_s: float | None = None
    start_voltage_min_v: float | None = None
    start_voltage_max_v: float | None = None
    c_rate_max: float = PLAUSIBLE_C_RATE

    def __post_init__(self) -> None:
        for name, unit in _LIMIT_UNITS.items():
            check_finite("limits", name, getattr(self, name), unit)
        for name in ("current_max_a", "capacity_max_mah", "time_max_s", "c_rate_max"):
            check_positive("limits", name, getattr(self, name), _LIMIT_UNITS[name])
        if not 0 <= self.delay_s <= 10:
            raise refuse("limits", "delay_s", self.delay_s, "give 0 to 10 s")
        if self.voltage_min_v >= self.voltage_max_v:
            raise refuse(
                "limits", "voltage_min_v", self.voltage_min_v, f"it must be below {self.voltage_max_v} V"
            )
        lowest_v, highest_v = self.start_window_v
        if lowest_v >= highest_v:
            raise refuse(
                "limits",
                "start_voltage_min_v",
                lowest_v,
                f"the window of the start ends at {highest_v} V: it must begin below, inside the limits",
            )

    @property
    def start_window_v(self) -> tuple[float, float]:
        """Lowest and highest open-circuit voltage at which the protocol may be started, V."""
        low, high = self.start_voltage_min_v, self.start_voltage_max_v
        return (
            self.voltage_min_v if low is None else max(low, self.voltage_min_v),
            self.voltage_max_v if high is None else min(high, self.voltage_max_v),
        )

    def check(self, protocol: Protocol) -> None:
        """Refuse a protocol that asks for what these limits forbid.

        Raises
        ------
        ValueError
            Naming the step, its value, the limit and the remedy.
        """
        for step in protocol.steps:
            for name in ("until_voltage_v", "voltage_v", "from_voltage_v", "to_voltage_v"):
                self._check_voltage(step.id, name, getattr(step, name, None))
            for name in ("current_a", "until_current_a"):
                self._check_current(step.id, name, getattr(step, name, None))
            if isinstance(step, ConstantPower):
                self._check_power(step)
            if isinstance(step, PotentiostaticImpedance | GalvanostaticImpedance):
                self._check_peaks(step)
            for leaf in _leaves(step):
                if leaf.quantity == "voltage":
                    self._check_voltage(step.id, "until voltage", leaf.level)

    def _check_voltage(self, step_id: str, name: str, voltage_v: float | None) -> None:
        if voltage_v is None or self.voltage_min_v <= voltage_v <= self.voltage_max_v:
            return
        remedy = f"the limits are {self.voltage_min_v} to {self.voltage_max_v} V: stay inside or move them"
        raise refuse(f"step {step_id!r}", name, voltage_v, remedy)

    def _check_current(self, step_id: str, name: str, current_a: float | None) -> None:
        if current_a is not None and abs(current_a) > self.current_max_a:
            remedy = f"the limit current_max_a is {self.current_max_a} A: ask for less or raise it"
            raise refuse(f"step {step_id!r}", name, current_a, remedy)

    def _check_peaks(self, step: PotentiostaticImpedance | GalvanostaticImpedance) -> None:
        if isinstance(step, GalvanostaticImpedance):
            self._check_current(step.id, "peak current", abs(step.current_a or 0.0) + step.amplitude_a)
        elif step.voltage_v is not None:
            self._check_voltage(step.id, "highest voltage", round(step.voltage_v + step.amplitude_v, 9))
            self._check_voltage(step.id, "lowest voltage", round(step.voltage_v - step.amplitude_v, 9))

    def _check_power(self, step: ConstantPower) -> None:
        # The current is least where the voltage is highest: beyond that the limit is passed for certain.
        current_a = abs(step.power_w) / max(abs(self.voltage_max_v), 1e-9)
        if current_a > self.current_max_a:
            remedy = (
                f"even at {self.voltage_max_v} V it takes {current_a:.4g} A, the limit current_max_a is "
                f"{self.current_max_a} A: ask for less or raise it"
            )
            raise refuse(f"step {step.id!r}", "power_w", step.power_w, remedy)


def _leaves(step: Step) -> Iterator[CutOff]:
    until: Until | None = getattr(step, "until", None)
    return iter(()) if until is None else until.leaves()


_LIMIT_UNITS = {
    "voltage_max_v": "V",
    "voltage_min_v": "V",
    "current_max_a": "A",
    "capacity_max_mah": "mA h",
    "temperature_max_degc": "degC",
    "delay_s": "s",
    "time_max_s": "s",
    "start_voltage_min_v": "V",
    "start_voltage_max_v": "V",
    "c_rate_max": "1/h",
}


@dataclass(frozen=True)
class Watchdog:
    """What the cycler does once nobody has written its heartbeat for `timeout_s` wall seconds."""

    timeout_s: float
    action: WatchdogAction = "continue"

    def __post_init__(self) -> None:
        check_positive("watchdog", "timeout_s", self.timeout_s, "s")
        if self.action not in get_args(WatchdogAction):
            raise refuse(
                "watchdog", "action", self.action, f"use one of {', '.join(get_args(WatchdogAction))}"
            )
