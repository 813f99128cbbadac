"""Azimuthal integration of large frames on one core, against pyFAI's fastest engine on one and on all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
from operando.callbacks.analysis.xrd import Geometry, Integrator
from threadpoolctl import threadpool_limits

from .figure import Figure

BINS = 1000
ENGINES = ("csc", "csr", "lut", "histogram")
ROUNDS = 30
SLOW = 1.5
POLARIZATION = 0.95
GOALS = {1024: ">= 200 frames/s", 2048: ">= 50 frames/s"}
FASTER = ">= 3 x"


def _geometry(side: int) -> Geometry:
    """Square detector, 77 mm wide, whose centre is near the beam."""
    pixel = 76.8 / side
    return Geometry(
        distance_mm=100.0,
        poni1_mm=38.5,
        poni2_mm=39.0,
        rot1_deg=0.5,
        rot2_deg=1.0,
        wavelength_angstrom=0.4,
        shape=(side, side),
        pixel_mm=(pixel, pixel),
    )


def _frame(where: Geometry, rng: np.random.Generator) -> np.ndarray:
    """Count rings on a background, 20 to 320, unsigned 32 bit."""
    q = where.pyfai().array_from_unit(where.shape, "center", "q_A^-1", scale=True)
    rings = sum(np.exp(-0.5 * ((q - each) / 0.01) ** 2) for each in np.arange(1.3, 7.5, 0.4))
    return rng.poisson(20 + 300 * rings).astype(np.uint32)


def _works(side: int) -> dict[str, Callable[[], object]]:
    """Ours and each of pyFAI's engines on one frame, with every correction and the variance."""
    rng = np.random.default_rng(1)
    where = _geometry(side)
    frame, pyfai = _frame(where, rng), where.pyfai()
    mask = np.zeros(where.shape, np.int8)
    mask[side // 2 : side // 2 + 16] = 1
    dark = rng.uniform(0, 1, where.shape).astype(np.float32)
    flat = rng.normal(1, 0.03, where.shape).astype(np.float32)
    integrator = Integrator(
        where, mask, bins=BINS, dark=dark, flat=flat, polarization_factor=POLARIZATION, saturation=1e6
    )

    def engine(algorithm: str) -> Callable[[], object]:
        return lambda: pyfai.integrate1d(
            frame,
            BINS,
            mask=mask,
            dark=dark,
            flat=flat,
            polarization_factor=POLARIZATION,
            error_model="poisson",
            unit="q_A^-1",
            method=("full", algorithm, "cython"),
            safe=False,
        )

    return {"ours": lambda: integrator.integrate(frame)} | {name: engine(name) for name in ENGINES}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _best(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Shortest time of each (s), taken in turn; the slow ones are not timed often."""
    times = {name: min(_seconds(work) for _ in range(3)) for name, work in works.items()}
    fastest = min(times[name] for name in ENGINES)
    for _ in range(ROUNDS):
        for name, work in works.items():
            if times[name] < SLOW * fastest:
                times[name] = min(times[name], _seconds(work))
    return times


def _measure(side: int) -> Iterator[Figure]:
    """Give frames/s against the goal's and against pyFAI's fastest engine, on one core and on all."""
    works = _works(side)
    for cores in (1, os.cpu_count() or 1):
        with threadpool_limits(cores, user_api="openmp"):
            times = _best(works)
        ours = times.pop("ours")
        fastest = min(times, key=lambda name: times[name])
        yield Figure(
            name=f"integration of a {side} x {side} frame on one core",
            value=1 / ours,
            baseline=f"pyFAI full {fastest}, {cores} threads allowed",
            baseline_value=1 / times[fastest],
            ratio=times[fastest] / ours,
            goal=GOALS[side] if cores == 1 else FASTER,
            unit="frames/s",
        )


def run() -> list[Figure]:
    """Time unsigned 32-bit frames over 1000 bins: mask, dark, flat, polarisation, solid angle, variance.

    Ours looks for dead and saturated pixels too, which pyFAI was not asked for.
    """
    return [figure for side in GOALS for figure in _measure(side)]
