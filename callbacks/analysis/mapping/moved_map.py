"""Maps moved back by a drift: sums of their positions, flags of them, and what part of each was inside."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PAD = 8
"""Positions by which a map is continued for splines."""


def moved_sums(values: FloatArray, shape: tuple[int, int], shift_px: tuple[float, float]) -> FloatArray:
    """Move sums (n, k) of the positions of a map back by a drift, by cubic splines.

    Linear interpolation would blur the maps of some angles more than those of others: at a boundary of grains
    that is a tilt, three times that of splines on a map in steps of half the beam.
    """
    ndimage: Any = import_module("scipy.ndimage")
    grid = values.reshape(*shape, -1)
    beyond = [min(PAD, count - 1) for count in shape]
    # Beyond its edges a map goes on as it went: a gradient must stay straight.
    sides = [(beyond[0], beyond[0]), (beyond[1], beyond[1]), (0, 0)]
    padded = np.pad(grid, sides, mode="reflect", reflect_type="odd")
    back = (-shift_px[0], -shift_px[1], 0.0)
    moved: FloatArray = ndimage.shift(padded, back, order=3, mode="nearest")
    inner = tuple(slice(side, side + count) for side, count in zip(beyond, shape, strict=True))
    return moved[inner].reshape(values.shape)


def part_inside(shape: tuple[int, int], shift_px: tuple[float, float]) -> FloatArray:
    """Part of each position (rows * columns,) that was in the map, moved back by a drift: 1 or less."""
    parts: list[FloatArray] = []
    for count, shift in zip(shape, shift_px, strict=True):
        place = np.arange(count) + shift
        parts.append(np.clip(np.minimum(place + 1.0, count - place), 0.0, 1.0))
    return np.outer(*parts).ravel()


def moved_flags(
    flags: NDArray[np.bool_], shape: tuple[int, int], shift_px: tuple[float, float]
) -> NDArray[np.bool_]:
    """Positions (rows * columns,) that hold a part of flagged ones, moved back by a drift."""
    ndimage: Any = import_module("scipy.ndimage")
    back = (-shift_px[0], -shift_px[1])
    moved: FloatArray = ndimage.shift(flags.reshape(shape).astype(float), back, order=1, mode="nearest")
    return moved.ravel() > 0.0
