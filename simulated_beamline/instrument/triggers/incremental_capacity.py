"""Incremental capacity |dQ/dV| of a cell as it goes, one value for each voltage that has been passed."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple

from ..sample import Sample
from .event import Times

BINS = 10
"""Bins of voltage in a window: the charge within a bin is taken as spread evenly over it."""


class Known(NamedTuple):
    """|dQ/dV| at a voltage, known since a fraction of the way between two samples.

    Attributes
    ----------
    fraction
        0..1.
    voltage_v
        Where it is.
    density_mah_v
        Charge per voltage, averaged over the window about it, mA h/V.
    afresh
        Whether the voltages before it do not join: a half cycle, or the front, begins anew.
    """

    fraction: float
    voltage_v: float
    density_mah_v: float
    afresh: bool


class IncrementalCapacity:
    """Charge that passed at each voltage, smoothed by a triangle, behind the front that the cell has reached.

    No differences are divided: each piece of the path lays its charge on the voltages that it covers, so that
    noise blurs by its own width and does no more, and samples between others change nothing. A voltage counts
    once the front is half a window beyond it. Source: level evaluation analysis, X. Feng et al.,
    eTransportation 3 (2020) 100051, doi 10.1016/j.etran.2020.100051.

    Parameters
    ----------
    sign
        1 follows the charge at rising, -1 the discharge at falling voltage.
    window_v
        Width of the triangle at its foot, V.
    """

    def __init__(self, sign: int, window_v: float) -> None:
        self.sign = sign
        self.bin_v = window_v / BINS
        self._charges: defaultdict[int, float] = defaultdict(float)
        self._passed_s: dict[int, float] = {}
        self._next = self._first = 0
        self._afresh = True

    def begin(self, sample: Sample) -> None:
        """Begin a half cycle at this sample."""
        self._charges.clear()
        self._passed_s.clear()
        self._restart(self._place(sample))

    def follow(self, before: Sample, after: Sample) -> list[Known]:
        """Values that become known on this way, in order."""
        start, end = self._place(before), self._place(after)
        if after.time == before.time and end > self._next + 1.5:
            # Of what a jump passes nothing is known. Noise may make one of a bin where a sample is repeated.
            self._restart(end)
            return []
        charge = self.sign * (after.capacity - before.capacity)
        times, at, found = Times(before, after), start, list[Known]()
        while end >= self._next + 0.5:
            edge = self._next + 0.5
            fraction = (edge - start) / (end - start)
            self._lay(at, edge, charge * (edge - at) / (end - start))
            self._passed_s[self._next] = times.at(fraction)
            found += self._known(fraction)
            at, self._next = edge, self._next + 1
        self._lay(at, end, charge * ((end - at) / (end - start) if end != start else 1.0))
        return found

    def passed_s(self, voltage_v: float) -> float:
        """Time at which the front passed a voltage that has become known, s."""
        edge = self.sign * voltage_v / self.bin_v - 0.5
        below = math.floor(edge)
        early = self._passed_s[below]
        return early + (edge - below) * (self._passed_s.get(below + 1, early) - early)

    def knows(self, voltage_v: float) -> bool:
        """Whether the value at a voltage has become known since the front began."""
        place, reach = self.sign * voltage_v / self.bin_v, BINS // 2
        return self._first + reach <= place <= self._next - 1 - reach

    def _restart(self, place: float) -> None:
        # Bin n reaches from n - 0.5 to n + 0.5; the one that is begun here stays without its first part.
        self._next = math.floor(place + 0.5)
        self._first, self._afresh = self._next + 1, True

    def _known(self, fraction: float) -> list[Known]:
        reach = BINS // 2
        middle = self._next - reach
        if middle < self._first + reach:
            return []
        weights = [(place, reach + 1 - abs(place)) for place in range(-reach, reach + 1)]
        charge = sum(weight * self._charges[middle + place] for place, weight in weights)
        density = charge / (self.bin_v * sum(weight for _, weight in weights))
        afresh, self._afresh = self._afresh, False
        return [Known(fraction, self._voltage(middle), density, afresh)]

    def _lay(self, start: float, end: float, charge: float) -> None:
        first, last = math.floor(min(start, end) + 0.5), math.floor(max(start, end) + 0.5)
        if first == last:
            self._charges[first] += charge
            return
        low, high = min(start, end), max(start, end)
        for place in range(first, last + 1):
            part = min(high, place + 0.5) - max(low, place - 0.5)
            self._charges[place] += charge * part / (high - low)

    def _place(self, sample: Sample) -> float:
        return self.sign * sample.voltage / self.bin_v

    def _voltage(self, place: int) -> float:
        return self.sign * place * self.bin_v
