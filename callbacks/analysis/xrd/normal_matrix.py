"""Normal equations of a pattern whose derivatives are mostly zero, compiled."""
# pyright: standard

from __future__ import annotations

from functools import partial

import numpy as np

from ....machine_code import compiled
from .phase import FloatArray

ROWS = 48
"""Neighbouring points that are multiplied at once: they mostly feel the same lines."""


@partial(compiled, error_model="python")
def normal_matrix(
    jacobian: FloatArray, weights: FloatArray, residual: FloatArray
) -> tuple[FloatArray, FloatArray]:  # pragma: no cover
    """Give J^T W J (p, p) and J^T W r (p,); rows of J (n, p) are mostly zero, for lines are short.

    Of some rows at a time the columns that are not zero are packed, and multiplied as dense matrices.
    """
    count, free = jacobian.shape
    matrix, right = np.zeros((free, free)), np.zeros(free)
    filled, used = np.empty(free, dtype=np.bool_), np.empty(free, dtype=np.int64)
    for begin in range(0, count, ROWS):
        rows = min(ROWS, count - begin)
        filled[:] = False
        for i in range(begin, begin + rows):
            for k in range(free):
                filled[k] |= jacobian[i, k] != 0.0
        members = 0
        for k in range(free):
            if filled[k]:
                used[members] = k
                members += 1
        packed, weighed = np.empty((rows, members)), np.empty((rows, members))
        for i in range(rows):
            for m in range(members):
                packed[i, m] = jacobian[begin + i, used[m]]
                weighed[i, m] = weights[begin + i] * packed[i, m]
        product, part = np.dot(packed.T, weighed), np.dot(residual[begin : begin + rows], weighed)
        for m in range(members):
            right[used[m]] += part[m]
            for other in range(m + 1):
                matrix[used[m], used[other]] += product[m, other]
    for k in range(free):
        for other in range(k):
            matrix[other, k] = matrix[k, other]
    return matrix, right
