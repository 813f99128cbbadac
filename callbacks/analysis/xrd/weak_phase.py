"""A phase too weak for one pattern that is in the last ones of a series together."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtri

from .candidate import Addition, Fit, best_addition, fit_parts, stands_apart
from .candidate_seed import Seed, expected_seeds, is_layered, seeds
from .line_shape import profile
from .line_shift import LineShifts
from .measured import Measured
from .pattern_model import Part
from .phase import FloatArray, Phase, System, lattice_of
from .residual_stack import ResidualStack

LEAST_WEIGHT = 2.1
"""Sum of weights of a stack that is looked at: three patterns."""
LEAST_EXPLAINED = 28.0
"""What a phase must explain with nothing but its scale free, in chi squared, to be refined."""
CALLED_GAIN = 18.0
"""Gain beyond the price of its lattice where a phase may be anywhere: chance reached 17 in 7,000 patterns."""
LEAST_EXPLAINED_NEAR = 12.0
"""The same, for a phase at its own lattice: the cells that are tried are half a line width apart."""
RUN_LENGTH = 10_000
"""Patterns of noise of which one is taken for a phase at its own lattice."""
PLACES = 4.0
"""At how many lattices within `NEAR_A` and `NEAR_C` noise may look like a phase: so much more often does the
largest of its scales there pass 2 to 3 standard deviations than that at one lattice (940 patterns of H2)."""
ELSEWHERE_A, ELSEWHERE_C = 0.024, 0.24
"""Layered cells nearer than this (angstrom) to one that is known are this one."""
LEAST_SIGNIFICANCE = 3.0
NOW, BEFORE = 1.5, 2.0
"""Standard deviations of its scale in this pattern, and in those before it: no one pattern decides."""


def mean_seeds(
    base: Fit, mean: Measured, library: Sequence[Phase], geometry: LineShifts | None
) -> list[Seed]:
    """Where phases could lie in what the last patterns leave, the best first.

    Parameters
    ----------
    base
        Phases that are known, fitted to this pattern.
    mean
        Mean of the last patterns, see `ResidualStack.mean`.
    library, geometry
        Phases that may be there, and what moves lines.
    """
    names = {part.phase.name for part in base.pattern.parts if not is_layered(part.phase)}
    usable = [phase for phase in library if phase.name not in names]
    return seeds(mean, mean.values - base.refined.pattern, usable, geometry, base.shape)


def weak_phase(
    base: Fit,
    stack: ResidualStack,
    mean: Measured,
    scored: Sequence[Seed],
    library: Sequence[Phase],
    geometry: LineShifts | None,
) -> Part | None:
    """Find the phase that the last patterns of a series show together.

    Where a phase grows from pattern to pattern, what each leaves adds up faster than noise: over the last
    ones it is beyond doubt before any one of them shows it.

    Parameters
    ----------
    base
        Phases that are known, fitted to this pattern.
    stack
        What was left over the last patterns, this one included.
    mean, scored
        Their mean, and where phases could lie in it, the best first.
    library, geometry
        Phases that may be there, and what moves lines. A layered phase has to show less where one of these
        has its own lattice than elsewhere: noise has fewer places to look like it.

    Returns
    -------
    Part or None
        The phase, if it lowers chi squared of the mean pattern beyond doubt, stands apart in it, and is in
        this pattern and in those before it.
    """
    if stack.weight < LEAST_WEIGHT:
        return None
    left = mean.values - base.refined.pattern
    expected = _elsewhere(base, library)
    near = expected_seeds(mean, left, expected, geometry, base.shape)[:1]
    found = [seed for seed in near if seed.gain > LEAST_EXPLAINED_NEAR]
    found += [seed for seed in scored[:1] if seed.gain > LEAST_EXPLAINED]
    if not found:
        return None
    known = fit_parts(mean, base.parts(), geometry, base.shape)
    phases = [seed.part.phase for seed in (*scored, *near)]
    added = best_addition(
        known, mean, phases, geometry, 1.3 * base.shape.width_per_a,
        scored=[replace(seed, part=replace(seed.part, free_spread=False)) for seed in found],
        least_gain=0.0, least_significance=LEAST_SIGNIFICANCE,
    )  # fmt: skip
    best = max(added, key=lambda each: _surplus(each, len(expected)), default=None)
    if best is None or _surplus(best, len(expected)) < 0:
        return None
    new = best.fit.parts()[-1]
    # Where the lattice is known already that its lines are apart, noise need not show it.
    if not stands_apart(best.fit, 0.0 if new.limits is None else -np.inf):
        return None
    new = replace(new, limits=None, free_spread=is_layered(new.phase))
    return new if _lasts(base, stack, new) else None


def _elsewhere(base: Fit, library: Sequence[Phase]) -> list[Phase]:
    """Layered phases of a library that are not those that are known."""
    known = [lattice_of(p.metric, System.HEXAGONAL) for p in base.parts() if is_layered(p.phase)]
    return [
        phase
        for phase in library
        if is_layered(phase)
        and all(
            abs(cell[0] - phase.lattice[0]) > ELSEWHERE_A or abs(cell[2] - phase.lattice[2]) > ELSEWHERE_C
            for cell in known
        )
    ]


def _surplus(addition: Addition, expected: int) -> float:
    """By how much a phase lowers chi squared beyond what it must; so many phases have a lattice of their own.

    The price of a free lattice is for all places at which noise may look like a cell. Within the limits of
    lattices that are known these are few, and chi squared must fall by what noise does at one of them once in
    `RUN_LENGTH` patterns.
    """
    number = len(addition.fit.pattern.parts) - 1
    if addition.fit.pattern.parts[number].limits is None:
        return addition.gain - CALLED_GAIN
    least = ndtri(1 / (RUN_LENGTH * PLACES * expected)) ** 2
    return addition.gain + addition.fit.price(number) - float(least)


def _lasts(base: Fit, stack: ResidualStack, new: Part) -> bool:
    """Whether a phase is in this pattern, and was in those before it."""
    measured, left = base.measured, base.measured.values - base.refined.pattern
    earlier = stack.without(left, measured.sigma)
    lines = _lines(measured, new, base)
    now = _deviations(lines, left, measured.sigma)
    return now > NOW and _deviations(lines, earlier.left, np.sqrt(earlier.variance)) > BEFORE


def _lines(measured: Measured, part: Part, base: Fit) -> FloatArray:
    """Lines (n,) of a part at unit scale."""
    phase, shape = part.phase, base.shape
    places = np.sqrt(np.maximum(phase.rows @ part.metric, 1e-6))
    inside = (places > measured.q_per_a[0]) & (places < measured.q_per_a[-1])
    width = np.hypot(shape.width_per_a, part.strain * places)
    area = phase.strength * (1.0 if part.log_texture is None else np.exp(part.log_texture))
    table = np.stack([places, width, area, np.full_like(places, shape.eta)], axis=1)
    return profile(measured.q_per_a, table[inside])


def _deviations(lines: FloatArray, left: FloatArray, sigma: FloatArray) -> float:
    """Scale of lines in what is left over its standard deviation (n,)."""
    weighed = lines / sigma
    return float(weighed @ (left / sigma) / np.sqrt(max(float(weighed @ weighed), 1e-300)))
