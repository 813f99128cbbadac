"""Frames that wait: every one is integrated as it comes; lattice and phases follow as fast as they go."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..analysis.xrd.pattern import Pattern
from .frame_queue import FrameOrder, FrameQueue
from .pattern_analysis import PatternAnalysis
from .pattern_record import PatternRecord
from .pattern_result import blank_phase_values, failed_values, pattern_values, phase_values, verdict_values
from .run_of_frames import RunOfFrames

logger = logging.getLogger(__name__)

PATTERNS_S, PHASES_S = 0.1, 0.1
"""Wall time for which frames are integrated, and phases are found, before the other has its turn, s."""

MOST_FRAMES = 1000
"""Frames that may wait to be integrated before even these are thinned: some seconds of them."""

MOST_KEPT = 2000
"""Patterns that are kept for frames that were put off: 16 kB each; others are integrated again."""


@dataclass
class Experiment:
    """One experiment: how its frames are analysed, and where results go."""

    analysis: PatternAnalysis
    record: PatternRecord


@dataclass(frozen=True)
class _Kept:
    """Pattern of a frame that has no verdict yet; `at_s`: of the frame by the detector's clock, UNIX s."""

    pattern: Pattern
    at_s: float


def blank_rows(blank: Pattern) -> dict[str, dict[str, Any]]:
    """Values like those of each stream's events, by a pattern without counts."""
    verdict = failed_values(ValueError("no frame yet")) | _work_values(0.0, 0, 0)
    return {"patterns": _pattern_row(blank, "", 0), "primary": verdict, "phases": blank_phase_values()}


def _pattern_row(pattern: Pattern, corrections: str, skipped: int) -> dict[str, Any]:
    return pattern_values(pattern) | {"corrections": corrections, "skipped_before": skipped}


def _work_values(analysis_s: float, skipped: int, waiting: int) -> dict[str, Any]:
    return {"analysis_s": analysis_s, "skipped_before": skipped, "frames_waiting": waiting}


class PatternWork:
    """Two queues: frames for their patterns, patterns for their phases.

    Parameters
    ----------
    experiment_of
        Gives the experiment of a run.
    drop
        Called with a run of which nothing waits any more, which then may be forgotten.
    """

    def __init__(
        self, experiment_of: Callable[[RunOfFrames], Experiment], drop: Callable[[RunOfFrames], None]
    ) -> None:
        self._experiment_of = experiment_of
        self._drop = drop
        self._runs: dict[str, RunOfFrames] = {}
        self._frames = FrameQueue(MOST_FRAMES)
        self._phases = FrameQueue()
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()
        self._have_pattern: set[tuple[str, int]] = set()
        self._have_verdict: set[tuple[str, int]] = set()
        self._known: set[str] = set()

    def remember(self, run: str, frame: int, *, verdict: bool) -> None:
        """Note that a frame has its verdict, or its pattern, from a predecessor."""
        (self._have_verdict if verdict else self._have_pattern).add((run, frame))
        self._known.add(run)

    def knows(self, run: str) -> bool:
        """Whether a predecessor has worked on a run."""
        return run in self._known

    def add(self, run: RunOfFrames, frames: range) -> None:
        """Take frames that were announced; those with a verdict are done."""
        self._runs[run.uid] = run
        for frame in frames:
            if (run.uid, frame) not in self._have_verdict:
                run.waiting += 1
                run.worked = True
                self._frames.add(run.uid, frame, frame + 1)

    def step(self) -> bool:
        """Integrate for a while, then find phases for a while; False if nothing waits."""
        waited = len(self._frames) + len(self._phases)
        until_s = time.monotonic() + PATTERNS_S
        while len(self._frames) and time.monotonic() < until_s:
            self._integrate(self._next(self._frames, "integrate"))
        until_s = time.monotonic() + PHASES_S
        while len(self._phases) and time.monotonic() < until_s:
            self._find_phases(self._next(self._phases, "analyse"))
        return waited > 0

    def _next(self, queue: FrameQueue, what: str) -> FrameOrder:
        order = queue.next()
        if order.skipped and queue.put_off == order.skipped:
            told = "cannot keep up: %s one frame of %d now, the others later"
            logger.warning(told, what, order.skipped + 1)
        return order

    def _integrate(self, order: FrameOrder) -> None:
        run, key = self._runs[order.run], (order.run, order.index)
        experiment = self._experiment_of(run)
        kept = self._pattern(run, order.index, experiment)
        if kept is None:
            return
        if key not in self._have_pattern:
            self._have_pattern.add(key)
            experiment.record.add_axis(run, kept.pattern.q_per_angstrom.tolist())
            corrections = experiment.analysis.corrections(run)
            values = _pattern_row(kept.pattern, corrections, order.skipped)
            experiment.record.add(run, order.index, kept.at_s, values, "patterns")
        self._kept[key] = kept
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        self._phases.add(run.uid, order.index, order.index + 1)

    def _pattern(self, run: RunOfFrames, frame: int, experiment: Experiment) -> _Kept | None:
        """Read and integrate a frame; one with which that does not go is left out, and told of."""
        try:
            counts, at_s = run.read(frame)
            return _Kept(experiment.analysis.pattern(counts, frame, run), at_s)
        except ValueError as error:
            level = logging.DEBUG if run.left_out else logging.ERROR
            logger.log(level, "frame %d of run %s is left out: %s", frame, run.uid, error)
            run.left_out += 1
            self._done(run)
            return None

    def _find_phases(self, order: FrameOrder) -> None:
        run, key = self._runs[order.run], (order.run, order.index)
        experiment, began = self._experiment_of(run), time.monotonic()
        kept = self._kept.pop(key, None) or self._pattern(run, order.index, experiment)
        if kept is None:
            return
        phases = []
        try:
            found = experiment.analysis.phases(kept.pattern, order.index, run)
            values, phases = verdict_values(found), phase_values(found)
        except Exception as error:
            logger.exception("the phases of frame %d of run %s are not found", order.index, run.uid)
            values = failed_values(error)
        values |= _work_values(time.monotonic() - began, order.skipped, len(self._phases) + len(self._frames))
        self._have_verdict.add(key)
        for each, stream in ((values, "primary"), *((phase, "phases") for phase in phases)):
            experiment.record.add(run, order.index, kept.at_s, each, stream)
        self._done(run)

    def _done(self, run: RunOfFrames) -> None:
        run.waiting -= 1
        if run.is_done:
            self._runs.pop(run.uid, None)
            self._drop(run)
