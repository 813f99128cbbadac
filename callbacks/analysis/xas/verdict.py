"""When the numbers of an edge fit may be used, and what is said when not."""

from __future__ import annotations

import numpy as np

from .grid import FloatArray
from .result import Verdict

SEARCH_EV = (-25.0, 55.0)
"""Where an edge is looked for, eV from the tabulated one."""
NOISY_STEP = 0.05
NOISY_HALF_STEP_EV = 0.5
LEAST_SLOPE_PER_EV = 0.02
LEAST_STEP_SIGMA = 6.0
MISFIT = 0.10

REASONS = {
    Verdict.GOOD: "",
    Verdict.NOISY: f"noise of a point above {NOISY_STEP:.0%} of the edge step, or half step "
    f"known to no better than {NOISY_HALF_STEP_EV} eV: average scans",
    Verdict.NO_EDGE: f"no rise steeper than {LEAST_SLOPE_PER_EV} edge steps per eV through half a "
    f"significant step between {SEARCH_EV[0]:+.0f} and {SEARCH_EV[1]:+.0f} eV of the tabulated edge",
    Verdict.PRE_EDGE_PEAK: "half step or inflection lies on a pre-edge peak, after which the spectrum "
    "falls again: use the white line",
    Verdict.BASELINE: f"pre-edge or post-edge polynomial misses the points by more than {MISFIT:.0%} of the "
    "edge step (rms; EXAFS gives up to 5 %): look for a jump, another edge or a saturated detector there",
    Verdict.NO_DATA: "fewer than five finite points",
}
GRAVEST_FIRST = (
    Verdict.NO_EDGE,
    Verdict.NOISY,
    Verdict.BASELINE,
    Verdict.PRE_EDGE_PEAK,
    Verdict.GOOD,
)


def judge(numbers: dict[str, FloatArray], rise: FloatArray, dip_ev: FloatArray) -> np.ndarray:
    """Judge the numbers of each spectrum.

    Parameters
    ----------
    numbers
        Columns (n,) of a fit: those of `EdgeFit`, and ``misfit``, the rms distance of the points from the
        polynomials in edge steps.
    rise
        Steepest slope (n,) in edge steps per eV.
    dip_ev
        Where the spectrum falls before its white line, eV (n,); -inf where it does not.

    Returns
    -------
    ndarray of str
        Verdict of each spectrum (n,), the gravest that holds.
    """
    half, sigma = numbers["half_step_ev"], numbers["half_step_ev_sigma"]
    significant = numbers["edge_step"] > LEAST_STEP_SIGMA * numbers["edge_step_sigma"]
    noisy = (numbers["noise"] > NOISY_STEP) | ~(sigma < NOISY_HALF_STEP_EV)
    misled = np.minimum(half, numbers["e0_ev"]) < dip_ev
    no_edge = ~(significant & np.isfinite(half) & (rise > LEAST_SLOPE_PER_EV))
    names = np.array([str(verdict) for verdict in GRAVEST_FIRST])
    return names[np.select([no_edge, noisy, numbers["misfit"] > MISFIT, misled], [0, 1, 2, 3], default=4)]
