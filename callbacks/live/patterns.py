"""Live patterns: a process that follows the journal and analyses each frame of a diffraction series.

Run as ``python -m operando.callbacks.live.patterns --journal FOLDER``. Frames are read from the detector's
own file while the server still writes it, and integrated; lattice and phases go into the result run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..tiled.follower import close_left_open, ending_by_signal, parser_of, process, roots_of, serve
from ..tiled.journal import JournalTail
from .document_router import DocumentRouter
from .pattern_analysis import PatternAnalysis, warm_up
from .pattern_record import ANALYSIS, PatternRecord
from .pattern_work import Experiment, PatternWork, blank_rows
from .reference_runs import ReferenceRuns
from .result import Publish
from .run_of_frames import RunOfFrames

logger = logging.getLogger(__name__)

TECHNIQUES = ("xrd",)


class Patterns(DocumentRouter):
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
        self._references = ReferenceRuns(roots)
        self._runs: dict[str, RunOfFrames] = {}
        self._owner: dict[str, str] = {}
        self._experiments: dict[str, Experiment] = {}
        self._cycling: dict[str, str] = {}
        self._work = PatternWork(lambda run: self._experiments[run.experiment], self._drop)

    def remember(self, run: str, frame: int, *, verdict: bool = True) -> None:
        """Note that a frame has its verdict already, or only its pattern."""
        self._work.remember(run, frame, verdict=verdict)

    def _look_at(self, name: str, doc: Mapping[str, Any]) -> None:
        self._references(name, doc)

    def step(self) -> bool:
        """Analyse some of the frames that wait and publish what they show; False if none waits.

        Raises
        ------
        OSError
            If a result could not be published, as on a full disk.
        """
        worked = self._work.step()
        try:
            for experiment in self._experiments.values():
                experiment.record.publish_ready()
        except OSError:
            for experiment in self._experiments.values():
                experiment.record.forget()
            raise
        return worked

    def settle(self) -> None:
        """End the result runs whose cycling has ended; to be called when nothing is left to analyse."""
        for experiment in self._experiments.values():
            experiment.record.settle()

    def close(self) -> None:
        """End every result run and close every file."""
        for run in self._runs.values():
            run.close()
        for experiment in self._experiments.values():
            experiment.record.close()

    def _take_start(self, doc: Mapping[str, Any]) -> None:
        uid = (doc.get("experiment") or {}).get("uid")
        if uid is None or "import" in doc:
            return
        if uid not in self._experiments:
            analysis = PatternAnalysis(self._roots, references=self._references)
            self._experiments[uid] = Experiment(analysis, PatternRecord(self._publish, analysis.parameters))
        if doc.get("purpose") == "cycling":
            self._experiments[uid].record.add_cycling(doc)
            self._cycling[doc["uid"]] = uid
        elif doc.get("technique") in TECHNIQUES and doc.get("purpose", "measurement") == "measurement":
            self._runs[doc["uid"]] = RunOfFrames(doc)

    def _take_descriptor(self, doc: Mapping[str, Any]) -> None:
        if doc["run_start"] in self._runs or doc["run_start"] in self._cycling:
            self._owner[doc["uid"]] = doc["run_start"]
        if doc["run_start"] in self._runs:
            run = self._runs[doc["run_start"]]
            run.describe(doc["data_keys"])
            self._prepare(run)

    def _take_event(self, doc: Mapping[str, Any]) -> None:
        owner = self._owner.get(doc["descriptor"])
        if owner is None:
            return
        run = self._runs.get(owner)
        if run is not None:
            run.add_event(doc["data"])
            self._prepare(run)
        if "cell_time" in doc["data"]:
            uid = self._cycling[owner] if run is None else run.experiment
            self._experiments[uid].record.course.add(doc["data"])

    def _take_stream_resource(self, doc: Mapping[str, Any]) -> None:
        run = self._runs.get(doc.get("run_start", ""))
        self._add_resource(run, doc, self._roots, "frames of run")

    def _take_stream_datum(self, doc: Mapping[str, Any]) -> None:
        run = self._runs.get(self._owner.get(doc["descriptor"], ""))
        if run is not None:
            self._work.add(run, run.add_datum(doc))

    def _take_stop(self, doc: Mapping[str, Any]) -> None:
        uid = doc["run_start"]
        if uid in self._cycling:
            self._experiments[self._cycling[uid]].record.open_cycling.discard(uid)
        elif uid in self._runs:
            run = self._runs[uid]
            run.exit_status, run.reason = str(doc["exit_status"]), str(doc.get("reason", ""))
            if run.waiting:
                self._experiments[run.experiment].record.tell_run(run)
            else:
                self._drop(run)

    def _prepare(self, run: RunOfFrames) -> None:
        """Make ready for a run's frames before the first one, once what they need is known."""
        if run.prepared or not run.dtype or not run.energy_ev > 0 or self._work.knows(run.uid):
            return
        run.prepared = True
        try:
            experiment = self._experiments[run.experiment]
            blank = experiment.analysis.prepare(run)
            experiment.record.announce(run, blank.q_per_angstrom.tolist(), blank_rows(blank))
        except ValueError as error:
            logger.error("frames of run %s cannot be integrated: %s", run.uid, error)

    def _drop(self, run: RunOfFrames) -> None:
        """Forget a run that has ended and of which nothing waits, and tell how it ended."""
        if run.worked:
            self._experiments[run.experiment].record.tell_run(run)
        run.close()
        self._runs.pop(run.uid, None)
        self._owner = {stream: owner for stream, owner in self._owner.items() if owner != run.uid}


def recall(journal: Path, patterns: Patterns) -> None:
    """Note which frames have their result from a predecessor; close what it left open."""
    analyses: set[str] = set()
    streams: dict[str, str] = {}
    for name, doc in JournalTail(journal).poll():
        if name == "start" and (doc.get("analysis") or {}).get("name") == ANALYSIS:
            analyses.add(doc["uid"])
        elif name == "descriptor" and doc["run_start"] in analyses and doc["name"] in ("primary", "patterns"):
            streams[doc["uid"]] = doc["name"]
        elif name == "event" and doc["descriptor"] in streams:
            verdict = streams[doc["descriptor"]] == "primary"
            patterns.remember(doc["data"]["measurement_run"], int(doc["data"]["frame"]), verdict=verdict)
    close_left_open(journal, analyses)


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    options = parser_of("Analyse each frame of a journal's diffraction series.", roots=True).parse_args()
    with process():
        ending = ending_by_signal()
        warm_up()
        serve(options.journal, lambda publish: Patterns(publish, roots_of(options)), ending, recall=recall)


if __name__ == "__main__":
    main()
