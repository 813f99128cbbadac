"""Drift over a series of maps to a hundredth of a pixel: least squares against the mean of all of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .rocking_geometry import FloatArray

ROUNDS = 4
MARGIN, LEAST_INNER = 2, 6
"""Pixels at the edges beyond the largest shift that are left out, and how many are to remain."""
EPSILON = 0.05
"""Pixels over which the slope of a spline is taken."""
FLOOR_PART = 0.1
"""Least variance of a pixel over the largest: what else there is than counting noise."""


def _moved(images: FloatArray, rows: float, columns: float) -> FloatArray:
    """Move images (elements, rows, columns) by cubic splines."""
    ndimage: Any = import_module("scipy.ndimage")
    return np.stack([ndimage.shift(image, (rows, columns), order=3, mode="nearest") for image in images])


def _filled(maps: FloatArray) -> FloatArray:
    """Give maps without gaps, shape (n, elements, rows, columns)."""
    series = maps[:, None] if maps.ndim == 3 else maps
    finite = np.isfinite(series)
    return series if finite.all() else np.where(finite, series, np.nanmedian(series))


def _model(template: FloatArray, weight: FloatArray, margin: int) -> FloatArray:
    """Columns by which a map may differ from the template: both slopes, amount and level of each element."""
    inner = (slice(None), slice(margin, -margin), slice(margin, -margin))
    slopes = [
        (_moved(template, *(-step * EPSILON)) - _moved(template, *(step * EPSILON))) / (2 * EPSILON)
        for step in np.eye(2)
    ]
    own = np.eye(len(template))[:, :, None, None]
    columns = [*slopes, *(own * template), *(own * np.ones_like(template))]
    return np.stack([(column[inner] * weight).ravel() for column in columns], axis=1)


def refine_drift(maps: ArrayLike, shift_px: ArrayLike) -> FloatArray:
    """Make the drift of a series of maps as precise as their counts allow.

    Each map, moved back by what is known of its drift, is compared with the mean of all: the slopes of the
    mean, by least squares weighted for counting noise, tell what is left. Amount and level of each element
    are free, so that the beam may change. Of gradients alone (`register`) the finite field leaves a bias of
    some hundredths of a pixel. Lucas and Kanade (1981), Proc. IJCAI, 674, with a fixed template (Baker and
    Matthews (2004), Int. J. Comput. Vis. 56, 221).

    Parameters
    ----------
    maps
        Counts, shape (n, rows, columns), or (n, elements, rows, columns) where each element counts by its own
        noise. Gaps are filled by the median.
    shift_px
        Rows and columns by which the sample appears moved, to half a pixel or so, shape (n, 2).

    Returns
    -------
    numpy.ndarray
        Better shifts, relative to that of the first map, shape (n, 2); what was given where fewer than 6
        pixels along an axis are seen by all maps.

    Examples
    --------
    >>> rows, columns = np.mgrid[0:24, 0:24]
    >>> at = [11.0, 11.4, 11.9]
    >>> spots = [np.exp(-((rows - row) ** 2 + (columns - 12.0) ** 2) / 30) for row in at]
    >>> refine_drift(spots, [[0, 0], [0.5, 0], [0.7, 0.1]])[:, 0].round(3).tolist()
    [0.0, 0.4, 0.9]
    """
    given = np.asarray(shift_px, dtype=np.float64)
    series = _filled(np.asarray(maps, dtype=np.float64))
    margin = int(np.ceil(np.abs(given - given[0]).max())) + MARGIN
    if min(series.shape[2:]) - 2 * margin < LEAST_INNER:
        return given
    inner = (slice(None), slice(margin, -margin), slice(margin, -margin))
    variance = series.mean(axis=0)[inner]
    weight = 1.0 / np.sqrt(np.maximum(variance, max(FLOOR_PART * float(variance.max()), 1e-300)))
    shift = given - given[0]
    for _ in range(ROUNDS):
        back = np.stack([_moved(one, *(-by)) for one, by in zip(series, shift, strict=True)])
        model = _model(back.mean(axis=0), weight, margin)
        seen = (back[(slice(None), *inner)] * weight).reshape(len(series), -1)
        # A map that is moved by a little more than known is the mean less the slopes.
        left: FloatArray = np.asarray(np.linalg.lstsq(model, seen.T, rcond=None)[0], dtype=np.float64)
        shift = shift - left[:2].T
        shift = shift - shift[0]
    return shift
