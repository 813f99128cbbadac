"""Shares of known compounds in every pixel of an energy stack."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray

CHUNK_PIXELS = 65536
MOST_REFERENCES = 8
LEAST_AMOUNT_SIGMA = 5.0


@dataclass(frozen=True)
class MixtureMaps:
    """Compounds of every pixel.

    Attributes
    ----------
    names
        Of the references.
    amount
        Edge step that each reference takes, units of the stack, not negative, shape (n, rows, columns).
    fraction, fraction_sigma
        Amount over the sum of amounts, 0 to 1, and one standard deviation from the residual (of the
        fit that may be negative), shape (n, rows, columns); nan where nothing was found.
    residual
        Rms difference of spectrum and mixture, units of the stack, shape (rows, columns).
    mask
        Pixels whose sum of amounts is above five sigma.
    """

    names: tuple[str, ...]
    amount: FloatArray
    fraction: FloatArray
    fraction_sigma: FloatArray
    residual: FloatArray
    mask: NDArray[np.bool_]

    def of(self, name: str) -> FloatArray:
        """Fraction of one reference, shape (rows, columns).

        Raises
        ------
        KeyError
            If there is no reference of that name; the message lists those there are.
        """
        if name not in self.names:
            raise KeyError(f"mixture_maps: there is no reference {name!r}; there are {', '.join(self.names)}")
        return self.fraction[self.names.index(name)]


@dataclass(frozen=True)
class _Subset:
    """Least squares with some of the references, the others being zero."""

    columns: tuple[int, ...]
    inverse: FloatArray
    design: FloatArray
    covariance: FloatArray


def _subsets(references: FloatArray, baseline: FloatArray) -> list[_Subset]:
    """Every choice of references, all of them first."""
    told: list[_Subset] = []
    for size in range(len(references), -1, -1):
        for columns in combinations(range(len(references)), size):
            design = np.concatenate([references[list(columns)], baseline]).T
            inverse: FloatArray = np.asarray(np.linalg.pinv(design), dtype=np.float64)
            told.append(_Subset(columns, inverse, design, inverse @ inverse.T))
    return told


def _solved(spectra: FloatArray, subsets: list[_Subset], count: int) -> tuple[FloatArray, FloatArray]:
    """Amounts (count, pixels) and sums of squares (pixels,) of the best fit that is not negative."""
    amount, best = np.zeros((count, spectra.shape[1])), np.full(spectra.shape[1], np.inf)
    rest: NDArray[np.intp] = np.arange(spectra.shape[1], dtype=np.intp)
    for number, subset in enumerate(subsets):
        found = subset.inverse @ spectra[:, rest]
        left = spectra[:, rest] - subset.design @ found
        square = np.einsum("ep,ep->p", left, left)
        part = found[: len(subset.columns)]
        better = (part >= 0).all(axis=0) & (square < best[rest])
        at: NDArray[np.intp] = rest[better]
        amount[:, at] = 0.0
        amount[np.array(subset.columns, dtype=np.intp)[:, None], at] = part[:, better]
        best[at] = square[better]
        if number == 0:
            # Where the free fit is not negative, no subset can be better.
            rest = rest[~better]
    return amount, best


def _spread(amount: FloatArray, fraction: FloatArray, free: _Subset) -> tuple[FloatArray, float]:
    """Sigma of fractions (count, pixels) and of the sum of amounts for unit noise, of the free fit."""
    count = len(amount)
    own = free.covariance[:count, :count]
    slope = (np.eye(count) - fraction.T[:, :, None]) / amount.sum(axis=0)[:, None, None]
    variance = np.einsum("pij,jk,pik->pi", slope, own, slope, optimize=True)
    return np.sqrt(variance).T, float(np.sqrt(own.sum()))


def _require(stack: FloatArray, energy: FloatArray, ends: list[FloatArray], degree: int) -> None:
    wrong = [end.shape for end in ends if end.shape != energy.shape]
    if stack.ndim != 3 or stack.shape[0] != energy.size or not stack.size or wrong:
        raise ValueError(
            f"mixture_maps: stack {stack.shape}, energies {energy.shape}, {len(wrong)} of {len(ends)} "
            f"references of other shapes {wrong}; give (n_energies, rows, columns) with one pixel at least, "
            "(n_energies,) and one spectrum on these energies per reference"
        )
    if not 1 <= len(ends) <= MOST_REFERENCES or energy.size < len(ends) + degree + 3:
        raise ValueError(
            f"mixture_maps: {len(ends)} references (1 to {MOST_REFERENCES}) and a baseline of degree "
            f"{degree} need more than {energy.size} energies or fewer references"
        )
    if not (np.isfinite(ends).all() and np.isfinite(energy).all()):
        raise ValueError(
            "mixture_maps: energies or a reference have values that are not finite; cut those energies"
        )


def mixture_maps(
    stack: ArrayLike, energy_ev: ArrayLike, references: dict[str, ArrayLike], *, baseline_degree: int = 1
) -> MixtureMaps:
    """Fit every pixel by a sum of references and a smooth baseline.

    No pixel needs to be normalised first: amounts are in units of the stack, the baseline takes the place of
    the pre-edge, and fractions are amounts over their sum. Amounts are not negative; the best fit under that
    condition is found exactly, by trying the subsets of the references where the free fit has a negative one.

    Parameters
    ----------
    stack
        Absorption, shape (n_energies, rows, columns); pixels with values that are not finite get none.
    energy_ev
        Energies in eV, shape (n_energies,).
    references
        Spectra of the compounds on these energies, pre-edge 0 and edge step 1, at most eight.
    baseline_degree
        Of the baseline's polynomial; -1 for none.

    Returns
    -------
    MixtureMaps
        Fractions with sigma, residual and mask.

    Raises
    ------
    ValueError
        If shapes do not belong together, a value of energies or references is not finite, or references
        depend on each other.

    Examples
    --------
    >>> energy = np.arange(8320.0, 8380.0)
    >>> ends = {str(half): 1 / (1 + np.exp(half - energy)) for half in (8343.0, 8345.0)}
    >>> mixed = 0.25 * ends["8343.0"] + 0.75 * ends["8345.0"]
    >>> mixture_maps(mixed[:, None, None], energy, ends).of("8345.0").round(3).tolist()
    [[0.75]]
    """
    values, energy = np.asarray(stack), np.asarray(energy_ev, dtype=np.float64)
    known = [np.asarray(one, dtype=np.float64) for one in references.values()]
    _require(values, energy, known, baseline_degree)
    ends = np.array(known)
    scaled = (energy - energy.mean()) / max(float(np.ptp(energy)) / 2, 1e-9)
    baseline = np.array([scaled**power for power in range(baseline_degree + 1)]).reshape(-1, energy.size)
    design = np.concatenate([ends, baseline])
    if np.linalg.matrix_rank(design) < len(design):
        raise ValueError(
            f"mixture_maps: the references {', '.join(references)} depend on each other or on the "
            "baseline; drop one"
        )
    subsets = _subsets(ends, baseline)
    flat = values.reshape(energy.size, -1)
    parts = [
        _chunk(flat[:, start : start + CHUNK_PIXELS], subsets, len(ends))
        for start in range(0, flat.shape[1], CHUNK_PIXELS)
    ]
    amount, fraction, sigma, residual, mask = (
        np.concatenate(each, axis=-1) for each in zip(*parts, strict=True)
    )
    cube, plane = (len(ends), *values.shape[1:]), values.shape[1:]
    return MixtureMaps(
        names=tuple(references),
        amount=amount.reshape(cube),
        fraction=fraction.reshape(cube),
        fraction_sigma=sigma.reshape(cube),
        residual=residual.reshape(plane),
        mask=mask.reshape(plane).astype(np.bool_),
    )


def _chunk(flat: NDArray[np.generic], subsets: list[_Subset], count: int) -> tuple[FloatArray, ...]:
    """Amount, fraction, sigma, residual and mask of some pixels (n_energies, pixels)."""
    spectra = np.asarray(flat, dtype=np.float64)
    alive = np.isfinite(spectra).all(axis=0)
    spectra = np.where(alive, spectra, 0.0)
    amount, square = _solved(spectra, subsets, count)
    freedom = spectra.shape[0] - subsets[0].design.shape[1]
    noise = np.sqrt(square / freedom)
    total = amount.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.where(total > 0, amount / total, np.nan)
        spread, total_spread = _spread(amount, fraction, subsets[0])
    mask = alive & (total > LEAST_AMOUNT_SIGMA * noise * total_spread)
    lost = np.where(alive, 0.0, np.nan)
    residual = np.sqrt(square / spectra.shape[0]) + lost
    return amount + lost, fraction + lost, spread * noise + lost, residual, mask
