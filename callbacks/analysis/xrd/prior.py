"""Limits and priors of the parameters of a pattern."""
# pyright: standard

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .background import grid_step
from .line_shift import AXIAL
from .measured import Measured
from .pattern_model import PatternModel
from .phase import FloatArray
from .refinement import Bounds

STRAIN_PRIOR = 0.004
"""Strains of battery materials are 0.001 to 0.004; far from that a weak line is noise."""
SPREAD_PRIOR_A = 0.1
AXIAL_PRIOR = 5e-4
"""Radian squared: Soller slits of 0.02 to 0.04 radian, the usual ones, leave a third of their square."""


@dataclass(frozen=True)
class Prior:
    """Limits of a parameter, what it is expected to be, and one over the variance of that (0: nothing is)."""

    low: float = -np.inf
    high: float = np.inf
    expected: float = 0.0
    weight: float = 0.0


PRIORS: Mapping[str, Prior] = {
    "narrowing": Prior(0.0, 1.0, 0.5, 1 / 0.5**2),
    "eta_slope": Prior(-0.5, 0.5, weight=1 / 0.2**2),
    "displacement": Prior(weight=1 / 0.01**2),
    "zero": Prior(weight=1 / 0.01**2),
    AXIAL: Prior(high=0.0, weight=1 / AXIAL_PRIOR**2),
    "strain_squared": Prior(0.0, 0.03**2, 0.002**2, 1 / STRAIN_PRIOR**4),
    "spread_squared": Prior(0.0, 0.4**2, weight=1 / SPREAD_PRIOR_A**4),
    "spread_ratio": Prior(-1.0, 1.0, weight=1 / 0.3**2),
    "scale": Prior(0.0),
}
LORENTZIAN_PART = Prior(0.0, 1.0, 0.4, 1 / 0.3**2)


def bounds_of(pattern: PatternModel, measured: Measured) -> Bounds:
    """Limits and priors of every parameter: background, vector, Lorentzian part."""
    splines = measured.basis.shape[1]
    names = [label.rsplit(".", 1)[-1] for label in pattern.labels]
    known = {
        **PRIORS,
        "width_squared": Prior(grid_step(measured.q_per_a) ** 2, 0.1**2),
        "texture": Prior(-4.0, 4.0, weight=1 / pattern.texture_prior**2),
    }
    priors = [Prior()] * splines + [known.get(name, Prior()) for name in names] + [LORENTZIAN_PART]
    rows = np.array([(each.low, each.high, each.expected, each.weight) for each in priors])
    low, high, expected, weight = np.ascontiguousarray(rows.T)
    start = pattern.start
    for part, place in zip(pattern.parts, pattern.places, strict=True):
        if part.free_lattice:
            at = slice(splines + place.metric.start, splines + place.metric.stop)
            low[at], high[at] = part.limits or _near(start[place.metric])
    factor = np.array([False] * splines + [label.endswith(".scale") for label in pattern.labels] + [False])
    return Bounds(low, high, expected, weight, factor)


def _near(metric: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least and largest metric (k,) that a fit may end at from its start (k,)."""
    room = 0.03 * np.max(np.abs(metric))
    low, high = (np.where(metric > 0, metric * part, metric + to) for part, to in ((0.9, -room), (1.1, room)))
    return low, high
