"""A phase too weak for one pattern that is in the last ones of a series together."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidate import Fit, best_addition, fit_parts, stands_apart
from .candidate_seed import Seed, is_layered, seeds
from .line_shape import profile
from .line_shift import LineShifts
from .measured import Measured
from .pattern_model import Part
from .phase import FloatArray, Phase
from .residual_stack import ResidualStack

LEAST_WEIGHT = 2.1
"""Sum of weights of a stack that is looked at: three patterns."""
LEAST_EXPLAINED = 28.0
"""What a phase must explain with nothing but its scale free, in chi squared, to be refined."""
CALLED_GAIN = 12.0
"""Gain beyond the price of its lattice; chance alone reached 6 in 360 patterns, and 11 in 1,000."""
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
    geometry
        What moves lines.

    Returns
    -------
    Part or None
        The phase, if it lowers chi squared of the mean pattern beyond doubt, stands apart in it, and is in
        this pattern and in those before it.
    """
    found = [seed for seed in scored[:1] if seed.gain > LEAST_EXPLAINED]
    if stack.weight < LEAST_WEIGHT or not found:
        return None
    known = fit_parts(mean, base.parts(), geometry, base.shape)
    library = [seed.part.phase for seed in scored]
    added = best_addition(
        known, mean, library, geometry, 1.3 * base.shape.width_per_a,
        scored=found, least_gain=CALLED_GAIN, least_significance=LEAST_SIGNIFICANCE,
    )  # fmt: skip
    if not added or not stands_apart(added[0].fit, 0.0):
        return None
    new = added[0].fit.parts()[-1]
    return new if _lasts(base, stack, new) else None


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
