"""Pre-edge line, post-edge polynomial and edge step of absorption spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from .grid import BoolArray, FloatArray, edge_energy, ordered, require_ev, rising_powers
from .window import MARGIN_EV, POST_EDGE_EV, PRE_EDGE_EV, Windows, choose_windows

NORMALISED_WITHIN = 0.01
FALL_POWER = 2.8
"""Of the energy, with which absorption falls between edges (Victoreen 1948, J. Appl. Phys. 19, 855)."""


@dataclass(frozen=True)
class Baseline:
    """How one polynomial is fitted to spectra on one grid.

    Attributes
    ----------
    points
        Slice of the grid.
    projection
        From values in the slice to coefficients, shape (degree + 1, points).
    powers
        From coefficients to values in the slice, shape (points, degree + 1).
    centre_ev, scale_ev
        The polynomial is in (energy - centre) / scale.
    covariance
        Of the coefficients for unit noise.
    """

    points: slice
    projection: FloatArray
    powers: FloatArray
    centre_ev: float
    scale_ev: float
    covariance: FloatArray

    def basis(self, energy_ev: FloatArray) -> FloatArray:
        """Powers of the scaled energy, shape (..., degree + 1)."""
        scaled = (energy_ev - self.centre_ev) / self.scale_ev
        return rising_powers(scaled, self.projection.shape[0])

    def fit(self, mu: FloatArray) -> FloatArray:
        """Coefficients (n, degree + 1) for spectra (n, m)."""
        return mu[:, self.points] @ self.projection.T

    def misfit(self, mu: FloatArray, coefficients: FloatArray) -> FloatArray:
        """Rms distance (n,) of spectra (n, m) in the window from their polynomials (n, degree + 1)."""
        left = mu[:, self.points] - coefficients @ self.powers.T
        return np.sqrt(np.mean(left * left, axis=1))

    def variance(self, energy_ev: FloatArray) -> FloatArray:
        """Variance of the polynomial at energies, for unit noise per point."""
        basis = self.basis(energy_ev)
        return ((basis @ self.covariance) * basis).sum(axis=-1)


def baseline(
    energy_ev: FloatArray,
    edge_ev: float,
    window_ev: tuple[float, float],
    degree: int,
    asked_ev: FloatArray | None = None,
) -> Baseline:
    """Prepare the least-squares polynomial of one window.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    edge_ev
        Tabulated edge in eV.
    window_ev
        Limits relative to the edge in eV; points up to 0.005 eV outside belong to it.
    degree
        Of the polynomial.
    asked_ev
        Rising energies, shape (m,), by which points belong to the window; `energy_ev` unless given.

    Returns
    -------
    Baseline
        To be applied to any number of spectra.
    """
    low, high = edge_ev + window_ev[0], edge_ev + window_ev[1]
    placed_ev = energy_ev if asked_ev is None else asked_ev
    first = int(np.searchsorted(placed_ev, low - MARGIN_EV))
    points = slice(first, int(np.searchsorted(placed_ev, high + MARGIN_EV, side="right")))
    centre, scale = (low + high) / 2, max((high - low) / 2, 1e-9)
    powers = rising_powers((energy_ev[points] - centre) / scale, degree + 1)
    projection: FloatArray = np.asarray(np.linalg.pinv(powers), dtype=float)
    return Baseline(points, projection, powers, centre, scale, projection @ projection.T)


def falling_baseline(energy_ev: FloatArray, edge_ev: float, window_ev: tuple[float, float]) -> Baseline:
    """Prepare the fit of one number to a window: a baseline that falls as absorption does between edges.

    A line through a few points would follow the fine structure there, and carry it back to the edge.

    Parameters
    ----------
    energy_ev, edge_ev, window_ev
        As of `baseline`.

    Returns
    -------
    Baseline
        A constant times (energy / edge)^-2.8, as the parabola that it is within some 100 eV.

    Examples
    --------
    >>> energy = np.array([8400.0, 8420.0, 8440.0, 8460.0])
    >>> found = falling_baseline(energy, 8333.0, (60.0, 130.0))
    >>> coefficients = found.fit(2.0 * (energy[None] / 8333.0) ** -2.8)
    >>> round(float(coefficients[0] @ found.basis(np.array([8333.0]))[0]), 3)
    2.0
    """
    whole = baseline(energy_ev, edge_ev, window_ev, 2)
    middle, width = whole.centre_ev / edge_ev, whole.scale_ev / whole.centre_ev
    bend = 0.5 * FALL_POWER * (FALL_POWER + 1.0) * width**2
    fall = middle**-FALL_POWER * np.array([1.0, -FALL_POWER * width, bend])
    shape: FloatArray = whole.powers @ fall
    projection: FloatArray = fall[:, None] * (shape / float(shape @ shape))
    return replace(whole, projection=projection, covariance=projection @ projection.T)


def already_normalised(
    energy_ev: FloatArray,
    mu: FloatArray,
    edge_ev: float,
    windows: Windows,
    asked_ev: FloatArray | None = None,
) -> BoolArray:
    """Tell which spectra are on the scale of 0 below and 1 above the edge as they come.

    A polynomial fitted again above such an edge would only follow the EXAFS, and carry it back to the edge
    (0.3 eV of half step in measured LiNiO2): their post-edge is taken as a constant.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    mu
        Spectra, shape (n, m).
    edge_ev
        Tabulated edge in eV.
    windows
        Where the baselines are.
    asked_ev
        As of `baseline`.

    Returns
    -------
    ndarray of bool
        Shape (n,): mean within 0.01 of 0 in the pre-edge window and of 1 in the post-edge window.
    """
    pre = baseline(energy_ev, edge_ev, windows.pre_ev, 0, asked_ev).fit(mu)[:, 0]
    post = baseline(energy_ev, edge_ev, windows.post_ev, 0, asked_ev).fit(mu)[:, 0]
    return (np.abs(pre) < NORMALISED_WITHIN) & (np.abs(post - 1.0) < NORMALISED_WITHIN)


@dataclass(frozen=True)
class Normalised:
    """Normalised spectra.

    Attributes
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    mu
        (mu - pre-edge) / edge step, shape (m,) or (n_spectra, m).
    flat
        The same, with the curvature of the post-edge polynomial taken out above the edge.
    edge_step
        Post-edge less pre-edge at the tabulated edge, units of the input.
    pre_window_ev, post_window_ev
        Windows used, relative to the tabulated edge.
    problem
        Why the values are NaN; empty if they are not.
    """

    energy_ev: FloatArray
    mu: FloatArray
    flat: FloatArray
    edge_step: FloatArray | float
    pre_window_ev: tuple[float, float]
    post_window_ev: tuple[float, float]
    problem: str


def normalise(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    element: str,
    edge: str = "K",
    pre_edge_ev: tuple[float, float] = PRE_EDGE_EV,
    post_edge_ev: tuple[float, float] = POST_EDGE_EV,
    post_degree: int = 2,
) -> Normalised:
    """Subtract the pre-edge line and divide by the edge step.

    Parameters
    ----------
    energy_ev
        Energies in eV, shape (m,), in any order.
    mu
        Absorption, shape (m,) or (n_spectra, m).
    element, edge
        The absorption edge.
    pre_edge_ev, post_edge_ev
        Windows relative to the tabulated edge in eV; shrunk to the scan (`choose_windows`).
    post_degree
        Degree of the post-edge polynomial; 0 for spectra that come normalised (`already_normalised`).

    Returns
    -------
    Normalised
        Spectra with NaN where a scan has none, all NaN if the scan cannot be normalised.

    Raises
    ------
    ValueError
        If the energies are in keV, the shapes differ or the edge is not tabulated.
    """
    edge_ev = edge_energy(element, edge)
    energy, values = ordered(energy_ev, mu)
    require_ev(energy, edge_ev, f"{element} {edge}")
    alive = np.isfinite(values).any(axis=1)
    measured = np.isfinite(values[alive]).all(axis=0)
    windows = choose_windows(energy[measured], edge_ev, pre_edge_ev, post_edge_ev, post_degree)
    single = np.ndim(mu) == 1
    if windows.problem:
        lost = np.full(values.shape, np.nan)[0 if single else slice(None)]
        step = float("nan") if single else np.full(len(values), np.nan)
        return Normalised(energy, lost, lost, step, windows.pre_ev, windows.post_ev, windows.problem)
    pre = baseline(energy[measured], edge_ev, windows.pre_ev, windows.pre_degree)
    post = baseline(energy[measured], edge_ev, windows.post_ev, windows.post_degree)
    seen = values[:, measured]
    level = baseline(energy[measured], edge_ev, windows.post_ev, 0).fit(seen)
    flatly = already_normalised(energy[measured], seen, edge_ev, windows)[:, None]
    below = pre.fit(seen) @ pre.basis(energy).T
    above = np.where(flatly, level, post.fit(seen) @ post.basis(energy).T)
    here = np.array([edge_ev])
    step = np.where(flatly, level, post.fit(seen) @ post.basis(here).T) - pre.fit(seen) @ pre.basis(here).T
    step = np.where(np.abs(step) > 0, step, np.nan)
    flat = (values - below - np.where(energy > edge_ev, above - below - step, 0.0)) / step
    norm = (values - below) / step
    if single:
        return Normalised(
            energy, norm[0], flat[0], float(step[0, 0]), windows.pre_ev, windows.post_ev, windows.problem
        )
    return Normalised(energy, norm, flat, step[:, 0], windows.pre_ev, windows.post_ev, windows.problem)
