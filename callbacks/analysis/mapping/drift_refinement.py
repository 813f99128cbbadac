"""Drift over a series of maps to a hundredth of a pixel: least squares over all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rocking_geometry import FloatArray

ROUNDS = 12
SETTLED = 1e-3
"""Part of the variance by which rounds may still differ."""
SMOOTH_PX = 1.0
"""Standard deviation of the Gaussian that keeps a pattern of single pixels from holding a map where it is."""
MARGIN, LEAST_INNER = 2, 6
"""Pixels at the edges of a map that smoothing has changed, and along how many maps must overlap."""
SEEN_BY = 0.5
"""Part of the maps that must show a place for it to count."""
LARGEST_STEP_PX = 1.0
"""Slopes tell no more of what is further away."""
FLOOR_PART = 0.1
"""Least variance of a pixel over the largest: what else there is than counting noise."""
NULL = 1e-9
"""Of the eigenvalues: place, amount and level that all maps share are free."""


@dataclass(frozen=True)
class RefinedDrift:
    """Drift of a series of maps.

    Attributes
    ----------
    shift_px
        Rows and columns by which the sample appears moved since the first map, shape (n, 2).
    sigma_px
        One standard deviation of the place of each map among the others, from what the fit leaves, shape
        (n, 2); nan where the shifts are those that were given.
    """

    shift_px: FloatArray
    sigma_px: FloatArray


@dataclass(frozen=True)
class _Guess:
    """Shifts (n, 2) around their mean; amount and level of each map (n, elements, 1, 1)."""

    shift: FloatArray
    amount: FloatArray
    level: FloatArray


@dataclass(frozen=True)
class _Round:
    """Variance that a guess leaves, its uncertainty (n, 2), and the next guess."""

    variance: float
    sigma_px: FloatArray
    after: _Guess


def _moved(images: FloatArray, by: FloatArray) -> FloatArray:
    """Move images (elements, rows, columns) by cubic splines."""
    ndimage: Any = import_module("scipy.ndimage")
    return np.stack([ndimage.shift(image, by, order=3, mode="nearest") for image in images])


def _smooth(maps: FloatArray) -> FloatArray:
    """Give maps without gaps and noise of single pixels, shape (n, elements, rows, columns)."""
    ndimage: Any = import_module("scipy.ndimage")
    series = maps[:, None] if maps.ndim == 3 else maps
    finite = np.isfinite(series)
    filled = series if finite.all() else np.where(finite, series, np.nanmedian(series))
    sigma = (0.0, 0.0, SMOOTH_PX, SMOOTH_PX)
    return np.asarray(ndimage.gaussian_filter(filled, sigma, mode="nearest"), dtype=np.float64)


def _seen(shape: tuple[int, ...], shift: FloatArray) -> NDArray[np.bool_]:
    """Tell which places (rows, columns) a map shows once it is moved back."""
    at = [np.arange(count) + by for count, by in zip(shape, shift, strict=True)]
    inner = [(x >= MARGIN) & (x <= count - 1 - MARGIN) for x, count in zip(at, shape, strict=True)]
    return np.outer(*inner)


def _weight(series: FloatArray) -> FloatArray:
    """One over the noise of counts (elements, rows, columns)."""
    variance = series.mean(axis=0)
    return 1.0 / np.sqrt(np.maximum(variance, max(FLOOR_PART * float(variance.max()), 1e-300)))


def _correlated(slopes: FloatArray) -> FloatArray:
    """By how much noise that was smoothed makes shifts along each axis less certain than free noise, (2,)."""
    ndimage: Any = import_module("scipy.ndimage")
    reach = np.sqrt(2.0) * SMOOTH_PX
    around = ndimage.gaussian_filter(slopes, (0, 0, reach, reach), mode="constant")
    squares = np.maximum((slopes**2).sum(axis=(1, 2, 3)), 1e-300)
    return 4 * np.pi * SMOOTH_PX**2 * (slopes * around).sum(axis=(1, 2, 3)) / squares


def _inverse(normal: FloatArray) -> FloatArray:
    """Invert a normal matrix but for what it leaves free, in units in which its diagonal is one."""
    size = np.sqrt(np.maximum(normal.diagonal(), 1e-300))
    return np.linalg.pinv(normal / size[:, None] / size, rcond=NULL, hermitian=True) / size[:, None] / size


def _columns(back: FloatArray, mask: FloatArray, mean: FloatArray, weight: FloatArray) -> FloatArray:
    """By what a map may differ from the mean: two slopes, amount and level of each element.

    Shape (2 + 2 elements, elements, rows, columns). Each slope is the mean of those of the maps, for beyond
    what they show a mean has none.
    """
    cover = np.maximum(mask.sum(axis=0), 1)
    slopes = [(slope * mask).sum(axis=0) / cover for slope in np.gradient(back, axis=(2, 3))]
    own = np.eye(len(mean))[:, :, None, None]
    return np.stack([*slopes, *(own * mean), *(own * np.ones_like(mean))]) * weight


def _round(series: FloatArray, guess: _Guess, weight: FloatArray) -> _Round | None:
    """Fit all maps and their mean at once; None where too few pixels are seen by enough of them.

    The mean is eliminated pixel by pixel: what a pixel tells of a map is its difference from the mean of the
    maps that show it.
    """
    count, elements = series.shape[:2]
    back = np.stack([_moved(one, -by) for one, by in zip(series, guess.shift, strict=True)])
    back = (back - guess.level) / guess.amount
    mask = np.stack([_seen(series.shape[2:], by) for by in guess.shift])[:, None]
    used = mask.sum(axis=0) >= max(2, SEEN_BY * count)
    if min(used[0].any(axis=axis).sum() for axis in (0, 1)) < LEAST_INNER:
        return None
    mask = (mask & used).astype(np.float64)
    cover = np.maximum(mask.sum(axis=0), 1)
    mean = (back * mask).sum(axis=0) / cover
    columns = _columns(back, mask, mean, weight)
    terms = (mask[:, None] * columns).reshape(count, len(columns), -1)
    left = ((back - mean) * weight * mask).reshape(count, -1, 1)
    flat = terms.reshape(count * len(columns), -1)
    normal = -(flat / np.broadcast_to(cover, mean.shape).ravel()) @ flat.T
    for number, own in enumerate(terms):
        at = slice(number * len(columns), (number + 1) * len(columns))
        normal[at, at] += own @ own.T
    inverse = _inverse(normal)
    free = elements * float(mask.sum() - used.sum()) - len(normal)
    variance = float((left**2).sum()) / max(free, 1.0)
    spread = inverse.diagonal().reshape(count, -1)[:, :2] * variance * _correlated(columns[:2])
    found = (inverse @ (terms @ left).ravel()).reshape(count, -1)
    return _Round(variance, np.sqrt(np.maximum(spread, 0.0)), _next(guess, found, elements))


def _next(guess: _Guess, found: FloatArray, elements: int) -> _Guess:
    """Take in what was found (n, 2 + 2 elements); a map moved back too little is the mean less its slopes."""
    shift = guess.shift - np.clip(found[:, :2], -LARGEST_STEP_PX, LARGEST_STEP_PX)
    grown, raised = (each[:, :, None, None] for each in np.split(found[:, 2:], [elements], axis=1))
    amount = guess.amount * np.clip(1.0 + grown, 0.5, 2.0)
    return _Guess(shift - shift.mean(axis=0), amount, guess.level + guess.amount * raised)


def refine_drift(maps: ArrayLike, shift_px: ArrayLike) -> RefinedDrift:
    """Make the drift of a series of maps as precise as their counts allow.

    Shift, amount and level of every map and what all of them show are fitted together, by least squares
    weighted for counting noise: Gauss and Newton with the common image eliminated (variable projection, Golub
    and Pereyra 2003, Inverse Problems 19, R1). Each map counts where it shows what at least half of them do,
    so that a long drift costs edges of the maps at its ends, not edges of all. Amount and level of each
    element are free, so that the beam may change. Of gradients alone (`register`) the finite field leaves a
    bias of some hundredths of a pixel. Of all rounds the one counts that leaves the least variance, the first
    included: as far as the maps tell, what was given is never made worse.

    Parameters
    ----------
    maps
        Counts, shape (n, rows, columns), or (n, elements, rows, columns) where each element counts by its own
        noise. Gaps are filled by the median.
    shift_px
        Rows and columns by which the sample appears moved, to a pixel or so, shape (n, 2).

    Returns
    -------
    RefinedDrift
        Better shifts, relative to that of the first map; what was given where half of the maps share fewer
        than 6 pixels along an axis.

    Examples
    --------
    >>> rows, columns = np.mgrid[0:24, 0:24]
    >>> at = [11.0, 11.4, 11.9]
    >>> spots = [np.exp(-((rows - row) ** 2 + (columns - 12.0) ** 2) / 30) for row in at]
    >>> refine_drift(spots, [[0, 0], [0.5, 0], [0.7, 0.1]]).shift_px[:, 0].round(3).tolist()
    [0.0, 0.4, 0.9]
    """
    given = np.asarray(shift_px, dtype=np.float64)
    series = _smooth(np.asarray(maps, dtype=np.float64))
    weight, shape = _weight(series), (*series.shape[:2], 1, 1)
    guess = _Guess(given - given.mean(axis=0), np.ones(shape), np.zeros(shape))
    best, least = RefinedDrift(given - given[0], np.full_like(given, np.nan)), np.inf
    for _ in range(ROUNDS):
        found = _round(series, guess, weight)
        if found is None:
            break
        settled = abs(found.variance - least) < SETTLED * least
        if found.variance < least:
            best, least = RefinedDrift(guess.shift - guess.shift[0], found.sigma_px), found.variance
        if settled:
            break
        guess = found.after
    return best
