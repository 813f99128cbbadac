"""Local polynomials: smooth values, slopes, maxima and inflections of many spectra at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import FloatArray, IndexArray, rising_powers

MARGIN_EV = 0.05
"""Points this close outside a stretch belong to it: of two at one distance readings must not choose one."""


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
    width = np.maximum(half_width_ev, nearest) + MARGIN_EV
    right = np.searchsorted(energy_ev, energy_ev + 1.5 * width, side="right") - index
    left = index - np.searchsorted(energy_ev, energy_ev - 1.5 * width)
    return width, int(min(max(right.max(), left.max()) + 1, count))


@dataclass(frozen=True)
class LocalFits:
    """Least-squares polynomials about every point of one grid, ready for any number of spectra.

    Attributes
    ----------
    energy_ev
        Rising energies, shape (m,).
    index
        Points that each fit uses, shape (m, k).
    projection
        From their values to coefficients, shape (m, degree + 1, k); zero for points that do not count.
    covariance
        Of the coefficients for unit noise, shape (m, degree + 1, degree + 1).
    half_width_ev
        Half widths of the stretches, shape (m,).
    """

    energy_ev: FloatArray
    index: IndexArray
    projection: FloatArray
    covariance: FloatArray
    half_width_ev: FloatArray

    def about(self, values: FloatArray, near_ev: FloatArray) -> LocalPolynomial:
        """Fit each spectrum (n, m) about the grid point nearest to its own energy (n,)."""
        right = np.clip(np.searchsorted(self.energy_ev, near_ev), 1, self.energy_ev.size - 1)
        place = right - (near_ev - self.energy_ev[right - 1] < self.energy_ev[right] - near_ev)
        chosen = np.take_along_axis(values, self.index[place], axis=1)
        return LocalPolynomial(
            centre_ev=self.energy_ev[place],
            coefficients=(self.projection[place] @ chosen[..., None])[..., 0],
            covariance=self.covariance[place],
            half_width_ev=self.half_width_ev[place],
        )


def local_fits(energy_ev: FloatArray, half_width_ev: float, degree: int) -> LocalFits:
    """Prepare polynomials about every point of a grid.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    half_width_ev
        Points within this distance (and 0.05 eV) count; more where fewer than degree + 2 are that near.
    degree
        Of the polynomials.

    Returns
    -------
    LocalFits
        In rising powers of eV about each grid point.
    """
    width, side = _reach(energy_ev, half_width_ev, degree + 2)
    index = np.arange(energy_ev.size, dtype=np.intp)[:, None] + np.arange(-side, side + 1, dtype=np.intp)
    inside = (index >= 0) & (index < energy_ev.size)
    index = np.clip(index, 0, energy_ev.size - 1)
    scaled = (energy_ev[index] - energy_ev[:, None]) / width[:, None]
    inside &= np.abs(scaled) <= 1
    powers = rising_powers(np.where(inside, scaled, 0.0), degree + 1)
    weighted = np.swapaxes(powers * inside[..., None], 1, 2)
    inverse: FloatArray = np.asarray(
        np.linalg.inv(weighted @ powers + 1e-12 * np.eye(degree + 1)), dtype=float
    )
    unscale = rising_powers(1 / width, degree + 1)
    return LocalFits(
        energy_ev=energy_ev,
        index=index,
        projection=(inverse @ weighted) * unscale[:, :, None],
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
    fits = local_fits(energy_ev, half_width_ev, 2)
    matrices = np.zeros((2, energy_ev.size, energy_ev.size))
    rows = np.arange(energy_ev.size)[:, None]
    for order in (0, 1):
        np.add.at(matrices[order], (rows, fits.index), fits.projection[:, order])
    return matrices[0], matrices[1]
