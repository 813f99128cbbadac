"""What the pixels of an energy stack have in common, learned from some of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray, deviation
from .xanes_grid import LEAST_QUIET, XanesGrid, covering, deviations

MOST_QUIET, MOST_LEFT = 32, 1.4
"""Points from which the noise is taken, and what they may have over the quietest: edges take light."""
BETWEEN = 0.4
"""Part of the way between two points in whose middle it is open which of them a stretch is taken about."""
LEAST_VARIED = 0.01
"""Least variance of curvature among pixels, of its square: noise hides less."""
RUN, RUNS, LEAST_PIXELS = 32, 32, 32
"""Neighbouring pixels, how many such runs tell what is common, and of how many pixels at least."""


def with_sample(grid: XanesGrid, spectra: NDArray[np.generic]) -> XanesGrid:
    """Learn from the pixels themselves what the noise of each alone would hide.

    Parameters
    ----------
    grid
        Of `xanes_grid`.
    spectra
        Of the pixels, shape (m, n), in the order of the stack.

    Returns
    -------
    XanesGrid
        The same, with the fine structure behind the edge and the curvature of the white line; unchanged where
        fewer than 32 pixels are finite.
    """
    count, points = spectra.shape[1], grid.energy_ev.size
    starts = sorted({(count - RUN) * number // (RUNS - 1) if count > RUN else 0 for number in range(RUNS)})
    runs = [spectra[:, start : start + RUN] for start in starts]
    chosen = np.concatenate(runs, axis=1)[grid.order[:points]].astype(np.float64)
    chosen = chosen.compress(np.isfinite(chosen).all(axis=0), axis=1)
    if chosen.shape[1] < LEAST_PIXELS:
        return grid
    pre, post = (
        weight.astype(np.float64) @ chosen[begin : begin + weight.shape[1]]
        for weight, begin in zip((grid.pre_weight, grid.post_weight), grid.limits[:2].tolist(), strict=True)
    )
    step: FloatArray = post[0] - pre[0]
    grid, noise = _with_structure(grid, chosen, step)
    raised = chosen - pre[0] - grid.place[:, None] * pre[1]
    return _with_white_line(grid, raised, step, noise)


def _with_structure(grid: XanesGrid, chosen: FloatArray, step: FloatArray) -> tuple[XanesGrid, float]:
    """Tell the fine structure behind the edge from the noise, which is given too (units of the stack).

    Where points lie as far apart as the structure waves, it deviates from the cubic through its neighbours by
    more than the noise (12 eV: four times 1 %). It goes with the edge step and is the same in all pixels but
    for what their chemistry changes of it, so that a fit over pixels tells it, and the noise is what is left;
    points at which chemistry leaves much more than at others are no longer looked at.
    """
    first, five = deviations(grid.energy_ev)
    left_over = deviation(grid.energy_ev, chosen.T).T
    structure = left_over @ step / max(float(step @ step), 1e-30)
    left_over -= structure[:, None] * step
    left: FloatArray = np.sqrt(np.einsum("pn,pn->p", left_over, left_over) / step.size)
    level = float(np.sort(left)[: max(left.size // 4, LEAST_QUIET)].mean())
    kept = np.flatnonzero(left <= MOST_LEFT * level)
    kept = kept[:: -(-kept.size // MOST_QUIET)]
    quiet = covering(first[kept], five[kept], structure[kept].astype(np.float32), grid.energy_ev.size)
    return grid._replace(quiet=quiet), float(np.sqrt(np.mean(left[kept] ** 2)))


def _with_white_line(grid: XanesGrid, raised: FloatArray, step: FloatArray, noise: float) -> XanesGrid:
    """Tell the curvature of white lines and how much it differs among pixels, and what the stretch adds.

    A maximum is where the slope is zero, its sigma that of the slope over the curvature. The curvature of one
    noisy pixel is itself uncertain, and the sigma would be smallest where noise happened to bend most. The
    maximum also moves by some D when noise puts its stretch about the next point, for no cubic is the line:
    over all places between two points that is an error of D / sqrt(12), as of any rounding.
    """
    rows: NDArray[np.intp] = np.arange(grid.limits[2], grid.limits[4], dtype=np.intp)
    smooth = np.stack(
        [weight @ raised[at : at + weight.size] for at, weight in zip(*grid.smooth[:2], strict=True)]
    )
    peak: NDArray[np.intp] = rows[smooth[rows].argmax(axis=0)]
    place, bend, variance = _maximum(grid, raised, peak)
    side: NDArray[np.intp] = np.where(place > grid.energy_ev[peak], 1, -1).astype(np.intp)
    beside = _maximum(grid, raised, peak + side)[0]
    total = max(float(step @ step), 1e-30)
    common = float(step @ bend) / total
    varied = float(np.sum((bend - common * step) ** 2) - noise**2 * np.sum(variance)) / total
    between = np.abs(2 * place - grid.energy_ev[peak] - grid.energy_ev[peak + side])
    near = step**2 * (between < BETWEEN * np.abs(grid.energy_ev[peak + side] - grid.energy_ev[peak]))
    known = np.bincount(peak, near)
    shift = np.bincount(peak, near * side * (beside - place)) ** 2 / np.maximum(known, 1e-30)
    rounding = float(np.sqrt(shift.sum() / max(known.sum(), 1e-30) / 12))
    return grid._replace(bend=(common, max(varied, LEAST_VARIED * common**2), rounding))


def _maximum(
    grid: XanesGrid, raised: FloatArray, about: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Energy of the maximum of each pixel by the cubic about a point, curvature and its variance."""
    local, kind = grid.white_line, grid.white_line.kind[about]
    points: NDArray[np.intp] = local.first[about] + np.arange(local.weight.shape[2], dtype=np.intp)[:, None]
    values = np.take_along_axis(raised, points, axis=0)
    _, slope, half, third = np.einsum("pdk,kp->dp", local.weight[kind], values)
    root = np.sqrt(np.maximum(half**2 - 3 * slope * third, 0.0))
    reach = local.width[kind]
    x = np.where(half < 0, np.clip(slope / np.maximum(root - half, 1e-30), -reach, reach), 0.0)
    curvature: FloatArray = np.asarray(2 * half + 6 * third * x, dtype=np.float64)
    return grid.energy_ev[about] + x, curvature, np.asarray(local.bend[kind, 0], dtype=np.float64)
