"""Lattices and phases: time of a tracked frame, and how often phases are named as they are."""

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
PEAKS = {1500: 0.025, 500: 0.08, 150: 0.20}
"""Counts at the peak, and the mass fraction at which H3 should be called."""


def _best_ms(work: Callable[[np.ndarray], object], frames: list[np.ndarray]) -> float:
    """Least time of one frame in milliseconds."""
    times = []
    for frame in frames:
        start = time.perf_counter()
        work(frame)
        times.append(time.perf_counter() - start)
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


def _naming() -> list[Figure]:
    """Every phase of the library alone, and the onset of H3 in LiNiO2."""
    import phase_suite as suite
    import synthetic_patterns as synthetic

    done = suite.sort_all(list(synthetic.entries()), ROUNDS, seed=24)
    share = 100 * (done.first + done.degenerate) / done.patterns
    false = 100 * done.false / done.patterns
    found = [
        Figure("phases named, or among the alike", share, "every pattern", 100, share / 100, ">= 97 %", "%"),
        Figure("patterns with a false phase", false, "no pattern", 0, 1.0, "<= 3 %", "%"),
    ]
    for peak, limit in PEAKS.items():
        before, called, _ = suite.onset_series(peak, seed=11)
        name = f"H3 called at {peak} counts ({before} false frames of 100 before)"
        found.append(Figure(name, called, "fraction asked for", limit, limit / called, f"<= {limit}", ""))
    rms = suite.fraction_error(1500, seed=12)
    found.append(Figure("mass fraction of H3, rms", rms, "error allowed", 0.01, 0.01 / rms, "<= 0.01", ""))
    return found


def run() -> list[Figure]:
    """Measure speed first, while the process is fresh, then the suite of synthetic patterns."""
    sys.path.insert(0, str(SUITE))
    return [*_speed(), *_naming()]
