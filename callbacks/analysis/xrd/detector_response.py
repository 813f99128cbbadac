"""Dark and flat of a camera from frames taken for them: mean, variance, and the pixels that are bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .geometry import Geometry
from .integration import Integrator

FloatArray = NDArray[np.float64]

HOT_SIGMA = 8.0
"""A pixel whose dark is so many robust standard deviations over the median is hot."""
TYPICAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
FLAT_LIMITS = (0.5, 1.5)
"""Responses outside are no response: dead, shadowed or noisy pixels."""


@dataclass(frozen=True)
class CameraDark:
    """Mean dark of a camera, each of shape (rows, columns).

    Attributes
    ----------
    mean
        Counts of an exposure without beam; nan for bad pixels.
    variance
        Of the mean, counts^2.
    bad
        Hot and saturated pixels; gaps among them.
    """

    mean: FloatArray
    variance: FloatArray
    bad: NDArray[np.bool_]


@dataclass(frozen=True)
class CameraFlat:
    """Relative response of the pixels, each of shape (rows, columns).

    Attributes
    ----------
    response
        Around 1; nan for bad pixels.
    sigma
        One standard deviation by the counts.
    bad
        Pixels without a usable response.
    """

    response: FloatArray
    sigma: FloatArray
    bad: NDArray[np.bool_]


def mean_dark(frames: ArrayLike) -> CameraDark:
    """Average darks.

    Parameters
    ----------
    frames
        Counts, shape (n, rows, columns), 2 or more, of one exposure.

    Returns
    -------
    CameraDark
        With the variance of the mean: that of the pixel from frame to frame, but not less than counting gives
        (or than one count in all frames gives where none was seen), over n.

    Raises
    ------
    ValueError
        If there are fewer than two frames.

    Examples
    --------
    >>> darks = np.random.default_rng(1).poisson(2.0, (50, 40, 40))
    >>> darks[:, 3, 4] = 900
    >>> found = mean_dark(darks)
    >>> bool(found.bad[3, 4]), int(found.bad.sum()), round(float(np.nanmean(found.mean)), 1)
    (True, 1, 2.0)
    """
    raw = _stack(frames, "dark")
    saturated = _saturated(raw)
    count = len(raw)
    mean = raw.mean(axis=0, dtype=float)
    spread = raw.astype(float).var(axis=0, ddof=1)
    variance = np.maximum(spread, np.maximum(mean, 1.0 / count)) / count
    usual = float(np.median(mean[~saturated])) if (~saturated).any() else 0.0
    deviation = TYPICAL * float(np.median(np.abs(mean[~saturated] - usual))) if (~saturated).any() else 0.0
    noise = max(deviation, np.sqrt(max(usual, 1.0 / count) / count))
    bad = saturated | (mean - usual > HOT_SIGMA * noise)
    return CameraDark(np.where(bad, np.nan, mean), np.where(bad, np.nan, variance), bad)


def flat_response(
    frames: ArrayLike,
    geometry: Geometry,
    *,
    dark: CameraDark | None = None,
    polarization_factor: float | None = 0.99,
) -> CameraFlat:
    """Find the response of the pixels from frames of an even scatterer without lines.

    What a pixel counts is divided by what the ring through it counts on average, solid angle and polarisation
    taken into account. What depends on q alone cannot be told from the scatterer's own pattern and stays
    in: the response is that of a pixel among those of its ring.

    Parameters
    ----------
    frames
        Counts, shape (n, rows, columns), of one exposure.
    geometry
        Where the camera stands, to a pixel, with the wavelength.
    dark
        Of the same exposure.
    polarization_factor
        Of the beam; None for no correction.

    Returns
    -------
    CameraFlat

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two frames, or nothing is counted.
    """
    raw = _stack(frames, "flat")
    if raw.shape[1:] != tuple(geometry.shape):
        raise ValueError(f"camera flat: frames of {raw.shape[1:]}, the geometry is of {geometry.shape}")
    summed = raw.sum(axis=0, dtype=float)
    bad = _saturated(raw) | (dark.bad if dark is not None else False) | (summed <= 0)
    net = summed - (0.0 if dark is None else len(raw) * np.nan_to_num(dark.mean))
    if bad.all():
        raise ValueError("camera flat: no pixel counts; is the shutter open and the scatterer in the beam?")
    response = expected = np.ones(geometry.shape)
    for _ in range(2):
        expected = _expected(np.where(bad, 0.0, net), geometry, bad, polarization_factor)
        response = np.divide(net, expected, out=np.zeros_like(net), where=expected > 0)
        bad |= (response < FLAT_LIMITS[0]) | (response > FLAT_LIMITS[1])
    mean = float(response[~bad].mean())
    sigma = np.sqrt(summed) / np.where(expected > 0, expected, np.inf) / mean
    return CameraFlat(np.where(bad, np.nan, response / mean), np.where(bad, np.nan, sigma), bad)


def _expected(
    net: FloatArray, geometry: Geometry, bad: NDArray[np.bool_], polarization_factor: float | None
) -> FloatArray:
    """Give what each pixel would count were they all alike, (rows, columns)."""
    pyfai = geometry.pyfai()
    integrator = Integrator(
        geometry, bad, bins=max(geometry.shape) // 2, polarization_factor=polarization_factor
    )
    pattern = integrator.integrate(net)
    known = np.isfinite(pattern.intensity)
    q = np.asarray(pyfai.center_array(geometry.shape, unit="q_A^-1"))
    seen = np.interp(q, pattern.q_per_angstrom[known], pattern.intensity[known])
    factor = np.asarray(pyfai.solidAngleArray(geometry.shape), float)
    if polarization_factor is not None:
        factor = factor * np.asarray(pyfai.polarization(geometry.shape, polarization_factor), float)
    return seen * factor


def _stack(frames: ArrayLike, what: str) -> NDArray[Any]:
    raw = np.asarray(frames)
    if raw.ndim != 3 or len(raw) < 2:
        raise ValueError(f"camera {what}: frames of shape {raw.shape}; give (n, rows, columns), n 2 or more")
    return raw


def _saturated(raw: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels at the end of their type in any frame: full, or marked by the detector as none."""
    if raw.dtype.kind not in "iu":
        return np.asarray(~np.isfinite(raw).all(axis=0), bool)
    full = np.iinfo(str(raw.dtype)).max
    return np.asarray((raw.max(axis=0) >= full) | (raw.min(axis=0) < 0), bool)
