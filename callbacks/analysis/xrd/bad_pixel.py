"""Pixels that count too much or nothing, found in a frame itself."""
# pyright: standard

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from .geometry import Geometry

RINGS = 400
HOT_FACTOR = 5.0
"""A pixel with so many times the counts of its ring, and the noise of so many counts more, is hot."""
HOT_SIGMA = 12.0
DEAD_COUNTS = 30.0
"""A ring with so many counts or more in its median shows which of its pixels count nothing."""


def bad_pixels(frame: ArrayLike, geometry: Geometry, *, rings: int = RINGS) -> NDArray[np.bool_]:
    """Find pixels that cannot be right by what the other pixels of their ring count.

    Textured rings and single grains stay: only what is several times the median of the ring is hot.

    Parameters
    ----------
    frame
        Counts, shape (rows, columns).
    geometry
        Where the detector stands.
    rings
        Into how many rings of equal width in q the detector is parted: more where lines are sharp and
        strong, for a line within a broad ring would be taken for hot pixels.

    Returns
    -------
    numpy.ndarray
        True for bad pixels, shape of the frame: hot ones (more than `HOT_FACTOR` times the median of the ring
        and `HOT_SIGMA` standard deviations above it), dead ones (nothing where the ring has `DEAD_COUNTS`),
        and what is not finite or negative.

    Raises
    ------
    ValueError
        If the frame has not the shape of the geometry.
    """
    counts = np.asarray(frame, dtype=float)
    if counts.shape != tuple(geometry.shape):
        raise ValueError(f"bad pixels: frame of {counts.shape}, the geometry is of {tuple(geometry.shape)}")
    q = np.asarray(geometry.pyfai().center_array(geometry.shape, unit="q_A^-1"))
    ring = np.minimum((q / q.max() * rings).astype(np.intp), rings - 1)
    wrong = ~np.isfinite(counts) | (counts < 0)
    median = ndimage.median(np.where(wrong, 0.0, counts), ring, np.arange(rings))[ring]
    hot = (counts > HOT_FACTOR * median) & (counts - median > HOT_SIGMA * np.sqrt(median + 1.0))
    dead = (counts <= 0) & (median >= DEAD_COUNTS)
    return wrong | hot | dead
