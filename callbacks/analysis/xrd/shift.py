"""Displacement of the sample against a shifted zero: what a pattern can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from .lattice import fit_lattice
from .lattice_result import LatticeFit
from .line_shift import LineShifts
from .phase import Phase

SHAPE_PART = 0.1
"""Part of what a fit leaves beyond noise that the wrong shift may gain by chance."""


@dataclass(frozen=True, eq=False)
class ShiftComparison:
    """The same pattern with a displaced sample and with a shifted zero.

    Attributes
    ----------
    displacement, zero
        Both fits.
    chi2_gain
        Sum of weighted squares of the zero shift's fit less that of the displacement's: positive where
        displacement explains the pattern better.
    told_apart
        Whether the difference is beyond doubt: 20 times the reduced chi squared of the better fit, and a
        tenth of what that fit leaves beyond noise, for errors of the line shape could feign less.
    """

    displacement: LatticeFit
    zero: LatticeFit
    chi2_gain: float
    told_apart: bool


def compare_shifts(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    phase: Phase,
    geometry: LineShifts,
    standards: Sequence[Phase] = (),
) -> ShiftComparison:
    """Fit a pattern with displacement and with zero shift, and say whether it tells them apart.

    Parameters are those of `fit_lattice`; displacement and zero in the geometry are replaced.
    """
    displacement, zero = (
        fit_lattice(
            q_per_a,
            intensity,
            sigma,
            phase=phase,
            standards=standards,
            geometry=replace(geometry, shifts=(shift,)),
        )
        for shift in ("displacement", "zero")
    )
    freedom = max(displacement.pattern.size - displacement.vector.size, 1)
    gain = float((zero.chi2_reduced - displacement.chi2_reduced) * freedom)
    better = max(min(zero.chi2_reduced, displacement.chi2_reduced), 1.0)
    feigned = SHAPE_PART * (better - 1) * freedom
    return ShiftComparison(displacement, zero, gain, bool(abs(gain) > max(20 * better, feigned)))
