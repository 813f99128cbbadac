"""Waiting at open circuit until a cell's voltage stands still, on the cell's own clock."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import MsgGenerator

from .course import Course, beat, collect
from .waiting import WAIT_S

FEWEST = 3
"""Readings that a slope needs."""

MV_H_PER_V_S = 3.6e6
LOOK_S = 0.1
"""Longest wall time between two looks at the voltage, s: in a rehearsal much of a rest passes in it."""


@dataclass(frozen=True)
class Relaxation:
    """When a cell at open circuit counts as relaxed; times are the cell's.

    Parameters
    ----------
    slope_max_mv_h : float
        Largest |dV/dt| of a relaxed cell, in mV/h.
    window_s : float
        Time over which the slope is fitted, hence the shortest rest, in s.
    longest_s : float
        The cell is measured after this time as it is, in s; the measurement's `relaxation` tells.
    """

    slope_max_mv_h: float = 5.0
    window_s: float = 300.0
    longest_s: float = 4 * 3600.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"relaxation: {name} = {value!r} must be positive")
        if self.longest_s < self.window_s:
            raise ValueError(
                f"relaxation: longest_s = {self.longest_s:g} s is below window_s = {self.window_s:g} s, "
                "so that no slope would ever be known; wait longer or fit a shorter window"
            )


@dataclass(frozen=True)
class Relaxed:
    """How a cell came to rest.

    Parameters
    ----------
    duration_s : float
        From the order to rest to the end of the wait on the cell's clock, in s.
    slope_mv_h : float
        Final dV/dt in mV/h.
    voltage_before_v, voltage_after_v : float
        Under current, just before the order to rest, and at the end of the wait, in V.
    reached : bool
        Whether the slope was small enough in time.
    """

    duration_s: float
    slope_mv_h: float
    voltage_before_v: float
    voltage_after_v: float
    reached: bool

    def metadata(self, settings: Relaxation) -> dict[str, Any]:
        """Value of `relaxation` in the start document of a measurement."""
        return {**asdict(self), "settings": asdict(settings)}


def slope_mv_h(times_s: Sequence[float], voltages_v: Sequence[float]) -> float:
    """Slope of a straight line through voltages, in mV/h.

    Parameters
    ----------
    times_s, voltages_v : sequence of float
        Shape (n,), n >= 2, not all at one time.

    Examples
    --------
    >>> round(slope_mv_h([0.0, 1800.0, 3600.0], [3.7, 3.698, 3.696]), 6)
    -4.0
    """
    times = np.asarray(times_s, dtype=np.float64)
    voltages = np.asarray(voltages_v, dtype=np.float64)
    times, voltages = times - times.mean(), voltages - voltages.mean()
    return float(times @ voltages / (times @ times)) * MV_H_PER_V_S


def recent(readings: Sequence[tuple[float, float]], window_s: float) -> list[tuple[float, float]]:
    """Keep the readings (s, V) of the last `window_s`, with the one before that makes the window full.

    Examples
    --------
    >>> recent([(0.0, 3.9), (40.0, 3.8), (90.0, 3.7), (130.0, 3.7)], 60.0)
    [(40.0, 3.8), (90.0, 3.7), (130.0, 3.7)]
    """
    begin = readings[-1][0] - window_s
    first = max((index for index, (time_s, _) in enumerate(readings) if time_s <= begin), default=0)
    return list(readings[min(first, max(0, len(readings) - FEWEST)) :])


def relax(course: Course, settings: Relaxation, before: tuple[float, float]) -> MsgGenerator[Relaxed]:
    """Wait until a resting cell's voltage stands still; its record and the heartbeat go on meanwhile.

    Parameters
    ----------
    course : Course
        The experiment, its cell at open circuit.
    settings : Relaxation
        When to end.
    before : tuple of float
        Time (s) and voltage (V) of the cell just before it was ordered to rest; however long ago, the slope
        is looked at over one window.

    Raises
    ------
    TimeoutError
        If the cell's clock stands still.
    """
    readings: list[tuple[float, float]] = []
    moved_at = time.monotonic()
    while True:
        yield from bps.checkpoint()
        yield from beat(course)
        now = yield from time_and_voltage(course)
        if not readings:
            # A cell that a dead process left may have rested for longer: its slope is known in a window.
            least_s = now[0] - before[0] + settings.window_s
            settings = replace(settings, longest_s=max(settings.longest_s, least_s))
        if not readings or now[0] > readings[-1][0]:
            readings = recent([*readings, now], settings.window_s)
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > WAIT_S:
            raise TimeoutError(
                f"cell: its clock has stood still for {WAIT_S:g} s while it rests; is its server running?"
            )
        found = judge(readings, settings, before)
        if found is not None:
            return found
        yield from bps.sleep(min(course.poll_s, LOOK_S))
        yield from collect(course)


def judge(
    readings: Sequence[tuple[float, float]], settings: Relaxation, before: tuple[float, float]
) -> Relaxed | None:
    """Say how the cell has come to rest; None while it has not in time, or three readings are not there."""
    (first_s, _), (last_s, last_v) = readings[0], readings[-1]
    if len(readings) < FEWEST:
        return None
    slope = slope_mv_h(*zip(*readings, strict=True))
    full = last_s - first_s >= settings.window_s
    reached = full and abs(slope) <= settings.slope_max_mv_h
    if not reached and last_s - before[0] < settings.longest_s:
        return None
    return Relaxed(last_s - before[0], slope, before[1], last_v, reached)


def time_and_voltage(course: Course) -> MsgGenerator[tuple[float, float]]:
    """Time (s) and voltage (V) of the cell on its own clock."""
    reading: Any = yield from bps.read(course.cell)
    return float(reading["cell_time"]["value"]), float(reading["cell_voltage"]["value"])
