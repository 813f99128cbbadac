"""Half step, inflection and white line of spectra whose pre-edge is subtracted, with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import FloatArray
from .local import LocalFits, LocalPolynomial, local_fits
from .normalisation import Baseline

HALF_STEP_WIDTH_EV = 1.5
E0_WIDTH_EV = 2.0
WHITE_LINE_WIDTH_EV = 3.0


@dataclass(frozen=True)
class Stretches:
    """Local polynomials for each landmark on one grid.

    Attributes
    ----------
    half_step, inflection, white_line
        Parabolas for the half step, cubics for the others.
    """

    half_step: LocalFits
    inflection: LocalFits
    white_line: LocalFits


def stretches(energy_ev: FloatArray) -> Stretches:
    """Prepare the local polynomials of a grid.

    Parameters
    ----------
    energy_ev
        Rising energies about the edge in eV, shape (m,).

    Returns
    -------
    Stretches
        Within 1.5, 2 and 3 eV of each point.
    """
    return Stretches(
        half_step=local_fits(energy_ev, HALF_STEP_WIDTH_EV, 2),
        inflection=local_fits(energy_ev, E0_WIDTH_EV, 3),
        white_line=local_fits(energy_ev, WHITE_LINE_WIDTH_EV, 3),
    )


@dataclass(frozen=True)
class Raised:
    """Spectra less their pre-edge lines on the grid about the edge.

    Attributes
    ----------
    fits
        Local polynomials of the grid.
    mu
        Shape (n, m), units of the input.
    pre, post
        The baselines, for their uncertainty.
    step
        Edge steps, shape (n,).
    noise
        Rms noise of a point, shape (n,), units of the input.
    """

    fits: Stretches
    mu: FloatArray
    pre: Baseline
    post: Baseline
    step: FloatArray
    noise: FloatArray


def first_crossing(energy_ev: FloatArray, values: FloatArray, level: FloatArray) -> FloatArray:
    """Energy at which each spectrum first rises through its level.

    Parameters
    ----------
    energy_ev
        Rising energies in eV, shape (m,).
    values
        Shape (n, m).
    level
        Shape (n,).

    Returns
    -------
    ndarray
        Shape (n,), by straight lines between points; NaN if never crossed.
    """
    above = values >= level[:, None]
    rising = above[:, 1:] & ~above[:, :-1]
    place = rising.argmax(axis=1)
    rows = np.arange(len(values))
    low, high = values[rows, place], values[rows, place + 1]
    share = np.divide(level - low, high - low, out=np.zeros_like(level), where=high > low)
    found = energy_ev[place] + share * (energy_ev[place + 1] - energy_ev[place])
    return np.where(rising.any(axis=1), found, np.nan)


def _slope(fit: LocalPolynomial, x: FloatArray, order: int) -> FloatArray:
    """Take a derivative of the local polynomials at x eV from their centres."""
    degree = fit.coefficients.shape[1] - 1
    total = np.zeros_like(x)
    for power in range(order, degree + 1):
        factor = float(np.prod(np.arange(power - order + 1, power + 1))) if order else 1.0
        total += factor * fit.coefficients[:, power] * x ** (power - order)
    return total


def _variance(fit: LocalPolynomial, x: FloatArray, order: int) -> FloatArray:
    """Take the variance, for unit noise, of the derivative of the given order at x."""
    powers = np.arange(fit.coefficients.shape[1], dtype=float)
    factor = np.ones(fit.coefficients.shape[1])
    for step in range(order):
        factor = factor * (powers - step)
    row: FloatArray = factor * np.power(x[:, None], np.maximum(powers - order, 0.0))
    return np.einsum("ni,nij,nj->n", row, fit.covariance, row)


def refine_half_step(raised: Raised, near_ev: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Half step by a local parabola about a first estimate.

    Parameters
    ----------
    raised
        Spectra less their pre-edge.
    near_ev
        First estimates, shape (n,).

    Returns
    -------
    tuple of arrays
        Energy and sigma in eV, shape (n,).
    """
    fit = raised.fits.half_step.about(raised.mu, near_ev)
    x = np.zeros_like(near_ev)
    for _ in range(3):
        x = x - (_slope(fit, x, 0) - raised.step / 2) / _slope(fit, x, 1)
        x = np.clip(x, -fit.half_width_ev, fit.half_width_ev)
    baselines = (raised.pre.variance(fit.centre_ev + x) + raised.post.variance(fit.centre_ev + x)) / 4
    spread = np.sqrt(_variance(fit, x, 0) + baselines)
    return fit.centre_ev + x, raised.noise * spread / np.abs(_slope(fit, x, 1))


def refine_inflection(raised: Raised, near_ev: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inflection by a local cubic about the largest slope.

    Parameters
    ----------
    raised
        Spectra less their pre-edge.
    near_ev
        Energies of the largest slopes, shape (n,).

    Returns
    -------
    tuple of arrays
        Energy and sigma in eV, shape (n,).
    """
    fit = raised.fits.inflection.about(raised.mu, near_ev)
    third = 6 * fit.coefficients[:, 3]
    x = np.divide(-2 * fit.coefficients[:, 2], third, out=np.zeros_like(third), where=third < 0)
    x = np.clip(x, -fit.half_width_ev / 2, fit.half_width_ev / 2)
    spread = np.sqrt(_variance(fit, x, 2))
    sigma = np.divide(raised.noise * spread, -third, out=np.full_like(third, np.inf), where=third < 0)
    return fit.centre_ev + x, sigma


def refine_white_line(
    raised: Raised, near_ev: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Maximum by a local cubic about the highest point.

    Parameters
    ----------
    raised
        Spectra less their pre-edge.
    near_ev
        Energies of the highest points, shape (n,).

    Returns
    -------
    tuple of arrays
        Energy, its sigma (eV), height and its sigma (edge steps), each of shape (n,).
    """
    fit = raised.fits.white_line.about(raised.mu, near_ev)
    x = np.zeros_like(near_ev)
    for _ in range(4):
        bend = _slope(fit, x, 2)
        x = x - np.divide(_slope(fit, x, 1), bend, out=np.zeros_like(x), where=bend < 0)
        x = np.clip(x, -fit.half_width_ev / 2, fit.half_width_ev / 2)
    bend = _slope(fit, x, 2)
    where = fit.centre_ev + x
    height = _slope(fit, x, 0) / raised.step
    pre, post = raised.pre.variance(where), raised.post.variance(where)
    variance = _variance(fit, x, 0) + (height - 1) ** 2 * pre + height**2 * post
    sigma = np.sqrt(_variance(fit, x, 1))
    place = np.divide(raised.noise * sigma, -bend, out=np.full_like(x, np.inf), where=bend < 0)
    return where, place, height, raised.noise * np.sqrt(variance) / np.abs(raised.step)
