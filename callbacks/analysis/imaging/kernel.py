"""Loops over angles and pixels: back-projection of a slab of detector rows, or of one row, on one core."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

import numba
import numpy as np

_LOG = logging.getLogger(__name__)

Array: TypeAlias = Any
"""An array of single precision, as the compiler sees it."""

ANGLES_AT_ONCE = 16
"""Angles whose rows stay in the cache while a slab is walked through; a multiple of 4."""


def compiled(function: Callable[..., Any]) -> Any:  # noqa: ANN401
    """Compile without the interpreter's lock, and keep the machine code where a folder can be written."""
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"contract", "reassoc", "nsz"},
    }
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError as error:  # numba's word for "no folder can be written"
        _LOG.warning("machine code is not kept, set NUMBA_CACHE_DIR to a folder of yours: %s", error)
        return numba.njit(**options)(function)


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
    angles, columns = filtered.shape
    flat = filtered.reshape(-1)
    zero, top = np.float32(0.0), np.float32(columns - 1)
    for y in range(y_px.size):
        line = out[y]
        for a in range(angles):
            begin = np.float32(x_px[0] * turn[a, 0] - y_px[y] * turn[a, 1] + centre)
            step = np.float32(turn[a, 0])
            base = np.uint64(a * columns)
            for x in range(np.uint64(x_px.size)):
                column = begin + step * np.float32(x)
                inside = (column >= zero) & (column <= top)
                kept = min(max(column, zero), top - np.float32(1e-3))
                left = np.uint64(np.uint32(kept))
                one = flat[base + left]
                value = one + (kept - np.float32(left)) * (flat[base + left + np.uint64(1)] - one)
                line[x] += value if inside else zero
