"""Where each phase could lie in what is left of a pattern, and how much that would explain."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .lattice import first_scale
from .line_shape import profile
from .line_shift import LineShifts
from .measured import Measured
from .pattern_model import Part, Shape
from .phase import FloatArray, Phase, System, lattice_of, metric_of
from .seed import seed_table, signal_of

CELL_PART = "cell part"
NEAR_A, NEAR_C = 0.006, 0.10
"""Within these (angstrom) of a layered phase of the library a free cell is where that phase is expected."""


@dataclass(frozen=True, eq=False)
class Seed:
    """A phase at its best lattice: agreement with peaks that are left, gain in chi squared, part."""

    score: float
    gain: float
    part: Part


def is_layered(phase: Phase) -> bool:
    """Whether a phase is met by the free layered cell."""
    return (
        phase.system is System.HEXAGONAL
        and phase.space_group.startswith("R -3 m")
        and 13 < phase.lattice[2] < 15.2
    )


def nearest_layered(library: Sequence[Phase], metric: FloatArray) -> list[Phase]:
    """Layered phases by distance of their a (0.006 angstrom) and c (0.05 angstrom), the nearest first."""
    a, _, c = lattice_of(metric, System.HEXAGONAL)[:3]
    layered = [phase for phase in library if is_layered(phase)]
    return sorted(layered, key=lambda p: ((p.lattice[0] - a) / 0.006) ** 2 + ((p.lattice[2] - c) / 0.05) ** 2)


def part_of(phase: Phase, metric: FloatArray, scale: float, geometry: LineShifts | None) -> Part:
    """Part with what may be free in a phase: cell parts keep their lattice where shifts are fitted."""
    layered = is_layered(phase)
    standard = phase.family == CELL_PART and geometry is not None and bool(geometry.shifts)
    return Part(
        phase,
        phase.metric if standard else metric,
        scale,
        spread_c_a=0.01,
        free_lattice=not standard,
        free_spread=layered,
        texture="layered" if layered else phase.name,
    )


def seeds(
    measured: Measured,
    left: FloatArray,
    library: Sequence[Phase],
    geometry: LineShifts | None,
    shape: Shape,
) -> list[Seed]:
    """Candidates for what is left of a pattern (n,), each at its best lattice, the best first."""
    signal = signal_of(measured.q_per_a, left, measured.sigma, 1.3 * shape.width_per_a)
    remains = replace(measured, values=left + measured.basis @ measured.coefficients)
    found: list[Seed] = []
    layered = [phase for phase in library if is_layered(phase)]
    for phase in [*layered[:1], *(phase for phase in library if not is_layered(phase))]:
        table = seed_table(measured.q_per_a, phase, wide=is_layered(phase))
        scores = table.scores(signal)
        best = table.metrics[int(np.argmax(scores))]
        chosen = nearest_layered(library, best)[0] if is_layered(phase) else phase
        part = part_of(chosen, best, first_scale(remains, chosen, best, 1.3 * shape.width_per_a), geometry)
        found.append(Seed(float(scores.max()), explained(measured, left, part, shape), part))
    return sorted(found, key=lambda each: -each.score)


def expected_limits(phase: Phase) -> tuple[FloatArray, FloatArray]:
    """Metrics (k,) between which a layered phase of the library is expected, the least first."""
    a, _, c = phase.lattice[:3]
    ends = [(a + sign * NEAR_A, c + sign * NEAR_C) for sign in (1, -1)]
    low, high = (metric_of((a, a, c, 90.0, 90.0, 120.0), phase.system) for a, c in ends)
    return low, high


def expected_seeds(
    measured: Measured,
    left: FloatArray,
    phases: Sequence[Phase],
    geometry: LineShifts | None,
    shape: Shape,
) -> list[Seed]:
    """Candidates for what is left of a pattern (n,) where layered phases have their own lattices.

    One for each phase, that which explains most first.
    """
    if not phases:
        return []
    signal = signal_of(measured.q_per_a, left, measured.sigma, 1.3 * shape.width_per_a)
    table = seed_table(measured.q_per_a, phases[0], wide=True)
    scores = table.scores(signal)
    a, c = 2 * np.pi * np.sqrt(4 / 3 / table.metrics[:, 0]), 2 * np.pi / np.sqrt(table.metrics[:, 1])
    remains = replace(measured, values=left + measured.basis @ measured.coefficients)
    found: list[Seed] = []
    for phase in phases:
        near = (np.abs(a - phase.lattice[0]) < NEAR_A) & (np.abs(c - phase.lattice[2]) < NEAR_C)
        if not near.any():
            continue
        best = int(np.argmax(np.where(near, scores, -1.0)))
        metric = table.metrics[best]
        part = part_of(phase, metric, first_scale(remains, phase, metric, 1.3 * shape.width_per_a), geometry)
        part = replace(part, limits=expected_limits(phase))
        found.append(Seed(float(scores[best]), explained(measured, left, part, shape), part))
    return sorted(found, key=lambda each: -each.gain)


def explained(measured: Measured, left: FloatArray, part: Part, shape: Shape) -> float:
    """By how much the best scale of a part, with all else held, lowers chi squared of what is left (n,)."""
    places = np.sqrt(np.maximum(part.phase.rows @ part.metric, 1e-6))
    inside = (places > measured.q_per_a[0]) & (places < measured.q_per_a[-1])
    places = places[inside]
    width = np.hypot(shape.width_per_a, part.strain * places)
    eta = np.full_like(places, shape.eta)
    lines = np.stack([places, width, part.phase.strength[inside], eta], axis=1)
    weighed = profile(measured.q_per_a, lines) / measured.sigma
    along = float(weighed @ (left / measured.sigma))
    return max(along, 0.0) ** 2 / max(float(weighed @ weighed), 1e-300)
