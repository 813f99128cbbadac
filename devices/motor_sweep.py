"""A motor that moves over a stretch at constant speed, for detectors that count on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ophyd.status import DeviceStatus

from .bounded import in_background, write
from .motor import Motor
from .order import Stops
from .reach import halt, naming
from .refusal import check_finite, check_positive, refuse

REPLY_LIMIT_S = 10.0
"""Longest wait until the motor record has taken a speed, s of wall time."""

RUN_UP_RAMPS = 1.5
"""Run-up in parts of the way on which the motor would gain its speed twice: what is left lets it settle."""


@dataclass(frozen=True)
class Stretch:
    """Way that is passed at constant speed, in either direction.

    Attributes
    ----------
    begin, end
        User positions, in the motor's unit.
    speed
        In between, units per s.
    least_run_up
        How far before begin the motor starts at least, and beyond end it stops, in its unit.
    """

    begin: float
    end: float
    speed: float
    least_run_up: float

    def __post_init__(self) -> None:
        check_positive("stretch", "speed", self.speed, "the motor's unit per s")
        check_positive("stretch", "least_run_up", self.least_run_up, "the motor's unit")
        check_finite("stretch", "begin", self.begin, "the motor's unit")
        check_finite("stretch", "end", self.end, "the motor's unit")
        if self.begin == self.end:
            raise refuse("stretch", "end", self.end, f"give another than begin = {self.begin:g}")

    @property
    def direction(self) -> int:
        """1 towards higher positions, -1 towards lower ones."""
        return 1 if self.end > self.begin else -1


class MotorSweep:
    """Sweeps of a motor record: `prepare` brings it before a stretch, `trigger` moves it over and beyond.

    The motor's speed is that of the stretch only while it sweeps; it is restored afterwards, and by `stop`.

    Parameters
    ----------
    motor
        Whose `VELO` is set.
    """

    parent = None

    def __init__(self, motor: Motor) -> None:
        self.motor = motor
        self.name = f"{motor.name}_sweep"
        self.stops = Stops()
        self._full: float | None = None
        self._stretch: Stretch | None = None

    def check(self, stretch: Stretch) -> None:
        """Refuse a stretch that the motor cannot pass; nothing moves.

        Raises
        ------
        ValueError
            If the motor cannot go as fast.
        LimitError
            If the run-up or its end is outside the soft limits.
        """
        limit: Any = self.motor.max_velocity.get()
        most = float(limit) or self._full or float(self._velocity.get())
        if stretch.speed > most:
            unit = self.motor.egu
            told = f"the motor does {most:g} {unit}/s at most; give the sweep more time"
            raise refuse(self.name, "speed", float(f"{stretch.speed:.4g}"), told)
        for end in self._ends(stretch):
            self.motor.check_value(end)

    def prepare(self, stretch: Stretch) -> DeviceStatus:
        """Bring the motor before the stretch, at its usual speed, and set that of the stretch.

        Raises as `check` does.
        """
        motor = self.motor
        with naming(motor, f"prepare a sweep at {stretch.speed:g} {motor.egu}/s"):
            self.check(stretch)
            start, _ = self._ends(stretch)

        full: list[float] = []

        def work() -> None:
            self._stretch = None
            self._restore()
            full.append(float(self._velocity.get()))
            motor.set(start).wait(motor.move_limit_s + motor.nominal_duration_s(start))
            self._full = full[0]
            write(motor.velocity, stretch.speed, REPLY_LIMIT_S)
            self._stretch = stretch

        def undo() -> None:
            self._stretch, self._full = None, full[0] if full else None
            self._restore()

        return in_background(motor, self.stops.heeding(work, undo, prepares=True))

    def trigger(self) -> DeviceStatus:
        """Move over the stretch.

        Returns
        -------
        DeviceStatus
            Done when the motor stands beyond its end; fails with `MotorNotThereError` if it does not.

        Raises
        ------
        RuntimeError
            If no sweep is prepared.
        """
        stretch, motor = self._stretch, self.motor
        if stretch is None:
            raise RuntimeError(f"{self.name}: no sweep is prepared; use prepare(Stretch(...)) first")
        self._stretch = None
        _, goal = self._ends(stretch)

        def work() -> None:
            try:
                with naming(motor, f"sweep from {stretch.begin:g} to {stretch.end:g} {motor.egu}"):
                    motor.set(goal).wait(motor.move_limit_s + motor.nominal_duration_s(goal))
            finally:
                self._restore()

        return in_background(motor, work)

    def stop(self, *, success: bool = False) -> None:
        """Restore the motor's speed; one that is on its way is stopped before.

        The sweep then counts as done, whatever `success` says: only its own plan stops it, on the way out; a
        status that failed would be thrown into what that plan still has to put in order.
        """
        del success
        self.stops.note()
        if self._full is None and not self.stops.is_awaited:
            return
        self.motor.stop(success=True)
        if self.motor.velocity.connected:
            self._restore()

    @property
    def _velocity(self) -> Any:  # noqa: ANN401 - ophyd types what a signal holds loosely
        return self.motor.velocity

    def _ends(self, stretch: Stretch) -> tuple[float, float]:
        """Tell where the motor starts and stops: at speed before begin, and still at speed at end."""
        ramp_s = float(self.motor.acceleration_time.get() or 0.0)  # type: ignore[arg-type]
        run_up = max(stretch.speed * ramp_s * RUN_UP_RAMPS, stretch.least_run_up)
        return stretch.begin - stretch.direction * run_up, stretch.end + stretch.direction * run_up

    def _restore(self) -> None:
        full, self._full = self._full, None
        if full is not None:
            halt(self.motor.velocity, full)  # type: ignore[arg-type]
