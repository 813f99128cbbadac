"""Maps of edge energy and white line from a stack of absorption images, one per energy."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray, edge_energy, require_ev
from ..xas.verdict import LEAST_STEP_SIGMA, NOISY_HALF_STEP_EV
from ..xas.window import POST_EDGE_EV, PRE_EDGE_EV, choose_windows
from .xanes_grid import SingleArray, XanesGrid, xanes_grid
from .xanes_kernel import TILE
from .xanes_landmark import fit_pixels, workspace
from .xanes_sample import with_sample

FALL_FROM_EV = 30.0
"""Above the edge, from which a post-edge falls: the more fine structure it sees, the less it follows it."""


class PixelVerdict(IntEnum):
    """Whether the numbers of a pixel may be used."""

    GOOD = 0
    NOISY = 1
    NO_EDGE = 2
    NO_DATA = 3


@dataclass(frozen=True)
class XanesMaps:
    """Edge of every pixel; nan where there is none.

    Attributes
    ----------
    element, edge
        The absorption edge.
    half_step_ev, half_step_ev_sigma
        First energy at which the spectrum reaches the mean of its baselines, eV, shape (rows, columns).
    white_line_ev, white_line_ev_sigma
        Energy of the maximum above the half step, eV; its sigma, also that of the choice of points, is
        infinite where noise hides the curvature.
    white_line_height, white_line_height_sigma
        Its height in edge steps.
    edge_step, edge_step_sigma
        Post-edge less pre-edge at the half step, units of the stack.
    noise
        Rms noise of a point, edge steps (units of the stack where there is no edge).
    verdict
        Codes of `PixelVerdict`.
    pre_window_ev, post_window_ev
        Windows used, eV relative to the tabulated edge.
    post_degree
        Degree of the post-edge polynomial used; None: it falls as absorption does.
    """

    element: str
    edge: str
    half_step_ev: FloatArray
    half_step_ev_sigma: SingleArray
    white_line_ev: FloatArray
    white_line_ev_sigma: SingleArray
    white_line_height: SingleArray
    white_line_height_sigma: SingleArray
    edge_step: SingleArray
    edge_step_sigma: SingleArray
    noise: SingleArray
    verdict: NDArray[np.uint8]
    pre_window_ev: tuple[float, float]
    post_window_ev: tuple[float, float]
    post_degree: int | None

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that may be used, shape (rows, columns)."""
        return self.verdict == PixelVerdict.GOOD


def _rising(stack: NDArray[np.generic], energy_ev: FloatArray) -> NDArray[np.intp]:
    """Order of rising energies, or what is wrong with the stack."""
    if stack.ndim != 3 or stack.shape[0] != energy_ev.size or not stack.size:
        raise ValueError(
            f"xanes_maps: a stack of shape {stack.shape} does not belong to energies of shape "
            f"{energy_ev.shape}; give (n_energies, rows, columns), one pixel at least, and (n_energies,)"
        )
    order = np.argsort(energy_ev, kind="stable")
    steps = np.diff(energy_ev[order])
    if not np.isfinite(energy_ev).all() or (steps <= 0).any():
        raise ValueError(
            f"xanes_maps: {np.count_nonzero(steps <= 0)} energies are repeated and "
            f"{np.count_nonzero(~np.isfinite(energy_ev))} are not finite; average images of equal energy"
        )
    return order


def _fit(
    stack: NDArray[np.generic], grid: XanesGrid, workers: int
) -> tuple[FloatArray, SingleArray, NDArray[np.uint8]]:
    """Share the pixels among threads; the compiled loop holds no lock."""
    flat = stack.reshape(stack.shape[0], -1)
    pixels = flat.shape[1]
    energies, others = np.empty((2, pixels)), np.empty((7, pixels), dtype=np.float32)
    verdict = np.empty(pixels, dtype=np.uint8)
    share = -(-pixels // (workers * TILE)) * TILE

    def fit(start: int, end: int) -> None:
        limits = (NOISY_HALF_STEP_EV, LEAST_STEP_SIGMA)
        fit_pixels(flat, start, end, grid, limits, workspace(grid), energies, others, verdict)

    # Compiled by one thread: numba fails with a KeyError where two come to it at once for the first time.
    fit(0, 0)
    starts = range(0, pixels, share)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fit, starts, [min(start + share, pixels) for start in starts]))
    return energies, others, verdict


def xanes_maps(
    stack: ArrayLike,
    energy_ev: ArrayLike,
    *,
    element: str,
    edge: str = "K",
    pre_edge_ev: tuple[float, float] = PRE_EDGE_EV,
    post_edge_ev: tuple[float, float] = POST_EDGE_EV,
    post_degree: int | None = None,
    workers: int | None = None,
) -> XanesMaps:
    """Find the edge of every pixel of an energy stack.

    The definitions are those of `operando.callbacks.analysis.xas.fit_edge`: a line below the edge, a
    polynomial above it, the half step by a local parabola, the white line by a local cubic, both through
    unsmoothed points. Only where a scan ends so early that `fit_edge` has no more than a line above the
    edge, the post-edge falls as absorption does (`falling_baseline`), from 30 eV above the edge on: a line
    through a few points follows their fine structure, by up to 0.2 of a valence. Wild points are not
    repaired. The noise of a pixel is the rms deviation of points away from the edge from the cubic through
    their four neighbours, less the fine structure that all pixels have in common (`with_sample`); all sigmas
    scale with it.

    Parameters
    ----------
    stack
        Absorption, aligned, shape (n_energies, rows, columns), of any real type; a pixel with a value that
        is not finite has no edge.
    energy_ev
        Energies in eV, shape (n_energies,), in any order, each once.
    element, edge
        The absorption edge, such as ``"Ni"`` and ``"K"``.
    pre_edge_ev, post_edge_ev
        Windows relative to the tabulated edge in eV; shrunk to the scan by `choose_windows`.
    post_degree
        Degree of the post-edge polynomial, lowered for narrow windows. By default 2, or what falls as
        absorption does where that would be lowered; give a degree for fluorescence, which does not fall so.
    workers
        Threads; by default one per core.

    Returns
    -------
    XanesMaps
        Maps with sigma and verdict.

    Raises
    ------
    ValueError
        If shapes do not belong together, energies are repeated or in keV, or the scan is too short to be
        normalised.

    Examples
    --------
    >>> energy = np.arange(8250.0, 8600.0, 0.5)
    >>> half = np.array([[8343.0, 8344.5]])
    >>> stack = 0.2 + 1 / (1 + np.exp(-(energy[:, None, None] - half) / 1.5))
    >>> xanes_maps(stack, energy, element="Ni").half_step_ev.round(1).tolist()
    [[8343.0, 8344.5]]
    """
    edge_ev = edge_energy(element, edge)
    energy, values = np.asarray(energy_ev, dtype=np.float64), np.asarray(stack)
    order = _rising(values, energy)
    require_ev(energy, edge_ev, f"{element} {edge}")
    wanted = 2 if post_degree is None else post_degree
    windows = choose_windows(energy[order], edge_ev, pre_edge_ev, post_edge_ev, wanted)
    if windows.problem:
        raise ValueError(f"xanes_maps: the stack cannot be normalised: {windows.problem}")
    falls = post_degree is None and windows.post_degree < wanted
    if falls and post_edge_ev == POST_EDGE_EV:
        low, high = windows.post_ev
        windows = replace(windows, post_ev=(min(low, FALL_FROM_EV), high))
    grid = xanes_grid(energy[order], order, edge_ev, windows, falls=falls)
    grid = with_sample(grid, values.reshape(len(values), -1))
    energies, others, verdict = _fit(values, grid, workers or os.cpu_count() or 1)
    shape = values.shape[1:]
    maps = [one.reshape(shape) for one in others]
    return XanesMaps(
        element=element,
        edge=edge,
        half_step_ev=energies[0].reshape(shape),
        half_step_ev_sigma=maps[0],
        white_line_ev=energies[1].reshape(shape),
        white_line_ev_sigma=maps[1],
        white_line_height=maps[4],
        white_line_height_sigma=maps[5],
        edge_step=maps[2],
        edge_step_sigma=maps[3],
        noise=maps[6],
        verdict=verdict.reshape(shape),
        pre_window_ev=windows.pre_ev,
        post_window_ev=windows.post_ev,
        post_degree=None if falls else windows.post_degree,
    )
