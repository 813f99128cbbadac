"""Least squares by Levenberg and Marquardt, with priors: small steps of the whole pattern.

The damping follows how well a step did what it promised (Nielsen 1999, IMM-REP-1999-05, Technical University
of Denmark): a valley with a bend is then followed instead of overshot at every other step.
"""
# pyright: standard

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv  # pyright: ignore[reportAttributeAccessIssue]

from .normal_matrix import normal_matrix
from .phase import FloatArray

HASTE = 3.0
TOLERANCE = 0.1

Model = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, eq=False)
class Refined:
    """End of a least-squares fit.

    Attributes
    ----------
    vector
        Parameters (p,).
    normal
        Half the curvature of the cost (p, p), priors counted.
    pattern
        The model (n,).
    chi2
        Sum of squares of the weighted residuals, priors not counted.
    steps
        Steps taken.
    converged
        Whether the last step no longer mattered.
    """

    vector: FloatArray
    normal: FloatArray
    pattern: FloatArray
    chi2: float
    steps: int
    converged: bool

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariance of the parameters (p, p), from weights and priors."""
        return inverse(self.normal)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Limits of each parameter, its prior (what it should be, how surely), whether it is a factor; all (p,).

    Small steps of factors multiply them: then a factor of several exponentials, and these, move together
    along a straight line.
    """

    low: FloatArray
    high: FloatArray
    expected: FloatArray
    weight: FloatArray
    factor: NDArray[np.bool_]

    def moved(self, vector: FloatArray, step: FloatArray) -> FloatArray:
        """Vector (p,) after a step (p,), within the limits."""
        trial = vector + step
        some = np.flatnonzero(self.factor & (np.abs(step) < 0.5 * vector))
        trial[some] = vector[some] * np.exp(step[some] / vector[some])
        return np.clip(trial, self.low, self.high)


def _normal(
    model: Model, vector: FloatArray, values: FloatArray, weights: FloatArray, bounds: Bounds
) -> tuple[FloatArray, FloatArray, FloatArray, float, float]:
    """PatternModel, normal matrix, right side, chi2 and cost of a vector."""
    pattern, jacobian = model(vector)
    residual = values - pattern
    matrix, right = normal_matrix(jacobian, weights, residual)
    strayed = bounds.expected - vector
    matrix.flat[:: strayed.size + 1] += bounds.weight
    right = right + bounds.weight * strayed
    chi2 = float(residual @ (weights * residual))
    return pattern, matrix, right, chi2, chi2 + float(bounds.weight @ strayed**2)


def _step(matrix: FloatArray, right: FloatArray, damping: float) -> FloatArray:
    """Damped step (p,), in units in which every diagonal is one."""
    size = np.sqrt(np.maximum(matrix.diagonal(), 1e-100))
    scaled = matrix / (size[:, None] * size)
    scaled.flat[:: size.size + 1] += damping + 1e-12
    _, solved, failed = dposv(scaled, right / size, lower=1)
    if failed:
        raise np.linalg.LinAlgError(f"a step has no solution: Cholesky factor ends at {failed}")
    return solved / size


def _free_step(
    matrix: FloatArray, right: FloatArray, damping: float, pinned: NDArray[np.bool_]
) -> FloatArray:
    """Step (p,) that leaves pinned parameters where they are."""
    if not pinned.any():
        return _step(matrix, right, damping)
    free = np.flatnonzero(~pinned)
    step = np.zeros_like(right)
    step[free] = _step(matrix[np.ix_(free, free)], right[free], damping)
    return step


def refine(
    model: Model,
    start: FloatArray,
    values: FloatArray,
    sigma: FloatArray,
    bounds: Bounds,
    *,
    max_steps: int = 25,
    worth: float = np.inf,
) -> Refined:
    """Fit a model to values.

    Parameters
    ----------
    model
        Gives the pattern (n,) and its derivatives (n, p) for a vector (p,).
    start
        Where to begin (p,).
    values, sigma
        Measured values and their standard deviations (n,).
    bounds
        Limits and priors of the parameters.
    max_steps
        End after so many, or once a step lowers the cost by less than `TOLERANCE` (times the cost of a
        point, where that is above one).
    worth
        A fit that cannot come below this cost is of no use: it ends once the steps that are left would each
        have to gain `HASTE` times what the last one did.

    Returns
    -------
    Refined
        The best vector found; never raises for values that cannot be fitted.
    """
    weights = 1.0 / sigma**2
    vector, damping, steps, converged = np.clip(start, bounds.low, bounds.high), 1e-3, 0, False
    harder = 8.0
    pattern, matrix, right, chi2, cost = _normal(model, vector, values, weights, bounds)
    while steps < max_steps and not converged:
        steps += 1
        pinned = ((vector <= bounds.low) & (right < 0)) | ((vector >= bounds.high) & (right > 0))
        try:
            step = _free_step(matrix, right, damping, pinned)
        except (np.linalg.LinAlgError, ValueError):
            damping, harder = max(damping * harder, 1e-6), harder * 2
            continue
        trial = bounds.moved(vector, step)
        foreseen = float(step @ (2 * right - matrix @ step))
        if damping < 0.1 and foreseen < 0.3 * TOLERANCE * max(1.0, cost / values.size):
            converged = True
            break
        after = _normal(model, trial, values, weights, bounds)
        if after[4] < cost:
            gained = cost - after[4]
            converged = gained < TOLERANCE * max(1.0, cost / values.size)
            if after[4] - worth > HASTE * gained * (max_steps - steps):
                return Refined(trial, after[1], after[0], after[3], steps, converged=False)
            vector, (pattern, matrix, right, chi2, cost) = trial, after
            as_foreseen = min(gained / foreseen, 1.0) if foreseen > 0 else 1.0
            damping *= min(max(0.1, 1 - (2 * as_foreseen - 1) ** 3), 2.0)
            harder = 8.0
        else:
            converged = damping > 1e6 or after[4] - cost < 1e-3 * TOLERANCE
            damping, harder = max(damping * harder, 1e-6), harder * 2
    return Refined(vector, matrix, pattern, chi2, steps, converged)


def inverse(matrix: FloatArray) -> FloatArray:
    """Covariance (p, p); directions that nothing determines get large variances."""
    size = np.sqrt(np.maximum(matrix.diagonal(), 1e-100))
    scale = size[:, None] * size
    scaled = matrix / scale
    scaled.flat[:: size.size + 1] += 1e-12
    try:
        inner = np.linalg.inv(scaled)
    except np.linalg.LinAlgError:
        inner = np.linalg.pinv(scaled)
    return inner / scale
