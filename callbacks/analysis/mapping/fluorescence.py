"""Fluorescence maps: counts of each element at each position, free of the overlap of their lines."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .fluorescence_detector import DetectorResponse, components
from .fluorescence_line import line_group
from .fluorescence_result import FluorescenceMap, judge
from .rocking_geometry import FloatArray

_OPTIMIZE: Any = import_module("scipy.optimize")
_LINALG: Any = import_module("scipy.linalg")

CHUNK_SPECTRA = 1024
FLOOR = 1e-3
LEAST_PART = 1e-3
"""A component of which less than this lies in the fitted channels is left out."""
MARGIN_EV = 400.0


@dataclass(frozen=True)
class _Solver:
    """What is the same at every position: matrices of the weighted fit.

    A spectrum (m,) times the table gives amounts, their variances, the misfit that counting noise gives, and
    the total.
    """

    table: NDArray[np.float32]
    weight: NDArray[np.float32]
    normal: FloatArray
    root: FloatArray


def channels_of(
    response: DetectorResponse,
    elements: tuple[str, ...],
    beam_ev: float,
    count: int,
    span_ev: tuple[float, float] | None,
) -> slice:
    """Channels from below the lowest line to above the beam, or those asked for."""
    if span_ev is None:
        lines = [line_group(element, beam_ev).energy_ev.min() for element in elements]
        span_ev = (float(min(lines)) - MARGIN_EV, beam_ev + MARGIN_EV)
    first, last = ((energy - response.offset_ev) / response.gain_ev for energy in span_ev)
    chosen = slice(max(int(np.ceil(first)), 0), min(int(last) + 1, count))
    if chosen.stop - chosen.start < 2 * (len(elements) + 4):
        raise ValueError(
            f"fit_fluorescence: {span_ev[0]:.0f} to {span_ev[1]:.0f} eV is channels {chosen.start} to "
            f"{chosen.stop} of {count}; check gain_ev = {response.gain_ev}, offset_ev = {response.offset_ev}"
        )
    return chosen


def _mean(flat: NDArray[Any]) -> FloatArray:
    """Mean of some thousand whole spectra of (n, m): enough for weights."""
    some = np.asarray(flat[:: max(len(flat) // CHUNK_SPECTRA, 1)], dtype=np.float64)
    whole = some[np.isfinite(some.sum(axis=1))]
    if not len(whole):
        raise ValueError(f"fit_fluorescence: none of {len(some)} spectra is finite; is the map empty?")
    return whole.mean(axis=0)


def _solver(parts: FloatArray, mean: FloatArray) -> _Solver:
    """Weights from a fit of the mean spectrum, and the matrices that follow from them."""
    here = parts.sum(axis=0) > LEAST_PART
    parts = parts * here
    model = parts @ _OPTIMIZE.nnls(parts, mean)[0]
    weight = 1 / np.maximum(model, FLOOR * (float(model.max()) or 1.0))
    normal = (parts * weight[:, None]).T @ parts + np.diag(np.where(here, 0.0, 1.0))
    estimate: FloatArray = np.asarray(_LINALG.solve(normal, (parts * weight[:, None]).T), dtype=np.float64)
    hat = (parts * estimate.T).sum(axis=1)
    columns = [estimate.T, estimate.T**2, (weight * (1 - hat))[:, None], np.ones((len(weight), 1))]
    return _Solver(
        table=np.concatenate(columns, axis=1).astype(np.float32),
        weight=weight.astype(np.float32),
        normal=normal,
        root=_LINALG.cholesky(normal),
    )


def _held_at_zero(
    solver: _Solver, right: FloatArray, held: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Amounts of right-hand sides (n, k) with some components held at zero, and where that is the optimum."""
    free = ~held
    amounts = np.zeros_like(right)
    inner = solver.normal[np.ix_(free, free)]
    amounts[:, free] = _LINALG.solve(inner, right[:, free].T, assume_a="pos").T
    pull = right[:, held] - amounts @ solver.normal[:, held]
    fits = amounts.min(axis=1) >= 0
    return amounts, fits & (pull.max(axis=1, initial=0.0) <= 0)


def _non_negative(solver: _Solver, found: FloatArray) -> NDArray[np.bool_]:
    """Refit the rows of `found` (n, k) that hold a negative number, in place, and say which.

    Rows with the same components below zero are first tried together with those held at zero; where that
    is not the optimum, each row has a non-negative least squares of its own.
    """
    limited = np.asarray(np.min(found, axis=1) < 0, dtype=np.bool_)
    rows = np.flatnonzero(limited)
    below = found[rows] < 0
    codes = below @ (1 << np.arange(found.shape[1], dtype=np.int64))
    for code in np.unique(codes):
        alike = rows[codes == code]
        held = found[alike[0]] < 0
        amounts, optimal = _held_at_zero(solver, found[alike] @ solver.normal, held)
        for row in alike[~optimal]:
            found[row] = _OPTIMIZE.nnls(solver.root, solver.root @ found[row])[0]
        found[alike[optimal]] = amounts[optimal]
    return limited


def _fit_rows(solver: _Solver, counts: NDArray[np.float32]) -> tuple[FloatArray, ...]:
    """Amounts (n, k), their variances (n, k), misfit, 1 where limited, and total of spectra (n, m).

    The counts are overwritten: a second array of their size would cost as much time as the fit.
    """
    size = len(solver.normal)
    table = (counts @ solver.table).astype(np.float64)
    found, variance, expected, total = (
        table[:, :size],
        table[:, size : 2 * size],
        table[:, -2],
        table[:, -1],
    )
    squared = np.square(counts, out=counts) @ solver.weight
    first = ((found @ solver.normal) * found).sum(axis=1)
    solution = found.copy()
    limited = _non_negative(solver, solution)
    moved = solution - found
    misfit = squared - first + ((moved @ solver.normal) * moved).sum(axis=1)
    return solution, variance, misfit / np.maximum(expected, 1e-30), limited.astype(float), total


def fit_fluorescence(
    spectra: ArrayLike,
    response: DetectorResponse,
    elements: tuple[str, ...],
    *,
    beam_ev: float,
    live: ArrayLike | None = None,
    span_ev: tuple[float, float] | None = None,
) -> FluorescenceMap:
    """Fit the lines of elements, scattering and a straight background to each spectrum of a map.

    All positions share one weighted linear fit: weights are the inverse of a model of the mean spectrum, so
    that the amounts are a matrix times the spectra, and free of bias whatever the weights. Where one is
    negative the position is fitted again with non-negative least squares, in the small space of the
    components. Counted as lines: K (or L) of each element, their silicon escape peaks, one elastic and one
    Compton peak at 90 degrees. Not in the model: tails and shelves of peaks, self-absorption, pile-up.

    Parameters
    ----------
    spectra
        Recorded counts, shape (*map, channels); nan where a map was not measured.
    response
        The detector; `calibrate_response` refines it on the mean spectrum.
    elements
        Symbols; each one whose lines are there, wanted or not, such as ``("Mn", "Fe", "Co", "Ni")``.
    beam_ev
        Photon energy of the beam, eV.
    live
        Part of the photons that were recorded, shape of the map, such as from `live_fraction`; 1 by default.
        Where it is not above 0 the counts are nan.
    span_ev
        Energies to fit, eV; by default from 400 eV below the lowest line to 400 eV above the beam.

    Returns
    -------
    FluorescenceMap
        Counts with uncertainties and verdicts.

    Raises
    ------
    ValueError
        If no element is named or one twice, no spectrum is finite, the channels do not hold the lines, or
        `live` differs in shape.

    Examples
    --------
    >>> detector = DetectorResponse(gain_ev=10.0)
    >>> spectrum = 1000 * detector.element("Ni", 9000.0, np.arange(1000.0))
    >>> [round(float(n)) for n in fit_fluorescence(spectrum, detector, ("Co", "Ni"), beam_ev=9000.0).counts]
    [0, 1000]
    """
    raw = np.asarray(spectra)
    shape = raw.shape[:-1]
    share = np.ones(shape) if live is None else np.asarray(live, dtype=float)
    share = np.where(share > 0, share, np.nan)
    if isinstance(elements, str) or len(set(elements)) < len(elements):
        raise ValueError(f"fit_fluorescence: elements is {elements!r}; give a tuple, each symbol once")
    if not elements or share.shape != shape:
        raise ValueError(
            f"fit_fluorescence: {len(elements)} elements, spectra of a map {shape}, live {share.shape}; "
            "name an element, and give one live fraction per position"
        )
    chosen = channels_of(response, elements, beam_ev, raw.shape[-1], span_ev)
    flat = raw.reshape(-1, raw.shape[-1])[:, chosen]
    solver = _solver(
        components(response, elements, beam_ev, np.arange(chosen.start, chosen.stop, dtype=float)),
        _mean(flat),
    )
    blocks = [
        _fit_rows(solver, flat[start : start + CHUNK_SPECTRA].astype(np.float32, order="C", copy=True))
        for start in range(0, len(flat), CHUNK_SPECTRA)
    ]
    amounts, variance, misfit, limited, total = (
        np.concatenate(column) for column in zip(*blocks, strict=True)
    )
    verdict = judge(total, misfit, share.ravel())
    return _mapped(
        elements,
        shape,
        (chosen.start, chosen.stop - 1),
        share,
        amounts,
        variance,
        misfit,
        limited > 0,
        verdict,
    )


def _mapped(
    elements: tuple[str, ...],
    shape: tuple[int, ...],
    channels: tuple[int, int],
    live: FloatArray,
    amounts: FloatArray,
    variance: FloatArray,
    misfit: FloatArray,
    limited: NDArray[np.bool_],
    verdict: NDArray[np.str_],
) -> FluorescenceMap:
    """Shape columns into maps, corrected for dead time."""
    maps = amounts.T.reshape(-1, *shape) / live
    count = len(elements)
    return FluorescenceMap(
        elements=elements,
        counts=maps[:count],
        counts_sigma=np.sqrt(variance.T[:count].reshape(-1, *shape)) / live,
        elastic=maps[count],
        compton=maps[count + 1],
        background=maps[count + 2] + maps[count + 3],
        misfit=misfit.reshape(shape),
        limited=limited.reshape(shape),
        channels=channels,
        verdict=verdict.reshape(shape),
    )
