"""Local polynomials: smooth values, slopes, maxima and inflections of many spectra at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import FloatArray, rising_powers


@dataclass(frozen=True)
class LocalPolynomial:
    """Polynomials in (energy - centre), one per spectrum.

    Attributes
    ----------
    centre_ev
        Energies about which they are written, shape (n,).
    coefficients
        Shape (n, degree + 1), rising powers of eV.
    covariance
        Of the coefficients for unit noise per point, shape (n, degree + 1, degree + 1).
    half_width_ev
        Half widths of the fitted stretches, shape (n,).
    """

    centre_ev: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    half_width_ev: FloatArray


def _reach(energy_ev: FloatArray, half_width_ev: float, least: int) -> tuple[FloatArray, int]:
    """Half width about each grid point (m,) that holds `least` points, and the most points on one side."""
    count, index = energy_ev.size, np.arange(energy_ev.size)
    places = index[:, None] + np.arange(-least, least + 1)
    inside = (places >= 0) & (places < count)
    distance = np.abs(energy_ev[np.clip(places, 0, count - 1)] - energy_ev[:, None])
    nearest = np.sort(np.where(inside, distance, np.inf), axis=1)[:, min(least, count) - 1]
    width = np.maximum(half_width_ev, nearest * (1 + 1e-9))
    right = np.searchsorted(energy_ev, energy_ev + 1.5 * width, side="right") - index
    left = index - np.searchsorted(energy_ev, energy_ev - 1.5 * width)
    return width, int(min(max(right.max(), left.max()) + 1, count))


def local_polynomial(
    energy_ev: FloatArray, values: FloatArray, centre_ev: FloatArray, half_width_ev: float, degree: int
) -> LocalPolynomial:
    """Least-squares polynomials through the points about one energy per spectrum.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    values
        Shape (n, m), finite.
    centre_ev
        One energy per spectrum, shape (n,).
    half_width_ev
        Points within this distance count; more where fewer than degree + 2 points are that near.
    degree
        Of the polynomials.

    Returns
    -------
    LocalPolynomial
        Coefficients and their covariance for unit noise.
    """
    widths, side = _reach(energy_ev, half_width_ev, degree + 2)
    right = np.clip(np.searchsorted(energy_ev, centre_ev), 1, energy_ev.size - 1)
    nearest = right - (centre_ev - energy_ev[right - 1] < energy_ev[right] - centre_ev)
    width = np.maximum(half_width_ev, widths[nearest] + np.abs(centre_ev - energy_ev[nearest]))
    width = np.where(widths[nearest] > half_width_ev * (1 + 1e-6), width, half_width_ev)
    index = nearest[:, None] + np.arange(-side, side + 1)
    inside = (index >= 0) & (index < energy_ev.size)
    index = np.clip(index, 0, energy_ev.size - 1)
    offset = energy_ev[index] - centre_ev[:, None]
    weights = (inside & (np.abs(offset) <= width[:, None])).astype(float)
    scaled = offset / width[:, None] * weights
    powers = rising_powers(scaled, degree + 1)
    weighted = powers * weights[..., None]
    normal = np.swapaxes(weighted, 1, 2) @ powers
    inverse = np.linalg.inv(normal + 1e-12 * np.eye(degree + 1))
    right = np.swapaxes(weighted, 1, 2) @ np.take_along_axis(values, index, axis=1)[..., None]
    unscale = rising_powers(1 / width, degree + 1)
    return LocalPolynomial(
        centre_ev=centre_ev,
        coefficients=(inverse @ right)[..., 0] * unscale,
        covariance=inverse * unscale[:, :, None] * unscale[:, None, :],
        half_width_ev=width,
    )


def smoothing_matrices(energy_ev: FloatArray, half_width_ev: float) -> tuple[FloatArray, FloatArray]:
    """Matrices that smooth a spectrum and take its derivative, by local parabolas.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    half_width_ev
        Half width of the stretch; wider where fewer than four points are that near.

    Returns
    -------
    tuple of arrays
        Smoother and derivative (1/eV), each (m, m): ``values @ matrix.T``.
    """
    width, side = _reach(energy_ev, half_width_ev, 4)
    index = np.arange(energy_ev.size)[:, None] + np.arange(-side, side + 1)
    inside = (index >= 0) & (index < energy_ev.size)
    index = np.clip(index, 0, energy_ev.size - 1)
    scaled = (energy_ev[index] - energy_ev[:, None]) / width[:, None]
    inside &= np.abs(scaled) <= 1
    powers = rising_powers(np.where(inside, scaled, 0.0), 3)
    weighted = powers * inside[..., None]
    normal = np.swapaxes(weighted, 1, 2) @ powers
    rows = np.linalg.inv(normal + 1e-12 * np.eye(3)) @ np.swapaxes(weighted, 1, 2)
    smoother, derivative = np.zeros((2, energy_ev.size, energy_ev.size))
    row = np.nonzero(inside)[0]
    smoother[row, index[inside]] = rows[:, 0][inside]
    derivative[row, index[inside]] = (rows[:, 1] / width[:, None])[inside]
    return smoother, derivative
