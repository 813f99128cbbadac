"""Maps: element fits against scipy's non-negative least squares, rocking frames, errors behind a drift."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from operando.callbacks.analysis.mapping import (
    DetectorResponse,
    RockingMoments,
    fit_fluorescence,
    flat_detector,
    frame_moments,
)
from operando.callbacks.analysis.mapping.fluorescence_detector import components
from scipy.optimize import nnls
from threadpoolctl import threadpool_limits

from .figure import Figure

ELEMENTS = ("Mn", "Fe", "Co", "Ni")
BEAM_EV = 9000.0
SHAPE = (100, 100)
CHANNELS = 4096
SAMPLE = 50
ROUNDS = 5
FRAMES = 200
PIXELS = 256
SUITE = Path(__file__).resolve().parents[1] / "tests/callbacks/analysis/mapping"
SCENES, REACHES_PX, SEEDS = ("whole", "wider", "everywhere"), (0.5, 3.0), range(31, 37)
"""Particles that drift between the angles, by how much, and seeds of each."""


def _best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several rounds."""
    seconds: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _spectra(rng: np.random.Generator, response: DetectorResponse) -> np.ndarray:
    """Poisson spectra of four elements, scattering and background, shape (*map, 4096)."""
    parts = components(response, ELEMENTS, BEAM_EV, np.arange(float(CHANNELS)))
    amounts = rng.uniform(0.5, 1.5, (*SHAPE, parts.shape[1]))
    amounts *= np.array([2000.0, 200.0, 1500.0, 6000.0, 300.0, 300.0, 200.0, 200.0])
    return rng.poisson(amounts @ parts.T).astype(np.uint16)


def _fluorescence(rng: np.random.Generator) -> Figure:
    response = DetectorResponse()
    spectra = _spectra(rng, response)
    found = fit_fluorescence(spectra, response, ELEMENTS, beam_ev=BEAM_EV)
    first, last = found.channels
    parts = components(response, ELEMENTS, BEAM_EV, np.arange(first, last + 1.0))
    some = spectra.reshape(-1, CHANNELS)[:SAMPLE, first : last + 1].astype(float)
    root = 1 / np.sqrt(np.maximum(some.mean(axis=0), 0.01))
    # One core, as the live fit has it: several threads for matrices this small hinder each other.
    with threadpool_limits(1):
        seconds = _best(lambda: fit_fluorescence(spectra, response, ELEMENTS, beam_ev=BEAM_EV))
    ours = seconds / spectra[..., 0].size
    theirs = _best(lambda: [nnls(parts * root[:, None], one * root) for one in some]) / SAMPLE
    return Figure(
        name=f"fluorescence fit of one spectrum ({len(ELEMENTS)} elements, one core)",
        value=1e6 * ours,
        baseline=f"scipy nnls per spectrum, {last - first + 1} channels ({SAMPLE} timed)",
        baseline_value=1e6 * theirs,
        ratio=theirs / ours,
        goal=">= 10 x",
        unit="us",
    )


def _grid_centroid(frames: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Centroids as written down plainly in numpy, from all pixels in double precision."""
    total = frames.sum(axis=(1, 2), dtype=float)
    return np.einsum("nij,ijk->nk", frames.astype(float), k) / total[:, None]


def _rocking(rng: np.random.Generator) -> Figure:
    geometry = flat_detector(
        (PIXELS, PIXELS), energy_ev=10000.0, two_theta_deg=38.0, distance_mm=1000.0, pixel_um=75.0
    )
    rows, columns = np.indices((PIXELS, PIXELS)) - PIXELS // 2
    frames = rng.poisson(20 * np.exp(-(rows**2 + columns**2) / 200), (FRAMES, PIXELS, PIXELS)).astype(
        np.uint16
    )
    frame_moments(frames[:2], geometry.k_out)
    moments = RockingMoments(geometry, (FRAMES // 10, 10))
    ours = FRAMES / _best(lambda: moments.add(0.0, frames))
    plain = FRAMES / _best(lambda: _grid_centroid(frames, geometry.k_out))
    return Figure(
        name=f"rocking moments of {PIXELS} x {PIXELS} frames, one core",
        value=ours,
        baseline="centroid of k_out by numpy einsum",
        baseline_value=plain,
        ratio=ours / plain,
        goal=">= 5 x",
        unit="frames/s",
    )


def _drift() -> list[Figure]:
    """Take the largest rms error of strain and tilts of particles that drift between the angles."""
    from test_rocking_drift import errors

    done = [errors(scene, reach, seed) for scene in SCENES for reach in REACHES_PX for seed in SEEDS]
    found: list[Figure] = []
    for name, scale, goal, unit in (
        ("strain", 1e6, "<= 5", "1e-6"),
        ("tilt_rocking_deg", 1.0, "<= 0.001", "degree"),
        ("tilt_across_deg", 1.0, "<= 0.001", "degree"),
    ):
        ours, plain = (scale * max(each[kind][name] for each in done) for kind in (0, 1))
        title = f"{name} behind a drift, rms, largest of {len(done)} scenes"
        found.append(Figure(title, ours, "registered, to the first angle", plain, plain / ours, goal, unit))
    return found


def run() -> list[Figure]:
    """Time both, each the best of five rounds; then what drift leaves."""
    sys.path.insert(0, str(SUITE))
    rng = np.random.default_rng(1)
    return [_fluorescence(rng), _rocking(rng), *_drift()]
