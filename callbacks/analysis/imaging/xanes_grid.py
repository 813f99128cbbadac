"""All that depends on the energies of a stack alone, as arrays that the compiled loop reads."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.polynomial.polynomial import polypow
from numpy.typing import NDArray

from ..xas.edge import WHITE_LINE_REACH_EV
from ..xas.grid import FloatArray, deviation
from ..xas.landmark import HALF_STEP_WIDTH_EV, WHITE_LINE_WIDTH_EV
from ..xas.local import LocalFits, local_fits
from ..xas.normalisation import Baseline, baseline, falling_baseline
from ..xas.verdict import SEARCH_EV
from ..xas.window import Windows
from .xanes_kernel import AT_ONCE, STREAMS

SingleArray: TypeAlias = NDArray[np.float32]

SCALE_EV = 100.0
"""Energies from the edge are taken in this unit by the baselines, near 1 in their windows."""
VARIANCES = 5
"""Coefficients of the variance of a baseline: twice the degree of the steepest, and one."""
ALIKE = 6
"""Digits of weights (up to 1 per eV^3) that points of one kind share."""
FIVE = 5
"""Points of a smooth value where energies lie at equal distances."""
QUIET_EV = (-10.0, 30.0)
"""Noise is taken from points outside of this, relative to the edge: between them spectra are smooth."""
LEAST_QUIET = 6
ANY_BEND = (-1e5, 1e20, 0.0)
"""Curvature of white lines of which nothing is known but what each pixel shows."""


class LocalSet(NamedTuple):
    """Local polynomials about every point of the grid.

    Attributes
    ----------
    first
        Index of the first of the k points used about each point, shape (m,).
    kind
        Which stencil each point has: where energies lie at equal distances it is the same, shape (m,).
    weight
        From values to coefficients of rising powers of eV from the point, shape (kinds, degree + 1, k).
    width
        How far from its point each is used, eV, shape (kinds,).
    own, slope, bend
        Variance of the polynomial, of its slope and of its curvature for unit noise: coefficients of rising
        powers of eV from the point, shape (kinds, 7), (kinds, 5) and (kinds, 3).
    """

    first: NDArray[np.intp]
    kind: NDArray[np.intp]
    weight: SingleArray
    width: SingleArray
    own: SingleArray
    slope: SingleArray
    bend: SingleArray


class XanesGrid(NamedTuple):
    """Energies and weights for the compiled loop.

    Attributes
    ----------
    order
        Image of each rising energy, the last repeated up to a multiple of `STREAMS`, shape (>= m,).
    energy_ev
        Rising energies, shape (m,).
    limits
        First point of the pre-edge and of the post-edge window; first and last + 1 where an edge is looked
        for, last + 1 of its white line.
    pre_weight, post_weight
        From values in the window to coefficients of the baselines, shape (2, p) and (3, q); rows of zeros for
        degrees not fitted.
    pre_variance, post_variance
        Of the baselines for unit noise: coefficients of rising powers, shape (5,).
    place
        Energies as the baselines take them, (energy - edge) / SCALE_EV, shape (m,).
    per_ev
        1 / SCALE_EV.
    edge_ev
        The tabulated edge.
    smooth
        First of the k points of the smooth value about each point, shape (m,), and their weights, (m, k), the
        values of the local polynomials of the half step; where one symmetric stencil of five serves a point
        and the next of those that are searched together, (m,).
    half_step, white_line
        Local polynomials.
    quiet
        First point and five weights of each deviation that tells the noise, shape (q,) and (q, 5), q even;
        what a spectrum without noise deviates there, edge steps, shape (q,): see `covering`.
    bend
        Curvature of the white lines of all pixels (edge steps/eV^2), its variance among them, and how far the
        choice of the stretch shifts a maximum (rms, eV).
    """

    order: NDArray[np.intp]
    energy_ev: FloatArray
    limits: NDArray[np.intp]
    pre_weight: SingleArray
    post_weight: SingleArray
    pre_variance: SingleArray
    post_variance: SingleArray
    place: SingleArray
    per_ev: float
    edge_ev: float
    smooth: tuple[NDArray[np.intp], SingleArray, NDArray[np.bool_]]
    half_step: LocalSet
    white_line: LocalSet
    quiet: tuple[NDArray[np.intp], SingleArray, SingleArray]
    bend: tuple[float, float, float]


def _odd(points: int) -> int:
    """Points that the compiled loop takes: an odd number, at least five."""
    return max(points + 1 - points % 2, 5)


def _about_edge(fit: Baseline, edge_ev: float, degrees: int) -> FloatArray:
    """From coefficients of a baseline to those in (energy - edge) / SCALE_EV, shape (degrees, degree + 1)."""
    scaled = ((edge_ev - fit.centre_ev) / fit.scale_ev, SCALE_EV / fit.scale_ev)
    turn = np.zeros((degrees, fit.projection.shape[0]))
    for power in range(turn.shape[1]):
        turn[: power + 1, power] = polypow(scaled, power)
    return turn


def _padded(fit: Baseline, edge_ev: float, degrees: int, size: int) -> tuple[int, SingleArray, SingleArray]:
    """First point, weights and variance of a baseline, zero for points and degrees that are not fitted."""
    points = fit.projection.shape[1]
    turn, wide = _about_edge(fit, edge_ev, degrees), _odd(points)
    first = min(fit.points.start, size - wide)
    skipped = fit.points.start - first
    weight = np.zeros((degrees, wide), np.float32)
    weight[:, skipped : skipped + points] = turn @ fit.projection
    covariance, variance = turn @ fit.covariance @ turn.T, np.zeros(VARIANCES)
    for power in range(2 * degrees - 1):
        variance[power] = np.fliplr(covariance).trace(degrees - 1 - power)
    return first, weight, variance.astype(np.float32)


def _variance(covariance: FloatArray, order: int) -> FloatArray:
    """Variance of a derivative of cubics at most: coefficients of its own rising powers."""
    size = covariance.shape[-1]
    factor = [math.perm(power, order) for power in range(size)]
    powers = np.zeros((len(covariance), 7 - 2 * order))
    for i in range(order, size):
        for j in range(order, size):
            powers[:, i + j - 2 * order] += factor[i] * factor[j] * covariance[:, i, j]
    return powers


def _local(fits: LocalFits, share: float = 1.0) -> LocalSet:
    """Cut each stretch to the points that have a weight, which are neighbours, and tell the kinds apart."""
    points = fits.index.shape[0]
    used = np.abs(fits.projection).max(axis=1) > 0
    count = _odd(int(used.sum(axis=1).max()))
    begin = fits.index[np.arange(points), used.argmax(axis=1)]
    first = np.minimum(begin, points - count)
    weight = np.zeros((points, fits.projection.shape[1], count))
    row, column = np.nonzero(used)
    weight[row, :, fits.index[row, column] - first[row]] = fits.projection[row, :, column]
    _, kinds, kind = np.unique(
        weight.reshape(points, -1).round(ALIKE), axis=0, return_index=True, return_inverse=True
    )
    of_kinds = (
        weight,
        share * fits.half_width_ev,
        *(_variance(fits.covariance, order) for order in range(3)),
    )
    return LocalSet(first.astype(np.intp), kind.ravel(), *(one[kinds].astype(np.float32) for one in of_kinds))


def _smooth(local: LocalSet) -> tuple[NDArray[np.intp], SingleArray, NDArray[np.bool_]]:
    """First point and weights of the value of each local polynomial; where the next ones have the same."""
    weight = np.ascontiguousarray(local.weight[local.kind, 0])
    even = np.zeros(local.first.size, np.bool_)
    if weight.shape[1] == FIVE:
        alike = (np.diff(local.first) == 1) & (np.diff(local.kind) == 0)
        even[: 1 - AT_ONCE] = np.lib.stride_tricks.sliding_window_view(alike, AT_ONCE - 1).all(axis=1)
        even &= np.isclose(weight, weight[:, ::-1], atol=10.0**-ALIKE).all(axis=1)
    return local.first, weight, even


def _quiet(energy_ev: FloatArray, edge_ev: float) -> tuple[NDArray[np.intp], SingleArray, SingleArray]:
    """Deviations from the cubic through four neighbours, away from the edge; all where these are few."""
    first, five = deviations(energy_ev)
    below, above = energy_ev[first + 4] < edge_ev + QUIET_EV[0], energy_ev[first] > edge_ev + QUIET_EV[1]
    chosen = np.flatnonzero(below | above)
    if chosen.size < LEAST_QUIET:
        chosen = np.arange(first.size)
    return covering(first[chosen], five[chosen], np.zeros(chosen.size, np.float32), energy_ev.size)


def covering(
    first: NDArray[np.intp], five: SingleArray, structure: SingleArray, points: int
) -> tuple[NDArray[np.intp], SingleArray, SingleArray]:
    """Add deviations without weight where no other looks: one value that is not finite makes any sum so.

    Their number is even then, and the mean square over all of them is that over the ones given.
    """
    seen = np.zeros(points, np.bool_)
    seen[first[:, None] + np.arange(FIVE)] = True
    more = np.unique(np.minimum(np.flatnonzero(~seen) // FIVE * FIVE, points - FIVE))
    more = np.append(more, [0] * ((first.size + more.size) % 2)).astype(np.intp)
    scale = np.float32(np.sqrt(1 + more.size / first.size))
    return (
        np.concatenate([first, more]),
        np.concatenate([scale * five, np.zeros((more.size, FIVE), np.float32)]),
        np.concatenate([scale * structure, np.zeros(more.size, np.float32)]),
    )


def deviations(energy_ev: FloatArray) -> tuple[NDArray[np.intp], SingleArray]:
    """First point and weights of the deviation from the cubic through four neighbours, of all points."""
    weights = deviation(energy_ev, np.eye(energy_ev.size)).T
    first: NDArray[np.intp] = np.arange(len(weights), dtype=np.intp)
    five = np.stack([weights[first, first + step] for step in range(5)], axis=1)
    return first, np.ascontiguousarray(five, dtype=np.float32)


def xanes_grid(
    energy_ev: FloatArray, order: NDArray[Any], edge_ev: float, windows: Windows, *, falls: bool = False
) -> XanesGrid:
    """Prepare the weights of a grid of energies.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    order
        Which image of the stack has each of them, shape (m,).
    edge_ev
        Tabulated edge in eV.
    windows
        Where the baselines are fitted.
    falls
        Whether the post-edge is that of `falling_baseline` in place of a polynomial.

    Returns
    -------
    XanesGrid
        For any number of pixels.
    """
    ends = np.searchsorted(
        energy_ev, [edge_ev + SEARCH_EV[0], edge_ev + SEARCH_EV[1], edge_ev + WHITE_LINE_REACH_EV]
    )
    pre = baseline(energy_ev, edge_ev, windows.pre_ev, windows.pre_degree)
    if falls:
        post = falling_baseline(energy_ev, edge_ev, windows.post_ev)
    else:
        post = baseline(energy_ev, edge_ev, windows.post_ev, windows.post_degree)
    pre_first, pre_weight, pre_variance = _padded(pre, edge_ev, 2, energy_ev.size)
    post_first, post_weight, post_variance = _padded(post, edge_ev, 3, energy_ev.size)
    half_step = _local(local_fits(energy_ev, HALF_STEP_WIDTH_EV, 2))
    return XanesGrid(
        order=np.pad(order, (0, -order.size % STREAMS), mode="edge").astype(np.intp),
        energy_ev=np.ascontiguousarray(energy_ev),
        limits=np.array([pre_first, post_first, max(int(ends[0]) - 1, 0), ends[1], ends[1:].min()]),
        pre_weight=pre_weight,
        post_weight=post_weight,
        pre_variance=pre_variance,
        post_variance=post_variance,
        place=((energy_ev - edge_ev) / SCALE_EV).astype(np.float32),
        per_ev=1 / SCALE_EV,
        edge_ev=edge_ev,
        smooth=_smooth(half_step),
        half_step=half_step,
        white_line=_local(local_fits(energy_ev, WHITE_LINE_WIDTH_EV, 3), 0.5),
        quiet=_quiet(energy_ev, edge_ev),
        bend=ANY_BEND,
    )
