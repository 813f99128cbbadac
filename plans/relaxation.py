"""When a held cell counts as relaxed: the rule its potentiostat watches for, and what became of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .trigger_state import AtRest, While
from .trigger_union import AllOf, AnyOf

FEWEST = 3
"""Readings that a slope needs."""
MV_H_PER_V_S = 3.6e6


@dataclass(frozen=True)
class Relaxation:
    """When a cell at open circuit counts as relaxed; times are the cell's.

    Parameters
    ----------
    slope_max_mv_h : float
        Largest |dV/dt| of a relaxed cell, in mV/h.
    window_s : float
        Time over which the mean slope is taken, in s.
    longest_s : float
        The cell is measured after this time as it is, in s; the measurement's `relaxation` tells.
    for_s : float
        Time for which the slope must have been small, in s; 0: an instant. Noise of the voltage passes it.
    """

    slope_max_mv_h: float = 5.0
    window_s: float = 300.0
    longest_s: float = 4 * 3600.0
    for_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("slope_max_mv_h", "window_s", "longest_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"relaxation: {name} = {getattr(self, name)!r} must be positive")
        if not self.for_s >= 0:
            raise ValueError(f"relaxation: for_s = {self.for_s!r} must be 0 or positive")
        if self.longest_s < self.shortest_s:
            raise ValueError(
                f"relaxation: longest_s = {self.longest_s:g} s is below window_s + for_s = "
                f"{self.shortest_s:g} s, so that no slope would ever be known; wait longer or judge a "
                "shorter window"
            )

    @property
    def shortest_s(self) -> float:
        """Shortest rest, s: before, the window would reach into the time under current."""
        return self.window_s + self.for_s

    def rule(self, longest_s: float, *, tells_begin: bool) -> str:
        """Rule that latches when the cell has relaxed, or the time (s) is over.

        Parameters
        ----------
        longest_s
            Longest rest from when the rule is armed, or the cell comes to rest after that.
        tells_begin
            Whether the begin of the rest, which is still to come, latches too.

        Examples
        --------
        >>> Relaxation(3.6, 300.0, for_s=60.0).rule(7200.0, tells_begin=False)
        'voltage_rate below 1e-06 for 60.0 over 300.0 and at_rest for 360.0 or at_rest for 7200.0'
        """
        slope_v_s = self.slope_max_mv_h / MV_H_PER_V_S
        slow = While("voltage_rate", "below", slope_v_s, for_s=self.for_s, over_s=self.window_s)
        ends = (AllOf((slow, AtRest(self.shortest_s))), AtRest(longest_s))
        return AnyOf((AtRest(), *ends) if tells_begin else ends).rule_text


@dataclass(frozen=True)
class Relaxed:
    """How a cell came to rest; all by the instrument's clock.

    Parameters
    ----------
    began_s : float
        Begin of the rest, UNIX s; that of the state where a process died in between.
    ended_s : float
        When the cell was relaxed, or the time was over, UNIX s.
    duration_s : float
        Between the two, in s.
    slope_mv_h : float
        Final dV/dt in mV/h: straight line through the record of the last window.
    voltage_before_v, voltage_after_v : float
        Under current, as the state was reached, and at the end, in V.
    reached : bool
        Whether the slope was small enough in time.
    """

    began_s: float
    ended_s: float
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
