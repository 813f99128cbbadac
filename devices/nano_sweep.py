"""A piezo axis that moves on at constant speed over a stretch, for detectors that count on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ophyd.status import DeviceStatus

from .bounded import in_background, write
from .nano_axis import AxisNotThereError, NanoAxis
from .order import Stops
from .reach import naming
from .refusal import check_positive, refuse

FIRST_SLOPE = 1.4
"""Way of the command for that of the axis before it is known: behind a turn a piezo follows three to four
fifths of its command."""

PRACTICE = 2
"""Sweeps in each direction until they begin where the one before has ended, as those of a map."""

EXTENSIONS = 3
"""Moves after which a sweep that has not reached its end has failed."""


@dataclass(frozen=True)
class Sweep:
    """A stretch that is passed at constant speed, in either direction.

    Attributes
    ----------
    begin_um, end_um
        By the interferometer.
    speed_um_s
        In between, um/s.
    run_up_um
        How far before begin the axis starts, and beyond end it stops.
    """

    begin_um: float
    end_um: float
    speed_um_s: float
    run_up_um: float = 0.1

    def __post_init__(self) -> None:
        check_positive("sweep", "speed_um_s", self.speed_um_s, "um/s")
        check_positive("sweep", "run_up_um", self.run_up_um, "um")
        if self.begin_um == self.end_um or not math.isfinite(self.begin_um + self.end_um):
            raise refuse("sweep", "end_um", self.end_um, f"give another than begin_um = {self.begin_um:g} um")

    @property
    def direction(self) -> int:
        """1 towards higher positions, -1 towards lower ones."""
        return 1 if self.end_um > self.begin_um else -1

    @property
    def back(self) -> Sweep:
        """The same stretch in the other direction."""
        return replace(self, begin_um=self.end_um, end_um=self.begin_um)


class AxisSweep:
    """Sweeps of one axis: `prepare` brings it before the stretch, `trigger` moves it over and beyond.

    A piezo in open loop needs a command ahead of where it is to go, and a speed above that which it is to
    have; both are learned in each direction from the sweep before, and before the first one by `set`, which
    practises. Its speed is restored after each sweep and by `stop`.

    Parameters
    ----------
    axis
        Whose piezo moves.
    """

    parent = None

    def __init__(self, axis: NanoAxis) -> None:
        self.axis = axis
        self.name = f"{axis.name}_sweep"
        self.stops = Stops()
        self._lead_um: dict[int, float] = {}
        self._slope: dict[int, float] = {}
        self._full_um_s: float | None = None
        self._sweep: Sweep | None = None

    def set(self, value: Sweep) -> DeviceStatus:
        """Move over the stretch and back at full speed, unless both directions are known already.

        Hysteresis does not depend on speed: the first row is then passed at the speed that is asked for.

        Returns
        -------
        DeviceStatus
            Done when both directions are known; fails with `AxisNotThereError` if the axis stalls.
        """
        axis = self.axis

        def work() -> None:
            self._sweep = None
            if {1, -1} <= self._slope.keys():
                return
            self._restore()
            with naming(axis, f"practise a sweep from {value.begin_um:g} to {value.end_um:g} um"):
                for sweep in (value, value.back) * PRACTICE:
                    self._bring_before(sweep)
                    self._go(sweep)

        return in_background(axis, self.stops.heeding(work, self._undo, prepares=True))

    def check(self, sweep: Sweep) -> None:
        """Refuse a sweep that is faster than the piezo; nothing moves.

        Raises
        ------
        ValueError
            If it is.
        """
        most = self._most_um_s()
        if sweep.speed_um_s > most:
            told = f"the piezo does {most:g} um/s at most; give each pixel more time"
            raise refuse(self.name, "speed_um_s", float(f"{sweep.speed_um_s:.4g}"), told)

    def prepare(self, sweep: Sweep) -> DeviceStatus:
        """Bring the axis before the stretch unless it is there, and set its speed.

        Raises
        ------
        ValueError
            If the piezo cannot go as fast.
        """
        axis, direction = self.axis, sweep.direction
        with naming(axis, f"prepare a sweep at {sweep.speed_um_s:g} um/s"):
            self.check(sweep)

        def work() -> None:
            self._sweep = None
            self._bring_before(sweep)
            speed = min(sweep.speed_um_s * self._slope.get(direction, 1.0), self._most_um_s())
            write(axis.fine.velocity, speed, axis.reply_limit_s)
            self._sweep = sweep

        return in_background(axis, self.stops.heeding(work, self._undo, prepares=True))

    def trigger(self) -> DeviceStatus:
        """Move over the stretch.

        Returns
        -------
        DeviceStatus
            Done when the axis stands beyond its end; fails with `AxisNotThereError` if it does not.

        Raises
        ------
        RuntimeError
            If no sweep is prepared.
        """
        sweep, axis = self._sweep, self.axis
        if sweep is None:
            raise RuntimeError(f"{self.name}: no sweep is prepared; use prepare(Sweep(...)) first")
        self._sweep = None

        def work() -> None:
            try:
                with naming(axis, f"sweep from {sweep.begin_um:g} to {sweep.end_um:g} um"):
                    self._go(sweep)
            finally:
                self._restore()

        return in_background(axis, work)

    def stop(self, *, success: bool = False) -> None:
        """Stop the piezo and restore its speed; also while a sweep is prepared, unless for a pause."""
        if not success:
            self.stops.note()
        self.axis.stop(success=success)
        self._restore()

    def _undo(self) -> None:
        self._sweep = None
        self._restore()

    def _bring_before(self, sweep: Sweep) -> None:
        axis, direction = self.axis, sweep.direction
        ahead_um = direction * (sweep.begin_um - axis.position)
        if not 0.5 * sweep.run_up_um <= ahead_um <= 4.0 * sweep.run_up_um:
            self._restore()
            limit_s = axis.fine.move_limit_s + axis.coarse.move_limit_s
            axis.set(sweep.begin_um - direction * sweep.run_up_um).wait(limit_s)

    def _go(self, sweep: Sweep) -> None:
        axis, direction = self.axis, sweep.direction
        goal_um = sweep.end_um + direction * sweep.run_up_um
        lead_um = self._lead_um.get(direction)
        if lead_um is None:
            slope = self._slope.get(-direction, FIRST_SLOPE)
            lead_um = axis.fine.position - axis.position + (slope - 1.0) * (goal_um - axis.position)
        begin_um = end_um = axis.position
        command_um = axis.fine.position
        for _ in range(EXTENSIONS):
            target = self._within_limits(goal_um + lead_um)
            motor: Any = axis.fine
            motor.set(target).wait(motor.move_limit_s + motor.nominal_duration_s(target))
            end_um = axis.position
            lead_um = target - end_um
            if direction * (end_um - sweep.end_um) > 0.0:
                self._lead_um[direction] = lead_um
                self._slope[direction] = (target - command_um) / (end_um - begin_um)
                return
        self._lead_um.pop(direction, None)
        self._slope.pop(direction, None)
        raise AxisNotThereError(
            f"{axis.name} was swept to {sweep.end_um:.4f} um and stands at {end_um:.4f} um by its "
            "interferometer: did it stall, is its piezo on?"
        )

    def _within_limits(self, command_um: float) -> float:
        """Give the nearest command that the piezo takes."""
        low, high = self.axis.fine.limits
        return min(max(command_um, low), high) if low < high else command_um

    def _most_um_s(self) -> float:
        limits: Any = self.axis.fine.max_velocity, self.axis.fine.velocity
        if self._full_um_s is None:
            self._full_um_s = float(limits[1].get())
        return float(limits[0].get()) or self._full_um_s

    def _restore(self) -> None:
        if self._full_um_s is not None and self.axis.fine.velocity.get() != self._full_um_s:
            self.axis.fine.velocity.put(self._full_um_s)
