"""A fly tomogram of 721 projections of 1024 x 1024 pixels on servers: how much of its rotation is exposed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import numpy as np
from bluesky import RunEngine
from operando.callbacks.analysis.imaging import sequential_angles
from operando.devices.beamline import load_beamline
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, SERVERS, Launcher

from .figure import Figure

PROJECTIONS = int(os.environ.get("BENCH_PROJECTIONS", "721"))
EXPOSURE_S = 0.1
SETTINGS = Path(str(files("operando.simulated_beamline") / "microscope.toml"))


class Told:
    """Documents of one run, and what they tell of its rotation."""

    def __init__(self) -> None:
        self.documents: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one."""
        self.documents.append((name, doc))

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

    def live_fraction(self) -> float:
        """Exposure of all frames over the time from the first gate's start to the last one's end.

        The exposure is that of the camera in its descriptor, the times are what the trigger box latched.
        """
        (projections,) = (doc for doc in self.of("descriptor") if doc["name"] == "projections")
        told = projections["configuration"]["microscope_camera"]["data"]
        begun_s, open_s = self.values("trigger_box_time_s"), self.values("trigger_box_open_s")
        exposure_s = min(float(told["microscope_camera_exposure"]), float(open_s.min()))
        return self.frames("projections") * exposure_s / (begun_s[-1] + open_s[-1] - begun_s[0])


def run() -> list[Figure]:
    """Take one tomogram in elastic time, as in a rehearsal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = (*SERVERS, *MICROSCOPE_SERVERS, "trigger_box")
        launcher = Launcher(folder, scenario="nmc811-electrode", servers=servers)
        running = launcher.start("elastic", 500.0)
        os.environ.update(EPICS_CA_ADDR_LIST=running.ca_addr_list, EPICS_CA_AUTO_ADDR_LIST="NO")
        beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
        told, turn = Told(), Turn(angles_deg=sequential_angles(PROJECTIONS), exposure_s=EXPOSURE_S)
        try:
            report = beamline.connect(timeout_s=60)
            if report.missing:
                raise TimeoutError(str(report))
            for detector in (beamline.microscope_camera, beamline.trigger_box):
                if detector is not None:
                    detector.default_folder(folder / "frames")
            begun = time.monotonic()
            RunEngine({})(tomography(beamline, turn, mode="fly"), told)
            took_s = time.monotonic() - begun
            live, taken = told.live_fraction(), told.frames("projections")
            angles = np.asarray(told.values("trigger_box_rotation"))
        finally:
            beamline.release()
            launcher.stop()
    shape = next(doc for doc in told.of("descriptor") if doc["name"] == "projections")
    rows, columns = shape["data_keys"]["microscope_camera_image"]["shape"][-2:]
    off_deg = float(np.abs(angles - turn.angles_deg).max())
    what = f"fly tomogram of {taken} projections, {rows} x {columns}, in {took_s:.0f} s of wall time"
    return [
        Figure(f"{what}: exposed part of the rotation", live, "all of it", 1.0, live, ">= 0.9 x", ""),
        Figure(
            f"{what}: latched angles off the asked ones, at most",
            off_deg,
            "angle from one projection to the next",
            turn.step_deg,
            turn.step_deg / off_deg,
            ">= 10 x",
            "deg",
        ),
    ]
