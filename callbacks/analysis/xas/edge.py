"""Fit of absorption edges: one spectrum or a hundred thousand, clean or ugly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from . import landmark
from .fit_table import FitTable
from .grid import FloatArray, IndexArray, bridge_gaps, edge_energy, ordered, repair_glitches, require_ev
from .local import smoothing_matrices
from .normalisation import Baseline, already_normalised, baseline
from .result import NUMBERS, EdgeFit, Verdict
from .verdict import SEARCH_EV, judge
from .window import POST_EDGE_EV, PRE_EDGE_EV, Windows, choose_windows

CHUNK_SPECTRA = 2048
WHITE_LINE_REACH_EV = 40.0
SMOOTHING_EV = 1.5
DIP = 0.08


@dataclass(frozen=True)
class _Layout:
    """All that depends on the grid alone."""

    energy_ev: FloatArray
    edge_ev: float
    windows: Windows
    pre: Baseline
    post: Baseline
    region: slice
    fits: landmark.Stretches
    smoother: FloatArray
    differentiator: FloatArray


@lru_cache(maxsize=8)
def _layout(energies: bytes, asked: bytes, edge_ev: float, windows: Windows) -> _Layout:
    """Prepare a grid; remembered, since the scans of an experiment share theirs."""
    energy_ev, asked_ev = np.frombuffer(energies), np.frombuffer(asked)
    low = int(np.searchsorted(asked_ev, edge_ev + SEARCH_EV[0]))
    high = int(np.searchsorted(asked_ev, edge_ev + SEARCH_EV[1], side="right"))
    region = slice(max(low - 1, 0), high)
    smoother, differentiator = smoothing_matrices(energy_ev[region], SMOOTHING_EV)
    return _Layout(
        energy_ev=energy_ev,
        edge_ev=edge_ev,
        windows=windows,
        pre=baseline(energy_ev, edge_ev, windows.pre_ev, windows.pre_degree, asked_ev),
        post=baseline(energy_ev, edge_ev, windows.post_ev, windows.post_degree, asked_ev),
        region=region,
        fits=landmark.stretches(energy_ev[region]),
        smoother=smoother,
        differentiator=differentiator,
    )


def _step(layout: _Layout, pre: FloatArray, post: FloatArray, where_ev: FloatArray) -> FloatArray:
    """Post-edge less pre-edge of each spectrum at its own energy."""
    return (post * layout.post.basis(where_ev)).sum(axis=1) - (pre * layout.pre.basis(where_ev)).sum(axis=1)


def _dips(smooth: FloatArray, peak: IndexArray, noise: FloatArray) -> IndexArray:
    """Index (n,) of the deepest fall before the white line; -1 where there is none."""
    index = np.arange(smooth.shape[1], dtype=np.intp)
    before = index <= peak[:, None]
    highest = np.maximum.accumulate(smooth, axis=1)
    fall = np.where(before & (highest > 0.2), highest - smooth, 0.0)
    place = fall.argmax(axis=1)
    rows = np.arange(len(smooth))
    deep = fall[rows, place] > DIP + 4 * noise
    return np.where(deep, place, -1)


def _fit_rows(layout: _Layout, mu: FloatArray) -> dict[str, np.ndarray]:
    """Fit finite spectra (n, m) that share one grid and one pair of windows."""
    mu, noise, repaired = repair_glitches(layout.energy_ev, mu)
    energy = layout.energy_ev[layout.region]
    pre, post = layout.pre.fit(mu), layout.post.fit(mu)
    values = mu[:, layout.region] - pre @ layout.pre.basis(energy).T
    smooth = values @ layout.smoother.T
    near, step, crossed = _first_guess(layout, pre, post, smooth)
    safe_step = np.where(crossed, step, 1.0)
    raised = landmark.Raised(layout.fits, values, layout.pre, layout.post, safe_step, noise)
    half, half_sigma = landmark.refine_half_step(raised, near)
    slope = values @ layout.differentiator.T
    inner = slice(1, -1)
    steepest = slope[:, inner].argmax(axis=1) + 1
    e0, e0_sigma = landmark.refine_inflection(raised, energy[steepest])
    rows = np.arange(len(mu))
    beyond = (energy > half[:, None]) & (energy < layout.edge_ev + WHITE_LINE_REACH_EV)
    peak = np.where(beyond, smooth, -np.inf).argmax(axis=1)
    white, white_sigma, height, height_sigma = landmark.refine_white_line(raised, energy[peak])
    dip = _dips(smooth / safe_step[:, None], peak, noise / np.abs(safe_step))
    numbers: dict[str, np.ndarray] = {
        "e0_ev": e0,
        "half_step_ev": np.where(crossed, half, np.nan),
        "edge_step": step,
        "white_line_ev": white,
        "white_line_height": height,
        "e0_ev_sigma": e0_sigma,
        "half_step_ev_sigma": half_sigma,
        "edge_step_sigma": noise * np.sqrt(layout.pre.variance(near) + layout.post.variance(near)),
        "white_line_ev_sigma": white_sigma,
        "white_line_height_sigma": height_sigma,
        "noise": noise / np.abs(safe_step),
        "repaired_points": repaired,
    }
    rise = slope[rows, steepest] / safe_step
    numbers["misfit"] = _misfit(layout, mu, pre, post) / np.abs(safe_step)
    numbers["verdict"] = judge(numbers, rise, np.where(dip >= 0, energy[dip], -np.inf))
    lost = numbers["verdict"] == str(Verdict.NO_EDGE)
    for name in NUMBERS:
        if name != "edge_step":
            numbers[name] = np.where(lost, np.nan, numbers[name])
            numbers[f"{name}_sigma"] = np.where(lost, np.nan, numbers[f"{name}_sigma"])
    del numbers["misfit"]
    return numbers


def _first_guess(
    layout: _Layout, pre: FloatArray, post: FloatArray, smooth: FloatArray
) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """Energy and edge step at the first crossing of the half step, and whether there is one."""
    energy = layout.energy_ev[layout.region]
    near = np.full(len(smooth), layout.edge_ev)
    step = _step(layout, pre, post, near)
    for _ in range(2):
        near = landmark.first_crossing(energy, smooth, step / 2)
        near = np.where(np.isfinite(near), near, layout.edge_ev)
        step = _step(layout, pre, post, near)
    crossed = np.isfinite(landmark.first_crossing(energy, smooth, step / 2)) & (step > 0)
    return near, step, crossed


def _misfit(layout: _Layout, mu: FloatArray, pre: FloatArray, post: FloatArray) -> FloatArray:
    """Rms distance (n,) of the points from their polynomial, the larger of the two windows, units of mu."""
    return np.maximum(layout.pre.misfit(mu, pre), layout.post.misfit(mu, post))


@dataclass(frozen=True)
class _Axis:
    """Rising energies (m,) at which spectra were measured, and by which their points are placed."""

    energy_ev: FloatArray
    asked_ev: FloatArray

    def at(self, points: np.ndarray) -> _Axis:
        """Take some points of it."""
        return _Axis(self.energy_ev[points], self.asked_ev[points])


@dataclass(frozen=True)
class _Wanted:
    edge_ev: float
    pre_edge_ev: tuple[float, float]
    post_edge_ev: tuple[float, float]
    post_degree: int


def _fit_group(table: FitTable, rows: np.ndarray, axis: _Axis, mu: FloatArray, wanted: _Wanted) -> None:
    """Fit spectra that were measured at the same energies."""
    if axis.energy_ev.size < 5:
        return
    windows = choose_windows(
        axis.asked_ev, wanted.edge_ev, wanted.pre_edge_ev, wanted.post_edge_ev, wanted.post_degree
    )
    if windows.problem:
        table.put(rows, windows, {})
        return
    scaled = already_normalised(axis.energy_ev, mu, wanted.edge_ev, windows, axis.asked_ev)
    for chosen, degree in ((scaled, 0), (~scaled, windows.post_degree)):
        if chosen.any():
            part = mu if chosen.all() else mu[chosen]
            _fit_alike(table, rows[chosen], axis, part, wanted, replace(windows, post_degree=degree))


def _fit_alike(
    table: FitTable, rows: np.ndarray, axis: _Axis, mu: FloatArray, wanted: _Wanted, windows: Windows
) -> None:
    """Fit spectra of one grid with one pair of baselines, in chunks that fit the cache."""
    layout = _layout(axis.energy_ev.tobytes(), axis.asked_ev.tobytes(), wanted.edge_ev, windows)
    if layout.smoother.shape[0] < 5:
        table.put(rows, replace(windows, problem="fewer than five points about the edge"), {})
        return
    for start in range(0, len(rows), CHUNK_SPECTRA):
        block = slice(start, start + CHUNK_SPECTRA)
        table.put(rows[block], windows, _fit_rows(layout, mu[block]))


def _fit_all(table: FitTable, axis: _Axis, mu: FloatArray, wanted: _Wanted) -> None:
    """Group the spectra by the energies at which they hold values, and fit each group at once."""
    whole = np.isfinite(mu).all(axis=1)
    if whole.all():
        _fit_group(table, np.arange(len(mu)), axis, mu, wanted)
        return
    _fit_group(table, np.flatnonzero(whole), axis, mu[whole], wanted)
    ragged = np.flatnonzero(~whole)
    values = bridge_gaps(axis.energy_ev, mu[ragged])
    patterns, member = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        chosen = np.flatnonzero(member.ravel() == number)
        _fit_group(table, ragged[chosen], axis.at(pattern), values[np.ix_(chosen, pattern)], wanted)


def _in_order(energy_ev: ArrayLike, mu: ArrayLike, asked_ev: ArrayLike | None) -> tuple[_Axis, FloatArray]:
    """Put spectra in order, with the energies by which their points are placed."""
    if asked_ev is None:
        energy, values = ordered(energy_ev, mu)
        return _Axis(energy, energy), values
    read, asked = np.asarray(energy_ev, dtype=float), np.asarray(asked_ev, dtype=float)
    if asked.shape != read.shape:
        raise ValueError(
            f"asked_ev of shape {asked.shape} does not belong to energies of shape {read.shape}: "
            "give one per energy, or none"
        )
    placed = np.where(np.isfinite(asked), asked, read)
    energy, values = ordered(read, np.vstack([np.atleast_2d(np.asarray(mu, dtype=float)), placed]))
    return _Axis(energy, np.maximum.accumulate(values[-1])), values[:-1]


def fit_edge(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    element: str,
    edge: str = "K",
    pre_edge_ev: tuple[float, float] = PRE_EDGE_EV,
    post_edge_ev: tuple[float, float] = POST_EDGE_EV,
    post_degree: int = 2,
    asked_ev: ArrayLike | None = None,
) -> EdgeFit:
    """Find the edge of one spectrum or of each spectrum of a stack.

    A line is fitted below the edge and a polynomial above it. The edge step is their difference at the half
    step. Inflection, half step and white line are found on the spectrum less its pre-edge, by local
    polynomials through the unsmoothed points; their uncertainties follow from the noise, which is the median
    deviation of points from the cubic through their neighbours. Data are never refused for being ugly:
    unordered or repeated energies, gaps, wild points, dead channels and half scans end in a verdict.

    Parameters
    ----------
    energy_ev
        Energies in eV, shape (n_energies,), in any order.
    mu
        Absorption ln(i0 / it) or fluorescence, shape (n_energies,) or (n_spectra, n_energies).
    element, edge
        The absorption edge, such as ``"Ni"`` and ``"K"``.
    pre_edge_ev, post_edge_ev
        Windows relative to the tabulated edge in eV; shrunk to the scan as `choose_windows` says, and
        reported.
    post_degree
        Degree of the post-edge polynomial; lowered for narrow windows, and to 0 for spectra that come
        normalised (0 below and 1 above the edge within 0.01).
    asked_ev
        Energies in eV, shape (n_energies,), by which points belong to windows: those that were asked for, or
        as read before an alignment. So the same points count in every scan of a grid, however it was
        aligned; `energy_ev` unless given.

    Returns
    -------
    EdgeFit
        Floats for one spectrum, arrays of length n_spectra for a stack.

    Raises
    ------
    ValueError
        If the energies are in keV, the shapes differ or the edge is not tabulated.

    Examples
    --------
    >>> energy = np.arange(8250.0, 8500.0, 0.5)
    >>> mu = 0.2 + 1 / (1 + np.exp(-(energy - 8343.0) / 1.5))
    >>> round(fit_edge(energy, mu, element="Ni").half_step_ev, 1)
    8343.0
    """
    edge_ev = edge_energy(element, edge)
    axis, values = _in_order(energy_ev, mu, asked_ev)
    require_ev(axis.energy_ev, edge_ev, f"{element} {edge}")
    table = FitTable(len(values))
    with np.errstate(all="ignore"):
        _fit_all(table, axis, values, _Wanted(edge_ev, pre_edge_ev, post_edge_ev, post_degree))
    fit = EdgeFit(element=element, edge=edge, tabulated_edge_ev=edge_ev, **table.columns)
    return fit[0] if np.ndim(mu) == 1 else fit
