"""A fly scan brought to the energies that a user asked for: gates shared out among bins, no count lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
EV_TO_SQUARE_WAVENUMBER = 0.2625
"""2 m / hbar^2, 1/(angstrom^2 eV)."""
FAR_SHELL_ANGSTROM, PARTS_OF_PERIOD = 3.0, 8.0
NEAR_EV = (-30.0, 40.0)
"""Where an edge has structures of the width of its core hole, relative to it."""
NARROW_EV = 1e-9
"""Width of a gate whose energy did not change."""


@dataclass(frozen=True)
class Rebinned:
    """Counts at the energies of a grid.

    Attributes
    ----------
    energy_ev : numpy.ndarray
        Shape (m,), mean energy of what was counted in each bin, eV; NaN in an empty one.
    open_s : numpy.ndarray
        Shape (m,), time that was counted, s.
    time_s : numpy.ndarray
        Shape (m,), mean time at which it was, s; NaN in an empty one.
    counts : numpy.ndarray
        Shape (m, k).
    outside : numpy.ndarray
        Shape (k,), counts in no bin: below the first, above the last, and between bins that are apart.
    """

    energy_ev: FloatArray
    open_s: FloatArray
    time_s: FloatArray
    counts: FloatArray
    outside: FloatArray

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Shape (m,), whether nothing was counted in a bin."""
        return self.open_s <= 0.0


def bin_edges(grid_ev: ArrayLike) -> FloatArray:
    """Edges of the bins of a grid: half-way between its energies, as far beyond its ends.

    Parameters
    ----------
    grid_ev
        Shape (m,), eV, strictly rising, at least two.

    Returns
    -------
    numpy.ndarray
        Shape (m + 1,), eV.

    Raises
    ------
    ValueError
        If the grid is too short or does not rise.

    Examples
    --------
    >>> bin_edges([8330.0, 8331.0, 8333.0]).tolist()
    [8329.5, 8330.5, 8332.0, 8334.0]
    """
    grid = np.asarray(grid_ev, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 2 or not (np.diff(grid) > 0.0).all():
        raise ValueError(f"a grid of {grid.size} energies: give at least two, strictly rising, in eV")
    middle = 0.5 * (grid[1:] + grid[:-1])
    return np.concatenate([[2.0 * grid[0] - middle[0]], middle, [2.0 * grid[-1] - middle[-1]]])


def rebin(
    low_ev: ArrayLike,
    high_ev: ArrayLike,
    open_s: ArrayLike,
    time_s: ArrayLike,
    counts: ArrayLike,
    grid_ev: ArrayLike,
    *,
    widest_ev: ArrayLike = np.inf,
) -> Rebinned:
    """Share out the gates of one or more sweeps among the bins of a grid.

    The energy went from low to high at constant speed during a gate: a bin gets the part of its counts and of
    its time by which they overlap. Sweeps up and down may be mixed, in any order.

    Parameters
    ----------
    low_ev, high_ev
        Shape (n,), least and largest energy in each gate, eV.
    open_s, time_s
        Shape (n,), how long and when each was open, s.
    counts
        Shape (n, k), of each of k counters.
    grid_ev
        Shape (m,), strictly rising, eV.
    widest_ev
        Width of a bin at most, eV, of all or of each, shape (m,), such as `structure_widths`. Where the
        grid is wider than the structures of a spectrum, the mean over a whole step is not the value at its
        energy. Given, bins are symmetric about the energies as well.

    Returns
    -------
    Rebinned
        Counts of all bins and of what lies outside add up to those given.

    Raises
    ------
    ValueError
        If the grid does not rise, a gate ends below its begin, the shapes do not fit, or bins have no width.

    Examples
    --------
    >>> result = rebin([0.0, 1.0], [1.0, 2.0], [1.0, 1.0], [0.0, 1.0], [[10.0], [20.0]], [0.5, 1.5])
    >>> result.counts.tolist(), result.energy_ev.tolist()
    ([[10.0], [20.0]], [0.5, 1.5])
    """
    low, high = np.asarray(low_ev, dtype=np.float64), np.asarray(high_ev, dtype=np.float64)
    opened, when = np.asarray(open_s, dtype=np.float64), np.asarray(time_s, dtype=np.float64)
    counted = np.asarray(counts, dtype=np.float64)
    _check(low, high, opened, when, counted)
    high = np.maximum(high, low + NARROW_EV)
    reached = np.clip(_ends(grid_ev, widest_ev)[:, :, None], low, high)
    share = (reached - low) / (high - low)

    def within(each: FloatArray) -> FloatArray:
        below = share @ each
        return below[1] - below[0]

    open_bins, counts = within(opened), within(counted)
    # Energy and time of what was counted, each weighted with the time for which it was.
    energy_open = np.diff((0.5 * (reached + low) * share) @ opened, axis=0)[0]
    divisor = np.where(open_bins > 0.0, open_bins, np.nan)
    return Rebinned(
        energy_ev=energy_open / divisor,
        open_s=open_bins,
        time_s=within(opened * when) / divisor,
        counts=counts,
        outside=counted.sum(axis=0) - counts.sum(axis=0),
    )


def structure_widths(grid_ev: ArrayLike, e0_ev: float, near_ev: float) -> FloatArray:
    """Width of bins through which a spectrum is seen as it is: narrow at the edge, wide where it is smooth.

    Below the edge nothing is finer than the step of a grid. Behind it a wave of the fine structure is
    sin(2 R k) with k^2 = 0.2625 (E - E0) in 1/angstrom^2 and eV: a bin of an eighth of its period at
    R = 3 angstrom takes 2.6 % of its height.

    Parameters
    ----------
    grid_ev
        Shape (m,), eV.
    e0_ev
        The edge, eV.
    near_ev
        Width of bins about the edge, eV.

    Returns
    -------
    numpy.ndarray
        Shape (m,), eV; infinite far below the edge.

    Examples
    --------
    >>> structure_widths([8233.0, 8333.0, 8433.0], 8333.0, 0.4).round(1).tolist()
    [inf, 0.4, 5.1]
    """
    behind = np.asarray(grid_ev, dtype=np.float64) - e0_ev
    wavenumber = np.sqrt(EV_TO_SQUARE_WAVENUMBER * np.maximum(behind, 0.0))
    period = 2.0 * wavenumber / EV_TO_SQUARE_WAVENUMBER * np.pi / FAR_SHELL_ANGSTROM
    widths = np.where(behind > NEAR_EV[1], np.maximum(period / PARTS_OF_PERIOD, near_ev), near_ev)
    return np.where(behind < NEAR_EV[0], np.inf, widths)


def _ends(grid_ev: ArrayLike, widest_ev: ArrayLike) -> FloatArray:
    """Lower and upper ends (2, m) of the bins of a grid, eV."""
    widest = np.asarray(widest_ev, dtype=np.float64)
    if not (widest > 0.0).all():
        raise ValueError(f"widest_ev = {widest.min():g} eV: give a width of bins above 0 eV")
    edges, grid = bin_edges(grid_ev), np.asarray(grid_ev, dtype=np.float64)
    if np.isinf(widest).all():
        return np.stack([edges[:-1], edges[1:]])
    half = np.minimum(np.minimum(grid - edges[:-1], edges[1:] - grid), 0.5 * widest)
    return np.stack([grid - half, grid + half])


def _check(
    low: FloatArray, high: FloatArray, opened: FloatArray, when: FloatArray, counted: FloatArray
) -> None:
    if not low.shape == high.shape == opened.shape == when.shape == counted.shape[:1] or counted.ndim != 2:
        raise ValueError(
            f"gates of shapes {low.shape}, {high.shape}, {opened.shape}, {when.shape} and counts of shape "
            f"{counted.shape}: give (n,) and (n, k)"
        )
    if (high < low).any():
        raise ValueError(
            f"{int((high < low).sum())} gates end below their begin: give least and largest energy"
        )
