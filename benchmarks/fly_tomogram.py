"""A fly tomogram of 721 projections of 1024 x 1024 pixels in a rehearsal: exposed part, live slices."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import numpy as np
from bluesky import RunEngine
from operando.callbacks.analysis.imaging import sequential_angles
from operando.callbacks.tiled.journal import Journal, JournalTail
from operando.devices.beamline import load_beamline
from operando.experiment.file import RehearsalSection
from operando.experiment.services import running_services
from operando.experiment.settings import DataRoot
from operando.experiment.wanted_devices import WantedDevices
from operando.plans.tomography import tomography
from operando.plans.turn import Turn

from .figure import Figure

PROJECTIONS = int(os.environ.get("BENCH_PROJECTIONS", "721"))
EXPOSURE_S = 0.1
SETTINGS = Path(str(files("operando.simulated_beamline") / "microscope.toml"))
FIRST = Turn(angles_deg=sequential_angles(31), exposure_s=EXPOSURE_S)
LOOK_S = 0.02
ALLOWED_S = 60.0
ALIKE = 0.5
"""Correlation with the slices of all projections from which on slices are of use: particles stand out."""
WHOLE = 0.9
"""Part of the half turn that slices of the whole turn cover at least."""


class Told:
    """Documents of one run, what they tell of its rotation, and when its last projection was told of."""

    def __init__(self) -> None:
        self.documents: list[tuple[str, Mapping[str, Any]]] = []
        self.told_s: list[tuple[int, float]] = []

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one."""
        self.documents.append((name, doc))
        if name == "stream_datum":
            self.told_s.append((self.frames("projections"), time.time()))

    def of(self, name: str) -> list[Mapping[str, Any]]:
        """Documents of a name."""
        return [doc for each, doc in self.documents if each == name]

    def values(self, data_key: str) -> np.ndarray:
        """Read the values to which a data key refers, one of each frame."""
        (resource,) = (doc for doc in self.of("stream_resource") if doc["data_key"] == data_key)
        with h5py.File(unquote(urlparse(resource["uri"]).path)) as file:
            return np.asarray(file[resource["parameters"]["dataset"]]).ravel()

    def frames(self, stream: str) -> int:
        """Count the frames of a stream."""
        uids = {doc["uid"] for doc in self.of("descriptor") if doc["name"] == stream}
        own = (doc["indices"] for doc in self.of("stream_datum") if doc["descriptor"] in uids)
        return max((each["stop"] for each in own), default=0)

    def time_of_s(self, projections: int) -> float:
        """When so many were told of, UNIX s."""
        return next(when for count, when in self.told_s if count >= projections)

    def live_fraction(self) -> float:
        """Exposure of all frames over the time from the first gate's start to the last one's end.

        The exposure is that of the camera in its descriptors, the times are what the trigger box latched.
        """
        cameras = (doc["configuration"].get("microscope_camera", {}) for doc in self.of("descriptor"))
        told = next(each["data"] for each in cameras if "microscope_camera_exposure" in each.get("data", {}))
        begun_s, open_s = self.values("trigger_box_time_s"), self.values("trigger_box_open_s")
        exposure_s = min(float(told["microscope_camera_exposure"]), float(open_s.min()))
        return self.frames("projections") * exposure_s / (begun_s[-1] + open_s[-1] - begun_s[0])


class Looks:
    """What the live slices have shown: rows of their results, and when the picture was drawn.

    Parameters
    ----------
    root
        Data root of the services.
    """

    def __init__(self, root: DataRoot) -> None:
        self._root = root
        self.drawn_s: list[float] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note when the picture is drawn anew."""
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done,))
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(LOOK_S):
            for picture in self._root.path.glob("experiments/*/live-slices.png"):
                drawn_s = picture.stat().st_mtime
                if drawn_s not in self.drawn_s[-1:]:
                    self.drawn_s.append(drawn_s)

    def rows(self, run: str) -> list[tuple[float, Mapping[str, Any]]]:
        """Time (UNIX s) and data of each look at a run."""
        documents = JournalTail(self._root.journal).poll()
        events = [(doc["time"], doc["data"]) for name, doc in documents if name == "event"]
        return [(when_s, row) for when_s, row in events if row.get("measurement_run") == run]

    def until_final(self, run: str) -> list[tuple[float, Mapping[str, Any]]]:
        """Wait for the last look at a run, and for its picture; gives all.

        Raises
        ------
        TimeoutError
            If there is none in time.
        """
        deadline = time.monotonic() + ALLOWED_S
        while time.monotonic() < deadline:
            rows = self.rows(run)
            if rows and rows[-1][1]["stage"] == "final" and self.drawn_s[-1:] > [rows[-1][0]]:
                return rows
            threading.Event().wait(0.1)
        raise TimeoutError(f"no final slices within {ALLOWED_S:g} s: {self.rows(run)[-1:]}")

    def on_screen_s(self, when_s: float) -> float:
        """When the look of a time was drawn, UNIX s."""
        return next(each for each in self.drawn_s if each >= when_s)

    def first_useful(self, run: str, last: int) -> int:
        """Give the first look at a run whose slice across the axis is like that of a later one."""
        looks = sorted(self._root.path.glob(f"results/*/*_{run[:8]}_look_*.h5"))[: last + 1]
        slices = [_across(path) for path in looks]
        alike = [np.corrcoef(each.ravel(), slices[-1].ravel())[0, 1] for each in slices]
        return next(number for number, each in enumerate(alike) if each >= ALIKE)


def _across(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return np.asarray(file["entry/xy"])[0]


def _take(root: DataRoot, looks: Looks, told: Told, turn: Turn) -> list[tuple[float, Mapping[str, Any]]]:
    """Take the tomogram of a beamline that runs, after a short one; gives the looks at it."""
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
    experiment = {"uid": str(uuid.uuid4()), "name": "bench"}
    try:
        report = beamline.connect(timeout_s=60)
        if report.missing:
            raise TimeoutError(str(report))
        for detector in (beamline.microscope_camera, beamline.trigger_box):
            if detector is not None:
                detector.default_folder(root.frames)
        with Journal(root.journal, minimum_free_bytes=0) as journal, looks.watched():
            engine = RunEngine({})
            engine.subscribe(journal)
            # A first one, so that imports, compiling and the first picture are over.
            for each, keep in ((FIRST, Told()), (turn, told)):
                engine(tomography(beamline, each, mode="fly", md={"experiment": experiment}), keep)
                rows = looks.until_final(keep.of("start")[0]["uid"])
            return rows
    finally:
        beamline.release()


def _rotation_figures(what: str, told: Told, turn: Turn) -> list[Figure]:
    """How much of the rotation is exposed, and how far the angles are off."""
    live, angles = told.live_fraction(), told.values("trigger_box_rotation")
    off_deg, step_deg = float(np.abs(angles - turn.angles_deg).max()), turn.step_deg
    between = "angle from one projection to the next"
    name = f"{what}: latched angles off the asked ones, at most"
    return [
        Figure(f"{what}: exposed part of the rotation", live, "all of it", 1.0, live, ">= 0.9 x", ""),
        Figure(name, off_deg, between, step_deg, step_deg / off_deg, ">= 10 x", "deg"),
    ]


def _slice_figures(
    what: str, told: Told, looks: Looks, rows: list[tuple[float, Mapping[str, Any]]]
) -> list[Figure]:
    """When slices of the whole turn are drawn, and when the first useful ones.

    Where slices cannot keep up with a turn that is faster than a real one, frames are thinned evenly and the
    others added afterwards.
    """
    begun_s, ended_s = told.time_of_s(1), told.time_of_s(told.frames("projections"))
    at_s, row = next(each for each in rows if each[0] >= ended_s and each[1]["covered"] >= WHOLE)
    last = next(number for number, each in enumerate(rows) if each[1]["stage"] != "growing") - 1
    useful_s, useful = rows[looks.first_useful(told.of("start")[0]["uid"], last)]
    after_s = looks.on_screen_s(at_s) - ended_s
    part = (looks.on_screen_s(useful_s) - begun_s) / (ended_s - begun_s)
    whole = f"{what}: slices of {row['projections']} of them on screen after the last was told of"
    first = f"{what}: first useful slices, of {useful['projections']} of them, on screen"
    return [
        Figure(whole, after_s, "time allowed", 2.0, 2.0 / after_s, "<= 2 s", "s"),
        Figure(first, part, "half of the turn", 0.5, 0.5 / part, "<= 0.5 of the turn", "of the turn"),
    ]


def run() -> list[Figure]:
    """Take one tomogram in elastic time, as in a rehearsal, with all services beside it."""
    told, turn = Told(), Turn(angles_deg=sequential_angles(PROJECTIONS), exposure_s=EXPOSURE_S)
    with tempfile.TemporaryDirectory() as name:
        root = DataRoot(Path(name))
        wanted = WantedDevices(trigger_box=True, microscope=True)
        looks, section = Looks(root), RehearsalSection(scenario="nmc811-electrode", speed=500.0)
        with running_services(root, section, wanted=wanted) as services:
            os.environ.update(services.environment)
            rows = _take(root, looks, told, turn)
        shape = next(doc for doc in told.of("descriptor") if doc["name"] == "projections")
        height, width = shape["data_keys"]["microscope_camera_image"]["shape"][-2:]
        taken = told.frames("projections")
        took_s = told.time_of_s(taken) - told.time_of_s(1)
        what = f"fly tomogram of {taken} projections, {height} x {width}, in {took_s:.0f} s of wall time"
        return [*_rotation_figures(what, told, turn), *_slice_figures(what, told, looks, rows)]
