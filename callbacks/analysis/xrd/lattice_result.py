"""What a lattice fit says: a lattice with uncertainties, and a verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .phase import FloatArray, Lattice


class Verdict(StrEnum):
    """Whether the numbers of a lattice fit may be used."""

    GOOD = "good"
    MISFIT = "misfit"
    LOOSE = "loose"
    WEAK = "weak"
    NO_DATA = "no data"


LEAST_SIGNIFICANCE = 5.0
LOOSE_A = 0.02
MISFIT_PART = 0.35
MISFIT_CHI2 = 3.0

REASONS = {
    Verdict.GOOD: "",
    Verdict.MISFIT: f"what the model leaves is more than {MISFIT_PART:.0%} of the lines and reduced chi "
    f"squared above {MISFIT_CHI2}: look for other phases, or a wrong phase",
    Verdict.LOOSE: f"a length of the cell is known to no better than {LOOSE_A} angstrom: "
    "more lines or counts, or an internal standard",
    Verdict.WEAK: f"the phase is seen with less than {LEAST_SIGNIFICANCE} standard deviations: count longer",
    Verdict.NO_DATA: "fewer than 60 finite points with a sigma above 0, or no line of the phase in "
    "their range",
}


@dataclass(frozen=True, eq=False)
class LatticeFit:
    """Lattice of one phase in one pattern.

    Attributes
    ----------
    phase
        Name of the phase whose lines were fitted.
    lattice, lattice_sigma
        a, b, c in angstrom and angles in degrees, and one standard deviation of each from the weights,
        enlarged by the square root of the reduced chi squared where that is above one; nan without lattice.
    volume_a3
        Volume of the cell, cubic angstrom.
    strain
        Relative full width of q.
    spread_c_a
        Standard deviation of c among the grains, angstrom; nan for phases without.
    scale, scale_sigma
        Area of a line over its strength.
    shift_rad
        Shifts asked for by the geometry, in its order, radian; last the axial divergence where one is fitted
        (negative), mean of half the square of its angle in radian squared.
    width_per_a
        Full width of a line without strain, 1/angstrom.
    chi2_reduced
        Sum of weighted squares over points less parameters.
    unexplained
        Rms of what the model leaves over rms of the lines.
    pattern, background
        The model and what is below its lines (n,), at the finite points in rising q.
    vector, labels
        All parameters and their names: from here the next frame is tracked.
    verdict, reason
        Whether to trust the numbers, and why (not).
    """

    phase: str
    lattice: Lattice
    lattice_sigma: Lattice
    volume_a3: float
    strain: float
    spread_c_a: float
    scale: float
    scale_sigma: float
    shift_rad: tuple[float, ...]
    width_per_a: float
    chi2_reduced: float
    unexplained: float
    pattern: FloatArray
    background: FloatArray
    vector: FloatArray
    labels: tuple[str, ...]
    verdict: Verdict
    reason: str
