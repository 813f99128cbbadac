"""One axis of a nanoprobe: a coarse motor and a piezo as one, read by an interferometer."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ophyd import EpicsSignalRO
from ophyd import FormattedComponent as FCpt
from ophyd.status import DeviceStatus
from ophyd.utils import LimitError

from .bounded import fresh, in_background
from .motor import Motor
from .reach import ReachedDevice, naming
from .refusal import refuse

UM_PER_MM = 1e3
CORRECTIONS = 8
"""Moves of the piezo after which a target counts as out of reach: hysteresis needs two or three."""


class AxisNotThereError(RuntimeError):
    """An axis is not where it was sent, by its interferometer."""


@dataclass(frozen=True)
class Span:
    """Positions that the piezo of an axis is to reach without the coarse motor, um."""

    low_um: float
    high_um: float

    def __post_init__(self) -> None:
        if not self.low_um <= self.high_um:
            raise refuse("span", "low_um", self.low_um, f"give at most high_um = {self.high_um:g} um")


class NanoAxis(ReachedDevice):
    """Position in um as the interferometer tells it; `set` moves the piezo, beyond its range coarse first.

    Hysteresis and drift are corrected until the interferometer is within the tolerance. `prepare` brings the
    coarse motor where the piezo reaches a whole `Span`, so that a raster moves nothing else.

    Parameters
    ----------
    axis
        Letter of the axis: `<prefix>X` is the coarse motor (mm), `<prefix>FX` the piezo (um),
        `<prefix>X:INTERF` the interferometer (um).
    tolerance_um
        How far from the target counts as there.
    margin_um
        Part of the piezo's range at both ends that is kept for corrections.
    coarse_moves
        Whether `set` may move the coarse motor; else a target beyond the piezo is refused.
    move_limit_s
        Wall time allowed on top of the nominal duration of a move.
    reply_limit_s
        Wall time for an answer of the server, s.
    """

    console_labels = frozenset({"motors"})

    readback = FCpt(EpicsSignalRO, "{self.prefix}{self.axis}:INTERF", auto_monitor=False, kind="hinted")
    coarse = FCpt(Motor, "{self.prefix}{self.axis}", kind="normal")
    fine = FCpt(Motor, "{self.prefix}F{self.axis}", kind="normal")

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str,
        axis: str = "X",
        tolerance_um: float = 0.005,
        margin_um: float = 1.0,
        coarse_moves: bool = True,
        move_limit_s: float = 60.0,
        reply_limit_s: float = 10.0,
        **kwargs: Any,  # noqa: ANN401 - passed on to ophyd
    ) -> None:
        self.axis = axis
        super().__init__(prefix, name=name, **kwargs)
        self.tolerance_um = tolerance_um
        self.margin_um = margin_um
        self.coarse_moves = coarse_moves
        self.reply_limit_s = reply_limit_s
        self.readback.name = self.name
        self.fine.tolerance, self.coarse.tolerance = tolerance_um, 1e-3
        for motor in (self.coarse, self.fine):
            motor.move_limit_s = move_limit_s
        self._order: _Order | None = None
        self._taking = threading.Lock()

    egu = "um"

    @property
    def position(self) -> float:
        """Present position by the interferometer, um."""
        return float(fresh(self.readback, self.reply_limit_s))

    @property
    def reach(self) -> tuple[float, float]:
        """Positions that the piezo reaches from where the coarse motor stands, margins left out, um."""
        return self._reach_from(self.position - self.fine.position)

    @property
    def limits(self) -> tuple[float, float]:
        """Positions that the two motors reach together, um."""
        low, high = self.coarse.limits
        rest_um = self.position - self.fine.position - UM_PER_MM * self.coarse.position
        return UM_PER_MM * low + rest_um, UM_PER_MM * high + rest_um

    def check_value(self, value: float, **_: object) -> None:
        """Refuse a target that the axis does not reach.

        Raises
        ------
        LimitError
            Naming axis, value, limits and remedy.
        """
        reach = self.reach
        if reach[0] <= value <= reach[1]:
            return
        if not math.isfinite(value) or not self.coarse_moves:
            raise LimitError(
                f"{self.name}: {value:g} um is outside {reach[0]:.4g}..{reach[1]:.4g} um of the piezo; move "
                f"{self.coarse.name} (mm) first, or set coarse_moves in the settings of the nanostage"
            )
        low, high = self.limits
        if not low <= value <= high:
            raise LimitError(
                f"{self.name}: {value:g} um is outside {low:g}..{high:g} um of {self.coarse.name}; "
                "change the target or the soft limits of the motor"
            )

    def check_span(self, span: Span) -> None:
        """Refuse positions that the piezo does not reach from one place of the coarse motor.

        Raises
        ------
        LimitError
            If the span is wider than the piezo's range, or leads beyond what the axis reaches.
        """
        low, high = self.fine.limits
        width = high - low - 2 * self.margin_um
        if not span.high_um - span.low_um <= width:
            raise LimitError(
                f"{self.name}: {span.low_um:g} to {span.high_um:g} um is wider than the {width:g} um of "
                f"the piezo; make several maps"
            )
        self.check_value(span.low_um)
        self.check_value(span.high_um)

    def set(self, position: float) -> DeviceStatus:
        """Move; done when the interferometer is within the tolerance.

        Parameters
        ----------
        position
            um.

        Returns
        -------
        DeviceStatus
            Fails with `AxisNotThereError` where the interferometer does not follow, and in time in any case.

        Raises
        ------
        LimitError
            If the axis does not reach the target.
        UnreachableError
            If the server does not answer.
        """
        target = float(position)
        with naming(self, f"move to {target:.4f} um"):
            self.check_value(target)
        return self._begin(lambda order: self._go(order, target), f"move to {target:.4f} um")

    def prepare(self, span: Span) -> DeviceStatus:
        """Bring the coarse motor where the piezo reaches the whole span, if it is not there yet.

        Parameters
        ----------
        span
            Positions by the interferometer, um.

        Raises
        ------
        LimitError
            If the span is wider than the piezo's range.
        """
        with naming(self, f"prepare {span.low_um:g} to {span.high_um:g} um"):
            self.check_span(span)
        middle = 0.5 * (span.low_um + span.high_um)

        def work(order: _Order) -> None:
            reach = self.reach
            if not (reach[0] <= span.low_um and span.high_um <= reach[1]):
                self._move_coarse(order, middle)
                self._go(order, middle)

        return self._begin(work, f"reach {span.low_um:g} to {span.high_um:g} um")

    def stop(self, *, success: bool = False) -> None:
        """Stop both motors where they are; `success`: a move under way counts as done."""
        order = self._order
        if order is not None:
            order.end("it was stopped", well=success)
        self.fine.stop(success=success)
        self.coarse.stop(success=success)

    def _begin(self, work: Callable[[_Order], None], what: str) -> DeviceStatus:
        order = _Order()
        with self._taking:
            before, self._order = self._order, order
        if before is not None:
            before.end(f"it was told to {what}")

        def run() -> None:
            with naming(self, what):
                try:
                    work(order)
                except _Ended as ended:
                    if not ended.well:
                        raise RuntimeError(f"{self.name}: a move did not end, {ended.reason}") from None

        return in_background(self, run)

    def _go(self, order: _Order, target: float) -> None:
        reach = self.reach
        if not reach[0] <= target <= reach[1]:
            self._move_coarse(order, target)
        error = target - self.position
        for _ in range(CORRECTIONS):
            if abs(error) <= self.tolerance_um:
                return
            low, high = self.fine.limits
            order.wait(self.fine, min(max(self.fine.position + error, low), high))
            error = target - self.position
        if abs(error) > self.tolerance_um:
            raise AxisNotThereError(
                f"{self.name} was sent to {target:.4f} um and stands at {target - error:.4f} um by its "
                f"interferometer (tolerance {self.tolerance_um:g} um): is the piezo on, does it follow, "
                "is the tolerance above the interferometer's noise?"
            )

    def _move_coarse(self, order: _Order, middle_um: float) -> None:
        """Bring the piezo to the middle of its range, and the coarse motor so that this is at `middle_um`."""
        if not self.coarse_moves:
            raise LimitError(f"{self.name}: {middle_um:g} um needs {self.coarse.name}, which may not move")
        low, high = self.fine.limits
        order.wait(self.fine, 0.5 * (low + high))
        order.wait(self.coarse, self.coarse.position + (middle_um - self.position) / UM_PER_MM)

    def _reach_from(self, rest_um: float) -> tuple[float, float]:
        low, high = self.fine.limits
        return low + self.margin_um + rest_um, high - self.margin_um + rest_um


class _Ended(Exception):  # noqa: N818 - not an error where `well`
    def __init__(self, reason: str, *, well: bool) -> None:
        super().__init__(reason)
        self.reason, self.well = reason, well


class _Order:
    """One order under way: its moves end with it."""

    def __init__(self) -> None:
        self._ended: _Ended | None = None

    def end(self, reason: str, *, well: bool = False) -> None:
        self._ended = self._ended or _Ended(reason, well=well)

    def wait(self, motor: Motor, position: float) -> None:
        if self._ended is None:
            limit_s = motor.move_limit_s + motor.nominal_duration_s(position)
            motor.set(position).wait(limit_s)
        if self._ended is not None:
            raise self._ended
