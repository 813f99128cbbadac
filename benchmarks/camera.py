"""Frames of the simulated camera per second into its file, against bare h5py writing the same frames."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.iocs.exposure import Exposure, Scene
from operando.simulated_beamline.iocs.file_plugin import BATCH
from operando.simulated_beamline.iocs.frame_file import FrameFile
from operando.simulated_beamline.iocs.frame_source import Shot
from operando.simulated_beamline.mount import load_mounts
from operando.simulated_beamline.scenario import Scenario

from .figure import Figure

ROUNDS = 4
SIDES = {1024: (80, ">= 100 frames/s"), 2048: (24, ">= 25 frames/s")}
EXPOSURES_S = {"1 s": 1.0, "0.02 s": 0.02}
SCENE = Scene(1, 0.8, 18000.0, 4.6e9)


def camera(side: int, folder: Path) -> Exposure:
    """Camera of this many pixels a side on the same area, before the cell of "nmc811-first-charge"."""
    (mount,) = load_mounts(["nmc811-first-charge"])
    scenario: Scenario = mount.scenario
    section = scenario.diffraction
    assert section is not None
    detector, scale = section.detector, side / section.detector.rows
    larger = detector.model_copy(
        update={
            "rows": side,
            "columns": side,
            "pixel_mm": detector.pixel_mm / scale,
            "beam_row": detector.beam_row * scale,
            "beam_column": detector.beam_column * scale,
        }
    )
    changed = scenario.model_copy(update={"diffraction": section.model_copy(update={"detector": larger})})
    return Exposure([type(mount)(1, changed, mount.window)], Board(folder / "board"), seed=1)


def shots(count: int, exposure_s: float) -> Iterator[Shot]:
    for number in range(count):
        yield Shot(number, float(number), exposure_s, SCENE)


def write_simulated(exposure: Exposure, path: Path, count: int, exposure_s: float) -> None:
    """Draw and write as the server's thread does."""
    frame = np.empty(exposure.shape, exposure.dtype)
    with FrameFile(path, exposure.shape, exposure.dtype, most=count) as file:
        for shot in shots(count, exposure_s):
            exposure.draw(shot, frame)
            file.append(frame, shot.time_s, shot.unique_id)
            if file.count % BATCH == 0:
                file.flush()


def write_bare(frames: np.ndarray, path: Path, count: int) -> None:
    """Write frames that are there already, one per chunk, by h5py's own assignment."""
    with h5py.File(path, "w", libver="latest") as file:
        shape = (count, *frames.shape[1:])
        data = file.create_dataset("data", shape, frames.dtype, chunks=(1, *shape[1:]))
        for index in range(count):
            data[index] = frames[index % len(frames)]


def frames_per_s(work: Callable[[Path], None], folder: Path, count: int) -> float:
    """Best of some rounds, each into a new file."""
    best_s = float("inf")
    for _ in range(ROUNDS):
        path = folder / "frames.h5"
        begun = time.perf_counter()
        work(path)
        best_s = min(best_s, time.perf_counter() - begun)
        path.unlink()
    return count / best_s


def run() -> list[Figure]:
    """Measure both sizes, with many and with few counts per pixel."""
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, (count, goal) in SIDES.items():
            exposure = camera(side, folder)
            for told, exposure_s in EXPOSURES_S.items():
                frames = np.empty((4, *exposure.shape), exposure.dtype)
                for frame, shot in zip(frames, shots(4, exposure_s), strict=True):
                    exposure.draw(shot, frame)
                bare = frames_per_s(lambda path, f=frames, n=count: write_bare(f, path, n), folder, count)
                value = frames_per_s(
                    lambda path, e=exposure, n=count, s=exposure_s: write_simulated(e, path, n, s),
                    folder,
                    count,
                )
                figures.append(
                    Figure(
                        f"simulated camera, {side} x {side} uint32, exposure {told}, into its file",
                        value,
                        "h5py writes the same frames, not drawing them",
                        bare,
                        value / bare,
                        goal,
                        "frames/s",
                    )
                )
    return figures
