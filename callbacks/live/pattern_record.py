"""The run of live patterns of one experiment: rows wait for the state of their cell, then go out in pages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .cell_course import CellCourse
from .result import Publish, ResultRun
from .run_of_frames import RunOfFrames

ANALYSIS = "pattern_fit"
VERDICTS = "primary"
"""Stream of the verdicts on frames."""
STATE_WAIT_S = 0.5
"""Longest wall time for which a result waits for a sample of the cell from after its frame, s."""


@dataclass(frozen=True)
class _Row:
    """A result that is not published yet; `at_s`: of its frame by the detector's clock, UNIX s."""

    stream: str
    at_s: float
    born_s: float
    values: dict[str, Any]


@dataclass
class PatternRecord:
    """What is known of one experiment, and where its results go.

    Attributes
    ----------
    publish
        Takes the documents.
    parameters
        Options of the analysis.
    course
        Of its cell.
    open_cycling
        Its cycling runs that go on.
    """

    publish: Publish
    parameters: Mapping[str, Any]
    course: CellCourse = field(default_factory=CellCourse)
    open_cycling: set[str] = field(default_factory=set)
    _cycling_run: str | None = None
    _clock_offset_s: float = 0.0
    _results: ResultRun | None = None
    _has_axis: bool = False
    _rows: list[_Row] = field(default_factory=list)

    def add_cycling(self, start: Mapping[str, Any]) -> None:
        """Take the start of a cycling run."""
        self._cycling_run = self._cycling_run or start["uid"]
        self._clock_offset_s = float(start.get("clock_offset_s") or 0.0)
        self.open_cycling.add(start["uid"])

    def add_axis(self, run: RunOfFrames, q_per_angstrom: list[float]) -> None:
        """Publish the axis of the patterns, once."""
        results = self._open(run)
        if not self._has_axis:
            results.add({"q_per_angstrom": q_per_angstrom}, "axis")
            self._has_axis = True

    def announce(
        self, run: RunOfFrames, q_per_angstrom: list[float], rows: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Open the run of results before its first result: Tiled makes room for it meanwhile.

        Parameters
        ----------
        run
            Of the frames to come.
        q_per_angstrom
            Axis of their patterns.
        rows
            Of each stream, values like those to come.
        """
        if self._results is None:
            self.add_axis(run, q_per_angstrom)
            state = self.course.at(float("nan"))
            for stream, values in rows.items():
                self._open(run).describe(stream, self._head(run, 0) | dict(values) | state)

    def add(self, run: RunOfFrames, frame: int, at_s: float, values: Mapping[str, Any], stream: str) -> None:
        """Take a result of a frame; it is published by `publish_ready`, with the state of the cell."""
        self._open(run)
        self._rows.append(_Row(stream, at_s, time.monotonic(), self._head(run, frame) | dict(values)))

    @staticmethod
    def _head(run: RunOfFrames, frame: int) -> dict[str, Any]:
        return {"measurement_run": run.uid, "measurement": run.measurement, "frame": frame}

    def tell_run(self, run: RunOfFrames) -> None:
        """Publish how a run ended, and how many of its frames still wait: the last event of a run counts."""
        values = {
            "measurement_run": run.uid,
            "measurement": run.measurement,
            "exit_status": run.exit_status,
            "reason": run.reason,
            "frames": run.announced,
            "frames_waiting": run.waiting,
            "frames_left_out": run.left_out,
        }
        self._open(run).add(values, "runs")

    def publish_ready(self, *, all_of_them: bool = False) -> None:
        """Publish what waits and has its state of the cell, or has waited for it long enough."""
        end_s, long_ago = self.course.end_s + self._clock_offset_s, time.monotonic() - STATE_WAIT_S

        def is_ready(row: _Row) -> bool:
            return all_of_them or not row.at_s > end_s or row.born_s <= long_ago

        ready = [row for row in self._rows if is_ready(row)]
        if not ready or self._results is None:
            return
        self._rows = [row for row in self._rows if not is_ready(row)]
        # A verdict ends what is told of its frame: whoever goes on after a crash takes up what has none.
        for stream in sorted({row.stream for row in ready}, key=lambda name: (name == VERDICTS, name)):
            self._results.add_page([self._told(row) for row in ready if row.stream == stream], stream)

    def forget(self) -> None:
        """Drop what is not published: on a full disk there is room for the end of the run only."""
        self._rows.clear()

    def settle(self) -> None:
        """Publish what is ready, and end the run of results if nothing more can come."""
        self.publish_ready()
        if not self.open_cycling and not self._rows:
            self.close()

    def close(self) -> None:
        """Publish what is left and end the run of results."""
        self.publish_ready(all_of_them=True)
        if self._results is not None:
            self._results.close()
            self._results, self._has_axis = None, False

    def _told(self, row: _Row) -> dict[str, Any]:
        return row.values | self.course.at(row.at_s - self._clock_offset_s)

    def _open(self, run: RunOfFrames) -> ResultRun:
        if self._results is None:
            start = run.start
            of = str(start.get("cycling_run") or self._cycling_run or run.uid)
            known = (start["experiment"], start.get("cell", {}), of, self.parameters)
            self._results = ResultRun(self.publish, *known, name=ANALYSIS)
        return self._results
