"""Lattices and phases: time of tracked frames, of a rehearsal too, and how often names are right."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from operando.callbacks.analysis.xrd import fit_lattice, identify_phases, load_library

from .figure import Figure

SUITE = Path(__file__).resolve().parents[1] / "tests/callbacks/analysis/xrd"
ROUNDS = 3
SEEDS = (11, 12, 13)
ENERGY_EV, PHOTONS = 18000.0, 7e9
"""Of the frames of a rehearsal: photon energy, and photons on the sample in a frame."""
PEAKS = {1500: 0.025, 500: 0.08, 150: 0.20}
"""Counts at the peak, and the mass fraction at which H3 should be called."""


def _best_ms(work: Callable[[np.ndarray], object], frames: list[np.ndarray]) -> float:
    """Least processor time of one frame in milliseconds."""
    times = []
    for frame in frames:
        start = time.process_time()
        work(frame)
        times.append(time.process_time() - start)
    return 1000 * min(times)


def _frames(count: int) -> list[np.ndarray]:
    """Frames of NMC811 on its way."""
    import synthetic_patterns as synthetic

    rng = np.random.default_rng(1)
    texture = synthetic.texture_of("NMC811", rng)
    cells = [(2.825 - 3e-4 * k, 2.825 - 3e-4 * k, 14.40 + 0.003 * k, 90, 90, 120) for k in range(count)]
    return [
        synthetic.counted(
            synthetic.Q, synthetic.lines(synthetic.Q, "NMC811", lattice=cell, texture=texture), 1500, rng
        )
        for cell in cells
    ]


def _speed() -> list[Figure]:
    """Tracked frames against frames that stand alone."""
    import synthetic_patterns as synthetic

    frames, (phase,) = _frames(12), load_library(["NMC811"])
    first = fit_lattice(synthetic.Q, frames[0], phase=phase)
    alone = _best_ms(lambda y: fit_lattice(synthetic.Q, y, phase=phase), frames)
    tracked = _best_ms(lambda y: fit_lattice(synthetic.Q, y, phase=phase, previous=first), frames[1:4])
    library = load_library(["NMC811", "H3", "NiO", "LiNi2O4", "Li2CO3"])
    known = identify_phases(synthetic.Q, frames[0], library=library)
    cold = _best_ms(lambda y: identify_phases(synthetic.Q, y, library=library), frames[:4])
    warm = _best_ms(lambda y: identify_phases(synthetic.Q, y, library=library, previous=known), frames[1:4])
    return [
        Figure(
            "lattice of a tracked frame", tracked, "frame alone", alone, alone / tracked, "<= 15 ms", "ms"
        ),
        Figure("phases of a tracked frame", warm, "frame alone", cold, cold / warm, "<= 33 ms", "ms"),
    ]


def _rehearsed(contents: np.ndarray) -> tuple[float, list]:
    """Wavelength in angstrom, and patterns of a simulated half cell of NMC811 before the 1k camera."""
    from operando.callbacks.analysis.xrd import Geometry, Integrator
    from operando.simulated_beamline.diffraction_scenario import build_area_detector, build_powder_cell
    from operando.simulated_beamline.scenario import load_scenario
    from pyFAI.geometry import Geometry as Setup

    scenario = load_scenario("nmc811-first-charge")
    detector, powder = build_area_detector(scenario), build_powder_cell(scenario)
    stands, setup, rng = detector.geometry, Setup(), np.random.default_rng(5)
    micrometre = 1000 * stands.pixel_mm
    setup.setFit2D(
        stands.distance_mm, stands.beam_column, stands.beam_row, stands.tilt_deg, stands.tilt_azimuth_deg,
        micrometre, micrometre,
    )  # fmt: skip
    rotations = {f"rot{axis}_deg": float(np.degrees(getattr(setup, f"rot{axis}"))) for axis in (1, 2, 3)}
    wavelength = 12398.41984 / ENERGY_EV
    pixel_mm = (stands.pixel_mm, stands.pixel_mm)
    geometry = Geometry(
        1000 * setup.dist, 1000 * setup.poni1, 1000 * setup.poni2, wavelength, stands.shape, pixel_mm,
        **rotations,
    )  # fmt: skip
    bad = detector.gap | detector.dead | (detector.extra_counts_s > 1)
    integrator = Integrator(geometry, bad, q_range_per_angstrom=(1.1, 5.6), polarization_factor=0.99)
    projection = detector.at_energy(ENERGY_EV)
    patterns = []
    for content in contents:
        scattered = powder.pattern(projection.q_per_angstrom, ENERGY_EV, float(content))
        counts = rng.poisson(PHOTONS * projection.counts(scattered, 0.3)).astype(np.uint32)
        patterns.append(integrator.integrate(counts))
    return wavelength, patterns


def _rehearsal() -> list[Figure]:
    """Follow a charge as a rehearsal shows it, against all that a half cell may hold."""
    from operando.callbacks.analysis.xrd import LineShifts
    from operando.callbacks.live.pattern_analysis import library_of

    wavelength, patterns = _rehearsed(np.arange(0.93, 0.27, -0.02))
    library, geometry = library_of("NMC811"), LineShifts(wavelength)
    times, result, false = [], None, 0
    for pattern in patterns:
        start = time.process_time()
        result = identify_phases(
            pattern.q_per_angstrom, pattern.intensity, pattern.sigma,
            library=library, geometry=geometry, previous=result,
        )  # fmt: skip
        times.append(1000 * (time.process_time() - start))
        false += result.state != "single"
    middle = float(np.median(times[1:]))
    name = f"phases of a frame of a rehearsal, median ({false} of {len(times)} not called single)"
    return [Figure(name, middle, "first frame", times[0], times[0] / middle, "<= 28 ms", "ms")]


def _naming() -> list[Figure]:
    """Every phase of the library alone, and the onset of H3 in LiNiO2."""
    import phase_suite as suite
    import synthetic_patterns as synthetic

    done = suite.sort_all(list(synthetic.entries()), ROUNDS, seed=24)
    strict, share = (100 * n / done.patterns for n in (done.first, done.first + done.degenerate))
    false = 100 * done.false / done.patterns
    found = [
        Figure("phases named first", strict, "every pattern", 100, strict / 100, ">= 97 %", "%"),
        Figure("phases named, or not told apart", share, "every pattern", 100, share / 100, ">= 97 %", "%"),
        Figure("patterns with a false phase", false, "no pattern", 0, 1.0, "<= 3 %", "%"),
    ]
    for peak, limit in PEAKS.items():
        series = [suite.onset_series(peak, seed=seed) for seed in SEEDS]
        before, called = sum(each[0] for each in series), max(each[1] for each in series)
        frames = 100 * len(SEEDS)
        name = f"H3 called at {peak} counts, latest of {len(SEEDS)} ({before} false frames of {frames})"
        found.append(Figure(name, called, "fraction asked for", limit, limit / called, f"<= {limit}", ""))
    rms = suite.fraction_error(1500, seed=12)
    found.append(Figure("mass fraction of H3, rms", rms, "error allowed", 0.01, 0.01 / rms, "<= 0.01", ""))
    rms, least, untold = suite.transition_error(1500, range(20))
    name = f"mass fraction of M beside H1, rms ({untold} of 20 not called a mixture)"
    found.append(Figure(name, rms, "least that counts allow", least, least / rms, "<= 0.01", ""))
    return found


def run() -> list[Figure]:
    """Measure speed first, while the process is fresh, then the suite of synthetic patterns."""
    sys.path.insert(0, str(SUITE))
    return [*_speed(), *_rehearsal(), *_naming()]
