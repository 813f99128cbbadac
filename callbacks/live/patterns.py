"""Live patterns: a process that follows the journal and analyses each frame of a diffraction series.

Run as ``python -m operando.callbacks.live.patterns --journal FOLDER``. Frames are read from the detector's
own file while the server still writes it, and integrated; lattice and phases go into the result run.
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..tiled.external_file import ExternalFileRefusedError
from ..tiled.journal import Journal, JournalTail, close_dead_run, runs
from .cell_course import CellCourse
from .frame_queue import FrameOrder, FrameQueue
from .pattern_analysis import PatternAnalysis
from .result import Publish, ResultRun
from .run_of_frames import RunOfFrames

logger = logging.getLogger(__name__)

TECHNIQUES = ("xrd",)
ANALYSIS = "pattern_fit"
READ_EVERY = 10
"""Frames that are analysed between two looks at the journal."""


@dataclass
class _Experiment:
    """One experiment: its cell, its analysis and its run of results."""

    course: CellCourse = field(default_factory=CellCourse)
    analysis: PatternAnalysis = field(default_factory=PatternAnalysis)
    cycling_run: str | None = None
    clock_offset_s: float = 0.0
    results: ResultRun | None = None
    open_cycling: set[str] = field(default_factory=set)

    def results_of(
        self, start: Mapping[str, Any], publish: Publish, q_per_angstrom: list[float]
    ) -> ResultRun:
        """Run of results, opened with the axis of the patterns where it is not open yet."""
        if self.results is None:
            of = str(start.get("cycling_run") or self.cycling_run or start["uid"])
            cell, parameters = start.get("cell", {}), self.analysis.parameters
            self.results = ResultRun(publish, start["experiment"], cell, of, parameters, name=ANALYSIS)
            self.results.add({"q_per_angstrom": q_per_angstrom}, "axis")
        return self.results

    def close(self) -> None:
        """End the run of results."""
        if self.results is not None:
            self.results.close()
            self.results = None


class Patterns:
    """Document router: takes the documents of all runs, gives frames out to be analysed, publishes results.

    Parameters
    ----------
    publish
        Takes the documents of the results.
    roots
        Folders in which detectors may have their files.
    """

    def __init__(self, publish: Publish, roots: tuple[Path, ...]) -> None:
        self._publish = publish
        self._roots = roots
        self._queue = FrameQueue()
        self._runs: dict[str, RunOfFrames] = {}
        self._owner: dict[str, str] = {}
        self._experiments: dict[str, _Experiment] = {}
        self._cycling: dict[str, str] = {}
        self._done: set[tuple[str, int]] = set()
        self._trouble: OSError | None = None

    def remember(self, run: str, frame: int) -> None:
        """Note that a frame has its result already."""
        self._done.add((run, frame))

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal; one that makes no sense is logged and left out."""
        take = getattr(self, f"_take_{name}", None)
        if take is None:
            return
        try:
            take(doc)
        except Exception:
            logger.exception("a %s document makes no sense and is left out", name)

    def step(self) -> bool:
        """Analyse the next frame and publish what it shows; False if none waits.

        Raises
        ------
        OSError
            If a result could not be published, as on a full disk.
        """
        if not len(self._queue):
            return False
        order = self._queue.next()
        if order.skipped and self._queue.put_off == order.skipped:
            logger.warning("cannot keep up: one frame of %d now, the others later", order.skipped + 1)
        run = self._runs[order.run]
        run.waiting -= 1
        if (order.run, order.index) not in self._done:
            self._done.add((order.run, order.index))
            self._analyse(run, order)
        self._drop_if_done(run)
        self._raise_trouble()
        return True

    def settle(self) -> None:
        """End the result runs whose cycling has ended; to be called when nothing is left to analyse."""
        for experiment in self._experiments.values():
            if not experiment.open_cycling:
                experiment.close()
        self._raise_trouble()

    def close(self) -> None:
        """End every result run and close every file."""
        for each in (*self._experiments.values(), *self._runs.values()):
            each.close()

    def _take_start(self, doc: Mapping[str, Any]) -> None:
        uid = (doc.get("experiment") or {}).get("uid")
        if uid is None or "import" in doc:
            return
        experiment = self._experiments.setdefault(uid, _Experiment())
        if doc.get("purpose") == "cycling":
            experiment.cycling_run = experiment.cycling_run or doc["uid"]
            experiment.clock_offset_s = float(doc.get("clock_offset_s") or 0.0)
            experiment.open_cycling.add(doc["uid"])
            self._cycling[doc["uid"]] = uid
        elif doc.get("technique") in TECHNIQUES:
            self._runs[doc["uid"]] = RunOfFrames(doc)

    def _take_descriptor(self, doc: Mapping[str, Any]) -> None:
        if doc["run_start"] in self._runs or doc["run_start"] in self._cycling:
            self._owner[doc["uid"]] = doc["run_start"]

    def _take_event(self, doc: Mapping[str, Any]) -> None:
        run = self._owner.get(doc["descriptor"])
        if run is None:
            return
        if run in self._runs:
            self._runs[run].add_event(doc["data"])
        if "cell_time" in doc["data"]:
            uid = self._cycling.get(run) or self._runs[run].experiment
            self._experiments[uid].course.add(doc["data"])

    def _take_stream_resource(self, doc: Mapping[str, Any]) -> None:
        run = self._runs.get(doc.get("run_start", ""))
        if run is None:
            return
        try:
            run.add_resource(doc, self._roots)
        except ExternalFileRefusedError as error:
            logger.error("frames of run %s are left out: %s", run.uid, error)

    def _take_stream_datum(self, doc: Mapping[str, Any]) -> None:
        run = self._runs.get(self._owner.get(doc["descriptor"], ""))
        if run is not None:
            frames = run.add_datum(doc)
            self._queue.add(run.uid, frames.start, frames.stop)

    def _take_stop(self, doc: Mapping[str, Any]) -> None:
        uid = doc["run_start"]
        if uid in self._cycling:
            self._experiments[self._cycling[uid]].open_cycling.discard(uid)
        elif uid in self._runs:
            self._runs[uid].ended = True
            self._drop_if_done(self._runs[uid])

    def _drop_if_done(self, run: RunOfFrames) -> None:
        if run.is_done:
            run.close()
            del self._runs[run.uid]
            self._owner = {stream: owner for stream, owner in self._owner.items() if owner != run.uid}

    def _analyse(self, run: RunOfFrames, order: FrameOrder) -> None:
        experiment, began = self._experiments[run.experiment], time.time()
        try:
            frame, at_s = run.read(order.index)
            found = experiment.analysis.result(frame, order.index, run)
        except ValueError as error:
            logger.error("frame %d of run %s is left out: %s", order.index, run.uid, error)
            return
        head = {
            "measurement_run": run.uid,
            "measurement": str(run.start.get("measurement", run.start["technique"])),
            "frame": order.index,
            **experiment.course.at(at_s - experiment.clock_offset_s),
        }
        results = experiment.results_of(run.start, self._tell, found.q_per_angstrom)
        took = {"analysis_s": time.time() - began, "skipped_before": order.skipped}
        results.add(head | found.values | took)
        for phase in found.phases:
            results.add(head | phase, "phases")

    def _tell(self, name: str, doc: dict[str, Any]) -> None:
        """Publish, and keep an error until the frame is whole: a full disk has room for the rest of it."""
        try:
            self._publish(name, doc)
        except OSError as error:
            self._trouble = self._trouble or error

    def _raise_trouble(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble


def recall(journal: Path, patterns: Patterns) -> None:
    """Note which frames have their result from a predecessor; close what it left open."""
    analyses: set[str] = set()
    streams: set[str] = set()
    for name, doc in JournalTail(journal).poll():
        if name == "start" and (doc.get("analysis") or {}).get("name") == ANALYSIS:
            analyses.add(doc["uid"])
        elif name == "descriptor" and doc["run_start"] in analyses and doc["name"] == "primary":
            streams.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in streams:
            patterns.remember(doc["data"]["measurement_run"], int(doc["data"]["frame"]))
    for run in runs(journal):
        if run.uid in analyses and run.stop is None and not run.alive:
            close_dead_run(run.path, "the live analysis ended before its experiment; another process went on")


def serve(
    journal: Path, roots: tuple[Path, ...], ended: threading.Event, poll_interval_s: float = 0.05
) -> None:
    """Analyse every frame of a journal, those written from now on included, until told to end.

    Parameters
    ----------
    journal
        Folder of the journal.
    roots
        Folders in which detectors may have their files.
    ended
        Set it to end; results so far are closed.
    poll_interval_s
        Time between two looks at the journal when no frame waits, s.
    """
    with Journal(journal) as publish:
        patterns = Patterns(publish, roots)
        recall(journal, patterns)
        tail = JournalTail(journal)
        while not ended.is_set():
            documents = tail.poll()
            for name, doc in documents:
                patterns(name, doc)
            worked = sum(not ended.is_set() and patterns.step() for _ in range(READ_EVERY))
            if not documents and not worked:
                patterns.settle()
                ended.wait(poll_interval_s)
        patterns.close()


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Analyse each frame of a journal's diffraction series.")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--root", type=Path, action="append", default=[], help="folder of detectors' files")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    roots = (arguments.journal.resolve().parent, *arguments.root)
    serve(arguments.journal, roots, ended)


if __name__ == "__main__":
    main()
