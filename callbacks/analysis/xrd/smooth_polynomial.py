"""Polynomial in q that takes what is smooth from F(q)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scattering_factor import FloatArray


@dataclass(frozen=True)
class SmoothPolynomial:
    """Least-squares polynomial in q without a constant, of a degree that may lie between two integers.

    Attributes
    ----------
    basis
        Orthonormal columns, shape (n, k).
    weight
        How much of each column is taken away, 0 to 1, shape (k,).
    """

    basis: FloatArray
    weight: FloatArray

    def taken_from(self, values: FloatArray) -> FloatArray:
        """Values (n,) less their polynomial."""
        return values - self.basis @ (self.weight * (self.basis.T @ values))

    def before(self, matrix: FloatArray, within: NDArray[np.bool_]) -> FloatArray:
        """Matrix (m, n): take the polynomial away, then apply `matrix` (m, k) to the points within."""
        whole = np.zeros((matrix.shape[0], within.size))
        whole[:, within] = matrix
        return whole - (matrix @ self.basis[within] * self.weight) @ self.basis.T


def smooth_polynomial(q: FloatArray, degree: float) -> SmoothPolynomial:
    """Polynomial of integer degree, and of the next one by what the degree is above it.

    Parameters
    ----------
    q
        Rising momentum transfer in 1/A, shape (n,).
    degree
        At least 0.

    Returns
    -------
    SmoothPolynomial
        Ready for any values at these q.

    Examples
    --------
    >>> q = np.linspace(0.1, 20.0, 200)
    >>> bool(np.abs(smooth_polynomial(q, 2.0).taken_from(3 * q - 0.1 * q**2)).max() < 1e-9)
    True
    """
    whole = int(degree)
    powers = (q / q[-1])[:, None] ** np.arange(1, whole + 2)
    weight = np.ones(whole + 1)
    weight[-1] = degree - whole
    return SmoothPolynomial(np.linalg.qr(powers)[0], weight)
