"""Loops over angles and pixels: back-projection of a slab of detector rows, or of one row, on one core."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .... import machine_code

Array: TypeAlias = Any
"""An array of single precision, as the compiler sees it."""

ANGLES_AT_ONCE = 16
"""Angles whose rows stay in the cache while a slab is walked through; a multiple of 4."""


BLOCK = 16
"""Rows and columns of a block that is turned over."""
LEAST_STEP = 1e-9


compiled = partial(machine_code.compiled, fastmath={"contract", "reassoc", "nsz"})
"""Compiles a loop of this kind."""


@compiled
def add_interpolated(filtered: Array, start: Array, share: Array, seen: int, rows: int, out: Array) -> None:
    """Add rows between two columns each to one pixel of a slab, four angles in one pass.

    Parameters
    ----------
    filtered
        Flat view of (angles, columns, rows).
    start
        Place of the left column's first row in `filtered`, unsigned, shape (angles at once,).
    share
        Distance from the left column, 0 to 1, shape (angles at once,).
    seen
        How many angles of `start` and `share` count.
    rows
        Detector rows, unsigned.
    out
        Added to, shape (rows,).
    """
    # Unsigned throughout: signed indices are tested for being negative.
    done = 0
    while done + 4 <= seen:
        s0, s1, s2, s3 = start[done], start[done + 1], start[done + 2], start[done + 3]
        w0, w1, w2, w3 = share[done], share[done + 1], share[done + 2], share[done + 3]
        for row in range(rows):
            f0, f1 = filtered[s0 + row], filtered[s1 + row]
            f2, f3 = filtered[s2 + row], filtered[s3 + row]
            out[row] += (
                (f0 + w0 * (filtered[s0 + rows + row] - f0))
                + (f1 + w1 * (filtered[s1 + rows + row] - f1))
                + (f2 + w2 * (filtered[s2 + rows + row] - f2))
                + (f3 + w3 * (filtered[s3 + rows + row] - f3))
            )
        done += 4
    for a in range(done, seen):
        s0, w0 = start[a], share[a]
        for row in range(rows):
            f0 = filtered[s0 + row]
            out[row] += f0 + w0 * (filtered[s0 + rows + row] - f0)


@compiled
def back_project(filtered: Array, turn: Array, centre: float, y_px: Array, x_px: Array, out: Array) -> None:
    """Add filtered projections to a slab, the detector rows innermost.

    Parameters
    ----------
    filtered
        Filtered and weighted line integrals, shape (angles, columns, rows), contiguous.
    turn
        Cosine and sine of the angles, double precision, shape (angles, 2).
    centre
        Column of the rotation axis, pixels from the first column's centre.
    y_px, x_px
        Places of the slab's pixels from the rotation axis, pixels, double precision, shapes (y,), (x,).
    out
        Added to, shape (y, x, rows), contiguous.
    """
    angles, columns, rows = filtered.shape
    flat, slab = filtered.reshape(-1), out.reshape(-1, rows)
    deep = np.uint64(rows)
    start = np.empty(ANGLES_AT_ONCE, np.uint64)
    share = np.empty(ANGLES_AT_ONCE, np.float32)
    for first in range(0, angles, ANGLES_AT_ONCE):
        last = min(first + ANGLES_AT_ONCE, angles)
        for y in range(y_px.size):
            for x in range(x_px.size):
                seen = 0
                for a in range(first, last):
                    column = x_px[x] * turn[a, 0] - y_px[y] * turn[a, 1] + centre
                    if 0.0 <= column <= columns - 1:
                        left = min(int(column), columns - 2)
                        start[seen] = np.uint64((a * columns + left) * rows)
                        share[seen] = np.float32(column - left)
                        seen += 1
                add_interpolated(flat, start, share, seen, deep, slab[y * x_px.size + x])


@compiled
def inside(begin: float, step: float, columns: int, pixels: int) -> tuple[int, int]:
    """First pixel of a line and the one after the last that fall on the detector.

    Parameters
    ----------
    begin, step
        Column of the line's first pixel, and how it grows from pixel to pixel.
    columns, pixels
        Of the detector, and of the line.

    Returns
    -------
    tuple of int
        Equal or falling where none does.
    """
    if abs(step) < LEAST_STEP:
        return 0, pixels if 0.0 <= begin <= columns - 1 else 0
    one, two = -begin / step, (columns - 1 - begin) / step
    first, end = np.ceil(min(one, two)), np.floor(max(one, two)) + 1
    return int(min(max(first, 0), pixels)), int(min(max(end, 0), pixels))


@compiled
def back_project_row(
    filtered: Array, turn: Array, centre: float, y_px: Array, x_px: Array, out: Array
) -> None:
    """Add one filtered detector row of each angle to its slice, as `back_project` does for many.

    Parameters
    ----------
    filtered
        Filtered and weighted line integrals, shape (angles, columns), contiguous.
    turn, centre, y_px, x_px
        As in `back_project`; `x_px` is evenly spaced by 1.
    out
        Added to, shape (y, x), contiguous.
    """
    columns = filtered.shape[1]
    last, zero = np.uint32(columns - 2), np.float32(0.0)
    for y in range(y_px.size):
        line = out[y]
        for a in range(turn.shape[0]):
            step = turn[a, 0]
            begin = x_px[0] * step - y_px[y] * turn[a, 1] + centre
            first, end = inside(begin, step, columns, line.size)
            row, begun, stride = filtered[a], np.float32(begin), np.float32(step)
            for x in range(first, end):
                column = max(begun + stride * np.float32(x), zero)
                left = min(np.uint32(column), last)
                one = row[left]
                line[x] += one + (column - np.float32(left)) * (row[left + np.uint32(1)] - one)


@compiled
def fold(image: Array, before: int, pairs: Array) -> None:
    """Put two rows of an image into each row of complex numbers, whose one transform then does for both.

    Parameters
    ----------
    image
        Shape (rows, columns).
    before
        Columns before the image, which hold its first value; those after it hold its last.
    pairs
        Written, shape (half the rows, padded columns, 2): the upper half of the rows and the lower one.
    """
    rows, columns = image.shape
    half, wide = pairs.shape[0], pairs.shape[1]
    for row in range(half):
        upper, lower, out = image[row], image[min(row + half, rows - 1)], pairs[row]
        for column in range(before):
            out[column, 0], out[column, 1] = upper[0], lower[0]
        for column in range(columns):
            out[before + column, 0], out[before + column, 1] = upper[column], lower[column]
        for column in range(before + columns, wide):
            out[column, 0], out[column, 1] = upper[columns - 1], lower[columns - 1]


@compiled
def unfold(pairs: Array, before: int, weight: Array, deep: Array) -> None:
    """Take the rows apart again, weighted and with the rows innermost; blocks of both stay in the cache.

    Parameters
    ----------
    pairs
        As in `fold`.
    before
        Columns before the image.
    weight
        Of all.
    deep
        Written, shape (columns, rows).
    """
    columns, rows = deep.shape
    half = pairs.shape[0]
    for begun in range(0, half, BLOCK):
        for start in range(0, columns, BLOCK):
            for column in range(start, min(start + BLOCK, columns)):
                out = deep[column]
                for row in range(begun, min(begun + BLOCK, half)):
                    out[row] = weight * pairs[row, before + column, 0]
                for row in range(begun, min(begun + BLOCK, rows - half)):
                    out[row + half] = weight * pairs[row, before + column, 1]
