"""Spectra of many pixels in few: noise taken out by principal components, clusters, and factors."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray

MOST_STEPS = 1000


@dataclass(frozen=True)
class SpectrumClusters:
    """Pixels of alike spectra.

    Attributes
    ----------
    label
        Cluster of each pixel, 0 .. n - 1 in falling size; -1 where the mask is False, shape (rows, columns).
    spectrum, spectrum_sigma
        Mean spectrum of each cluster and its standard deviation, shape (n, n_energies).
    pixels
        Size of each cluster, shape (n,).
    variance_share
        Share of the variance in each principal component kept, shape (components,).
    silhouette
        How well the clusters are apart, -1 to 1, on at most 2000 pixels.
    """

    label: NDArray[np.intp]
    spectrum: FloatArray
    spectrum_sigma: FloatArray
    pixels: NDArray[np.intp]
    variance_share: FloatArray
    silhouette: float


@dataclass(frozen=True)
class SpectrumFactors:
    """A stack as a sum of few spectra that are nowhere negative.

    Attributes
    ----------
    amount
        Of each factor in each pixel, shape (n, rows, columns); nan where the mask is False.
    spectrum
        Of each factor, largest value 1, shape (n, n_energies).
    residual
        Rms difference of stack and sum, units of the stack.
    converged
        Whether the last steps changed nothing any more.
    """

    amount: FloatArray
    spectrum: FloatArray
    residual: float
    converged: bool


def _chosen(
    stack: ArrayLike, mask: ArrayLike | None, wanted: int, least: int
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Spectra (pixels, n_energies) of the pixels that count, for so many components or factors."""
    values = np.asarray(stack, dtype=np.float64)
    if values.ndim != 3 or not 1 <= wanted <= len(values):
        raise ValueError(
            f"{wanted} components or factors of a stack of shape {values.shape}; give 1 to as many as it has "
            "energies, and (n_energies, rows, columns)"
        )
    good: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=0))
    chosen = np.ones_like(good) if mask is None else np.asarray(mask, dtype=bool)
    if chosen.shape != good.shape:
        raise ValueError(
            f"a mask of shape {chosen.shape} for rows and columns {good.shape}; give one of those"
        )
    good = good & chosen
    if good.sum() < least:
        raise ValueError(f"{good.sum()} pixels count, at least {least} are needed; widen the mask")
    return values[:, good].T, good


def denoised(stack: ArrayLike, *, components: int, mask: ArrayLike | None = None) -> FloatArray:
    """Keep the first principal components of a stack.

    Parameters
    ----------
    stack
        Normalised absorption, shape (n_energies, rows, columns).
    components
        Number kept; as many as there are compounds.
    mask
        Pixels that count, shape (rows, columns).

    Returns
    -------
    ndarray
        Same shape; nan where no pixel counts. The noise falls by about sqrt(components / n_energies).

    Raises
    ------
    ValueError
        If fewer pixels count, or energies are there, than components are wanted.
    """
    decomposition: Any = import_module("sklearn.decomposition")
    spectra, good = _chosen(stack, mask, components, components + 1)
    model = decomposition.PCA(components, svd_solver="full")
    clean = np.full(np.shape(stack), np.nan)
    clean[:, good] = model.inverse_transform(model.fit_transform(spectra)).T
    return clean


def cluster_spectra(
    stack: ArrayLike, clusters: int, *, components: int = 4, mask: ArrayLike | None = None, seed: int = 0
) -> SpectrumClusters:
    """Group pixels of alike spectra: principal components, then k-means.

    Parameters
    ----------
    stack
        Normalised absorption, shape (n_energies, rows, columns).
    clusters
        Number of groups.
    components
        Principal components in which pixels are compared.
    mask
        Pixels that count, shape (rows, columns).
    seed
        Of the start of k-means.

    Returns
    -------
    SpectrumClusters
        Mean spectra have little noise, for `fit_edge` or EXAFS.

    Raises
    ------
    ValueError
        If fewer pixels count than clusters or components are wanted, there are fewer energies than
        components, or all spectra are equal.

    Notes
    -----
    Lerotic et al. (2004), Ultramicroscopy 100, 35.
    """
    decomposition: Any = import_module("sklearn.decomposition")
    cluster: Any = import_module("sklearn.cluster")
    if clusters < 1:
        raise ValueError(f"cluster_spectra: {clusters} clusters; give 1 or more")
    spectra, good = _chosen(stack, mask, components, max(clusters, components) + 1)
    model = decomposition.PCA(components, svd_solver="full")
    if not np.ptp(spectra, axis=0).any():
        raise ValueError("cluster_spectra: all spectra are equal; is the mask right?")
    scores = model.fit_transform(spectra)
    found = cluster.KMeans(clusters, n_init=4, random_state=seed).fit_predict(scores)
    size = np.bincount(found, minlength=clusters)
    rank = np.argsort(-size, kind="stable")
    label = np.full(good.shape, -1, dtype=np.intp)
    label[good] = np.argsort(rank)[found]
    groups = [spectra[found == number] for number in rank]
    return SpectrumClusters(
        label=label,
        spectrum=np.array([group.mean(axis=0) for group in groups]),
        spectrum_sigma=np.array([group.std(axis=0) / np.sqrt(max(len(group) - 1, 1)) for group in groups]),
        pixels=size[rank].astype(np.intp),
        variance_share=np.asarray(model.explained_variance_ratio_, dtype=np.float64),
        silhouette=_silhouette(scores, found, seed),
    )


def _silhouette(scores: FloatArray, found: NDArray[np.intp], seed: int) -> float:
    metrics: Any = import_module("sklearn.metrics")
    if np.unique(found).size < 2:
        return float("nan")
    sample = min(2000, len(found))
    return float(metrics.silhouette_score(scores, found, sample_size=sample, random_state=seed))


def factorise_spectra(
    stack: ArrayLike,
    factors: int,
    *,
    initial: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    seed: int = 0,
) -> SpectrumFactors:
    """Resolve a stack into few spectra that are nowhere negative, and amounts (NMF; MCR without closure).

    The solution is not unique: neighbouring mixtures of the true spectra fit as well. Starting from measured
    references keeps the factors near them.

    Parameters
    ----------
    stack
        Absorption above its pre-edge line, shape (n_energies, rows, columns); negative values count as 0.
    factors
        Number of spectra.
    initial
        Spectra to start from, shape (factors, n_energies).
    mask
        Pixels that count, shape (rows, columns).
    seed
        Of the start where no spectra are given.

    Returns
    -------
    SpectrumFactors
        Amounts and spectra.

    Raises
    ------
    ValueError
        If fewer pixels count, or energies are there, than factors are wanted, or `initial` has another shape.
    """
    decomposition: Any = import_module("sklearn.decomposition")
    spectra, good = _chosen(stack, mask, factors, factors + 1)
    spectra = np.maximum(spectra, 0.0)
    begun: dict[str, FloatArray] = {}
    if initial is not None:
        start = np.maximum(np.asarray(initial, dtype=np.float64), 1e-6)
        if start.shape != (factors, spectra.shape[1]):
            raise ValueError(
                f"factorise_spectra: initial spectra of shape {start.shape}; give ({factors}, "
                f"{spectra.shape[1]}), one of all energies for each factor"
            )
        begun = {"W": np.maximum(spectra @ np.linalg.pinv(start), 1e-6), "H": start}
    model = decomposition.NMF(
        factors, init="custom" if begun else "nndsvda", max_iter=MOST_STEPS, tol=1e-4, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Maximum number of iterations")  # told by `converged`
        share = model.fit_transform(spectra, **begun)
    height = np.maximum(model.components_.max(axis=1), 1e-300)
    amount = np.full((factors, *good.shape), np.nan)
    amount[:, good] = (share * height).T
    left: FloatArray = spectra - share @ model.components_
    return SpectrumFactors(
        amount,
        model.components_ / height[:, None],
        float(np.sqrt((left**2).sum() / left.size)),
        bool(model.n_iter_ < MOST_STEPS),
    )
