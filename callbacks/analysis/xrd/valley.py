"""Whether two phases of one kind are two, or one that is spread: a valley between their lines decides."""
# pyright: standard

from __future__ import annotations

import numpy as np

from .line_shape import profile
from .phase import FloatArray

DEEPEST = 0.7
"""A valley is resolved when it falls below this part of the lower of its two peaks."""
STRONG = 0.15
REACH_WIDTHS = 12.0
LEAST_PART = 0.2
"""Part of the strength of a phase whose lines must be resolved."""
LEAST_DEVIATIONS = 1.0
ALONE_DEVIATIONS = 3.0
"""A pattern without one before it must show more, for no second frame confirms it."""


def valley(place: float, own: FloatArray, lines: FloatArray) -> tuple[float, float]:
    """Depth and place of the shallower valley beside a line.

    Parameters
    ----------
    place
        Where the line is, 1/angstrom.
    own
        Place, full width, area and Lorentzian part of the line (4,).
    lines
        Those of all lines (m, 4), the line itself included.

    Returns
    -------
    tuple of float
        Lowest point of the valley over the lower of its two peaks (1: no valley; 0: nothing near), and where
        it is (nan if nothing is near).
    """
    height = own[2] / own[1]
    near = (np.abs(lines[:, 0] - place) < REACH_WIDTHS * own[1]) & (lines[:, 2] / lines[:, 1] > 0.3 * height)
    others = lines[near & (np.abs(lines[:, 0] - place) > 1e-9)]
    worst, where = 0.0, float("nan")
    for other in others:
        q = np.linspace(min(place, other[0]), max(place, other[0]), 81)
        total = profile(q, lines[near])
        depth = float(total.min() / max(min(total[0], total[-1]), 1e-300))
        if depth > worst:
            worst, where = depth, float(q[int(np.argmin(total))])
    return min(worst, 1.0), where


def is_parted(
    q_per_a: FloatArray,
    above: FloatArray,
    sigma: FloatArray,
    own: FloatArray,
    lines: FloatArray,
    deviations: float = LEAST_DEVIATIONS,
) -> bool:
    """Whether lines of a phase stand apart from all others, in the model and in the data.

    Parameters
    ----------
    q_per_a, above, sigma
        Grid in 1/angstrom, pattern less background, standard deviations (n,).
    own, lines
        Place, full width, area, Lorentzian part of the lines of the phase (k, 4), and of all phases (m, 4).
    deviations
        How many standard deviations the data must show.

    Returns
    -------
    bool
        True if a fifth of the phase's strength lies in lines with a resolved valley on both sides, and the
        data rise at the lines and fall in the valleys, by so many standard deviations over all these lines.
    """
    strong = own[own[:, 2] > STRONG * own[:, 2].max()]
    resolved, drop, variance = 0.0, 0.0, 0.0
    for line in strong:
        depth, where = valley(float(line[0]), line, lines)
        if depth > DEEPEST:
            continue
        resolved += line[2]
        top, top_variance = _mean(q_per_a, above, sigma, line[0], line[1])
        low, low_variance = 0.0, 0.0
        if np.isfinite(where):
            low, low_variance = _mean(q_per_a, above, sigma, where, line[1])
        drop += 0.75 * top - low
        variance += 0.75**2 * top_variance + low_variance
    enough = resolved > LEAST_PART * strong[:, 2].sum()
    return bool(enough and drop > deviations * np.sqrt(variance))


def _mean(
    q_per_a: FloatArray, above: FloatArray, sigma: FloatArray, place: float, width: float
) -> tuple[float, float]:
    """Mean of the pattern over half a width about a place, and its variance."""
    inside = slice(*np.searchsorted(q_per_a, (place - width / 2, place + width / 2)))
    count = max(above[inside].size, 1)
    return float(above[inside].sum() / count), float((sigma[inside] ** 2).sum() / count**2)
