"""Normal equations of a pattern whose derivatives are mostly zero, compiled."""
# pyright: standard

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from .phase import FloatArray

SIDE = 4
"""Products are summed in blocks of so many columns each way: as many as a processor has registers for."""


@numba.njit(cache=True, nogil=True)
def _members(row: FloatArray, used: NDArray[np.int64]) -> int:  # pragma: no cover
    """Note which columns of a row are not zero; gives their number."""
    found = 0
    for k in range(row.size):
        if row[k] != 0.0:
            used[found] = k
            found += 1
    return found


@numba.njit(cache=True, nogil=True)
def _gathered(
    row: FloatArray, used: NDArray[np.int64], members: int, root: float, values: FloatArray
) -> bool:  # pragma: no cover
    """Copy these columns of a row times a factor; False if others are not zero, or one of these is."""
    filled = 0
    for k in range(row.size):
        filled += row[k] != 0.0
    if filled != members:
        return False
    for m in range(members):
        if row[used[m]] == 0.0:
            return False
        values[m] = root * row[used[m]]
    return True


@numba.njit(cache=True, nogil=True)
def _add_products(
    rows: FloatArray, count: int, first: int, second: int, total: FloatArray
) -> None:  # pragma: no cover
    """Add the products (4, 4) of four columns with four, over `count` rows; sums stay in registers."""
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = 0.0
    for i in range(count):
        row = rows[i]
        a, b, c, d = row[first], row[first + 1], row[first + 2], row[first + 3]
        e, f, g, h = row[second], row[second + 1], row[second + 2], row[second + 3]
        s00, s01, s02, s03 = s00 + a * e, s01 + a * f, s02 + a * g, s03 + a * h
        s10, s11, s12, s13 = s10 + b * e, s11 + b * f, s12 + b * g, s13 + b * h
        s20, s21, s22, s23 = s20 + c * e, s21 + c * f, s22 + c * g, s23 + c * h
        s30, s31, s32, s33 = s30 + d * e, s31 + d * f, s32 + d * g, s33 + d * h
    total[0, 0], total[0, 1], total[0, 2], total[0, 3] = s00, s01, s02, s03
    total[1, 0], total[1, 1], total[1, 2], total[1, 3] = s10, s11, s12, s13
    total[2, 0], total[2, 1], total[2, 2], total[2, 3] = s20, s21, s22, s23
    total[3, 0], total[3, 1], total[3, 2], total[3, 3] = s30, s31, s32, s33


@numba.njit(cache=True, nogil=True)
def normal_matrix(
    jacobian: FloatArray, weights: FloatArray, residual: FloatArray
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover
    """Give J^T W J (p, p) and J^T W r (p,); rows of J (n, p) are mostly zero, for lines are short.

    Rows that follow each other mostly have the same columns: these are packed, and multiplied at once.
    """
    count, free = jacobian.shape
    matrix, right = np.zeros((free, free)), np.zeros(free)
    packed, total = np.zeros((count, free + SIDE)), np.zeros((SIDE, SIDE))
    used = np.zeros(free + SIDE, dtype=np.int64)
    i = 0
    while i < count:
        members, begin = _members(jacobian[i], used), i
        while i < count and _gathered(jacobian[i], used, members, math.sqrt(weights[i]), packed[i - begin]):
            packed[i - begin, members : members + SIDE] = 0.0
            for m in range(members):
                right[used[m]] += math.sqrt(weights[i]) * packed[i - begin, m] * residual[i]
            i += 1
        for first in range(0, members, SIDE):
            for second in range(0, first + 1, SIDE):
                _add_products(packed, i - begin, first, second, total)
                for m in range(first, min(first + SIDE, members)):
                    for other in range(second, min(second + SIDE, m + 1)):
                        matrix[used[m], used[other]] += total[m - first, other - second]
    for k in range(free):
        for other in range(k):
            matrix[other, k] = matrix[k, other]
    return matrix, right
