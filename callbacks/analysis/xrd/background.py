"""What lies under the lines: smooth, found from the points that lines do not reach."""
# pyright: standard

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline

from .phase import FloatArray


@lru_cache(maxsize=16)
def _basis(grid: bytes, count: int) -> FloatArray:
    """Design matrix of a remembered grid."""
    q = np.frombuffer(grid)
    inner = np.linspace(q[0], q[-1], count - 2)
    knots = np.concatenate([[q[0]] * 3, inner, [q[-1]] * 3])
    return np.ascontiguousarray(BSpline.design_matrix(q, knots, 3).toarray())


def background_basis(q_per_a: FloatArray, count: int = 9) -> FloatArray:
    """Cubic splines (n, count) over a rising grid (n,) in 1/angstrom."""
    return _basis(np.ascontiguousarray(q_per_a, dtype=np.float64).tobytes(), count)


def estimate_background(basis: FloatArray, values: FloatArray, sigma: FloatArray) -> FloatArray:
    """Coefficients (count,) of the splines through the points without lines.

    Points far above the splines are left out, round by round; so are lines, whatever they are.

    Parameters
    ----------
    basis
        Splines (n, count).
    values, sigma
        PatternModel and its standard deviations (n,).
    """
    used, precision = values <= np.quantile(values, 0.9), 1.0 / sigma**2
    coefficients = np.zeros(basis.shape[1])
    ridge = 1e-9 * np.eye(basis.shape[1])
    for _ in range(8):
        weighted = basis * (used * precision)[:, None]
        matrix = weighted.T @ basis
        ridge_now = ridge * max(float(np.trace(matrix)), 1e-30)
        coefficients = np.linalg.solve(matrix + ridge_now, weighted.T @ values)
        excess = (values - basis @ coefficients) / sigma
        spread = max(1.4826 * _median(np.abs(excess[used])), 0.5)
        again = excess < 1.5 * spread
        if int(again.sum()) < 2 * basis.shape[1] or np.array_equal(again, used):
            break
        used = again
    return np.asarray(coefficients, dtype=np.float64)


def _median(values: FloatArray) -> float:
    """Middle of values (n,), as numpy's, which takes ten times as long for few of them."""
    low, high = (values.size - 1) // 2, values.size // 2
    parted = np.partition(values, (low, high))
    return float(parted[low] + parted[high]) / 2


@lru_cache(maxsize=16)
def _step(grid: bytes) -> float:
    """Step of a remembered grid."""
    return float(np.median(np.diff(np.frombuffer(grid))))


def grid_step(q_per_a: FloatArray) -> float:
    """Middle step of a rising grid (n,), 1/angstrom."""
    return _step(np.ascontiguousarray(q_per_a, dtype=np.float64).tobytes())
