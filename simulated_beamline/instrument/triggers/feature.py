"""Features of |dQ/dV| as events: told after they were passed, or ahead of where they are expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..sample import Sample
from .event import Event, Met, Times
from .incremental_capacity import IncrementalCapacity
from .peak import PeakFinder

WINDOW_V: Final = 0.03
PROMINENCE: Final = 0.05
SIGNS: Final = {"charging": (1,), "discharging": (-1,), "both": (1, -1)}


@dataclass(frozen=True)
class Feature:
    """A maximum of |dQ/dV|: where it is (V), when it was passed (s), and when that was known (0..1)."""

    voltage_v: float
    passed_s: float
    fraction: float


class FeatureSearch:
    """Finds the features of one direction, half cycle by half cycle.

    Parameters
    ----------
    sign
        1 on charge, -1 on discharge.
    window_v
        Of the smoothing, V.
    prominence
        Least rise to a feature and fall from it, as a part of its height.
    """

    def __init__(self, sign: int, window_v: float, prominence: float) -> None:
        self.sign = sign
        self.window_v = window_v
        self._curve = IncrementalCapacity(sign, window_v)
        self._peaks = PeakFinder(prominence)
        self._found: list[float] = []
        self.last: tuple[float, ...] = ()

    def begin(self, sample: Sample, *, forget: bool = False) -> None:
        """Begin a half cycle; what the one before has found replaces what was found there earlier."""
        kept = [one for one in self.last if not (self._curve.knows(one) or self._has(one))]
        self.last = () if forget else tuple(sorted(kept + self._found))
        self._found = []
        self._curve.begin(sample)
        self._peaks.begin()

    def follow(self, before: Sample, after: Sample) -> Iterator[Feature]:
        """Features that are confirmed on this way, in order."""
        for value in self._curve.follow(before, after):
            if value.afresh:
                self._peaks.begin()
            peak_v = self._peaks.add(value.voltage_v, value.density_mah_v)
            if peak_v is not None and not self._has(peak_v):
                self._found.append(peak_v)
                yield Feature(peak_v, self._curve.passed_s(peak_v), value.fraction)

    def _has(self, voltage_v: float) -> bool:
        return any(abs(voltage_v - one) < self.window_v for one in self._found)


class HalfCycles(Event):
    """An event that begins anew with each half cycle; its direction is that of the net charge in it."""

    def __init__(self) -> None:
        self._half_cycle = 0
        self._charge_mah = 0.0

    def begin(self, sample: Sample) -> None:
        """Take this sample as the start of a half cycle."""
        self._half_cycle, self._charge_mah = sample.half_cycle, sample.capacity

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which it is met, in order."""
        restarted = after.protocol_time < before.protocol_time
        if after.half_cycle == self._half_cycle and not restarted:
            return sorted(self.follow(before, after))
        # Of a half cycle that begins with the later sample nothing is known but that one.
        known = before.half_cycle == after.half_cycle and not restarted
        start = before if known else after
        self._half_cycle, self._charge_mah = start.half_cycle, start.capacity
        met = [Met(0.0 if known else 1.0)] if self.turn(start) else []
        return met + sorted(self.follow(before, after)) if known else met

    def turn(self, sample: Sample) -> bool:
        """Begin a half cycle; gives whether its first sample meets it already."""
        raise NotImplementedError

    def follow(self, before: Sample, after: Sample) -> list[Met]:
        """Instants within a half cycle."""
        raise NotImplementedError


class Confirmed(HalfCycles):
    """A feature has been passed and the curve has fallen behind it; tells how long ago it was passed.

    Parameters
    ----------
    way
        "charging", "discharging" or "both".
    window_v, prominence
        As of `FeatureSearch`.
    """

    def __init__(self, way: str = "both", window_v: float = WINDOW_V, prominence: float = PROMINENCE) -> None:
        super().__init__()
        self._searches = [FeatureSearch(sign, window_v, prominence) for sign in SIGNS[way]]

    def begin(self, sample: Sample) -> None:
        """Begin a half cycle here, which has no past."""
        super().begin(sample)
        for search in self._searches:
            search.begin(sample, forget=True)

    def turn(self, sample: Sample) -> bool:
        """Begin a half cycle, in which nothing is passed yet."""
        for search in self._searches:
            search.begin(sample)
        return False

    def follow(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which features are confirmed, each with its lateness."""
        times = Times(before, after)
        found = [one for search in self._searches for one in search.follow(before, after)]
        return [Met(one.fraction, times.at(one.fraction) - one.passed_s) for one in found]


class Approach(HalfCycles):
    """The voltage comes within a margin of where a feature is expected, in the direction of the half cycle.

    Each expected voltage latches once in a half cycle. One that begins inside of the margin latches there.

    Parameters
    ----------
    margin_v
        How far before the expected voltage, V.
    expected_v
        Voltages, V; none: where the last half cycle of the same direction has had its features.
    way, window_v, prominence
        As of `Confirmed`.
    """

    def __init__(
        self,
        margin_v: float,
        expected_v: Sequence[float] = (),
        way: str = "both",
        window_v: float = WINDOW_V,
        prominence: float = PROMINENCE,
    ) -> None:
        super().__init__()
        self.margin_v = margin_v
        self.expected_v = tuple(expected_v)
        self._signs = SIGNS[way]
        searched = () if self.expected_v else self._signs
        self._searches = [FeatureSearch(sign, window_v, prominence) for sign in searched]
        self._ahead: list[tuple[int, float]] = []

    def begin(self, sample: Sample) -> None:
        """Expect all that lies ahead of this sample; arming latches nothing by itself."""
        super().begin(sample)
        for search in self._searches:
            search.begin(sample, forget=True)
        self._ahead = self._expected()

    def turn(self, sample: Sample) -> bool:
        """Expect all in the new half cycle; gives whether it begins within the margin of one."""
        for search in self._searches:
            search.begin(sample)
        self._ahead = self._expected()
        inside = [
            (sign, voltage)
            for sign, voltage in self._ahead
            if sign * sample.current > 0 and 0 < sign * (voltage - sample.voltage) <= self.margin_v
        ]
        self._ahead = [one for one in self._ahead if one not in inside]
        return bool(inside)

    def follow(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which the margins are entered."""
        for search in self._searches:
            # What it finds is kept in it.
            list(search.follow(before, after))
        found: list[Met] = []
        for sign, voltage in tuple(self._ahead):
            fraction = self._enters(sign, voltage - sign * self.margin_v, before, after)
            if fraction is not None:
                self._ahead.remove((sign, voltage))
                found.append(Met(fraction))
        return found

    def _expected(self) -> list[tuple[int, float]]:
        if self.expected_v:
            return [(sign, voltage) for sign in self._signs for voltage in self.expected_v]
        return [(search.sign, voltage) for search in self._searches for voltage in search.last]

    def _enters(self, sign: int, edge_v: float, before: Sample, after: Sample) -> float | None:
        start, end = sign * (before.voltage - edge_v), sign * (after.voltage - edge_v)
        if not start < 0 <= end:
            return None
        fraction = start / (start - end)
        charge = before.capacity + fraction * (after.capacity - before.capacity) - self._charge_mah
        return fraction if sign * charge > 0 else None
