"""Loop over the pixels of frames that have a picture in common: moved, brightened, with noise, counted."""

from __future__ import annotations

import numpy as np

from .specimen.sphere_kernel import Array, compiled

BLOCK = 1024
"""Pixels that are drawn in all frames before the next: what the frames share stays next to the processor."""
HALF, NOTHING = np.float32(0.5), np.float32(0.0)


@compiled
def _draw_block(
    mean: Array,
    dark: Array,
    deviation: Array,
    down: Array,
    across: Array,
    level: float,
    rows: float,
    columns: float,
    normals: Array,
    full_scale: float,
    out: Array,
) -> None:
    # In a function of its own, from the first element on: only so the compiler does many pixels at once.
    for pixel in range(out.size):
        value = mean[pixel] * level + dark[pixel] + deviation[pixel] * normals[pixel]
        value -= down[pixel] * rows + across[pixel] * columns
        out[pixel] = np.int32(min(max(value + HALF, NOTHING), full_scale))


@compiled
def draw_frames(
    mean: Array,
    dark: Array,
    deviation: Array,
    slopes: Array,
    level: Array,
    shift: Array,
    normals: Array,
    starts: Array,
    full_scale: float,
    out: Array,
) -> None:
    """Fill frames with numbers of a mean and a standard deviation, rounded and cut at full scale.

    Parameters
    ----------
    mean, dark, deviation
        Counts of the light, without light, and their noise (rms), shape (pixels,).
    slopes
        Change of the mean from row to row and from column to column, shape (2, pixels).
    level
        How bright each frame is over the mean, shape (n,).
    shift
        Rows and columns by which the picture is further in each frame, shape (n, 2).
    normals
        Table of normal numbers, shape (m,), m twice a multiple of `BLOCK`.
    starts
        Where each half of a table's worth of pixels begins in it, up to m / 2, shape (n, parts).
    full_scale
        Largest count.
    out
        Unsigned integers, shape (n, pixels). All real numbers are of single precision.
    """
    frames, pixels = out.shape
    half = normals.size // 2
    for first in range(0, pixels, BLOCK):
        last = min(first + BLOCK, pixels)
        for frame in range(frames):
            begin = starts[frame, first // half] + first % half
            _draw_block(
                mean[first:last],
                dark[first:last],
                deviation[first:last],
                slopes[0, first:last],
                slopes[1, first:last],
                level[frame],
                shift[frame, 0],
                shift[frame, 1],
                normals[begin : begin + last - first],
                full_scale,
                out[frame, first:last],
            )
