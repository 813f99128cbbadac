"""Lines that one line is made of, compiled: a tail of axial divergence, and further wavelengths."""
# pyright: standard

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import roots_jacobi

from ....machine_code import compiled
from .line_shape import GAUSS, GAUSS_AREA, REACH_FWHM, free_of
from .phase import FloatArray

NODES = 6


@dataclass(frozen=True, eq=False)
class Copies:
    """What a line is made of: factor of q, part of the area, and lag over its mean less one, of each (k,)."""

    ratio: FloatArray
    share: FloatArray
    lag: FloatArray


def axial_nodes(count: int = NODES) -> tuple[FloatArray, FloatArray]:
    """Give moves (count,) by axial divergence over their mean, and weights (count,), which sum to one.

    A ray at the axial height h over the length L of the arm moves by -cot(2 theta) (h / L)**2 / 2. With a
    sample and a slit of the same length heights have a triangular distribution (Finger, Cox and Jephcoat
    1994, J. Appl. Cryst. 27, 892); that of the moves is a tail, here by Gauss quadrature.

    Examples
    --------
    >>> moves, weights = axial_nodes()
    >>> round(float(moves @ weights), 9), round(float(weights.sum()), 9)
    (1.0, 1.0)
    """
    places, weights = roots_jacobi(count, 1.0, 0.0)
    heights = (places + 1) / 2
    return 6.0 * heights**2, weights / weights.sum()


def copies_of(satellites: tuple[tuple[float, float], ...], *, axial: bool) -> Copies:
    """Nodes of the axial tail, if there is one, of each wavelength (over the first one, and weight)."""
    moves, shares = axial_nodes() if axial else (np.ones(1), np.ones(1))
    ratios, weights = np.array([(1.0, 1.0), *satellites]).T
    count = len(ratios)
    return Copies(np.repeat(ratios, len(moves)), np.outer(weights, shares).ravel(), np.tile(moves - 1, count))


@partial(compiled, error_model="python")
def _copied_at(
    q: float, line: FloatArray, move: float, copies: tuple[FloatArray, FloatArray, FloatArray]
) -> tuple[float, float, float, float, float]:  # pragma: no cover
    """Height of a line of area one at q, and derivatives by its place, width, Lorentzian part and move."""
    ratio, share, lag = copies
    place, width, eta = line[0], line[1], line[3]
    height = by_place = by_width = by_eta = by_lag = 0.0
    for c in range(ratio.size):
        wide = width * ratio[c]
        x = (q - ratio[c] * (place + move * lag[c])) / wide
        if abs(x) > REACH_FWHM:
            continue
        gauss = 0.0
        if x * x < 6.0:
            gauss = GAUSS_AREA * math.exp(-GAUSS * x * x)
        bell = 1.0 / (1.0 + 4.0 * x * x)
        lorentz = 2.0 / math.pi * bell
        shape = eta * lorentz + (1.0 - eta) * gauss
        slope = eta * lorentz * 8.0 * x * bell + (1.0 - eta) * gauss * 2.0 * GAUSS * x
        part = share[c] / wide
        height += part * shape
        by_eta += part * (lorentz - gauss)
        moved = part * slope / width
        by_place += moved
        by_lag += moved * lag[c]
        by_width += part * (slope * x - shape) / width
    return height, by_place, by_width, by_eta, by_lag


@partial(compiled, error_model="python")
def add_copied(
    q: FloatArray,
    table: FloatArray,
    gradient: FloatArray,
    copies: tuple[FloatArray, FloatArray, FloatArray],
    axial: float,
    basis: FloatArray,
    axial_at: int,
    lever: FloatArray,
    slope_at: int,
    total: FloatArray,
    jacobian: FloatArray,
    before: int,
) -> None:  # pragma: no cover
    """Add lines, each as the sum of its copies, and their chain of derivatives.

    Parameters
    ----------
    q
        Rising grid (n,), 1/angstrom.
    table, gradient
        Place, full width, area, Lorentzian part of each line (m, 4); derivatives of three of them (m, 3, p).
    copies
        Ratio, share and lag (k,) of each copy.
    axial, basis, axial_at
        Mean move of a line is `axial` times `basis` (m,), parameter number `axial_at`; none if negative.
    lever, slope_at
        Derivative of the Lorentzian part (m,) by parameter number `slope_at`.
    total, jacobian, before
        Added to: pattern (n,) and derivatives (n, before + p + 1).
    """
    ratio, _, lag = copies
    count, free = table.shape[0], gradient.shape[2]
    used = np.empty(free, dtype=np.int64)
    low_lag, high_lag = min(lag.min(), 0.0), max(lag.max(), 0.0)
    low_ratio, high_ratio = min(ratio.min(), 1.0), max(ratio.max(), 1.0)
    for j in range(count):
        place, width, area = table[j, 0], table[j, 1], table[j, 2]
        members = free_of(gradient[j], used)
        one, other = axial * basis[j] * low_lag, axial * basis[j] * high_lag
        start = np.searchsorted(q, (place + min(one, other) - REACH_FWHM * width) * low_ratio)
        end = np.searchsorted(q, (place + max(one, other) + REACH_FWHM * width) * high_ratio)
        for i in range(start, end):
            height, by_place, by_width, by_eta, by_lag = _copied_at(q[i], table[j], axial * basis[j], copies)
            total[i] += area * height
            for m in range(members):
                k = used[m]
                jacobian[i, before + k] += (
                    area * (by_place * gradient[j, 0, k] + by_width * gradient[j, 1, k])
                    + height * gradient[j, 2, k]
                )
            if axial_at >= 0:
                jacobian[i, before + axial_at] += area * by_lag * basis[j]
            jacobian[i, before + free] += area * by_eta
            if slope_at >= 0:
                jacobian[i, before + slope_at] += lever[j] * area * by_eta


def sum_copied(
    q_per_a: FloatArray,
    lines: tuple[FloatArray, FloatArray],
    linear: FloatArray,
    copies: Copies,
    *,
    axial: tuple[float, FloatArray, int],
    slope: tuple[FloatArray, int],
) -> tuple[FloatArray, FloatArray]:
    """Sum lines that are made of copies: pattern (n,) and derivatives (n, b + p + 1), see `sum_lines`.

    Parameters
    ----------
    q_per_a, linear
        Rising grid (n,) in 1/angstrom; columns (n, b) that are put before the derivatives.
    lines
        Table (m, 4) and gradient (m, 3, p) of the lines.
    copies
        What each line is made of.
    axial
        Factor, move of each line by it (m,), number of the parameter (negative: none).
    slope
        Lever of the Lorentzian part of each line (m,), number of the parameter.
    """
    table, gradient = lines
    before = linear.shape[1]
    total = np.zeros(q_per_a.size)
    jacobian = np.zeros((q_per_a.size, before + gradient.shape[2] + 1))
    jacobian[:, :before] = linear
    made_of = (copies.ratio, copies.share, copies.lag)
    add_copied(q_per_a, table, gradient, made_of, *axial, *slope, total, jacobian, before)
    return total, jacobian
