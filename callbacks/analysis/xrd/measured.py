"""A measured pattern made fit for fitting: finite, in rising q, with standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .background import background_basis, estimate_background, grid_step
from .phase import FloatArray

LEAST_POINTS = 60


@dataclass(frozen=True, eq=False)
class Measured:
    """A pattern: q in 1/angstrom, values, standard deviations, spline basis (n, k), coefficients (k,)."""

    q_per_a: FloatArray
    values: FloatArray
    sigma: FloatArray
    basis: FloatArray
    coefficients: FloatArray

    @property
    def lines(self) -> FloatArray:
        """Values less the background that was estimated."""
        return self.values - self.basis @ self.coefficients


def prepare(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None,
    *,
    splines: int = 9,
    estimate: bool = True,
) -> Measured | None:
    """Order a pattern; None if too little of it is finite.

    Parameters
    ----------
    q_per_a, intensity
        The pattern (n,), in any order; points that are not finite are left out, and of those at one q all but
        the first.
    sigma
        Standard deviations (n,); None if the intensities are counts. Points where it is not above 0 are left
        out.
    splines
        Number of splines of the background.
    estimate
        Whether to estimate the background; what is tracked from another pattern has one.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    q, values = np.asarray(q_per_a, dtype=float), np.asarray(intensity, dtype=float)
    spread = np.sqrt(np.maximum(values, 1.0)) if sigma is None else np.asarray(sigma, dtype=float)
    if not q.shape == values.shape == spread.shape or q.ndim != 1:
        raise ValueError(
            f"a pattern has q {q.shape}, intensity {values.shape}, sigma {spread.shape}: give arrays (n,)"
        )
    fine = np.isfinite(q) & np.isfinite(values) & np.isfinite(spread) & (q > 0) & (spread > 0)
    q, place = np.unique(q[fine], return_index=True)
    if q.size < LEAST_POINTS:
        return None
    values, spread = values[fine][place], spread[fine][place]
    basis = background_basis(q, splines)
    under = estimate_background(basis, values, spread) if estimate else np.zeros(splines)
    return Measured(q, values, spread, basis, under)


def typical_width(measured: Measured) -> float:
    """Full width at half maximum (1/angstrom) of the strongest line, within reason."""
    lines = measured.lines
    top = int(np.argmax(lines))
    half = lines[top] / 2
    low = top
    while low > 0 and lines[low] > half:
        low -= 1
    high = top
    while high < lines.size - 1 and lines[high] > half:
        high += 1
    step = grid_step(measured.q_per_a)
    return float(np.clip(measured.q_per_a[high] - measured.q_per_a[low], 1.5 * step, 0.06))
