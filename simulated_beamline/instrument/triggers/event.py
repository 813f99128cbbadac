"""Events: instants on the way between two samples at which a rule is met."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..sample import Sample
from .track import Piece, Track

MOST_PER_STEP = 10_000


class Met(NamedTuple):
    """A rule is met at a fraction (0..1) of the way; `late_s` after what it tells of, in s."""

    fraction: float
    late_s: float = 0.0


class Event:
    """What a channel asks: crossings between two samples, and whether a step boundary counts."""

    def begin(self, sample: Sample) -> None:
        """Take the present as the start."""

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which the rule is met, in order."""
        del before, after
        return []

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether the start or end of a step meets the rule."""
        del edge, step_id
        return False


class Times:
    """Time of a fraction of the way between two samples, and back."""

    def __init__(self, before: Sample, after: Sample) -> None:
        self._start_s = before.time
        self._span_s = after.time - before.time

    def at(self, fraction: float) -> float:
        """Time (s) at a fraction."""
        return self._start_s + fraction * self._span_s

    def fraction(self, time_s: float) -> float | None:
        """Fraction at a time (s) that is not later than this way; None if it is."""
        if self._span_s <= 0 or not time_s <= self._start_s + self._span_s:
            return None
        return max((time_s - self._start_s) / self._span_s, 0.0)


class DeadBand:
    """After each latch the rule sleeps until the quantity has been `band` away from its value there."""

    def __init__(self, band: float) -> None:
        self.band = band
        self._latched = math.nan
        self._awake = True

    def begin(self) -> None:
        """Wake up."""
        self._awake = True

    def admits(self, value: float) -> bool:
        """Whether a crossing at this value latches; if so the rule sleeps from there."""
        self.look(value)
        if not self._awake:
            return False
        self._latched, self._awake = value, self.band <= 0
        return True

    def look(self, value: float) -> None:
        """Take notice of a value that the quantity has come to."""
        if not self._awake and abs(value - self._latched) >= self.band:
            self._awake = True


class Every(Event):
    """Every multiple of an interval from the value at arming; never the same multiple twice in a row.

    Times since the start of protocol or step are counted from that start instead.
    """

    def __init__(self, track: Track, interval: float, dead_band: float = 0.0) -> None:
        self.track = track
        self.interval = interval
        self._band = DeadBand(dead_band)
        self._origin: float | None = None
        self._last = 0

    def begin(self, sample: Sample) -> None:
        """Count from this sample."""
        value = self.track.begin(sample)
        self._origin = 0.0 if self.track.from_zero else value
        self._last = self._base(0.0 if value is None else value)
        self._band.begin()

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which multiples are crossed."""
        return [met for piece in self.track.pieces(before, after) for met in self._on(piece)]

    def _on(self, piece: Piece) -> Iterator[Met]:
        if self._origin is None:
            self._origin = piece.v0
        if piece.afresh:
            self._last = self._base(piece.v0)
            self._band.begin()
            return
        start, end = ((value - self._origin) / self.interval for value in (piece.v0, piece.v1))
        for multiple in _multiples(start, end):
            if multiple == self._last:
                continue
            share = (multiple - start) / (end - start)
            if self._band.admits(self._origin + multiple * self.interval):
                self._last = multiple
                yield Met(piece.f0 + share * (piece.f1 - piece.f0))
        self._band.look(piece.v1)

    def _base(self, value: float) -> int:
        # The multiple that was met last before the first crossing: none for timers that run already.
        return math.floor(value / self.interval) if self.track.from_zero else 0


def _multiples(start: float, end: float) -> Iterator[int]:
    # The starting value itself was met by the interval before: it is left out, the end is taken in.
    if end > start:
        multiples = range(math.floor(start) + 1, math.floor(end) + 1)
    else:
        multiples = range(math.ceil(start) - 1, math.ceil(end) - 1, -1)
    yield from multiples[-MOST_PER_STEP:]


@dataclass
class _Level:
    """A level: whether it is ready, and since when (s) it has been beyond it on which side (+1, -1)."""

    value: float
    ready: bool = True
    side: int = 0
    since_s: float = math.nan


class At(Event):
    """Levels in one direction or both; after a latch a level is ready again once left by the hysteresis.

    With a persistence time it latches only after the quantity has stayed beyond the level for so long, which
    a return by the hysteresis ends, and so does a crossing back that counts itself.
    """

    def __init__(
        self,
        track: Track,
        levels: tuple[float, ...],
        direction: str,
        *,
        hysteresis: float = 0.0,
        dead_band: float = 0.0,
        for_s: float = 0.0,
    ) -> None:
        self.track = track
        self.levels = levels
        self.direction = direction
        self.hysteresis = hysteresis
        self.for_s = for_s
        self._band = DeadBand(dead_band)
        self._states = [_Level(level) for level in levels]

    def begin(self, sample: Sample) -> None:
        """Make every level ready."""
        self.track.begin(sample)
        self._states = [_Level(level) for level in self.levels]
        self._band.begin()

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which levels are crossed in the wanted direction."""
        found: list[Met] = []
        for piece in self.track.pieces(before, after):
            times = Times(before, after)
            fractions = sorted(f for level in self._states for f in self._on(level, piece, times))
            found += [Met(f) for f in fractions if self._band.admits(piece.value_at(f))]
            self._band.look(piece.v1)
        return found

    def _on(self, level: _Level, piece: Piece, times: Times) -> Iterator[float]:
        if piece.afresh:
            level.ready, level.side = True, 0
            return
        if self._left(piece.v0, level.value):
            level.ready = True
        ended, side = self._return(level, piece), self._crosses(piece, level.value)
        counts = side != 0 and level.ready
        crossed = piece.fraction_at(level.value) if counts else math.inf
        yield from self._due(level, min(ended, crossed, piece.f1), times)
        if ended < math.inf:
            level.side = 0
        if counts:
            yield from self._cross(level, side, piece, times)
        if self._left(piece.v1, level.value):
            level.ready = True

    def _cross(self, level: _Level, side: int, piece: Piece, times: Times) -> Iterator[float]:
        level.ready = False
        fraction = piece.fraction_at(level.value)
        if self.for_s <= 0:
            yield fraction
            return
        level.side, level.since_s = side, times.at(fraction)
        yield from self._due(level, piece.f1, times)

    def _due(self, level: _Level, latest: float, times: Times) -> Iterator[float]:
        if not level.side:
            return
        due = times.fraction(level.since_s + self.for_s)
        if due is not None and due <= latest:
            level.side = 0
            yield due

    def _return(self, level: _Level, piece: Piece) -> float:
        # Fraction at which the quantity is back on the near side by the hysteresis; never: infinite.
        if not level.side:
            return math.inf
        edge = level.value - level.side * self.hysteresis
        gone = (piece.v1 - edge) * level.side < 0 or (self.hysteresis > 0 and piece.v1 == edge)
        if not gone:
            return math.inf
        return piece.f0 if (piece.v0 - edge) * level.side <= 0 else piece.fraction_at(edge)

    def _crosses(self, piece: Piece, level: float) -> int:
        if piece.v0 < level <= piece.v1 and self.direction != "falling":
            return 1
        return -1 if piece.v1 <= level < piece.v0 and self.direction != "rising" else 0

    def _left(self, value: float, level: float) -> bool:
        below, above = value <= level - self.hysteresis, value >= level + self.hysteresis
        return {"rising": below, "falling": above, "both": below or above}[self.direction]


class StepEdge(Event):
    """Start or end of a step, of all steps or of one."""

    def __init__(self, edge: str, step_id: str | None) -> None:
        self.edge = edge
        self.step_id = step_id

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether it is this edge of this step."""
        return edge == self.edge and self.step_id in (None, step_id)


class LineEdge(Event):
    """The external TTL line goes up, down, or either."""

    def __init__(self, direction: str) -> None:
        self.direction = direction

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Give the end of the way on which the line changed."""
        if before.ttl == after.ttl:
            return []
        return [Met(1.0)] if self.direction in ("both", "rising" if after.ttl else "falling") else []
