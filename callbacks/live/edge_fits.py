"""Live edge fits: a process that follows the journal and publishes one result per spectrum.

Run as ``python -m operando.callbacks.live.edge_fits --journal FOLDER``.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..tiled.follower import close_left_open, ending_by_signal, parser_of, process, serve
from ..tiled.journal import JournalTail
from .edge_analysis import EdgeAnalysis
from .result import Publish, ResultRun
from .spectrum import SPECTRUM_PURPOSES, RunRecord, Spectrum, spectrum_of

logger = logging.getLogger(__name__)


@dataclass
class _Experiment:
    """What the live analysis knows of one experiment.

    `references` are those measured so far, with results: cells of a batch learn from those of the batch.
    """

    analysis: EdgeAnalysis
    references: list[tuple[Spectrum, dict[str, Any]]] = field(default_factory=list)
    cycling_runs: list[str] = field(default_factory=list)
    open_cycling: set[str] = field(default_factory=set)
    waiting: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    results: ResultRun | None = None


class EdgeFits:
    """Router that fits each spectrum when its run ends, and never fits one twice.

    Imported experiments are left alone: their fits came with them. So are measurements of another technique.

    Parameters
    ----------
    publish
        Takes the documents of the results.
    parameters
        Options of `fit_edge`.
    """

    def __init__(self, publish: Publish, parameters: Mapping[str, Any] | None = None) -> None:
        self._publish = publish
        self._parameters = dict(parameters or {})
        self._records: dict[str, RunRecord] = {}
        self._owner: dict[str, str] = {}
        self._experiments: dict[str, _Experiment] = {}
        self._done: set[tuple[str, str]] = set()

    def remember(self, experiment_uid: str, measurement_run: str) -> None:
        """Note that a spectrum has its result in an experiment already."""
        self._done.add((experiment_uid, measurement_run))

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal; one that makes no sense costs its own run only.

        Raises
        ------
        OSError
            If a result could not be published, as on a full disk.
        """
        try:
            self._take(name, doc)
        except OSError:
            raise
        except Exception:
            run = doc.get("run_start") or self._owner.get(doc.get("descriptor", "")) or doc.get("uid", "")
            logger.exception("run %s is left out: its %s document makes no sense", run, name)
            self._records.pop(run, None)
            self._owner = {stream: owner for stream, owner in self._owner.items() if owner != run}

    def _take(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "start":
            self._start(doc)
        elif name == "stop":
            self._stop(doc)
        elif name == "descriptor" and doc["run_start"] in self._records:
            self._owner[doc["uid"]] = doc["run_start"]
            self._records[doc["run_start"]].add(name, doc)
        elif name == "event" and doc["descriptor"] in self._owner:
            self._records[self._owner[doc["descriptor"]]].add(name, doc)

    def step(self) -> bool:
        """Nothing waits: each spectrum is fitted when its run ends."""
        return False

    def settle(self) -> None:
        """End the result runs whose cycling has ended; to be called when nothing is left to read."""
        for experiment in self._experiments.values():
            if experiment.results is not None and not experiment.open_cycling:
                experiment.results.close()
                experiment.results = None

    def close(self) -> None:
        """End every result run."""
        for experiment in self._experiments.values():
            if experiment.results is not None:
                experiment.results.close()
                experiment.results = None

    def _start(self, doc: Mapping[str, Any]) -> None:
        purpose = doc.get("purpose")
        uid = (doc.get("experiment") or {}).get("uid")
        if uid is None or "import" in doc:
            return
        experiment = self._experiments.setdefault(uid, _Experiment(EdgeAnalysis(self._parameters)))
        if purpose == "cycling":
            experiment.cycling_runs.append(doc["uid"])
            experiment.open_cycling.add(doc["uid"])
            self._records[doc["uid"]] = RunRecord(doc)
            self._learn_from_batch(experiment, doc)
        elif purpose in SPECTRUM_PURPOSES and doc.get("technique", "xanes") == "xanes":
            self._records[doc["uid"]] = RunRecord(doc)

    def _learn_from_batch(self, experiment: _Experiment, start: Mapping[str, Any]) -> None:
        """Let one of several cells learn, once, from the references that were measured for all of them."""
        batch = self._experiments.get((start.get("batch") or {}).get("uid", ""))
        if batch is None or len(experiment.cycling_runs) > 1:
            return
        for spectrum, values in batch.references:
            experiment.analysis.result(spectrum)
            if self._is_new(start["experiment"]["uid"], spectrum.run):
                experiment.waiting.append((dict(values), start["time"]))

    def _is_new(self, experiment_uid: str, run: str) -> bool:
        """Whether a spectrum has no result in an experiment yet; from now on it has."""
        key = (experiment_uid, run)
        if key in self._done:
            return False
        self._done.add(key)
        return True

    def _stop(self, doc: Mapping[str, Any]) -> None:
        record = self._records.pop(doc["run_start"], None)
        if record is None:
            return
        self._owner = {stream: run for stream, run in self._owner.items() if run != doc["run_start"]}
        experiment = self._experiments[record.start["experiment"]["uid"]]
        if record.start["purpose"] == "cycling":
            experiment.open_cycling.discard(doc["run_start"])
        elif doc.get("exit_status") == "success":
            self._fit(experiment, record, doc["time"])

    def _fit(self, experiment: _Experiment, record: RunRecord, stopped_at: float) -> None:
        try:
            spectrum = spectrum_of(record)
        except (ValueError, KeyError) as error:
            logger.warning("run %s holds no spectrum: %s", record.start["uid"], error)
            return
        values = experiment.analysis.result(spectrum)
        values["latency_s"] = time.time() - stopped_at
        if spectrum.purpose == "reference":
            experiment.references.append((spectrum, values))
        if not self._is_new(record.start["experiment"]["uid"], spectrum.run):
            return
        experiment.waiting.append((values, stopped_at))
        self._publish_waiting(experiment, record.start)

    def _publish_waiting(self, experiment: _Experiment, start: Mapping[str, Any]) -> None:
        """Publish what is ready; results of references wait for the cycling run that they belong to."""
        of = start.get("cycling_run") or next(iter(experiment.cycling_runs), None)
        if of is None:
            return
        if experiment.results is None:
            experiment.results = ResultRun(
                self._publish, start["experiment"], start.get("cell", {}), of, self._parameters
            )
        for values, _ in experiment.waiting:
            experiment.results.add(values)
            logger.info("%s", _line(values))
        experiment.waiting.clear()


def _line(values: Mapping[str, Any]) -> str:
    return (
        f"{values['measurement']} {values['measurement_run'][:8]}: "
        f"half step {values['half_step_ev']:.2f} eV, valence {values['valence']:.3f}, {values['verdict']}, "
        f"{values['latency_s'] * 1e3:.0f} ms after the scan"
    )


def recall(journal: Path, fits: EdgeFits) -> None:
    """Close result runs that a dead predecessor left open and note which spectra have their result."""
    tail = JournalTail(journal)
    analyses: dict[str, str] = {}
    for name, doc in tail.poll():
        if name == "start" and doc.get("purpose") == "analysis" and doc["analysis"]["name"] == "edge_fit":
            analyses[doc["uid"]] = doc["experiment"]["uid"]
        elif name == "descriptor" and doc["run_start"] in analyses:
            analyses[doc["uid"]] = analyses[doc["run_start"]]
        elif name == "event" and doc["descriptor"] in analyses:
            fits.remember(analyses[doc["descriptor"]], doc["data"]["measurement_run"])
    close_left_open(journal, analyses)


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    options = parser_of("Fit each spectrum of a journal as it finishes.").parse_args()
    with process():
        serve(options.journal, EdgeFits, ending_by_signal(), recall=recall)


if __name__ == "__main__":
    main()
