"""Phases found so far in each measurement: each frame starts from the nearest one before it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace

import numpy as np

from ..analysis.xrd.phase_result import PhaseResult

MOST_KEPT = 1000
"""Results kept of a run, from which frames that were put off can start."""

MOST_RUNS = 4
"""Runs of a measurement that are remembered."""


@dataclass
class _Track:
    """One run: what the run before it ended with, and its own results by the number of the frame."""

    seed: PhaseResult | None
    frames: list[int] = field(default_factory=list)
    results: list[PhaseResult] = field(default_factory=list)

    def before(self, frame: int) -> PhaseResult | None:
        place = bisect_left(self.frames, frame)
        return self.results[place - 1] if place else self.seed

    def add(self, frame: int, found: PhaseResult) -> None:
        place = bisect_left(self.frames, frame)
        self.frames.insert(place, frame)
        self.results.insert(place, found)
        if len(self.frames) > MOST_KEPT:
            del self.frames[0], self.results[0]


class PhaseTracks:
    """Where each frame of each measurement starts."""

    def __init__(self) -> None:
        self._measurements: dict[str, dict[str, _Track]] = {}

    def before(self, measurement: str, run: str, frame: int) -> PhaseResult | None:
        """Give the result of the nearest frame before this one; None if there is none.

        Parameters
        ----------
        measurement
            Name, the same for all runs that look at the same thing.
        run
            Uid.
        frame
            Number in the run.
        """
        return self._track(measurement, run).before(frame)

    def add(self, measurement: str, run: str, frame: int, found: PhaseResult) -> None:
        """Remember the result of a frame, without its curves."""
        empty = np.empty(0)
        self._track(measurement, run).add(frame, replace(found, pattern=empty, background=empty))

    def _track(self, measurement: str, run: str) -> _Track:
        tracks = self._measurements.setdefault(measurement, {})
        if run not in tracks:
            last = next(reversed(tracks.values()), None)
            tracks[run] = _Track(last.results[-1] if last and last.results else last.seed if last else None)
            if len(tracks) > MOST_RUNS:
                del tracks[next(iter(tracks))]
        return tracks[run]
