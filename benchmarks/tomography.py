"""Volumes and slices that grow with the projections, against algotom called directly; orders of angles."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module

import numpy as np
from operando.callbacks.analysis.imaging import (
    Recipe,
    SlicePreview,
    golden_angles,
    interlaced_angles,
    reconstruct,
    sequential_angles,
)
from operando.callbacks.analysis.imaging.reconstruction import reconstruct_integrals

from .figure import Figure

ANGLES = 361
ROUNDS = 3
PROJECTIONS = 40
GOALS = {512: "<= 5 ms", 1024: "<= 25 ms"}


def _seconds(work: Callable[[], object]) -> float:
    """Seconds of processor: what other programs take is not in it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measured_volume(side: int, angles: int, rounds: int) -> Figure:
    """Measure a whole volume on one core, by both in turn, each after a first call that compiles."""
    library, angle_deg = import_module("algotom.rec.reconstruction"), sequential_angles(angles)
    integrals = np.random.default_rng(1).normal(1.0, 0.1, (angles, side, side)).astype(np.float32)
    turn = np.radians(angle_deg)

    def ours(rows: int = side) -> object:
        return reconstruct_integrals(integrals[:, :rows], angle_deg, side / 2, Recipe())

    def theirs(rows: int = side) -> object:
        plain = {"filter_name": None, "apply_log": False, "gpu": False, "ncore": 1}
        return library.fbp_reconstruction(integrals[:, :rows], side / 2, angles=turn, **plain)

    for work in (ours, theirs):
        work(32)
    best = np.min([[_seconds(work) for work in (ours, theirs)] for _ in range(rounds)], axis=0)
    return Figure(
        f"tomogram: {side} x {side} x {side}, {angles} angles, one core (processor time)",
        float(best[0]),
        "algotom, called directly",
        float(best[1]),
        float(best[1] / best[0]),
        ">= 0.95 x",
        "s",
    )


def _errors(angle_deg: np.ndarray, count: int) -> float:
    """Error of a slice of discs from the first projections of an order, of the range of its values."""
    discs = np.array([(0.0, 0.0, 90.0, 0.01), (30, -25, 28, 0.02), (-36, 18, 20, -0.008), (6, 50, 15, 0.03)])
    y, x, radius, value = discs.T
    first, place = angle_deg[:count], np.arange(256) - 127.5
    angle = np.radians(first)[:, None, None]
    beside = place[:, None] - (x * np.cos(angle) - y * np.sin(angle))
    integrals = (2 * value * np.sqrt(np.maximum(radius**2 - beside**2, 0))).sum(axis=-1)
    found = reconstruct(np.exp(-integrals[:, None]), first, centre=127.5).attenuation_per_um[0]
    far = (place[:, None, None] - y) ** 2 + (place[:, None] - x) ** 2
    truth = (value * (far < radius**2)).sum(axis=-1)
    inside = place[:, None] ** 2 + place**2 < 120**2
    return float(np.sqrt(np.mean((found - truth)[inside] ** 2)) / np.ptp(truth))


def _orders() -> list[Figure]:
    """Compare first parts of orders of 384 angles with the same part of the sequential one."""
    orders = (
        ("golden", golden_angles(384), 96, ">= 3 x"),
        ("interlaced in 8 turns", interlaced_angles(384, turns=8), 128, ">= 3 x"),
    )
    told: list[Figure] = []
    for name, angles, count, goal in orders:
        ours, plain = _errors(angles, count), _errors(sequential_angles(384), count)
        what = f"error of a slice from {count} of 384 angles, {name}"
        told.append(Figure(what, ours, "sequential order", plain, plain / ours, goal, "of the range"))
    return told


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
        f"three slices of {side}^3, per projection (processor time)",
        value,
        f"algotom: one slice of {ANGLES} projections anew",
        whole,
        whole / value,
        GOALS[side],
        "ms",
    )


def run() -> list[Figure]:
    """Measure a volume, previews of two sizes, and orders of angles."""
    return [measured_volume(256, 361, ROUNDS), *(_preview(side) for side in GOALS), *_orders()]
