"""Events of events and states: gated, become, either; and how often they may latch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..sample import Sample
from .event import Event, Met, Times
from .state import Change, State

SAME_INSTANT = 1e-9


class Became(Event):
    """A state begins to hold."""

    def __init__(self, state: State) -> None:
        self.state = state

    def begin(self, sample: Sample) -> None:
        """Look at the present: what holds already latches when it has ended and begun again."""
        self.state.begin(sample)

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants at which it begins to hold."""
        return [Met(fraction) for fraction, holds in self.state.follow(before, after) if holds]


class Gated(Event):
    """An event that counts only while a state holds, the instant at which it begins to hold included."""

    def __init__(self, event: Event, state: State) -> None:
        self.event = event
        self.state = state

    def begin(self, sample: Sample) -> None:
        """Take the present as the start of both."""
        self.event.begin(sample)
        self.state.begin(sample)

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants of the event at which the state holds."""
        held = self.state.value
        changes = self.state.follow(before, after)
        return [met for met in self.event.crossings(before, after) if _holds(held, changes, met.fraction)]

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether the event meets it and the state holds."""
        return self.event.meets_boundary(edge, step_id) and self.state.value


def _holds(held: bool, changes: Sequence[Change], fraction: float) -> bool:
    for at, holds in changes:
        if at > fraction:
            break
        held = holds
    return held


class AnyOf(Event):
    """Any of several events; those of one instant are one."""

    def __init__(self, parts: Sequence[Event]) -> None:
        self.parts = tuple(parts)

    def begin(self, sample: Sample) -> None:
        """Take the present as the start of each."""
        for part in self.parts:
            part.begin(sample)

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Instants of all, in order."""
        found: list[Met] = []
        for met in sorted(met for part in self.parts for met in part.crossings(before, after)):
            if not found or met.fraction - found[-1].fraction > SAME_INSTANT:
                found.append(met)
        return found

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether any meets it."""
        return any(part.meets_boundary(edge, step_id) for part in self.parts)


class Thinned(Event):
    """An event that latches only once, once in each cycle, or not again within a time.

    Parameters
    ----------
    per
        "arming", "cycle" or "half_cycle": latches once in each; "latch" sets no such bound.
    min_interval_s
        Least time between two latches, s.
    """

    def __init__(self, event: Event, *, per: str = "latch", min_interval_s: float = 0.0) -> None:
        self.event = event
        self.per = per
        self.min_interval_s = min_interval_s
        self._last_s = -math.inf
        self._used: int | None = None
        self._sample: Sample | None = None

    def begin(self, sample: Sample) -> None:
        """Forget earlier latches."""
        self.event.begin(sample)
        self._last_s, self._used, self._sample = -math.inf, None, sample

    def crossings(self, before: Sample, after: Sample) -> list[Met]:
        """Those instants that are allowed."""
        self._sample, times = after, Times(before, after)
        found: list[Met] = []
        for met in self.event.crossings(before, after):
            if self._allows(times.at(met.fraction), after if met.fraction >= 1.0 else before):
                found.append(met)
        return found

    def meets_boundary(self, edge: str, step_id: str) -> bool:
        """Whether it is met and allowed."""
        if self._sample is None or not self.event.meets_boundary(edge, step_id):
            return False
        return self._allows(self._sample.time, self._sample)

    def _allows(self, time_s: float, sample: Sample) -> bool:
        period = {"cycle": sample.cycle, "half_cycle": sample.half_cycle, "arming": 0}.get(self.per)
        used = period is not None and period == self._used
        if used or time_s - self._last_s < self.min_interval_s:
            return False
        self._last_s, self._used = time_s, period
        return True
