"""All that depends on the energies of a stack alone, as arrays that the compiled loop reads."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..xas.edge import WHITE_LINE_REACH_EV
from ..xas.grid import FloatArray, deviation
from ..xas.landmark import HALF_STEP_WIDTH_EV, WHITE_LINE_WIDTH_EV
from ..xas.local import LocalFits, local_fits
from ..xas.normalisation import Baseline, baseline
from ..xas.verdict import SEARCH_EV
from ..xas.window import Windows

SingleArray: TypeAlias = NDArray[np.float32]

SMOOTHING_EV = 1.5
QUIET_EV = (-10.0, 30.0)
"""Noise is taken from points outside of this, relative to the edge: between them spectra are smooth."""
LEAST_QUIET = 6
MOST_QUIET, MOST_LEFT = 32, 1.4
"""Points from which the noise is taken, and what they may have over the quietest: edges take light."""
RUN, RUNS, LEAST_PIXELS = 32, 32, 32
"""Neighbouring pixels, how many such runs tell the structure, and of how many pixels at least."""


class LocalSet(NamedTuple):
    """Local polynomials about every point of the grid.

    Attributes
    ----------
    first
        Index of the first of the k points used about each point, shape (m,).
    weight
        From values to coefficients, shape (m, degree + 1, k).
    table
        For each point: its energy as the two baselines scale it, half width in eV, then, for unit noise, the
        variance of the polynomial and that of its slope as polynomials of eV from the point, shape
        (3 + (2 degree + 1) + (2 degree - 1), m).
    """

    first: NDArray[np.intp]
    weight: SingleArray
    table: SingleArray


class XanesGrid(NamedTuple):
    """Energies and weights for the compiled loop.

    Attributes
    ----------
    order
        Image of each rising energy, shape (m,).
    energy_ev
        Rising energies, shape (m,).
    limits
        First point of the pre-edge and of the post-edge window; first and last + 1 where an edge is looked
        for, last + 1 of its white line.
    pre_weight, post_weight
        From values in the window to coefficients of the baselines, shape (2, p) and (3, q); rows of zeros for
        degrees not fitted.
    pre_covariance, post_covariance
        Of the coefficients for unit noise, shape (2, 2) and (3, 3).
    place
        Energies as the two baselines scale them, shape (2, m).
    per_ev
        Scaled units per eV, shape (2,).
    smooth
        First point and weights of the smooth value, from `LocalSet`.
    half_step, white_line
        Local polynomials.
    quiet
        First point and the five weights of each deviation that tells the noise, shape (q,) and (q, 5); what
        a spectrum without noise deviates there, edge steps, shape (q,); the edge as the two baselines scale
        it, shape (2,).
    """

    order: NDArray[np.intp]
    energy_ev: FloatArray
    limits: NDArray[np.intp]
    pre_weight: SingleArray
    post_weight: SingleArray
    pre_covariance: FloatArray
    post_covariance: FloatArray
    place: FloatArray
    per_ev: FloatArray
    smooth: tuple[NDArray[np.intp], SingleArray]
    half_step: tuple[NDArray[np.intp], SingleArray, SingleArray]
    white_line: tuple[NDArray[np.intp], SingleArray, SingleArray]
    quiet: tuple[NDArray[np.intp], SingleArray, SingleArray, SingleArray]


def _odd(points: int) -> int:
    """Points that the compiled loop takes: an odd number, at least five."""
    return max(points + 1 - points % 2, 5)


def _padded(fit: Baseline, degrees: int, size: int) -> tuple[int, SingleArray, FloatArray]:
    """First point, weights and covariance of a baseline, zero for points and degrees that are not fitted."""
    count, points = fit.projection.shape
    wide = _odd(points)
    first = min(fit.points.start, size - wide)
    skipped = fit.points.start - first
    weight, covariance = np.zeros((degrees, wide), np.float32), np.zeros((degrees, degrees))
    weight[:count, skipped : skipped + points] = fit.projection
    covariance[:count, :count] = fit.covariance
    return first, weight, covariance


def _variance(covariance: FloatArray, order: int) -> FloatArray:
    """Variance of polynomials (order 0) or of their slopes (1): coefficients of its own rising powers."""
    size = covariance.shape[-1]
    powers = np.zeros((len(covariance), 2 * (size - order) - 1))
    for i in range(order, size):
        for j in range(order, size):
            powers[:, i + j - 2 * order] += (i * j if order else 1) * covariance[:, i, j]
    return powers


def _local(fits: LocalFits, place: FloatArray) -> LocalSet:
    """Cut each stretch to the points that have a weight; they are neighbours."""
    points = fits.index.shape[0]
    used = np.abs(fits.projection).max(axis=1) > 0
    width = _odd(int(used.sum(axis=1).max()))
    begin = fits.index[np.arange(points), used.argmax(axis=1)]
    first = np.minimum(begin, points - width)
    weight = np.zeros((points, fits.projection.shape[1], width), np.float32)
    row, column = np.nonzero(used)
    weight[row, :, fits.index[row, column] - first[row]] = fits.projection[row, :, column]
    variances = (_variance(fits.covariance, 0), _variance(fits.covariance, 1))
    table = np.column_stack([*place, fits.half_width_ev, *variances])
    return LocalSet(first.astype(np.intp), weight, np.ascontiguousarray(table.T, dtype=np.float32))


def _quiet(
    energy_ev: FloatArray, edge_ev: float, scaled: list[float]
) -> tuple[NDArray[np.intp], SingleArray, SingleArray, SingleArray]:
    """Deviations from the cubic through four neighbours, away from the edge; all where these are few."""
    first, five = _windows(energy_ev)
    below, above = energy_ev[first + 4] < edge_ev + QUIET_EV[0], energy_ev[first] > edge_ev + QUIET_EV[1]
    chosen = np.flatnonzero(below | above)
    if chosen.size < LEAST_QUIET:
        chosen = np.arange(first.size)
    return first[chosen], five[chosen], np.zeros(chosen.size, np.float32), np.array(scaled, np.float32)


def _windows(energy_ev: FloatArray) -> tuple[NDArray[np.intp], SingleArray]:
    """First point and weights of the deviation from the cubic through four neighbours, of all points."""
    weights = deviation(energy_ev, np.eye(energy_ev.size)).T
    first: NDArray[np.intp] = np.arange(len(weights), dtype=np.intp)
    five = np.stack([weights[first, first + step] for step in range(5)], axis=1)
    return first, np.ascontiguousarray(five, dtype=np.float32)


def with_structure(grid: XanesGrid, spectra: NDArray[np.generic]) -> XanesGrid:
    """Learn from the pixels themselves what the fine structure behind the edge adds to the noise.

    Where points lie as far apart as the structure waves, it deviates from the cubic through its neighbours by
    more than the noise (12 eV: four times 1 %). It goes with the edge step and is the same in all pixels but
    for what their chemistry changes of it, so that a fit over pixels tells it, and the noise is what is left;
    points at which chemistry leaves much more than at others are no longer looked at.

    Parameters
    ----------
    grid
        Of `xanes_grid`.
    spectra
        Of the pixels, shape (m, n), in the order of the stack.

    Returns
    -------
    XanesGrid
        The same, with the structure; unchanged where fewer than 32 pixels are finite.
    """
    count = spectra.shape[1]
    starts = sorted({(count - RUN) * number // (RUNS - 1) if count > RUN else 0 for number in range(RUNS)})
    runs = [spectra[:, start : start + RUN] for start in starts]
    chosen = np.concatenate(runs, axis=1)[grid.order].astype(np.float64)
    chosen = chosen[:, np.isfinite(chosen).all(axis=0)]
    if chosen.shape[1] < LEAST_PIXELS:
        return grid
    first, five = _windows(grid.energy_ev)
    scaled = grid.quiet[3]
    pre, post = (
        np.vander(place[None], len(weight), increasing=True)
        @ (weight.astype(np.float64) @ chosen[begin : begin + weight.shape[1]])
        for place, weight, begin in zip(
            scaled, (grid.pre_weight, grid.post_weight), grid.limits[:2].tolist(), strict=True
        )
    )
    step: FloatArray = (post - pre)[0]
    deviations = np.zeros((first.size, chosen.shape[1]))
    for point in range(five.shape[1]):
        deviations += five[:, point, None] * chosen[point : point + first.size]
    structure = deviations @ step / max(float(step @ step), 1e-30)
    left: FloatArray = np.sqrt(np.mean((deviations - structure[:, None] * step) ** 2, axis=1))
    level = float(np.sort(left)[: max(left.size // 4, LEAST_QUIET)].mean())
    kept = np.flatnonzero(left <= MOST_LEFT * level)
    kept = kept[:: -(-kept.size // MOST_QUIET)]
    return grid._replace(quiet=(first[kept], five[kept], structure[kept].astype(np.float32), scaled))


def xanes_grid(energy_ev: FloatArray, order: NDArray[Any], edge_ev: float, windows: Windows) -> XanesGrid:
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

    Returns
    -------
    XanesGrid
        For any number of pixels.
    """
    ends = np.searchsorted(
        energy_ev, [edge_ev + SEARCH_EV[0], edge_ev + SEARCH_EV[1], edge_ev + WHITE_LINE_REACH_EV]
    )
    pre = baseline(energy_ev, edge_ev, windows.pre_ev, windows.pre_degree)
    post = baseline(energy_ev, edge_ev, windows.post_ev, windows.post_degree)
    pre_first, pre_weight, pre_covariance = _padded(pre, 2, energy_ev.size)
    post_first, post_weight, post_covariance = _padded(post, 3, energy_ev.size)
    place = np.stack([(energy_ev - each.centre_ev) / each.scale_ev for each in (pre, post)])
    half = _local(local_fits(energy_ev, HALF_STEP_WIDTH_EV, 2), place)
    white = _local(local_fits(energy_ev, WHITE_LINE_WIDTH_EV, 3), place)
    return XanesGrid(
        order=np.ascontiguousarray(order, dtype=np.intp),
        energy_ev=np.ascontiguousarray(energy_ev),
        limits=np.array([pre_first, post_first, max(int(ends[0]) - 1, 0), ends[1], ends[1:].min()]),
        pre_weight=pre_weight,
        post_weight=post_weight,
        pre_covariance=pre_covariance,
        post_covariance=post_covariance,
        place=place,
        per_ev=np.array([1 / pre.scale_ev, 1 / post.scale_ev]),
        smooth=_local(local_fits(energy_ev, SMOOTHING_EV, 2), place)[:2],
        half_step=(half.first, half.weight, half.table),
        white_line=(white.first, white.weight, white.table),
        quiet=_quiet(energy_ev, edge_ev, [(edge_ev - one.centre_ev) / one.scale_ev for one in (pre, post)]),
    )
