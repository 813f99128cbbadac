"""Peaks of a curve that comes value by value: told once it has fallen behind them."""

from __future__ import annotations

import numpy as np


class PeakFinder:
    """Finds where a curve has risen to a value and fallen from it, each by a part of that value.

    Parameters
    ----------
    prominence
        That part, above 0 and below 1: how far the curve lies below the peak on both sides at the least.
    """

    def __init__(self, prominence: float) -> None:
        self.prominence = prominence
        self.begin()

    def begin(self) -> None:
        """Forget the curve: what comes next does not join it."""
        self._places: list[float] = []
        self._values: list[float] = []
        self._low = np.inf
        self._top = 0

    def add(self, place: float, value: float) -> float | None:
        """Take the next value of the curve; gives the place of a peak that it confirms.

        The place is the vertex of a parabola through all about the highest value that lie above it by half of
        the fall which is asked for.
        """
        self._places.append(place)
        self._values.append(value)
        if value < self._low:
            self._low, self._top = value, len(self._values) - 1
            return None
        highest = self._values[self._top]
        if value > highest:
            self._top = len(self._values) - 1
            return None
        foot = (1.0 - self.prominence) * highest
        if highest <= 0 or value > foot or self._low > foot:
            return None
        peak = self._vertex()
        self._low, self._top = value, len(self._values) - 1
        return peak

    def _vertex(self) -> float:
        highest = self._values[self._top]
        near = (1.0 - 0.5 * self.prominence) * highest
        first = last = self._top
        while first > 0 and self._values[first - 1] >= near:
            first -= 1
        while last + 1 < len(self._values) and self._values[last + 1] >= near:
            last += 1
        if last - first < 2:
            first, last = self._top - 1, self._top + 1
        at = self._places[self._top]
        places = np.array(self._places[first : last + 1]) - at
        bend, slope, _ = np.polynomial.polynomial.polyfit(places, self._values[first : last + 1], 2)[::-1]
        if bend >= 0:
            return at
        return at + float(np.clip(-0.5 * slope / bend, places.min(), places.max()))
