"""The clock that stamps the driver's values against that of this host."""

from __future__ import annotations

from collections import deque

from .driver import SETTLE_S

COMPARED = 100
"""So many of the last readings are compared."""
RESOLUTION_S = 1e-3


class DriverClock:
    """Compares the stamps of readings with their arrival: the fastest has lost least time on its way."""

    def __init__(self) -> None:
        self._late_s: deque[float] = deque(maxlen=COMPARED)

    def compare(self, stamped_s: float, arrived_s: float) -> None:
        """Take a reading: its stamp and when it arrived, both UNIX s."""
        self._late_s.append(arrived_s - SETTLE_S - stamped_s)

    @property
    def offset_s(self) -> float:
        """To be added to the driver's stamps to get this host's time, s; 0 before any reading."""
        return min(self._late_s, default=0.0)

    @property
    def uncertainty_s(self) -> float:
        """By how much later than the fastest half of the readings came, s: no way can be longer than seen."""
        if not self._late_s:
            return 0.0
        middle_s = sorted(self._late_s)[len(self._late_s) // 2]
        return middle_s - self.offset_s + RESOLUTION_S
