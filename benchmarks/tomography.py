"""Slabs of a tomogram and slices that grow with it, against algotom called directly."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np
from operando.callbacks.analysis.imaging import Recipe, SlicePreview, sequential_angles
from operando.callbacks.analysis.imaging.reconstruction import reconstruct_integrals

from .figure import Figure

SIDE, ROWS, ANGLES = 512, 32, 361
ROUNDS = 3
PROJECTIONS = 40
GOALS = {512: "<= 5 ms", 1024: "<= 25 ms"}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _slab() -> Figure:
    """Time the same rows of the same sinograms on all cores, each after a first call that compiles."""
    library = import_module("algotom.rec.reconstruction")
    cores, angles = os.cpu_count() or 1, sequential_angles(ANGLES)
    integrals = np.random.default_rng(1).normal(1.0, 0.1, (ANGLES, ROWS, SIDE)).astype(np.float32)

    def ours() -> object:
        return reconstruct_integrals(integrals, angles, SIDE / 2, Recipe(), threads=cores)

    def theirs() -> object:
        return library.fbp_reconstruction(
            integrals,
            SIDE / 2,
            angles=np.radians(angles),
            filter_name=None,
            apply_log=False,
            gpu=False,
            ncore=cores,
        )

    works = (ours, theirs)
    for work in works:
        work()
    rounds = [[_seconds(work) for work in works] for _ in range(ROUNDS)]
    best = [min(times) for times in zip(*rounds, strict=True)]
    return Figure(
        f"tomogram: {ROWS} rows of {SIDE} x {SIDE} x {ANGLES} angles, {cores} cores",
        best[0],
        "algotom, called directly",
        best[1],
        best[1] / best[0],
        ">= 0.95 x",
        "s",
    )


def _preview(side: int) -> Figure:
    """Time one projection in three slices; reconstructing one of the slices anew is the other way to look."""
    library = import_module("algotom.rec.reconstruction")
    image = np.random.default_rng(1).normal(1.0, 0.1, (side, side)).astype(np.float32)
    preview = SlicePreview((side, side), centre=side / 2)
    times = [_seconds(lambda: preview.add(image, 7.3 * number)) for number in range(PROJECTIONS)]  # noqa: B023
    sinogram = np.random.default_rng(1).normal(1.0, 0.1, (ANGLES, side)).astype(np.float32)

    def anew() -> object:
        return library.fbp_reconstruction(sinogram, side / 2, filter_name=None, apply_log=False, gpu=False)

    anew()
    whole = 1e3 * min(_seconds(anew) for _ in range(ROUNDS))
    value = 1e3 * min(times)
    return Figure(
        f"three slices of {side}^3, per projection",
        value,
        f"algotom: one slice of {ANGLES} projections anew",
        whole,
        whole / value,
        GOALS[side],
        "ms",
    )


def run() -> list[Figure]:
    """Measure a slab, then previews of two sizes."""
    return [_slab(), *(_preview(side) for side in GOALS)]
