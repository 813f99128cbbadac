"""Pixels that count too much or nothing, found in a frame itself."""
# pyright: standard

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import Geometry
from .pattern import FloatArray

RINGS = 400
HOT_FACTOR = 5.0
"""A pixel with so many times the counts of its ring, and the noise of so many counts more, is hot."""
HOT_SIGMA = 12.0
DEAD_COUNTS = 30.0
"""A ring with so many counts or more in its median shows which of its pixels count nothing."""


@dataclass(frozen=True, eq=False)
class Rings:
    """Which ring each pixel is in.

    Attributes
    ----------
    number
        Of the ring of each pixel, shape (rows, columns).
    order
        Pixels ring by ring (n_pixels,).
    first
        Where each ring begins in `order`, and the end (n_rings + 1,).
    """

    number: NDArray[np.uint16]
    order: NDArray[np.intp]
    first: NDArray[np.intp]

    def medians(self, values: FloatArray) -> FloatArray:
        """Give each pixel the median of its ring; values have the shape of a frame."""
        sorted_by_ring = values.ravel()[self.order]
        found = np.zeros(self.first.size - 1)
        for ring, (begin, end) in enumerate(pairwise(self.first.tolist())):
            if end > begin:
                low, high = (end - begin - 1) // 2, (end - begin) // 2
                parted = np.partition(sorted_by_ring[begin:end], (low, high))
                found[ring] = (parted[low] + parted[high]) / 2
        return found[self.number]


@lru_cache(maxsize=4)
def rings_of(geometry: Geometry, rings: int = RINGS) -> Rings:
    """Part a detector into rings of equal width in q; remembered, for it takes as long as some frames."""
    q = np.asarray(geometry.pyfai().center_array(geometry.shape, unit="q_A^-1"))
    number = np.minimum((q / q.max() * rings).astype(np.uint16), rings - 1).astype(np.uint16)
    order = np.argsort(number, axis=None, kind="stable")
    first = np.concatenate([[0], np.bincount(number.ravel(), minlength=rings).cumsum()])
    return Rings(number, order, first)


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
    ring = rings_of(geometry, rings)
    wrong = ~np.isfinite(counts) | (counts < 0)
    median = ring.medians(np.where(wrong, 0.0, counts))
    hot = (counts > HOT_FACTOR * median) & (counts - median > HOT_SIGMA * np.sqrt(median + 1.0))
    dead = (counts <= 0) & (median >= DEAD_COUNTS)
    return wrong | hot | dead
