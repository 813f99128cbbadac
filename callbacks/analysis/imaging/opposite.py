"""Projections half a turn apart are mirror images: what they say of the rotation axis."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .ramp import FloatImage

NEAREST_DEG = 2.0
PAIRS = 24
FINENESS = 20


def opposite_pairs(angle_deg: ArrayLike) -> list[tuple[int, int]]:
    """Return pairs of projections about half a turn apart, the best ones first and each projection once.

    Parameters
    ----------
    angle_deg
        Degrees, shape (angles,).

    Returns
    -------
    list of tuple
        Numbers of the projections.
    """
    angles = np.mod(np.asarray(angle_deg, dtype=np.float64), 360.0)
    miss = np.abs(np.mod(angles[:, None] - angles, 360.0) - 180.0)
    one, two = np.nonzero(np.triu(miss <= NEAREST_DEG))
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for best in np.argsort(miss[one, two], kind="stable"):
        first, second = int(one[best]), int(two[best])
        if not used & {first, second}:
            pairs.append((first, second))
            used |= {first, second}
    return pairs


def mirror_centre(first: FloatImage, second: FloatImage) -> float:
    """Column about which two images, shape (rows, columns), mirror each other, pixels.

    The gradients along columns are correlated without normalising frequencies, which would raise the fixed
    pattern of the detector; the peak is found between pixels.
    """
    fft: Any = import_module("scipy.fft")
    columns = first.shape[-1]
    width = int(fft.next_fast_len(2 * columns, real=True))
    spectra = [
        fft.rfft(np.gradient(each.astype(np.float64), axis=-1), width, axis=-1)
        for each in (first, second[:, ::-1])
    ]
    cross = (np.conj(spectra[0]) * spectra[1]).sum(axis=0)
    fine = fft.irfft(cross, width * FINENESS)
    shift = float(np.argmax(fine)) / FINENESS
    shift = shift - width if shift > width / 2 else shift
    return 0.5 * (columns - 1 - shift)


def centre_by_opposite(line_integrals: FloatImage, angle_deg: ArrayLike) -> float:
    """Median over pairs of opposite projections of the column about which they mirror.

    Parameters
    ----------
    line_integrals
        After the logarithm, shape (angles, rows, columns).
    angle_deg
        Degrees, shape (angles,).

    Returns
    -------
    float
        Pixels; NaN without projections half a turn apart.
    """
    pairs = opposite_pairs(angle_deg)
    if not pairs:
        return float("nan")
    return float(np.median([mirror_centre(line_integrals[a], line_integrals[b]) for a, b in _spread(pairs)]))


def _spread(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Keep at most `PAIRS`, spread over the scan."""
    if len(pairs) <= PAIRS:
        return pairs
    chosen = np.linspace(0, len(pairs) - 1, PAIRS).astype(int)
    in_time = sorted(pairs)
    return [in_time[each] for each in chosen]
