"""Sums over detector frames: intensity, and its first and second moments of the wave vector."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rocking_geometry import FloatArray

MOMENTS = 10
"""I; I k (3); I k k (xx, xy, xz, yy, yz, zz)."""


@lru_cache(maxsize=1)
def _kernel() -> Callable[..., None]:
    """Compiled sums over frames, which skip empty pixels and let other threads run."""
    numba: Any = import_module("numba")

    def sums(frames: NDArray[np.number], offsets: FloatArray, out: FloatArray) -> None:
        for frame in range(frames.shape[0]):
            i = x = y = z = xx = xy = xz = yy = yz = zz = 0.0
            for pixel in range(frames.shape[1]):
                if frames[frame, pixel] != 0:
                    n = float(frames[frame, pixel])
                    kx, ky, kz = offsets[pixel, 0], offsets[pixel, 1], offsets[pixel, 2]
                    nx, ny, nz = n * kx, n * ky, n * kz
                    i, x, y, z = i + n, x + nx, y + ny, z + nz
                    xx, xy, xz = xx + nx * kx, xy + nx * ky, xz + nx * kz
                    yy, yz, zz = yy + ny * ky, yz + ny * kz, zz + nz * kz
            out[frame, 0], out[frame, 1], out[frame, 2], out[frame, 3] = i, x, y, z
            out[frame, 4], out[frame, 5], out[frame, 6] = xx, xy, xz
            out[frame, 7], out[frame, 8], out[frame, 9] = yy, yz, zz

    return numba.njit(nogil=True, fastmath=False, boundscheck=False)(sums)


def _products(offsets: FloatArray) -> FloatArray:
    """Give 1, k and k k of each pixel, shape (n_pixels, 10)."""
    x, y, z = offsets.T
    return np.stack([np.ones_like(x), x, y, z, x * x, x * y, x * z, y * y, y * z, z * z], axis=1)


def frame_moments(frames: ArrayLike, offsets: FloatArray, background: FloatArray | float = 0.0) -> FloatArray:
    """Sum frames into moments of the wave vector.

    Parameters
    ----------
    frames
        Counts, shape (n, rows, columns).
    offsets
        Wave vector of each pixel from a common one, 1/A, shape (rows, columns, 3); not finite where a pixel
        is masked.
    background
        Counts per pixel and frame that are no signal, a number or shape (rows, columns). It is subtracted in
        the sums, negative rests included, so that it does not draw the centroid to the middle.

    Returns
    -------
    ndarray
        I, I k (x, y, z) and I k k (xx, xy, xz, yy, yz, zz) of each frame, shape (n, 10); counts and 1/A.

    Raises
    ------
    ValueError
        If frames and pixels differ in shape.

    Examples
    --------
    >>> offsets = np.zeros((1, 2, 3))
    >>> offsets[0, 1, 0] = 1.0
    >>> [float(value) for value in frame_moments([[[3, 1]]], offsets)[0, :2]]
    [4.0, 1.0]
    """
    stack = np.asarray(frames)
    if stack.ndim != 3 or stack.shape[1:] != offsets.shape[:2]:
        raise ValueError(
            f"frame_moments: frames have shape {stack.shape}, the detector {offsets.shape[:2]}; "
            "give (n, rows, columns)"
        )
    flat = np.ascontiguousarray(stack.reshape(stack.shape[0], -1))
    places = offsets.reshape(-1, 3)
    usable = np.isfinite(places.sum(axis=1))
    if not usable.all():
        flat = flat * usable.astype(flat.dtype)
    places = np.where(usable[:, None], places, 0.0)
    out = np.empty((flat.shape[0], MOMENTS))
    _kernel()(flat, places, out)
    if np.any(background):
        level = np.broadcast_to(np.asarray(background, dtype=float), offsets.shape[:2]).ravel()
        out -= (level * usable) @ _products(places)
    return out


def saturated_frames(frames: ArrayLike, offsets: FloatArray) -> NDArray[np.bool_]:
    """Tell which frames have a pixel at the largest number of their type, which could count no more.

    Parameters
    ----------
    frames
        Counts, shape (n, rows, columns); of floats none is saturated.
    offsets
        As of `frame_moments`: masked pixels do not count.
    """
    stack = np.asarray(frames)
    if stack.dtype.kind not in "iu":
        return np.zeros(len(stack), bool)
    full = stack == np.iinfo(stack.dtype).max
    return (full & np.isfinite(offsets[..., 0])).any(axis=(1, 2))


def turned(moments: FloatArray, rotation: FloatArray, start: FloatArray) -> FloatArray:
    """Moments seen from the sample.

    Parameters
    ----------
    moments
        As from `frame_moments`, shape (n, 10).
    rotation
        From the sample to the laboratory, shape (3, 3).
    start
        What is added to each turned wave vector, 1/A, shape (3,).

    Returns
    -------
    ndarray
        Of rotation.T @ k + start, shape (n, 10).
    """
    count, first = moments[:, 0], moments[:, 1:4] @ rotation
    second = rotation.T @ moments[:, _SQUARE] @ rotation
    cross = first[:, :, None] * start
    whole = second + cross + np.swapaxes(cross, 1, 2) + count[:, None, None] * np.outer(start, start)
    rows, columns = np.triu_indices(3)
    return np.concatenate([count[:, None], first + count[:, None] * start, whole[:, rows, columns]], axis=1)


_SQUARE: NDArray[np.intp] = np.array([[4, 5, 6], [5, 7, 8], [6, 8, 9]], dtype=np.intp)


def centroid_and_spread(moments: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centroid (n, 3) in 1/A and covariance (n, 3, 3) in 1/A^2 of each set of moments; nan where I <= 0."""
    count = np.where(moments[:, 0] > 0, moments[:, 0], np.nan)
    centroid = moments[:, 1:4] / count[:, None]
    return centroid, moments[:, _SQUARE] / count[:, None, None] - centroid[:, :, None] * centroid[:, None, :]
