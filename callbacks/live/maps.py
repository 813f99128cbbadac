"""Live maps: a process that follows the journal and fits each row of a raster map as it is told of.

Run as ``python -m operando.callbacks.live.maps --journal FOLDER``. Each map has a run of results of its own,
one event per row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..tiled.follower import close_left_open, ending_by_signal, parser_of, process, roots_of, serve
from ..tiled.journal import JournalTail
from .document_router import DocumentRouter
from .map_analysis import MapFit
from .result import Publish, ResultRun
from .run_of_map import GoodRow, RunOfMap
from .spectrum import CELL_KEYS

logger = logging.getLogger(__name__)

TECHNIQUE, ANALYSIS = "map", "map_fit"


@dataclass
class _Map:
    """A map under way, how it is fitted, and its run of results."""

    run: RunOfMap
    fit: MapFit
    results: ResultRun


class Maps(DocumentRouter):
    """Document router: takes the documents of all runs, fits the rows of maps, publishes results.

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
        self._maps: dict[str, _Map] = {}
        self._owner: dict[str, str] = {}
        self._done: set[tuple[str, int, int]] = set()

    def remember(self, run: str, row: int, attempt: int) -> None:
        """Note that a row has its result already."""
        self._done.add((run, row, attempt))

    def step(self) -> bool:
        """Fit the next row and publish its result; False if none waits.

        Raises
        ------
        OSError
            If a result could not be published, as on a full disk.
        """
        for each in list(self._maps.values()):
            row = each.run.next_row()
            if row is not None:
                if (each.run.uid, row.row, row.attempt) not in self._done:
                    self._done.add((each.run.uid, row.row, row.attempt))
                    self._fit(each, row)
                self._drop_if_done(each)
                return True
        return False

    def settle(self) -> None:
        """Nothing is left to do: each map's results end with it."""

    def close(self) -> None:
        """End every result run."""
        for each in self._maps.values():
            each.results.close()

    def _take_start(self, doc: Mapping[str, Any]) -> None:
        if doc.get("technique") != TECHNIQUE or "import" in doc or not doc.get("experiment"):
            return
        fit = MapFit.of_start(doc)
        told = {key: doc["map"][key] for key in ("x_um", "y_um", "dwell_s", "mode")}
        named = {"measurement": str(doc.get("measurement", TECHNIQUE)), "measurement_run": doc["uid"]}
        results = ResultRun(
            self._publish,
            doc["experiment"],
            doc.get("cell") or {},
            doc["uid"],
            {**fit.parameters, **told, **named},
            name=ANALYSIS,
        )
        self._maps[doc["uid"]] = _Map(RunOfMap(doc), fit, results)

    def _take_descriptor(self, doc: Mapping[str, Any]) -> None:
        owner = self._maps.get(doc["run_start"])
        if owner is not None:
            self._owner[doc["uid"]] = doc["run_start"]
            owner.run.add_descriptor(doc)

    def _take_event(self, doc: Mapping[str, Any]) -> None:
        owner = self._maps.get(self._owner.get(doc["descriptor"], ""))
        if owner is not None:
            owner.run.add_event(doc["data"])

    def _take_stream_resource(self, doc: Mapping[str, Any]) -> None:
        owner = self._maps.get(doc.get("run_start", ""))
        self._add_resource(owner and owner.run, doc, self._roots, "spectra of map")

    def _take_stream_datum(self, doc: Mapping[str, Any]) -> None:
        owner = self._maps.get(self._owner.get(doc["descriptor"], ""))
        if owner is not None:
            owner.run.add_datum(doc)

    def _take_stop(self, doc: Mapping[str, Any]) -> None:
        owner = self._maps.get(doc["run_start"])
        if owner is not None:
            owner.run.ended = True
            self._drop_if_done(owner)

    def _drop_if_done(self, each: _Map) -> None:
        if each.run.is_done:
            each.results.close()
            del self._maps[each.run.uid]
            self._owner = {stream: owner for stream, owner in self._owner.items() if owner != each.run.uid}

    def _fit(self, each: _Map, row: GoodRow) -> None:
        began = time.time()
        try:
            spectra, scalers = each.run.read(row)
            found = each.fit.row(spectra, scalers, each.run.energy_ev)
            times_s, i0_a = each.run.times_s(row), each.run.i0_a(row)
            beside = {"i0_a": i0_a, "i0_photons_per_s": each.run.photons_s(i0_a)}
            beside["place_um"] = each.run.places_um(row)
        except ValueError as error:
            logger.error("row %d of map %s is left out: %s", row.row, each.run.uid, error)
            return
        state = {name: float(row.data.get(key, float("nan"))) for name, key in CELL_KEYS.items()}
        lasted_s = np.asarray(found["real_s"])[each.run.columns(row.row)[-1]]
        ends = {"begin_s": float(times_s[0]), "end_s": float(times_s[-1] + lasted_s)}
        head = {"row": row.row, "attempt": row.attempt, **ends, **state}
        each.results.add({**head, **found, **beside, "analysis_s": time.time() - began})


def recall(journal: Path, maps: Maps) -> None:
    """Note which rows have their result from a predecessor; close what it left open."""
    analyses: dict[str, str] = {}
    streams: dict[str, str] = {}
    for name, doc in JournalTail(journal).poll():
        if name == "start" and (doc.get("analysis") or {}).get("name") == ANALYSIS:
            analyses[doc["uid"]] = doc["analysis"]["of"]
        elif name == "descriptor" and doc["run_start"] in analyses:
            streams[doc["uid"]] = analyses[doc["run_start"]]
        elif name == "event" and doc["descriptor"] in streams:
            maps.remember(streams[doc["descriptor"]], int(doc["data"]["row"]), int(doc["data"]["attempt"]))
    close_left_open(journal, analyses)


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    options = parser_of("Fit each row of a journal's raster maps.", roots=True).parse_args()
    with process():
        ending = ending_by_signal()
        serve(options.journal, lambda publish: Maps(publish, roots_of(options)), ending, recall=recall)


if __name__ == "__main__":
    main()
