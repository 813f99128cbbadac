"""Rings in slices: stripes in sinograms, of pixels that answer a little differently, are taken out."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .choice import Choice
from .ramp import FloatImage
from .slab import imaging_module

COLUMNS_OF_SIZE = 120
COLUMNS_OF_LARGE = 50
RATIO = 3.0


class Rings(Choice):
    """What is done against rings."""

    NONE = "none"
    SORTING = "sorting"
    COMBINED = "combined"


def _sorted_median(sinogram: FloatImage, size_px: int) -> FloatImage:
    """Smooth across columns among values of equal rank, then put each back to its angle."""
    ndimage: Any = import_module("scipy.ndimage")
    order = np.argsort(sinogram, axis=0, kind="stable")
    ranked = np.take_along_axis(sinogram, order, axis=0)
    smooth = ndimage.median_filter(ranked, (1, size_px))
    out = np.empty_like(sinogram)
    np.put_along_axis(out, order, smooth, axis=0)
    return out


def _combined(sinogram: FloatImage, ratio: float, large_px: int, size_px: int) -> FloatImage:
    """Let algotom take out all kinds of stripes; columns without any signal divide by nothing there."""
    library = imaging_module("algotom.prep.removal")
    with np.errstate(divide="ignore", invalid="ignore"):
        out: FloatImage = library.remove_all_stripe(sinogram, ratio, large_px, size_px)
    return np.where(np.isfinite(out), out, sinogram)


def rings_removed(
    line_integrals: ArrayLike,
    *,
    method: Rings | str = Rings.SORTING,
    size_px: int | None = None,
    large_px: int | None = None,
    ratio: float = RATIO,
) -> FloatImage:
    """Take stripes out of sinograms.

    Sorted by value, columns of a sinogram look alike but for a bad pixel's, which a median across columns
    then corrects at each rank: algorithm 3 of Vo, Atwood and Drakopoulos 2018 (Opt. Express 26, 28396);
    ``combined`` takes algorithms 6 and 5 before it, for dead and unsteady pixels and for wide stripes.

    Parameters
    ----------
    line_integrals
        After the logarithm, shape (angles, rows, columns).
    method
        ``none``, ``sorting`` (small stripes) or ``combined`` (all kinds; by algotom).
    size_px, large_px
        Windows of the medians: wider than a stripe, narrower than what is in the sample; by default a 120th
        (at least 5) and a 50th (at least 21) of the columns, as 21 and 51 for 2560, pixels.
    ratio
        Of a stripe to its background from which ``combined`` sees it.

    Returns
    -------
    ndarray
        Same shape, single precision.
    """
    stack = np.asarray(line_integrals, dtype=np.float32)
    kind = Rings(method)
    if kind is Rings.NONE:
        return stack
    columns = stack.shape[-1]
    small = size_px or max(columns // COLUMNS_OF_SIZE, 5)
    large = large_px or max(columns // COLUMNS_OF_LARGE, 21)
    out = np.empty_like(stack)
    for row in range(stack.shape[1]):
        if kind is Rings.SORTING:
            out[:, row] = _sorted_median(stack[:, row], small)
        else:
            out[:, row] = _combined(stack[:, row], ratio, large, small)
    return out
