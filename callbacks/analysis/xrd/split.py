"""Share of each pixel in each bin of q, from pyFAI's exact splitting, laid out for one pass over a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .pyfai import PyfaiGeometry, pyfai_module

UNIT = "q_A^-1"
CROWDED = 0.01
"""Share of pixels that may touch more bins than fit beside each other; they get a pass of their own."""


@dataclass(frozen=True)
class Shares:
    """Sparse matrix of pixels against bins; the bins of a pixel are neighbours.

    Attributes
    ----------
    pixel
        Pixels with any share, shape (n,), ascending.
    first, count
        Lowest bin of each and number of bins, shape (n,).
    start, weight
        Where the shares of each pixel begin in all shares, shapes (n,) and (n_shares,).
    q_per_angstrom
        Centres of the bins, shape (n_bins,).
    """

    pixel: NDArray[np.int64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    start: NDArray[np.int64]
    weight: NDArray[np.float32]
    q_per_angstrom: NDArray[np.float64]

    def sums(self, value: NDArray[np.floating], bins: int, power: int = 1) -> NDArray[np.float64]:
        """Sum w^power * value (n_pixels_of_frame,) of each bin, shape (bins,)."""
        place = np.repeat(self.first - self.start, self.count) + np.arange(self.weight.size)
        spread = np.repeat(value[self.pixel].astype(float), self.count)
        weighted: NDArray[np.float64] = self.weight.astype(float) ** power * spread
        return np.bincount(place, weighted, bins).astype(float)

    def moved(self, offset: NDArray[np.int64]) -> Shares:
        """Add to the bins of each pixel of the frame, `offset` of shape (n_pixels_of_frame,)."""
        return replace(self, first=self.first + offset[self.pixel])


@dataclass(frozen=True)
class Rows:
    """Shares with the same number of slots for each pixel, zero where it needs fewer.

    Attributes
    ----------
    pixel
        Pixels of the frame, shape (n,); None for all of them.
    first
        Lowest bin of each, shape (n,), unsigned.
    weight
        Shares, shape (n * width,), single precision.
    width
        Slots of each.
    """

    pixel: NDArray[np.int64] | None
    first: NDArray[np.unsignedinteger]
    weight: NDArray[np.float32]
    width: int


def full_split(
    pyfai: PyfaiGeometry,
    bins: int,
    mask: NDArray[np.bool_],
    q_range_per_angstrom: tuple[float, float] | None,
) -> Shares:
    """Split the pixels of a detector by area over bins of q.

    Parameters
    ----------
    pyfai
        Geometry with wavelength and detector.
    bins
        Number of bins.
    mask
        True for pixels that never count, shape of a frame.
    q_range_per_angstrom
        Lower and upper end of the bins; None for all that the detector sees.

    Raises
    ------
    ValueError
        If no pixel is left.
    """
    if mask.all():
        raise ValueError(f"integration: all {mask.size} pixels are masked; check mask, flat and geometry")
    matrix = pyfai.setup_sparse_integrator(
        mask.shape,
        bins,
        mask.astype(np.int8),
        pos0_range=q_range_per_angstrom,
        unit=UNIT,
        split="full",
        algo="CSC",
    )
    weight, place, start = matrix.lut
    count = np.diff(start)
    pixel = np.flatnonzero(count)
    if pixel.size == 0:
        raise ValueError(
            f"integration: no pixel within q = {q_range_per_angstrom} 1/angstrom; widen the range"
        )
    return Shares(
        pixel=pixel,
        first=place[start[pixel]].astype(np.int64),
        count=count[pixel].astype(np.int64),
        start=start[pixel].astype(np.int64),
        weight=np.asarray(weight, np.float32),
        q_per_angstrom=np.asarray(matrix.bin_centers, float) * pyfai_module("units").to_unit(UNIT).scale,
    )


def rows(shares: Shares, pixels: int) -> Sequence[Rows]:
    """Lay shares out in rows for all pixels of a frame, and in further rows for what does not fit."""
    widths = np.bincount(shares.count).cumsum()
    width = int(np.searchsorted(widths, (1 - CROWDED) * shares.pixel.size))
    first = np.zeros(pixels, np.int64)
    first[shares.pixel] = shares.first
    weight = np.zeros((pixels, width), np.float32)
    fits = np.minimum(shares.count, width)
    _fill(weight, shares.pixel, fits, shares.start, shares.weight)
    laid = [Rows(None, _narrow(first), weight.ravel(), width)]
    done = fits
    while (left := np.flatnonzero(shares.count > done)).size:
        more = np.zeros((left.size, width), np.float32)
        fits = np.minimum(shares.count - done, width)[left]
        _fill(more, np.arange(left.size), fits, (shares.start + done)[left], shares.weight)
        laid.append(Rows(shares.pixel[left], _narrow((shares.first + done)[left]), more.ravel(), width))
        done = done + np.minimum(shares.count - done, width)
    return laid


def _fill(
    table: NDArray[np.float32],
    row: NDArray[np.int64],
    count: NDArray[np.int64],
    start: NDArray[np.int64],
    weight: NDArray[np.float32],
) -> None:
    """Copy `count` shares from `start` on to the beginning of each row."""
    for slot in range(table.shape[1]):
        has = count > slot
        table[row[has], slot] = weight[start[has] + slot]


def _narrow(first: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    """Two bytes instead of four where they hold the number of bins."""
    return first.astype(np.uint16 if first.max(initial=0) < 2**16 else np.uint32)
