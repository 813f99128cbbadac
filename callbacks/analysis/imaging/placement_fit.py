"""Shift, turn and size at which two pictures differ least."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray
from .placing import Grid, Move, Picture, edges

VALUE_SMOOTH_PX, EDGE_SMOOTH_PX = 1.0, 1.5
DIFFERENCE_PX = 0.25
"""Step of the slopes."""
ROUNDS = 15
LEAST_REST = 1e-3
"""Least part of the variance that no picture explains in another."""


@dataclass(frozen=True)
class PlacementFit:
    """Where a picture lies, how its edges correlate there, and how well the place is known, rms over it."""

    move: Move
    correlation: float
    sigma_um: float


def _channels(values: FloatArray, known: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Edges, which maps of other kinds share, and values, which tell more where they go together."""
    ndimage: Any = import_module("scipy.ndimage")
    steep, inner = edges(values, known, EDGE_SMOOTH_PX)
    return np.stack([steep, ndimage.gaussian_filter(values, VALUE_SMOOTH_PX, mode="nearest")]), inner


class _Comparison:
    """Differences of two pictures on a grid, by rows, columns, turn and size in pixels at a mean radius."""

    def __init__(self, first: Picture, second: Picture, grid: Grid, start: Move) -> None:
        self._second, self._grid, self._start = second, grid, start
        self._fixed, self._known = _channels(*first.shown(grid, Move()))
        self.lever_px = float(np.hypot(*np.ptp(second.corners_um, axis=0))) / np.sqrt(12.0) / grid.pitch_um
        self._weight = 1.0 / np.maximum(1.0 - self.compare(np.zeros(4))[1] ** 2, LEAST_REST)

    def move(self, by_px: FloatArray) -> Move:
        """Tell the move that the numbers (4,) mean."""
        rows, columns = self._grid.pitch_um * by_px[:2]
        turn, size = by_px[2:] / self.lever_px
        z, x = self._start.along_um
        return Move(
            (z + float(rows), x + float(columns)),
            self._start.roll_deg + float(np.rad2deg(turn)),
            self._start.scale * float(np.exp(size)),
        )

    def compare(self, by_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Give what is left of each channel without the other picture, and how each correlates."""
        seen, there = _channels(*self._second.shown(self._grid, self.move(by_px)))
        both = self._known & there
        left, alike = np.zeros(seen.shape), np.zeros(len(seen))
        for n in range(len(seen) if both.any() else 0):
            one, two = (each[n][both] - each[n][both].mean() for each in (self._fixed, seen))
            one, two = (each / max(float(np.linalg.norm(each)), 1e-300) for each in (one, two))
            alike[n] = float(one @ two)
            left[n][both] = one - alike[n] * two
        return left, alike

    def left(self, by_px: FloatArray) -> FloatArray:
        """Give the differences (n,), less of a channel of which more was left at first."""
        return (self._weight[:, None, None] * self.compare(by_px)[0]).ravel()

    def slopes(self, by_px: FloatArray, free: FloatArray) -> FloatArray:
        """Differentiate along directions (4, k), shape (n, k)."""
        pairs = [(self.left(by_px + step), self.left(by_px - step)) for step in DIFFERENCE_PX * free.T]
        return np.stack([(more - less) / (2 * DIFFERENCE_PX) for more, less in pairs], axis=1)

    def sigma_px(self, alike: FloatArray, slopes: FloatArray) -> float:
        """Tell how far noise moves places, rms over the picture; large where slopes leave a number open."""
        rest = float((self._weight**2 * np.maximum(1.0 - alike**2, LEAST_REST)).sum())
        used = max(int(np.count_nonzero(slopes.any(axis=1))), 1)
        noise = rest / used * 4 * np.pi * EDGE_SMOOTH_PX**2
        information = np.linalg.eigvalsh(slopes.T @ slopes)
        return float(np.sqrt((noise / np.maximum(information, 1e-12)).sum()))


def fit_placement(
    first: Picture, second: Picture, grid: Grid, start: Move, *, turns: bool, scales: bool
) -> PlacementFit:
    """Refine how a picture lies by least squares of the differences of edges and values.

    Parameters
    ----------
    first, second
        The picture that stays and the one that moves.
    grid
        Where they are compared.
    start
        To within a few pixels.
    turns, scales
        Whether turn and size are free.

    Returns
    -------
    PlacementFit
        With its uncertainty from what is left.
    """
    optimize: Any = import_module("scipy.optimize")
    compared = _Comparison(first, second, grid, start)
    free = np.eye(4)[:, [True, True, turns, scales]]

    def left(numbers: FloatArray) -> FloatArray:
        return compared.left(free @ numbers)

    def slopes(numbers: FloatArray) -> FloatArray:
        return compared.slopes(free @ numbers, free)

    found = optimize.least_squares(
        left,
        np.zeros(free.shape[1]),
        jac=slopes,
        xtol=1e-4,
        max_nfev=ROUNDS,
    )
    by_px = free @ found.x
    alike = compared.compare(by_px)[1]
    sigma_px = compared.sigma_px(alike, np.asarray(found.jac, dtype=np.float64))
    return PlacementFit(compared.move(by_px), float(alike[0]), sigma_px * grid.pitch_um)
