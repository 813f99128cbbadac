"""One peak by itself: its width, and whether two explain it better."""
# pyright: standard

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from .phase import FloatArray

NO_PEAK = "no peak above the noise in the windows"
LEAST_POINTS = 12
LEAST_SIGNIFICANCE = 8.0
REACH_WIDTHS = 5.0
"""Beyond so many full widths from the top other peaks may stand; what is fitted ends there."""
APART_WIDTHS = (0.5, 0.9)
"""Where fits of two peaks start: their distance in full widths."""


@dataclass(frozen=True)
class PeakShape:
    """Shape of one peak; all nan where there is none.

    Attributes
    ----------
    place, width, width_sigma
        Of one pseudo-Voigt, in the unit of the abscissa: middle, full width at half maximum with its standard
        deviation, enlarged where the shape does not fit.
    separation
        Distance of two pseudo-Voigts of one width that explain it best; nan where not asked for.
    gain
        Bayes information criterion of one peak less that of two, positive where two are better; nan where not
        asked for.
    """

    place: float
    width: float
    width_sigma: float
    separation: float
    gain: float


_NONE = PeakShape(*(float("nan"),) * 5)


def fit_peak_shape(
    abscissa: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike,
    window: tuple[float, float],
    *,
    pair: bool = False,
) -> PeakShape:
    """Fit the strongest peak of a window by one pseudo-Voigt, and by two of one shape.

    Parameters
    ----------
    abscissa, intensity, sigma
        The pattern (k,): q or an angle, rising; intensity and its standard deviation.
    window
        Lower and upper end.
    pair
        Whether to compare with two.
    """
    x, y, error = (np.asarray(each, dtype=float) for each in (abscissa, intensity, sigma))
    kept = (x > window[0]) & (x < window[1]) & np.isfinite(y) & (error > 0)
    x, y, error = x[kept], y[kept], error[kept]
    if x.size < LEAST_POINTS:
        return _NONE
    top = int(np.argmax(y))
    base = float(np.quantile(y, 0.1))
    height = float(y[top] - base)
    if height < LEAST_SIGNIFICANCE * error[top]:
        return _NONE
    wide = float(np.count_nonzero(y - base > height / 2) * np.median(np.diff(x)))
    near = abs(x - x[top]) < REACH_WIDTHS * wide
    start = np.array([base, x[top], wide, 0.5, height])
    return _fitted(x[near], y[near], error[near], start, pair=pair)


def _fitted(x: FloatArray, y: FloatArray, error: FloatArray, start: FloatArray, *, pair: bool) -> PeakShape:
    """Fit one peak, and two if asked for; `start` is background, place, width, Lorentzian part, height."""
    if x.size < LEAST_POINTS:
        return _NONE
    wide, height = start[2], start[4]
    low = np.array([-np.inf, x[0], wide / 20, 0.0, 0.0])
    high = np.array([np.inf, x[-1], 5 * wide, 1.0, np.inf])
    scale = np.array([height, wide, wide, 1.0, height])
    one, one_chi2, sigma = _least(lambda p: (y - _sum(x, p)) / error, start, low, high, scale)
    found = PeakShape(float(one[1]), float(one[2]), sigma, float("nan"), float("nan"))
    if not pair:
        return found
    more = (np.r_[low, 0.0, 0.0], np.r_[high, 3 * wide, 1.0], np.r_[scale, wide, 1.0])
    best, best_chi2 = one, float("inf")
    for apart in APART_WIDTHS:
        begin = np.r_[one, apart * one[2], 0.6]
        begin[2] *= 0.7
        two, chi2, _ = _least(lambda p: (y - _sum(x, p)) / error, begin, *more)
        if chi2 < best_chi2:
            best, best_chi2 = two, chi2
    return replace(found, separation=float(best[5]), gain=_gain(one_chi2, best_chi2, x.size))


def _gain(one_chi2: float, two_chi2: float, points: int) -> float:
    """Difference of the criterion, with noise as large as two peaks leave it; two more numbers are free."""
    noise = max(two_chi2 / max(points - 7, 1), 1.0)
    return float((one_chi2 - two_chi2) / noise - 2 * np.log(points))


def _sum(x: FloatArray, vector: FloatArray) -> FloatArray:
    """One peak, or two where the vector has their distance and the part of the first."""
    base, place, width, eta, height, *pair = vector
    if not pair:
        return base + height * _bell((x - place) / width, eta)
    apart, part = pair
    left, right = ((x - place + side * apart / 2) / width for side in (1.0, -1.0))
    return base + height * (part * _bell(left, eta) + (1 - part) * _bell(right, eta))


def _bell(x: FloatArray, eta: float) -> FloatArray:
    """Pseudo-Voigt of height and full width one."""
    return eta / (1 + 4 * x**2) + (1 - eta) * np.exp(-4 * np.log(2) * x**2)


def _least(
    residual: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    low: FloatArray,
    high: FloatArray,
    scale: FloatArray,
) -> tuple[FloatArray, float, float]:
    """Best vector, its chi squared, and the standard deviation of the width, enlarged by a misfit."""
    inside = np.clip(start, low + 1e-9 * scale, np.where(np.isfinite(high), high - 1e-9 * scale, np.inf))
    found = least_squares(residual, inside, bounds=(low, high), x_scale=scale)
    chi2 = 2 * float(found.cost)
    reduced = max(chi2 / max(residual(start).size - start.size, 1), 1.0)
    variance = float(np.linalg.pinv(found.jac.T @ found.jac)[2, 2]) * reduced
    return np.asarray(found.x), chi2, float(np.sqrt(variance))
