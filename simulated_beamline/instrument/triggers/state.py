"""States: conditions that hold or do not, and change on the way between two samples."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import itemgetter

from ..sample import Sample
from .event import Times
from .track import Piece, Track

Change = tuple[float, bool]


class State(ABC):
    """A condition; `value` is whether it holds at the end of the way that was followed last."""

    value: bool = False

    @abstractmethod
    def begin(self, sample: Sample) -> None:
        """Take the present as the start."""

    @abstractmethod
    def follow(self, before: Sample, after: Sample) -> list[Change]:
        """Give the changes on this way in order: fraction, what holds from there; asked once for each."""


class Compared(State):
    """A quantity is at or above a level (or at or below it), until it is back by more than the hysteresis."""

    def __init__(self, track: Track, side: str, level: float, hysteresis: float = 0.0) -> None:
        self.track = track
        self._sign = 1 if side == "above" else -1
        self.level = level
        self.hysteresis = hysteresis

    def begin(self, sample: Sample) -> None:
        """Compare this sample; what is not known does not hold."""
        value = self.track.begin(sample)
        self.value = value is not None and self._beyond(value) >= 0

    def follow(self, before: Sample, after: Sample) -> list[Change]:
        """Change at the level and, back, at the hysteresis."""
        changes: list[Change] = []
        for piece in self.track.pieces(before, after):
            changes += self._on(piece)
        return changes

    def _on(self, piece: Piece) -> list[Change]:
        changes: list[Change] = []
        if self._holds(piece.v0) is not self.value:
            # Known only from here, or come here by a jump.
            self.value = not self.value
            changes.append((piece.f0, self.value))
        if self._holds(piece.v1) is not self.value:
            limit = self.level - self._sign * self.hysteresis if self.value else self.level
            self.value = not self.value
            changes.append((piece.fraction_at(limit), self.value))
        return changes

    def _holds(self, value: float) -> bool:
        return self._beyond(value) >= (-self.hysteresis if self.value else 0.0)

    def _beyond(self, value: float) -> float:
        return self._sign * (value - self.level)


class Same(State):
    """The cycle, half cycle, step, TTL line or rest is the one asked for."""

    def __init__(self, attribute: str, wanted: int | str | bool) -> None:
        self.attribute = attribute
        self.wanted = wanted

    def begin(self, sample: Sample) -> None:
        """Look at this sample."""
        self.value = getattr(sample, self.attribute) == self.wanted

    def follow(self, before: Sample, after: Sample) -> list[Change]:
        """Change at the end of the way: such things change with a sample of their own."""
        del before
        was = self.value
        self.begin(after)
        return [(1.0, self.value)] if self.value is not was else []


class Held(State):
    """Another state has held for a time without a break."""

    def __init__(self, inner: State, for_s: float) -> None:
        self.inner = inner
        self.for_s = for_s
        self._since_s = math.nan

    def begin(self, sample: Sample) -> None:
        """Count from here, if the other holds here."""
        self.inner.begin(sample)
        self._since_s = sample.time if self.inner.value else math.nan
        self.value = False

    def follow(self, before: Sample, after: Sample) -> list[Change]:
        """Begin to hold when the time is over, end with the other."""
        times = Times(before, after)
        changes: list[Change] = []
        for fraction, holds in (*self.inner.follow(before, after), (1.0, None)):
            due = None if self.value else times.fraction(self._since_s + self.for_s)
            if due is not None and due <= fraction:
                self.value = True
                changes.append((due, True))
            if holds is None:
                break
            self._since_s = times.at(fraction) if holds else math.nan
            if not holds and self.value:
                self.value = False
                changes.append((fraction, False))
        return changes


class AllOf(State):
    """All of several states hold."""

    def __init__(self, parts: Sequence[State]) -> None:
        self.parts = tuple(parts)

    def begin(self, sample: Sample) -> None:
        """Look at each."""
        for part in self.parts:
            part.begin(sample)
        self.value = all(part.value for part in self.parts)

    def follow(self, before: Sample, after: Sample) -> list[Change]:
        """Change with the whole; parts that change at one instant change together."""
        now = [part.value for part in self.parts]
        # Sorted by fraction alone, which keeps the order of the changes that one part makes at one instant.
        marks = sorted(
            (
                (fraction, index, holds)
                for index, part in enumerate(self.parts)
                for fraction, holds in part.follow(before, after)
            ),
            key=itemgetter(0),
        )
        changes: list[Change] = []
        for place, (fraction, index, holds) in enumerate(marks):
            now[index] = holds
            together = place + 1 < len(marks) and marks[place + 1][0] == fraction
            if not together and all(now) is not self.value:
                self.value = all(now)
                changes.append((fraction, self.value))
        return changes
