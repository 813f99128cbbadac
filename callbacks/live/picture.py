"""Live picture: a process that follows the journal and redraws voltage, spectra and valence.

Run as ``python -m operando.callbacks.live.picture --journal FOLDER --experiments FOLDER``.
"""

import argparse
import logging
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..tiled.journal import JournalTail
from .spectrum import SPECTRUM_PURPOSES, RunRecord, Spectrum, spectrum_of

logger = logging.getLogger(__name__)

LEAST_INTERVAL_S = 3.0
"""Least wall time between two drawings, s."""


@dataclass
class Scene:
    """What the picture of one experiment shows."""

    uid: str
    name: str
    cell_time: list[float] = field(default_factory=list)
    voltage: list[float] = field(default_factory=list)
    spectra: list[Spectrum] = field(default_factory=list)
    fits: list[Mapping[str, Any]] = field(default_factory=list)


class LivePicture:
    """Router that gathers what the pictures of all experiments show."""

    def __init__(self) -> None:
        self.scenes: dict[str, Scene] = {}
        self.changed: set[str] = set()
        self._records: dict[str, RunRecord] = {}
        self._starts: dict[str, Mapping[str, Any]] = {}
        self._owner: dict[str, str] = {}

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run of the journal."""
        if name == "start" and (doc.get("experiment") or {}).get("uid"):
            self._starts[doc["uid"]] = doc
            experiment = doc["experiment"]
            self.scenes.setdefault(experiment["uid"], Scene(experiment["uid"], experiment.get("name", "")))
            if doc.get("purpose") in SPECTRUM_PURPOSES:
                self._records[doc["uid"]] = RunRecord(doc)
        elif name == "descriptor" and doc["run_start"] in self._starts:
            self._owner[doc["uid"]] = doc["run_start"]
            if doc["run_start"] in self._records:
                self._records[doc["run_start"]].add(name, doc)
        elif name in ("event", "event_page") and doc["descriptor"] in self._owner:
            self._data(self._owner[doc["descriptor"]], name, doc)
        elif name == "stop" and doc["run_start"] in self._starts:
            self._stop(self._starts.pop(doc["run_start"]), doc)

    def _data(self, run: str, name: str, doc: Mapping[str, Any]) -> None:
        start = self._starts.get(run)
        if start is None:
            return
        scene = self.scenes[start["experiment"]["uid"]]
        if run in self._records:
            self._records[run].add(name, doc)
        elif start.get("purpose") == "cycling" and "cell_sample" in doc["data"]:
            scene.cell_time.extend(np.atleast_1d(doc["data"]["cell_time"]).tolist())
            scene.voltage.extend(np.atleast_1d(doc["data"]["cell_voltage"]).tolist())
            self.changed.add(scene.uid)
        elif start.get("purpose") == "analysis" and name == "event":
            scene.fits.append(doc["data"])
            self.changed.add(scene.uid)

    def _stop(self, start: Mapping[str, Any], doc: Mapping[str, Any]) -> None:
        record = self._records.pop(start["uid"], None)
        if record is None or doc.get("exit_status") != "success" or start["purpose"] != "measurement":
            return
        try:
            spectrum = spectrum_of(record)
        except (ValueError, KeyError) as error:
            logger.warning("run %s cannot be drawn: %s", start["uid"], error)
            return
        scene = self.scenes[start["experiment"]["uid"]]
        scene.spectra.append(spectrum)
        self.changed.add(scene.uid)


def draw(scene: Scene, path: Path) -> None:
    """Draw voltage above, spectra and valence below, into a png that is replaced whole."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplot_mosaic([["voltage", "voltage"], ["spectra", "valence"]])
    hours = (np.asarray(scene.cell_time) - min(scene.cell_time, default=0.0)) / 3600
    axes["voltage"].plot(hours, scene.voltage, color="black", linewidth=1)
    axes["voltage"].set(xlabel="time (h)", ylabel="cell voltage (V)", title=f"{scene.name} {scene.uid[:8]}")
    _draw_spectra(axes["spectra"], scene.spectra)
    _draw_valence(axes["valence"], [fit for fit in scene.fits if fit.get("purpose") == "measurement"])
    draft = path.with_name(f".{path.stem}.draft.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(draft, dpi=110)
    draft.replace(path)


def _draw_spectra(axes: Any, spectra: list[Spectrum]) -> None:  # noqa: ANN401
    for number, spectrum in enumerate(spectra[-60:]):
        low, high = np.nanmin(spectrum.mu), np.nanmax(spectrum.mu)
        if np.isfinite(low) and high > low:
            scaled = (spectrum.mu - low) / (high - low)
            axes.plot(spectrum.energy_ev, scaled + 0.05 * number, linewidth=0.8, color="tab:blue")
    axes.set(xlabel="energy (eV)", ylabel="absorption, scaled and stacked by time")


def _draw_valence(axes: Any, fits: list[Mapping[str, Any]]) -> None:  # noqa: ANN401
    x = [fit["lithium_content"] for fit in fits]
    axes.errorbar(
        x,
        [fit["valence"] for fit in fits],
        [fit["valence_sigma"] for fit in fits],
        fmt="o",
        markersize=3,
        linewidth=1,
    )
    element = fits[0]["element"] if fits else ""
    axes.set(xlabel="lithium content x", ylabel=f"{element} valence".strip())
    axes.invert_xaxis()


def serve(journal: Path, experiments: Path, ended: threading.Event) -> None:
    """Redraw the picture of each experiment that has changed, until told to end.

    Parameters
    ----------
    journal
        Folder of the journal.
    experiments
        Pictures go to ``<experiments>/<name>_<uid8>/live.png``.
    ended
        Set it to end.
    """
    tail, picture, caught_up = JournalTail(journal), LivePicture(), False
    while not ended.is_set():
        documents = tail.poll()
        for name, doc in documents:
            picture(name, doc)
        if not documents and not caught_up:
            picture.changed.clear()
            caught_up = True
        began = time.monotonic()
        for uid in sorted(picture.changed) if not documents else ():
            scene = picture.scenes[uid]
            draw(scene, experiments / f"{scene.name}_{uid[:8]}" / "live.png")
        if not documents:
            picture.changed.clear()
        ended.wait(max(0.1, LEAST_INTERVAL_S - (time.monotonic() - began)))


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT, at low priority."""
    parser = argparse.ArgumentParser(description="Redraw the picture of the running experiment.")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--experiments", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.nice(10)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    serve(arguments.journal, arguments.experiments, ended)


if __name__ == "__main__":
    main()
