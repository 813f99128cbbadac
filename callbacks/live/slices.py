"""Live slices: a process that follows the journal and shows a tomogram while it turns.

Run as ``python -m operando.callbacks.live.slices --journal FOLDER --experiments FOLDER``. Each tomogram has a
run of results of its own; the slices are in files beside the frames, and in a picture of the experiment. Of
images at the energies of an edge maps are made once their run has ended.
"""

from __future__ import annotations

import io
import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tiled.follower import close_left_open, ending_by_signal, parser_of, process, roots_of, serve
from ..tiled.journal import JournalTail
from .document_router import DocumentRouter
from .energy_images import ANALYSIS as MAP_ANALYSIS
from .energy_images import TECHNIQUE
from .growing_slices import Beam, GrowingSlices
from .map_work import MapWork
from .result import Publish
from .run_of_projections import RunOfProjections
from .slice_record import ANALYSIS, SliceRecord
from .slice_work import SliceWork, Stage

logger = logging.getLogger(__name__)

TECHNIQUES = ("tomography",)
KNOWN = (*TECHNIQUES, TECHNIQUE)

MOST_RUNS = 64
"""Tomograms that are remembered for the flats and darks that later ones name."""


@dataclass
class _Tomogram:
    """A tomogram under way, and where its results go."""

    run: RunOfProjections
    work: SliceWork
    record: SliceRecord


class Slices(DocumentRouter):
    """Document router: takes the documents of all runs, adds projections to slices, publishes looks.

    Parameters
    ----------
    publish
        Takes the documents of the results.
    roots
        Folders in which detectors may have their files.
    folder
        Where files of slices go, below one of the roots.
    experiments
        Where the folders of the experiments are, for pictures; none are drawn unless given.
    """

    def __init__(
        self, publish: Publish, roots: tuple[Path, ...], folder: Path, experiments: Path | None = None
    ) -> None:
        self._publish, self._roots = publish, roots
        self._folder, self._experiments = folder, experiments
        self._tomograms: dict[str, _Tomogram] = {}
        self._runs: OrderedDict[str, RunOfProjections] = OrderedDict()
        self._streams: dict[str, tuple[str, str]] = {}
        self._maps = MapWork(publish, folder)
        self._done: set[str] = set()
        self._centre_px: dict[tuple[str, str], float] = {}

    def remember(self, run: str) -> None:
        """Note that a tomogram has its final slices already."""
        self._done.add(run)

    def step(self) -> bool:
        """Do a short piece of what waits, frames that were just taken first; False if nothing waits.

        Raises
        ------
        OSError
            If a result could not be published, as on a full disk.
        """
        waiting = [each for each in self._tomograms.values() if each.work.is_urgent or each.run.ended]
        if not waiting:
            return self._maps.step()
        chosen = next((each for each in waiting if each.work.is_urgent), waiting[0])
        try:
            self._advance(chosen)
        except OSError:
            raise
        except Exception:
            logger.exception("slices of tomogram %s end here", chosen.run.uid)
            self._drop(chosen)
        return True

    def settle(self) -> None:
        """Nothing is left to do: each tomogram's results end with it."""

    def close(self) -> None:
        """End every result run and close every file."""
        self._maps.close()
        for each in list(self._tomograms.values()):
            self._drop(each)

    def _advance(self, chosen: _Tomogram) -> None:
        look = chosen.work.step()
        if look is not None:
            chosen.record.add(look)
            if look.stage is not Stage.GROWING:
                self._centre_px[_station(chosen.run)] = chosen.work.centre_px
        if chosen.work.done:
            self._drop(chosen)

    def _drop(self, each: _Tomogram) -> None:
        each.record.close()
        each.run.close()
        self._tomograms.pop(each.run.uid, None)

    def _mean_of(self, run: RunOfProjections, kind: str) -> NDArray[np.float64] | None:
        """Mean of the flats or darks that a run has or names; one that cannot be read is told of."""
        named = self._runs.get(str(run.start.get(f"{kind}_run", "")))
        for each in (run, named):
            try:
                found = each.mean_of(kind) if each is not None else None
            except (ValueError, OSError) as error:
                logger.error("the %s of tomogram %s cannot be used: %s", kind, run.uid, error)
                continue
            if found is not None:
                return found
        return None

    def _take_start(self, doc: Mapping[str, Any]) -> None:
        wanted = doc.get("technique") in KNOWN and doc.get("purpose", "measurement") == "measurement"
        if not wanted or "import" in doc or not doc.get("experiment"):
            return
        run = self._runs[doc["uid"]] = RunOfProjections(doc)
        if len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)
        if doc["uid"] in self._done or doc["technique"] not in TECHNIQUES:
            return
        work = SliceWork(run, partial(self._mean_of, run), self._centre_px.get(_station(run), float("nan")))
        record = SliceRecord(self._publish, run, self._folder, self._experiments)
        self._tomograms[doc["uid"]] = _Tomogram(run, work, record)

    def _take_descriptor(self, doc: Mapping[str, Any]) -> None:
        if doc["run_start"] in self._runs:
            self._streams[doc["uid"]] = doc["run_start"], doc["name"]

    def _take_event(self, doc: Mapping[str, Any]) -> None:
        owner, stream = self._streams.get(doc["descriptor"], ("", ""))
        if owner in self._runs:
            self._runs[owner].add_event(doc["data"], stream)

    def _take_stream_resource(self, doc: Mapping[str, Any]) -> None:
        run = self._runs.get(doc.get("run_start", ""))
        self._add_resource(run, doc, self._roots, "frames of tomogram")

    def _take_stream_datum(self, doc: Mapping[str, Any]) -> None:
        owner, stream = self._streams.get(doc["descriptor"], ("", ""))
        if owner in self._runs:
            told = self._runs[owner].add_datum(doc, stream)
            if owner in self._tomograms:
                self._tomograms[owner].work.add(told)

    def _take_stop(self, doc: Mapping[str, Any]) -> None:
        run = self._runs.get(doc["run_start"])
        if run is None:
            return
        run.exit_status = str(doc["exit_status"])
        if run.start["technique"] == TECHNIQUE and run.uid not in self._done:
            self._maps.add(run, dict(self._runs))


def _station(run: RunOfProjections) -> tuple[str, str]:
    """Tell what a rotation axis is known for: one experiment's measurements of a name."""
    return run.start["experiment"]["uid"], run.measurement


def recall(journal: Path, slices: Slices) -> None:
    """Note which tomograms have their final slices from a predecessor; close what it left open."""
    analyses: set[str] = set()
    streams: set[str] = set()
    for name, doc in JournalTail(journal).poll():
        analysis = doc.get("analysis") or {} if name == "start" else {}
        if analysis.get("name") == ANALYSIS:
            analyses.add(doc["uid"])
        elif analysis.get("name") == MAP_ANALYSIS:
            slices.remember(analysis["of"])
        elif name == "descriptor" and doc["run_start"] in analyses and doc["name"] == "primary":
            streams.add(doc["uid"])
        elif name == "event" and doc["descriptor"] in streams and doc["data"]["stage"] == Stage.FINAL:
            slices.remember(doc["data"]["measurement_run"])
    close_left_open(journal, analyses)


def warm_up() -> None:
    """Load or compile what the first projections would have to wait for: some seconds in a fresh process."""
    from ..plots.slices import slice_figure

    angles_deg, frame = np.linspace(0.0, 180.0, 16, endpoint=False), np.full((32, 32), 900, np.uint16)
    frame[:, 10:20] = 500
    growing = GrowingSlices(frame.shape, angles_deg, Beam.of(None, None, frame.shape), pixel_um=1.0, side=2)
    for angle_deg in angles_deg:
        growing.add(frame, float(angle_deg))
    growing.find_centre()
    slice_figure(growing.slices()).savefig(io.BytesIO(), dpi=100)


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    parser = parser_of("Show each tomogram of a journal while it turns.", roots=True)
    parser.add_argument("--experiments", type=Path, help="folder of the experiments, for pictures")
    options = parser.parse_args()
    folder = options.journal.resolve().parent / "results"

    def make(publish: Publish) -> Slices:
        return Slices(publish, roots_of(options), folder, options.experiments)

    with process():
        ending = ending_by_signal()
        warm_up()
        serve(options.journal, make, ending, recall=recall)


if __name__ == "__main__":
    main()
