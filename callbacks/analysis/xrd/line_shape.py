"""Sum of pseudo-Voigt lines and its derivatives, compiled."""
# pyright: standard

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ....machine_code import compiled
from .phase import FloatArray

REACH_FWHM = 10.0
"""How far from its centre a line is followed, in full widths at half maximum."""
GAUSS = 4.0 * math.log(2.0)
GAUSS_AREA = math.sqrt(GAUSS / math.pi)
"""Of exp(-GAUSS x**2), x in full widths: its fall, and its height where its area is one."""


@partial(compiled, error_model="python")
def free_of(gradient: FloatArray, used: NDArray[np.int64]) -> int:  # pragma: no cover
    """Put the numbers of the parameters on which a line (3, p) depends into `used` (p,), and count them."""
    members = 0
    for k in range(gradient.shape[1]):
        if gradient[0, k] != 0.0 or gradient[1, k] != 0.0 or gradient[2, k] != 0.0:
            used[members] = k
            members += 1
    return members


@partial(compiled, error_model="python")
def _sum_lines(
    q: FloatArray,
    lines: FloatArray,
    lever: FloatArray,
    slope_at: int,
    gradient: FloatArray,
    total: FloatArray,
    jacobian: FloatArray,
    before: int,
) -> None:  # pragma: no cover
    """Add each line (place, width, area, Lorentzian part) and its chain of derivatives."""
    count, free = lines.shape[0], gradient.shape[2]
    used = np.empty(free, dtype=np.int64)
    for j in range(count):
        place, width, area, eta = lines[j, 0], lines[j, 1], lines[j, 2], lines[j, 3]
        members = free_of(gradient[j], used)
        reach = REACH_FWHM * width
        start = np.searchsorted(q, place - reach)
        for i in range(start, q.size):
            if q[i] > place + reach:
                break
            x = (q[i] - place) / width
            gauss = 0.0
            if x * x < 6.0:
                gauss = GAUSS_AREA * math.exp(-GAUSS * x * x) / width
            bell = 1.0 / (1.0 + 4.0 * x * x)
            lorentz = 2.0 / math.pi * bell / width
            shape = eta * lorentz + (1.0 - eta) * gauss
            total[i] += area * shape
            slope = eta * lorentz * 8.0 * x * bell + (1.0 - eta) * gauss * 2.0 * GAUSS * x
            by_place = area * slope / width
            by_width = area * (slope * x - shape) / width
            for m in range(members):
                k = used[m]
                jacobian[i, before + k] += (
                    by_place * gradient[j, 0, k] + by_width * gradient[j, 1, k] + shape * gradient[j, 2, k]
                )
            by_eta = area * (lorentz - gauss)
            jacobian[i, before + free] += by_eta
            if slope_at >= 0:
                jacobian[i, before + slope_at] += lever[j] * by_eta


def sum_lines(
    q_per_a: FloatArray,
    lines: FloatArray,
    gradient: FloatArray,
    linear: FloatArray | None = None,
    *,
    lever: FloatArray | None = None,
    slope_at: int = -1,
) -> tuple[FloatArray, FloatArray]:
    """Sum pseudo-Voigt lines.

    Parameters
    ----------
    q_per_a
        Rising grid (n,), 1/angstrom.
    lines
        Place and full width at half maximum in 1/angstrom, area, and Lorentzian part (0 to 1) of each line,
        shape (m, 4).
    gradient
        Derivatives of place, width and area of each line by the free parameters, shape (m, 3, p).
    linear
        Columns (n, b) that are put before the derivatives, such as those of a background.
    lever, slope_at
        Derivative of the Lorentzian part of each line (m,) by parameter number `slope_at`; none if negative.

    Returns
    -------
    tuple of ndarray
        The sum (n,), and its derivatives (n, b + p + 1); the last column is by a Lorentzian part that all
        lines share.
    """
    before = 0 if linear is None else linear.shape[1]
    total = np.zeros(q_per_a.size)
    jacobian = np.zeros((q_per_a.size, before + gradient.shape[2] + 1))
    if linear is not None:
        jacobian[:, :before] = linear
    levers = np.zeros(len(lines)) if lever is None else lever
    _sum_lines(q_per_a, lines, levers, slope_at, gradient, total, jacobian, before)
    return total, jacobian


@partial(compiled, error_model="python")
def profile(q: FloatArray, lines: FloatArray) -> FloatArray:  # pragma: no cover
    """Sum (n,) of lines (m, 4): place, full width, area, Lorentzian part; on any grid."""
    total = np.zeros(q.size)
    for j in range(lines.shape[0]):
        place, width, area, eta = lines[j, 0], lines[j, 1], lines[j, 2], lines[j, 3]
        for i in range(q.size):
            x = (q[i] - place) / width
            if abs(x) < REACH_FWHM:
                gauss = GAUSS_AREA * math.exp(-GAUSS * x * x)
                lorentz = 2.0 / math.pi / (1.0 + 4.0 * x * x)
                total[i] += area * (eta * lorentz + (1.0 - eta) * gauss) / width
    return total
