"""Loop over the pixels of a frame: sums of counts and variance per bin, in one pass on one core."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .... import machine_code

Array: TypeAlias = Any
"""An array of any real type, as the compiler sees it."""

LOST_COLUMNS = 4
"""Of what dead pixels take away from each bin: normalisation, dark, variance of the dark, pixels."""


compiled = partial(machine_code.compiled, fastmath={"contract"})
"""Compiles a loop of this kind."""


@compiled
def scatter(
    frame: Array,
    first: Array,
    weight: Array,
    slots: tuple[int, ...],
    limits: tuple[float, float],
    correction: Array,
    sums: Array,
    lost: Array,
) -> tuple[int, int]:
    """Add each pixel to its neighbouring bins; of a dead one, add what it takes from the normalisation.

    Parameters
    ----------
    frame
        Counts of the pixels, shape (n,), any real type.
    first
        Lowest bin that a pixel touches, shape (n,), unsigned.
    weight
        Share of a pixel in `first` and in the bins that follow, shape (n * k,), single precision.
    slots
        Any k numbers: their count is known when compiling, which unrolls the inner loop.
    limits
        Values at or above the second are saturated, below the first dead, counts.
    correction
        Normalisation, dark (counts) and its variance (counts^2) of each pixel, shape (n, 3), single
        precision; the normalisation is 0 where a pixel has no share in any bin.
    sums
        Added to, shape (2 * n_bins,): sum of w * v and of w^2 * max(v, 1) of each bin, in turn.
    lost
        Added to, shape (n_bins, LOST_COLUMNS).

    Returns
    -------
    tuple of int
        Dead pixels (below the limit or not a number) and saturated pixels among those with any share.
    """
    dead = 0
    saturated = 0
    low, high = limits
    # Unsigned throughout: signed indices are tested for being negative.
    width = np.uint64(len(slots))
    for pixel in range(np.uint64(frame.size)):
        value = np.float64(frame[pixel])
        place = np.uint64(first[pixel])
        start = pixel * width
        if low <= value < high:
            place += place
            variance = max(value, 1.0)
            for slot in range(np.uint64(len(slots))):
                share = np.float64(weight[start + slot])
                sums[place] += share * value
                sums[place + np.uint64(1)] += share * share * variance
                place += np.uint64(2)
        elif correction[pixel, 0] > 0:
            if value >= high:
                saturated += 1
            else:
                dead += 1
            for slot in range(np.uint64(len(slots))):
                share = np.float64(weight[start + slot])
                lost[place + slot, 0] += share * correction[pixel, 0]
                lost[place + slot, 1] += share * correction[pixel, 1]
                lost[place + slot, 2] += share * share * correction[pixel, 2]
                lost[place + slot, 3] += share
    return dead, saturated
