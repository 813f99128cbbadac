"""The cycler's own clock, which is not that of the beamline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

COMPARED_EACH_S = 60.0
EXCHANGE_S = 0.010
"""Time that asking the instrument for its time takes, s."""
RESOLUTION_S = 1e-3
"""Of the time that the instrument tells, s."""


@dataclass(frozen=True)
class ClockOffset:
    """A comparison of two clocks.

    Attributes
    ----------
    offset_s : float
        To be added to the cycler's time to get that of the beamline, s.
    uncertainty_s : float
        Largest error of that, s.
    """

    offset_s: float
    uncertainty_s: float


class InstrumentClock:
    """A clock that is wrong by an offset and goes too fast or too slow.

    Parameters
    ----------
    time_s
        Of the beamline, from which the drift counts, s.
    offset_s
        By how much this clock is ahead, s.
    drift_ppm
        By how much it goes too fast, s per million s.
    random
        Where in an exchange the clock answers.
    """

    def __init__(
        self,
        time_s: float,
        *,
        offset_s: float = 0.0,
        drift_ppm: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> None:
        self._since_s = time_s
        self._ahead_s = offset_s
        self._drift_ppm = drift_ppm
        self._random = random or np.random.default_rng(0)
        self._compared: ClockOffset | None = None
        self._compared_s = -math.inf

    @property
    def drift_ppm(self) -> float:
        """By how much it goes too fast, s per million s."""
        return self._drift_ppm

    @property
    def rate(self) -> float:
        """Seconds of this clock per second."""
        return 1.0 + 1e-6 * self._drift_ppm

    def reading(self, time_s: float) -> float:
        """Return what this clock shows at a time of the beamline, UNIX s."""
        return time_s + self.ahead_s(time_s)

    def ahead_s(self, time_s: float) -> float:
        """By how much this clock is ahead at a time of the beamline, s."""
        return self._ahead_s + 1e-6 * self._drift_ppm * (time_s - self._since_s)

    def set_offset(self, time_s: float, offset_s: float) -> None:
        """Let the clock be ahead by so much (s) now."""
        self._since_s, self._ahead_s, self._compared = time_s, offset_s, None

    def set_drift(self, time_s: float, drift_ppm: float) -> None:
        """Let the clock go too fast by so much (ppm) from now on."""
        self.set_offset(time_s, self.ahead_s(time_s))
        self._drift_ppm = drift_ppm

    def compare(self, time_s: float) -> ClockOffset:
        """Compare with the clock of the beamline, at most once a minute.

        The clock is asked for its time; the answer is given at some instant of the exchange, which nobody
        knows, and is rounded. The middle of the exchange is taken for that instant.

        Parameters
        ----------
        time_s
            Of the beamline now, s.
        """
        if self._compared is None or time_s - self._compared_s >= COMPARED_EACH_S:
            answered_s = time_s + EXCHANGE_S * (self._random.uniform() - 0.5)
            told_s = round(self.reading(answered_s) / RESOLUTION_S) * RESOLUTION_S
            self._compared = ClockOffset(time_s - told_s, 0.5 * (EXCHANGE_S + RESOLUTION_S))
            self._compared_s = time_s
        return self._compared
