"""How far neighbours of a map are alike, and what two maps then share by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rocking_geometry import FloatArray

DECAYED = 0.2
LARGEST_LAG = 0.5


def correlation_length(image: ArrayLike) -> float:
    """Distance at which the autocorrelation of a map has fallen to a fifth, pixels.

    Parameters
    ----------
    image
        Shape (rows, columns); gaps count as the mean.

    Returns
    -------
    float
        The mean over both axes, at least 1; half the map where it does not fall.

    Examples
    --------
    >>> correlation_length(np.random.default_rng(1).normal(size=(64, 64)))
    1.0
    """
    values = np.asarray(image, dtype=float)
    centred = np.where(np.isfinite(values), values - np.nanmean(values), 0.0)
    lengths: list[int] = []
    for axis in (0, 1):
        count = centred.shape[axis]
        power = np.abs(np.fft.rfft(centred, 2 * count, axis=axis)) ** 2
        both = np.fft.irfft(power.sum(axis=1 - axis))[: count // 2]
        overlap = both / (count - np.arange(both.size))
        fallen = np.flatnonzero(overlap < DECAYED * overlap[0])
        lengths.append(int(fallen[0]) if fallen.size else max(count // 2, 1))
    return float(np.mean(lengths))


def _lag_parts(count: int) -> FloatArray:
    """Distance of each Fourier lag from zero, as a part of the length, shape (count,)."""
    index = np.arange(count, dtype=np.float64)
    return np.minimum(index, count - index) / count


def chance_sigma(one: FloatArray, two: FloatArray, good: NDArray[np.bool_]) -> float:
    """Give the standard deviation of the correlation of two independent maps as smooth as these.

    The sum over lags of the product of both autocovariances (Clifford, Richardson and Hemon 1989, Biometrics
    45, 123), lags up to half the map.

    Parameters
    ----------
    one, two
        Maps of mean 0 and deviation 1 over the good pixels, 0 elsewhere, shape (rows, columns).
    good
        Pixels that count, shape (rows, columns).

    Returns
    -------
    float
        1 / sqrt(n) for n independent pixels.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> white = [rng.normal(size=(50, 50)) for _ in range(2)]
    >>> round(chance_sigma(*white, np.ones((50, 50), dtype=bool)), 2)
    0.02
    """
    size = [2 * count for count in good.shape]
    pairs, first, second = (
        np.fft.irfft2(np.abs(np.fft.rfft2(values, size)) ** 2, size)
        for values in (good.astype(float), one, two)
    )
    rows, columns = (_lag_parts(count) for count in size)
    near = (2 * rows[:, None] <= LARGEST_LAG) & (2 * columns <= LARGEST_LAG)
    counted = near & (pairs > 0.5)
    total = float((first[counted] * second[counted] / pairs[counted]).sum())
    return float(np.sqrt(max(total, float(good.sum())))) / float(good.sum())
