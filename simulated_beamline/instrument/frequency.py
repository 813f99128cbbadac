"""The frequencies of an impedance spectrum, and when each is measured."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

SHORTEST_POINT_S = 0.1
"""Time of a frequency however high it is, s: ranges and filters settle."""

TIME_TOLERANCE_S = 1e-6


def frequencies(first_hz: float, last_hz: float, count: int, *, linear: bool = False) -> tuple[float, ...]:
    """Return frequencies (Hz) from the first to the last, both included, evenly spaced by their logarithm.

    Examples
    --------
    >>> frequencies(100.0, 1.0, 3)
    (100.0, 10.0, 1.0)
    """
    space = np.linspace if linear else np.geomspace
    return tuple(space(first_hz, last_hz, count).tolist())


@dataclass(frozen=True)
class FrequencySweep:
    """What a spectrum asks for.

    Parameters
    ----------
    frequencies_hz
        In their order.
    amplitude
        Of the sinus: V, or A where `galvanostatic`.
    galvanostatic
        Whether the current swings and the voltage answers.
    hold_s
        How long the cell is held before, s.
    settling_periods, measured_periods
        Of each frequency: waited for, and measured.
    """

    frequencies_hz: tuple[float, ...]
    amplitude: float
    galvanostatic: bool = False
    hold_s: float = 0.0
    settling_periods: float = 0.1
    measured_periods: int = 1

    @cached_property
    def ends_s(self) -> tuple[float, ...]:
        """When each frequency is measured, s after the begin of the step."""
        periods = self.settling_periods + self.measured_periods
        times = (max(periods / frequency, SHORTEST_POINT_S) for frequency in self.frequencies_hz)
        return tuple(accumulate(times, initial=self.hold_s))[1:]

    def done(self, in_step_s: float) -> int:
        """Count the frequencies that are measured at a time (s) in the step."""
        return bisect_right(self.ends_s, in_step_s + TIME_TOLERANCE_S)

    def until_next_s(self, in_step_s: float) -> float:
        """Time (s) to the end of the hold or of the frequency that is measured; infinite after the last."""
        if in_step_s + TIME_TOLERANCE_S < self.hold_s:
            return self.hold_s - in_step_s
        done = self.done(in_step_s)
        return self.ends_s[done] - in_step_s if done < len(self.ends_s) else math.inf

    def frequency_hz(self, in_step_s: float) -> float:
        """Frequency that is measured at a time (s) in the step; 0 before the first and after the last."""
        done = self.done(in_step_s)
        is_held = in_step_s + TIME_TOLERANCE_S < self.hold_s
        return 0.0 if is_held or done >= len(self.ends_s) else self.frequencies_hz[done]

    def resumable_s(self, in_step_s: float) -> float:
        """Time (s) in the step from which it goes on after an interruption: a frequency begins again."""
        done = self.done(in_step_s)
        begin_s = self.ends_s[done - 1] if done else self.hold_s
        return min(in_step_s, begin_s)
