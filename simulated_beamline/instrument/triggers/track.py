"""A quantity along the straight way between two samples, as pieces on which it changes linearly."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ..sample import Sample

TIMERS = ("protocol_time", "step_time")
RATE = "voltage_rate"
RATE_WINDOW_S = 60.0
COUNTERS = ("cycle", "half_cycle")
PLAIN = (
    "time",
    "lithium_content",
    "state_of_charge",
    "voltage",
    "current",
    "capacity",
    *COUNTERS,
)
QUANTITIES = (*PLAIN, *TIMERS, RATE)


class Piece(NamedTuple):
    """Linear course of a quantity, from fraction and value to fraction and value of a way between samples.

    Attributes
    ----------
    afresh
        Whether the quantity has jumped to `v0` without passing what lies between.
    """

    f0: float
    v0: float
    f1: float
    v1: float
    afresh: bool = False

    def fraction_at(self, level: float) -> float:
        """Fraction of the way at which a level between the ends is met."""
        return self.f0 + (self.f1 - self.f0) * (level - self.v0) / (self.v1 - self.v0)

    def value_at(self, fraction: float) -> float:
        """Value at a fraction of the way."""
        if self.f1 == self.f0:
            return self.v1
        return self.v0 + (self.v1 - self.v0) * (fraction - self.f0) / (self.f1 - self.f0)


class Track(Protocol):
    """Follows one quantity; `pieces` is asked once for each way between two samples, in order."""

    from_zero: bool

    def begin(self, sample: Sample) -> float | None:
        """Start here; gives the value, None where it is not known yet."""
        ...

    def pieces(self, before: Sample, after: Sample) -> list[Piece]:
        """Course of the quantity on this way; empty where it is not known."""
        ...


class ValueTrack:
    """A measured quantity: linear between samples."""

    from_zero = False

    def __init__(self, quantity: str) -> None:
        self.quantity = quantity

    def begin(self, sample: Sample) -> float | None:
        """Value of this sample."""
        return sample.value(self.quantity)

    def pieces(self, before: Sample, after: Sample) -> list[Piece]:
        """One piece."""
        return [Piece(0.0, before.value(self.quantity), 1.0, after.value(self.quantity))]


class TimerTrack(ValueTrack):
    """Time since the start of the protocol or the step: counted from that start, which sets it back."""

    from_zero = True

    def pieces(self, before: Sample, after: Sample) -> list[Piece]:
        """One piece; being set back to an earlier time is a jump, no way through the times between."""
        start, end = before.value(self.quantity), after.value(self.quantity)
        if end < start:
            return [Piece(1.0, end, 1.0, end, afresh=True)]
        return [Piece(0.0, start, 1.0, end)]


class RateTrack:
    """Mean |dV/dt| (V/s) over a window of time that ends now; not known until the window is full.

    Between the samples and their images one window later it is linear, so that it depends on the path of the
    voltage alone and not on where that was sampled.
    """

    from_zero = False

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._times: list[float] = []
        self._volts: list[float] = []
        self._last: float | None = None

    def begin(self, sample: Sample) -> float | None:
        """Nothing is known yet."""
        self._times, self._volts, self._last = [sample.time], [sample.voltage], None
        return None

    def pieces(self, before: Sample, after: Sample) -> list[Piece]:
        """Linear pieces, split where the window passes an earlier sample and where the slope changes sign."""
        self._times.append(after.time)
        self._volts.append(after.voltage)
        found = [piece for raw in self._slopes(before, after) for piece in _folded(raw)]
        self._forget(after.time - self.window_s)
        return found

    def _slopes(self, before: Sample, after: Sample) -> Iterator[Piece]:
        first = max(before.time, self._times[0] + self.window_s) if self._last is None else before.time
        if first > after.time:
            return
        if after.time == before.time:
            yield from self._jump(1.0, self._right(after.time))
            return
        inner = [time + self.window_s for time in self._times]
        cuts = sorted({first, after.time, *(time for time in inner if first < time < after.time)})
        for start, end in itertools.pairwise(cuts):
            fractions = [(time - before.time) / (after.time - before.time) for time in (start, end)]
            left, right = self._right(start), self._left(end)
            yield from self._jump(fractions[0], left)
            yield Piece(fractions[0], left, fractions[1], right)
            self._last = right

    def _jump(self, fraction: float, value: float) -> Iterator[Piece]:
        if self._last is not None and value != self._last:
            yield Piece(fraction, self._last, fraction, value)
        self._last = value

    def _left(self, time: float) -> float:
        return (self._before(time) - self._before(time - self.window_s)) / self.window_s

    def _right(self, time: float) -> float:
        return (self._behind(time) - self._behind(time - self.window_s)) / self.window_s

    def _before(self, time: float) -> float:
        # Two samples of one instant are a jump: the limit from the left is the first of them.
        return self._between(time, bisect_left(self._times, time))

    def _behind(self, time: float) -> float:
        place = bisect_right(self._times, time)
        if place and self._times[place - 1] == time:
            return self._volts[place - 1]
        return self._between(time, place)

    def _between(self, time: float, place: int) -> float:
        if place in (0, len(self._times)):
            return self._volts[min(place, len(self._times) - 1)]
        share = (time - self._times[place - 1]) / (self._times[place] - self._times[place - 1])
        return self._volts[place - 1] + share * (self._volts[place] - self._volts[place - 1])

    def _forget(self, time: float) -> None:
        keep = max(bisect_left(self._times, time) - 1, 0)
        del self._times[:keep], self._volts[:keep]


def _folded(piece: Piece) -> Iterator[Piece]:
    # The amount of a slope that changes its sign goes down to zero and up again.
    if piece.v0 * piece.v1 >= 0:
        yield Piece(piece.f0, abs(piece.v0), piece.f1, abs(piece.v1))
        return
    zero = piece.fraction_at(0.0)
    yield Piece(piece.f0, abs(piece.v0), zero, 0.0)
    yield Piece(zero, 0.0, piece.f1, abs(piece.v1))


def track_of(quantity: str, window_s: float = math.nan) -> Track:
    """Track of a quantity; `window_s` is the mean of `voltage_rate`, `RATE_WINDOW_S` unless given."""
    if quantity == RATE:
        return RateTrack(RATE_WINDOW_S if math.isnan(window_s) else window_s)
    return TimerTrack(quantity) if quantity in TIMERS else ValueTrack(quantity)
