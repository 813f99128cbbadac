"""Energies put in order and measured values made whole, before any fit."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from xraydb import xray_edge  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IndexArray: TypeAlias = NDArray[np.intp]

SHORT_GAP_POINTS = 3
GLITCH_SIGMA = 8.0
GLITCH_FRACTION = 0.03
GLITCH_SPACING_EV = 5.5
"""Points further apart tell no glitch: 36 eV above an edge a distance of 2 angstrom has a period of 37 eV."""
NOISE_POINTS = 120


@lru_cache(maxsize=256)
def edge_energy(element: str, edge: str = "K") -> float:
    """Tabulated energy of an absorption edge.

    Parameters
    ----------
    element
        Symbol, such as ``"Ni"``.
    edge
        Edge, such as ``"K"`` or ``"L3"``.

    Returns
    -------
    float
        Energy in eV (Elam, Ravel and Sieber 2002, Rad. Phys. Chem. 63, 121, through xraydb).

    Raises
    ------
    ValueError
        If the element or the edge is not tabulated.

    Examples
    --------
    >>> edge_energy("Ni", "K")
    8333.0
    """
    try:
        energy = cast("float", getattr(cast("object", xray_edge(element, edge)), "energy", 0.0))
    except ValueError:
        energy = 0.0
    if not energy:
        raise ValueError(
            f"no {edge} edge of element {element!r} is tabulated: give a symbol such as 'Ni' and an edge "
            "such as 'K' or 'L3'"
        )
    return float(energy)


def rising_powers(values: FloatArray, count: int) -> FloatArray:
    """Powers 0 .. count - 1 of values along a new last axis.

    Parameters
    ----------
    values
        Any shape.
    count
        Number of powers, at least 1.

    Returns
    -------
    ndarray
        Shape (..., count).

    Examples
    --------
    >>> rising_powers(np.array([2.0]), 4).tolist()
    [[1.0, 2.0, 4.0, 8.0]]
    """
    powers = np.ones((*values.shape, count))
    for power in range(1, count):
        powers[..., power] = powers[..., power - 1] * values
    return powers


def require_ev(energy_ev: FloatArray, edge_ev: float, name: str) -> None:
    """Refuse energies that are plainly in keV.

    Parameters
    ----------
    energy_ev
        Energies, finite, any shape.
    edge_ev
        Tabulated edge in eV.
    name
        What the message calls the edge.

    Raises
    ------
    ValueError
        If every energy is below 5 % of the edge and a thousand times it lies within 30 % of the edge.
    """
    if energy_ev.size == 0 or float(energy_ev.max()) >= 0.05 * edge_ev:
        return
    if abs(float(np.median(energy_ev)) * 1000 / edge_ev - 1) < 0.3:
        raise ValueError(
            f"energies {energy_ev.min():.6g}..{energy_ev.max():.6g} look like keV, the {name} edge is at "
            f"{edge_ev:.6g} eV: give energies in eV (multiply by 1000)"
        )


def ordered(energy_ev: ArrayLike, mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Sort by energy, drop points without energy, average repeated energies.

    Parameters
    ----------
    energy_ev
        Energies in eV, shape (n_energies,), in any order.
    mu
        Absorption, shape (n_energies,) or (n_spectra, n_energies).

    Returns
    -------
    tuple of arrays
        Rising energies (m,) and absorption (n_spectra, m); infinities become NaN.

    Raises
    ------
    ValueError
        If the shapes do not belong together.
    """
    energy = np.asarray(energy_ev, dtype=float)
    values = np.atleast_2d(np.asarray(mu, dtype=float))
    if energy.ndim != 1 or values.ndim != 2 or values.shape[1] != energy.size:
        raise ValueError(
            f"energies of shape {energy.shape} do not belong to absorption of shape {np.shape(mu)}: "
            "give (n_energies,) and (n_energies,) or (n_spectra, n_energies)"
        )
    usable = np.isfinite(energy)
    if usable.all() and np.all(np.diff(energy) > 0):
        return energy, values
    energy, inverse = np.unique(energy[usable], return_inverse=True)
    if energy.size == 0:
        return energy, np.empty((len(values), 0))
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(energy.size))
    columns = values[:, usable][:, order]
    finite = np.isfinite(columns)
    sums = np.add.reduceat(np.where(finite, columns, 0.0), starts, axis=1)
    counts = np.add.reduceat(finite.astype(float), starts, axis=1)
    return energy, np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def bridge_gaps(energy_ev: FloatArray, mu: FloatArray) -> FloatArray:
    """Fill gaps of at most three points by the straight line between their neighbours.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    mu
        Absorption, shape (n, m), NaN or infinite where nothing was measured.

    Returns
    -------
    ndarray
        Same shape; longer gaps, and those at either end, are NaN.
    """
    finite = np.isfinite(mu)
    if finite.all():
        return mu
    count = energy_ev.size
    index = np.arange(count)
    before = np.maximum.accumulate(np.where(finite, index, -1), axis=1)
    after = np.minimum.accumulate(np.where(finite, index, count)[:, ::-1], axis=1)[:, ::-1]
    bridged = ~finite & (before >= 0) & (after < count) & (after - before <= SHORT_GAP_POINTS + 1)
    row, column = np.nonzero(bridged)
    left, right = before[row, column], after[row, column]
    share = (energy_ev[column] - energy_ev[left]) / (energy_ev[right] - energy_ev[left])
    filled = np.where(finite, mu, np.nan)
    filled[row, column] = (1 - share) * mu[row, left] + share * mu[row, right]
    return filled


def _neighbour_weights(energy_ev: FloatArray) -> FloatArray:
    """Weights (m - 4, 4) of the cubic through the two points on either side of each inner point."""
    inner = np.arange(2, energy_ev.size - 2)
    nodes = energy_ev[inner[:, None] + np.array([-2, -1, 1, 2])]
    target = energy_ev[inner]
    weights = np.ones(nodes.shape)
    for i in range(4):
        for j in range(4):
            if i != j:
                weights[:, i] *= (target - nodes[:, j]) / (nodes[:, i] - nodes[:, j])
    return weights


def deviation(energy_ev: FloatArray, mu: FloatArray) -> FloatArray:
    """Deviation of each point from the cubic through its four neighbours, in units of one point's noise.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,), m >= 5.
    mu
        Absorption, shape (n, m), finite.

    Returns
    -------
    ndarray
        Shape (n, m - 4): normalised so that white noise of rms s gives rms s.
    """
    weights = _neighbour_weights(energy_ev)
    scale = 1 / np.sqrt(1 + (weights**2).sum(axis=1))
    own = mu[:, 2:-2] * scale
    for column, offset in enumerate((0, 1, 3, 4)):
        own -= mu[:, offset : offset + weights.shape[0]] * (weights[:, column] * scale)
    return own


def repair_glitches(energy_ev: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray, IndexArray]:
    """Estimate the noise and replace single wild points by the cubic through their neighbours.

    A point is wild if it deviates by more than eight times the noise and 3 % of the difference between its
    ends, and if its neighbours deviate only as one wild point among good ones makes them deviate: edges are
    left alone. So are points further than `GLITCH_SPACING_EV` apart, between which the fine structure turns.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,), m >= 5.
    mu
        Absorption, shape (n, m), finite.

    Returns
    -------
    tuple of arrays
        Repaired absorption (n, m), noise per point (n,) in units of mu, number of points replaced (n,).
    """
    weights = _neighbour_weights(energy_ev)
    scale = np.sqrt(1 + (weights**2).sum(axis=1))
    residual = deviation(energy_ev, mu)
    stride = max(1, residual.shape[1] // NOISE_POINTS)
    noise = 1.4826 * np.median(np.abs(residual[:, ::stride]), axis=1)
    ends = max(2, min(9, mu.shape[1] // 4))
    span = np.median(mu[:, -ends:], axis=1) - np.median(mu[:, :ends], axis=1)
    limit = np.maximum(GLITCH_SIGMA * noise, GLITCH_FRACTION * np.abs(span))
    gaps = np.lib.stride_tricks.sliding_window_view(np.diff(energy_ev), 4).max(axis=1)
    row, place = np.nonzero((np.abs(residual * scale) > limit[:, None]) & (gaps <= GLITCH_SPACING_EV))
    if row.size == 0 or not np.any(limit > 0):
        return mu, noise, np.zeros(len(mu), dtype=np.intp)
    height = residual[row, place] * scale[place]
    alone = np.ones(row.size, dtype=bool)
    for offset in (-2, -1, 1, 2):
        other = place + offset
        inside = (other >= 0) & (other < weights.shape[0])
        other = np.clip(other, 0, weights.shape[0] - 1)
        column = {-2: 3, -1: 2, 1: 1, 2: 0}[offset]
        left = residual[row, other] * scale[other] + height * weights[other, column]
        alone &= ~inside | (np.abs(left) < np.maximum(0.3 * np.abs(height), limit[row] / 2))
    row, place, height = row[alone], place[alone], height[alone]
    repaired = mu.copy()
    repaired[row, place + 2] -= height
    return repaired, noise, np.bincount(row, minlength=len(mu)).astype(np.intp)
