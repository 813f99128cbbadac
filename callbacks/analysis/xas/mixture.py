"""Series of spectra as mixtures: shares of known end members, and how many components there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .grid import FloatArray


@dataclass(frozen=True)
class Mixture:
    """Shares of references in spectra.

    Attributes
    ----------
    shares
        Shape (n_spectra, n_references).
    shares_sigma
        One standard deviation from the residual, same shape.
    residual_rms
        Rms difference of spectrum and mixture, shape (n_spectra,).
    """

    shares: FloatArray
    shares_sigma: FloatArray
    residual_rms: FloatArray


def _require_finite(values: FloatArray, name: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(values))} values of the {name} are not finite: cut them"
        )


def linear_combination(spectra: ArrayLike, references: ArrayLike, *, sum_to_one: bool = True) -> Mixture:
    """Shares of reference spectra by least squares.

    Parameters
    ----------
    spectra
        Normalised spectra on one grid, shape (n_spectra, n_energies) or (n_energies,).
    references
        Normalised end members on the same grid, shape (n_references, n_energies).
    sum_to_one
        Whether the shares of each spectrum add up to one. Shares are not forced to be positive: a share well
        below zero says that the end members are the wrong ones.

    Returns
    -------
    Mixture
        Shares and their uncertainty.

    Raises
    ------
    ValueError
        If values are not finite, the grids differ, or the references are linearly dependent.

    Examples
    --------
    >>> ends = np.array([[0.0, 1.0, 2.0, 1.0], [0.0, 0.0, 1.0, 3.0]])
    >>> linear_combination(0.25 * ends[0] + 0.75 * ends[1], ends).shares.round(2).tolist()
    [[0.25, 0.75]]
    """
    measured = np.atleast_2d(np.asarray(spectra, dtype=float))
    ends = np.atleast_2d(np.asarray(references, dtype=float))
    if measured.shape[1] != ends.shape[1]:
        raise ValueError(
            f"spectra of {measured.shape[1]} energies, references of {ends.shape[1]}: use one grid"
        )
    _require_finite(measured, "spectra")
    _require_finite(ends, "references")
    transform = np.eye(len(ends))
    origin = np.zeros(len(ends))
    if sum_to_one:
        transform = np.vstack([np.eye(len(ends) - 1), -np.ones(len(ends) - 1)])
        origin[-1] = 1.0
    design = ends.T @ transform
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("references are linearly dependent: drop one of them")
    inverse = np.linalg.pinv(design)
    shares = (measured - origin @ ends) @ inverse.T @ transform.T + origin
    residual = measured - shares @ ends
    freedom = max(measured.shape[1] - design.shape[1], 1)
    spread = np.sqrt(np.diag(transform @ inverse @ inverse.T @ transform.T))
    rms = np.sqrt((residual**2).sum(axis=1) / freedom)
    return Mixture(shares, rms[:, None] * spread, np.sqrt((residual**2).mean(axis=1)))


@dataclass(frozen=True)
class Components:
    """Principal components of a series.

    Attributes
    ----------
    mean
        Mean spectrum, shape (n_energies,).
    components
        Rows of unit length, shape (n_components, n_energies).
    scores
        Shape (n_spectra, n_components).
    variance_share
        Share of the variance about the mean in each component, shape (n_components,).
    """

    mean: FloatArray
    components: FloatArray
    scores: FloatArray
    variance_share: FloatArray


def principal_components(spectra: ArrayLike, count: int = 3) -> Components:
    """Principal components of a series of spectra about its mean.

    Parameters
    ----------
    spectra
        Shape (n_spectra, n_energies), finite.
    count
        Number of components kept.

    Returns
    -------
    Components
        By singular value decomposition.

    Raises
    ------
    ValueError
        If values are not finite.
    """
    values = np.asarray(spectra, dtype=float)
    _require_finite(values, "spectra")
    mean = values.mean(axis=0)
    left, singular, right = np.linalg.svd(values - mean, full_matrices=False)
    total = max(float((singular**2).sum()), 1e-300)
    return Components(mean, right[:count], left[:, :count] * singular[:count], singular[:count] ** 2 / total)
