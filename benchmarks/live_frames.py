"""Live patterns on one core: frames from their file to I(q), and on to lattice, phases and documents.

Times are those of one core at work, for others share the machine: what waits for a disk is not in them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from operando.callbacks.live.pattern_analysis import PatternAnalysis
from operando.callbacks.live.patterns import Patterns
from operando.callbacks.live.run_of_frames import RunOfFrames
from operando.callbacks.tiled.journal import Journal, JournalTail
from operando.simulated_beamline.iocs.frame_file import FRAMES
from threadpoolctl import threadpool_limits

from .camera import camera
from .figure import Figure
from .frames_told import ToldSeries

SIDE, COUNT, EXPOSURE_S, ROUNDS = 1024, 60, 1.0, 3


def _told(folder: Path) -> tuple[Path, Path]:
    """Write a series and the journal that tells of it; gives folder of the journal and path of the file."""
    exposure = camera(SIDE, folder)
    path, journal = folder / "frames.h5", folder / "journal"
    with Journal(journal, minimum_free_bytes=0) as publish:
        series = ToldSeries(publish, exposure, path, COUNT, EXPOSURE_S)
        for number in range(COUNT):
            series.write(number)
        series.sample()
        series.tell()
        series.end()
    return journal, path


def _reading_s(path: Path) -> float:
    begun = time.process_time()
    with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as file:
        frames: Any = file[FRAMES]
        for index in range(COUNT):
            np.asarray(frames[index])
    return time.process_time() - begun


def _run_of(documents: list[tuple[str, dict]], folder: Path) -> RunOfFrames:
    start = next(doc for name, doc in documents if name == "start" and doc.get("technique") == "xrd")
    run = RunOfFrames(start, dtype="<u4")
    run.add_resource(next(doc for name, doc in documents if name == "stream_resource"), (folder,))
    run.add_datum(next(doc for name, doc in documents if name == "stream_datum"))
    return run


def _patterns_s(run: RunOfFrames, analysis: PatternAnalysis) -> float:
    """Read and integrate every frame."""
    begun = time.process_time()
    for index in range(COUNT):
        frame, _ = run.read(index)
        analysis.pattern(frame, index, run)
    return time.process_time() - begun


def _chain_s(documents: list[tuple[str, dict]], folder: Path, round_: int) -> float:
    """Do all that the process of live patterns does once it has been made ready."""
    with Journal(folder / f"results-{round_}", minimum_free_bytes=0) as publish:
        patterns = Patterns(publish, (folder,))
        last = next(i for i, (name, _) in enumerate(documents) if name == "stream_datum")
        for name, doc in documents[:last]:
            patterns(name, doc)
        begun = time.process_time()
        for name, doc in documents[last:]:
            patterns(name, doc)
        while patterns.step():
            pass
        patterns.settle()
        patterns.close()
        return time.process_time() - begun


def _alone_s(run: RunOfFrames, analysis: PatternAnalysis) -> float:
    """Phases of frames that stand alone, not tracked, with reading and integration: time of all frames."""
    shown = range(0, COUNT, 10)
    begun = time.process_time()
    for index in shown:
        frame, _ = run.read(index)
        pattern = analysis.pattern(frame, index, run)
        PatternAnalysis().phases(pattern, index, run)
    return (time.process_time() - begun) * COUNT / len(shown)


def run() -> list[Figure]:
    """Measure the cheap part and the whole, best of some rounds."""
    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        folder = Path(name)
        journal, path = _told(folder)
        documents = JournalTail(journal).poll()
        run_, analysis = _run_of(documents, folder), PatternAnalysis((folder,))
        analysis.prepare(run_)
        reading = min(_reading_s(path) for _ in range(ROUNDS))
        patterns = min(_patterns_s(run_, analysis) for _ in range(ROUNDS))
        alone = min(_alone_s(run_, analysis) for _ in range(ROUNDS))
        chain = min(_chain_s(documents, folder, number) for number in range(ROUNDS))
        run_.close()
    return [
        Figure(
            f"live: {SIDE} x {SIDE} frames from their file to I(q)",
            COUNT / patterns,
            "h5py reads the same frames only",
            COUNT / reading,
            reading / patterns,
            ">= 100 frames/s",
            "frames/s",
        ),
        Figure(
            "live: file to I(q), lattice, phases and documents",
            COUNT / chain,
            "phases of each frame alone, not tracked, no documents",
            COUNT / alone,
            alone / chain,
            ">= 30 frames/s",
            "frames/s",
        ),
    ]
