"""Where the baselines of a scan are fitted: windows shrunk to what the scan holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import FloatArray

PRE_EDGE_EV = (-150.0, -50.0)
POST_EDGE_EV = (100.0, 400.0)

LEAST_POINTS = 4
LEAST_SHARE = 0.3
MARGIN_EV = 0.005
"""Points this close outside a window belong to it: grids end where windows do, and readings differ by meV."""


@dataclass(frozen=True)
class Windows:
    """Where the baselines of a scan are fitted.

    Attributes
    ----------
    pre_ev, post_ev
        Limits relative to the tabulated edge in eV.
    pre_degree, post_degree
        Of the polynomials.
    problem
        Why the scan cannot be normalised; empty if it can.
    """

    pre_ev: tuple[float, float]
    post_ev: tuple[float, float]
    pre_degree: int
    post_degree: int
    problem: str


def _count(offset: FloatArray, window: tuple[float, float]) -> int:
    """Points of a grid in a window."""
    return int(np.count_nonzero((offset >= window[0] - MARGIN_EV) & (offset <= window[1] + MARGIN_EV)))


def _clipped(
    offset: FloatArray, window: tuple[float, float], fallback: tuple[float, float]
) -> tuple[float, float]:
    """Clip the window to the scan, or take the fallback if too little of it is left."""
    low, high = max(window[0], float(offset[0])), min(window[1], float(offset[-1]))
    points = _count(offset, (low, high))
    enough = high - low >= LEAST_SHARE * (window[1] - window[0]) and points >= LEAST_POINTS
    return (low, high) if enough else fallback


def choose_windows(
    energy_ev: FloatArray,
    edge_ev: float,
    pre_edge_ev: tuple[float, float] = PRE_EDGE_EV,
    post_edge_ev: tuple[float, float] = POST_EDGE_EV,
    post_degree: int = 2,
) -> Windows:
    """Shrink the wanted windows to what a scan holds.

    A window is clipped to the scan. If less than 30 % of it, or fewer than four points, are left, the outer
    60 % of the scan below the edge and the outer 55 % above it are taken instead. A post-edge window
    narrower than 150 eV gets a line at most, one narrower than 40 eV a constant; a pre-edge window narrower
    than 8 eV a constant. A scan that has no four points 10 eV below the edge, or none 30 eV above it, cannot
    be normalised.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,): those that were asked for, where they are known, so that no meV of
        a reading and no alignment decides which points count.
    edge_ev
        Tabulated edge in eV.
    pre_edge_ev, post_edge_ev
        Wanted windows relative to the edge in eV.
    post_degree
        Wanted degree of the post-edge polynomial.

    Returns
    -------
    Windows
        What to fit where, or the problem.
    """
    nothing = (float("nan"), float("nan"))
    if energy_ev.size == 0:
        return Windows(nothing, nothing, 0, 0, "the scan has no finite point")
    offset = energy_ev - edge_ev
    reach = f"the scan covers {energy_ev[0]:.1f}..{energy_ev[-1]:.1f} eV, the edge is at {edge_ev:.1f} eV"
    if np.count_nonzero(offset <= -6) < LEAST_POINTS or offset[0] > -10:
        return Windows(nothing, nothing, 0, 0, f"too little below the edge: {reach}, needed from 10 eV below")
    if np.count_nonzero(offset >= 15) < LEAST_POINTS or offset[-1] < 30:
        return Windows(nothing, nothing, 0, 0, f"too little above the edge: {reach}, needed to 30 eV above")
    pre = _clipped(offset, pre_edge_ev, (float(offset[0]), 0.4 * float(offset[0])))
    post = _clipped(offset, post_edge_ev, (0.45 * float(offset[-1]), float(offset[-1])))
    for name, window in (("pre", pre), ("post", post)):
        if _count(offset, window) < LEAST_POINTS:
            return Windows(
                pre, post, 0, 0, f"fewer than {LEAST_POINTS} points in the {name}-edge window: {reach}"
            )
    width = post[1] - post[0]
    highest = 2 if width >= 150 else 1 if width >= 40 else 0
    return Windows(pre, post, int(pre[1] - pre[0] >= 8), min(post_degree, highest), "")
