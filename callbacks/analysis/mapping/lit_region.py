"""Which pixels of a camera a reflection ever reaches: the others add nothing but noise to its centroid."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BOX = 5
"""Edge of the squares of pixels that are looked at together."""
LIT_DEVIATIONS = 6.0
"""Standard deviations above the background at which a square is lit; one in 1e9 is by chance."""
MARGIN_PART, MARGIN_PX = 0.1, 4
"""What is left around, in parts of the lit rectangle and in pixels at least."""


def lit_region(total: ArrayLike) -> NDArray[np.bool_]:
    """Find the rectangle of a camera that a reflection reaches in a scan.

    The centroid of a reflection takes every pixel times its distance: a hundredth of a count in each of the
    pixels that the reflection never reaches moves it by more than the counting noise of the reflection.
    The background is the median over the camera; where it is uneven, more is taken to be lit. Of each square
    of pixels the brightest is left out, for it may be hot.

    Parameters
    ----------
    total
        Counts summed over frames from all angles, shape (rows, columns); zero where a pixel is masked.

    Returns
    -------
    ndarray
        True inside, shape (rows, columns); everywhere where nothing stands out.

    Examples
    --------
    >>> total = np.zeros((40, 40))
    >>> total[18:23, 10:15] = 9.0
    >>> rows, columns = np.nonzero(lit_region(total))
    >>> int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())
    (12, 28, 4, 20)
    """
    ndimage: Any = import_module("scipy.ndimage")
    counts = np.asarray(total, dtype=np.float64)
    seen = BOX**2 * ndimage.uniform_filter(counts, BOX, mode="constant") - ndimage.maximum_filter(counts, BOX)
    level = float(np.median(seen))
    lit = seen - level > LIT_DEVIATIONS * np.sqrt(max(level, 1.0))
    if not lit.any():
        return np.ones(counts.shape, dtype=bool)
    region = np.zeros(counts.shape, dtype=bool)
    spans: list[slice] = []
    for axis in (1, 0):
        places = np.flatnonzero(lit.any(axis=axis))
        margin = max(MARGIN_PX, int(np.ceil(MARGIN_PART * (places[-1] - places[0] + 1))))
        spans.append(slice(max(int(places[0]) - margin, 0), int(places[-1]) + margin + 1))
    region[spans[0], spans[1]] = True
    return region
