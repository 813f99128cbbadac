"""Frames of 256 x 256 pixels per second through a ring buffer into a file, against the rate of the camera."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from threading import Event
from typing import Any

import h5py
import numpy as np
from operando.simulated_beamline.launcher import Launcher

from .figure import Figure

SERVERS = ("machine", "monochromator", "microscope", "microscope_camera")
PERIOD_S = 8e-4
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
PRE_FRAMES = 1250
FRAME_BYTES = 256 * 256 * 2
START_S = 60.0
STILL_S = 3.0
"""After so long without another frame the writer has written what it has, s."""


class Client:
    """Channel Access to the servers, by the names below `OP:`."""

    def __init__(self, addresses: str) -> None:
        os.environ.update(EPICS_CA_ADDR_LIST=addresses, EPICS_CA_AUTO_ADDR_LIST="NO")
        import epics

        self._epics: Any = epics

    def put(self, name: str, value: object, *, wait: bool = True) -> None:
        """Write a value, and wait until it is taken."""
        if self._epics.caput(f"OP:{name}", value, wait=wait, timeout=START_S) != 1:
            raise TimeoutError(f"OP:{name} did not take {value!r} within {START_S} s")

    def get(self, name: str, **options: object) -> Any:
        """Read a value."""
        return self._epics.caget(f"OP:{name}", timeout=START_S, **options)

    def state(self) -> dict[str, Any]:
        """Tell where the frames are."""
        names = (
            "cam1:ArrayCounter_RBV",
            "CB1:CurrentQty_RBV",
            "CB1:PostTriggerQty_RBV",
            "HDF1:NumCaptured_RBV",
        )
        return {
            name: self.get(f"TXMCAM:{name}") for name in (*names, "HDF1:QueueUse", "HDF1:DroppedArrays_RBV")
        }

    def until(self, name: str, wanted: object, limit_s: float) -> None:
        """Wait until a variable has a value."""
        deadline = time.monotonic() + limit_s
        while self.get(name) != wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"OP:{name} is {self.get(name)!r} and not {wanted!r} after {limit_s} s: {self.state()}"
                )
            Event().wait(0.02)


def burst(client: Client, folder: Path, frames: int) -> tuple[Path, float]:
    """Take a burst; gives its file, and the wall time from the trigger until the last frame is written, s."""
    camera = "TXMCAM:"
    settings = {"cam1:BinX": 4, "cam1:BinY": 4, "cam1:AcquireTime": 7e-4, "cam1:AcquirePeriod": PERIOD_S}
    settings |= {"cam1:ImageMode": 2, "HDF1:EnableCallbacks": 1, "HDF1:FileWriteMode": 2, "HDF1:LazyOpen": 1}
    settings |= {"CB1:PreCount": PRE_FRAMES, "CB1:PostCount": frames - PRE_FRAMES, "HDF1:NumCapture": frames}
    for name, value in settings.items():
        client.put(camera + name, value)
    for name, value in {"FilePath": f"{folder}/", "FileName": "burst", "NDArrayPort": "CB1"}.items():
        codes = [*value.encode(), 0]
        client.put(f"{camera}HDF1:{name}", codes)
    client.put(f"{camera}HDF1:Capture", 1, wait=False)
    client.until(f"{camera}HDF1:Capture_RBV", 1, 10.0)
    client.put(f"{camera}CB1:Capture", 1)
    client.put(f"{camera}cam1:Acquire", 1, wait=False)
    client.until(f"{camera}CB1:CurrentQty_RBV", PRE_FRAMES, 30.0)
    client.put(f"{camera}CB1:Trigger", 1)
    begun = time.monotonic()
    # The ring is done when it has passed all frames on; those that the writer dropped never come.
    client.until(f"{camera}CB1:Capture_RBV", 0, 2.0 * frames * PERIOD_S + START_S)
    client.put(f"{camera}cam1:Acquire", 0)
    written, seen_s = -1, time.monotonic()
    while client.get(f"{camera}HDF1:Capture_RBV") and time.monotonic() - seen_s < STILL_S:
        now = client.get(f"{camera}HDF1:NumCaptured_RBV")
        written, seen_s = now, time.monotonic() if now != written else seen_s
        Event().wait(0.02)
    took_s = time.monotonic() - begun
    client.put(f"{camera}HDF1:Capture", 0)
    client.until(f"{camera}HDF1:Capture_RBV", 0, START_S)
    return folder / "burst_000000.h5", took_s


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lost_frames(path: Path, frames: int) -> int:
    """Count frames that are missing, by their numbers and by the times between them."""
    with h5py.File(path) as file:
        stored: Any = file["entry/data/data"]
        attributes = "entry/instrument/NDAttributes/NDArray"
        numbers = np.asarray(file[f"{attributes}UniqueId"])
        times_s = np.asarray(file[f"{attributes}TimeStamp"])
        if not (stored[0].any() and stored[-1].any()):
            raise ValueError(f"{path}: the first or last frame is empty")
        by_number = int(np.diff(numbers).sum()) - (len(numbers) - 1) + frames - len(stored)
        by_time = int(np.round(np.diff(times_s) / PERIOD_S).sum()) - (len(times_s) - 1)
    return max(by_number, by_time)


def run() -> list[Figure]:
    """Measure one burst in real time."""
    frames = int(SECONDS / PERIOD_S)
    room = shutil.disk_usage(tempfile.gettempdir()).free
    if room < 1.2 * frames * FRAME_BYTES:
        raise OSError(
            f"{frames * FRAME_BYTES / 1e9:.1f} GB are needed for {SECONDS:g} s, {room / 1e9:.1f} are free"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        launcher = Launcher(
            folder, scenario="nmc811-electrode", servers=SERVERS, data_folder=folder / "frames"
        )
        running = launcher.start("real", 1.0)
        try:
            client = Client(running.ca_addr_list)
            client.put("PSS:CMD", 1)
            pid = running.pids["microscope_camera"]
            before_s = cpu_s(pid)
            path, took_s = burst(client, folder / "frames", frames)
            used_s = cpu_s(pid) - before_s
            dropped = int(client.get("TXMCAM:HDF1:DroppedArrays_RBV"))
            lost = lost_frames(path, frames) + dropped
        finally:
            launcher.stop()
    rate = (frames - PRE_FRAMES) / took_s
    per_frame_us = 1e6 * used_s / frames
    told = f"microscope's camera, 256 x 256, {SECONDS:g} s real time, {PRE_FRAMES} frames before the trigger"
    return [
        Figure(told, rate, "rate of the camera", 1.0 / PERIOD_S, rate * PERIOD_S, ">= 0.98 x", "frames/s"),
        Figure(
            f"{told}: processor time of its server per frame",
            per_frame_us,
            "time between frames",
            1e6 * PERIOD_S,
            1e6 * PERIOD_S / per_frame_us,
            ">= 1.5 x",
            "us",
        ),
        Figure(f"{told}: frames lost", float(lost), "frames asked for", float(frames), 1.0, "<= 0", "frames"),
    ]
