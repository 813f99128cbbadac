"""Shifts of images whose contrast changes at an absorption edge: all at once, as a sum of two."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray

SMOOTHING_PX = 1.5
MOST_SIDE = 256
"""Pixels of the middle of the field that are looked at."""
MARGIN_PX = 6
LEAST_SIDE = 16
ROUNDS = 16
LEAST_CHANGE = 0.1
"""Of the contrast: below it all images show the same, and correlation with one of them is not biased."""
OVERSHOOT = 1.8
"""Of the detector's pattern in each round, which otherwise grows slowly towards what it is."""
LEAST_SECOND = 8.0
"""Size of the second image over noise, below which correlation tells shifts better."""
FARTHEST_PX = 1.0
"""The most that a shift by correlation is corrected by; more means that two images are not enough."""


def _moved(images: FloatArray, shift_px: FloatArray) -> FloatArray:
    """Move each image by its shift."""
    ndimage: Any = import_module("scipy.ndimage")
    pairs = zip(images, shift_px, strict=True)
    return np.stack([ndimage.shift(image, shift, order=3, mode="nearest") for image, shift in pairs])


def _levels(flat: FloatArray, reference: int) -> FloatArray:
    """Contrast of each image by that of the reference."""
    base = flat[reference]
    return flat @ base / max(float(base @ base), 1e-300)


def _step(flat: FloatArray, slopes: FloatArray, share: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
    """Change of the shifts (n, 2) that leaves the least beside two images, by least squares.

    The two images follow the shifts (variable projection: Golub and Pereyra 1973, SIAM J. Numer. Anal. 10,
    413), so that what they can follow is taken out of the slopes.
    """
    count = len(flat)
    common = np.linalg.qr((share.T @ flat).T)[0]
    left = np.eye(count) - share @ share.T
    own = (slopes - slopes @ common @ common.T).reshape(2 * count, -1)
    matrix = (own @ own.T) * np.repeat(np.repeat(left, 2, axis=0), 2, axis=1)
    right = (own.reshape(count, 2, -1) @ (left @ flat)[..., None])[..., 0]
    chosen = np.repeat(free, 2)
    change = np.zeros((count, 2))
    found = np.linalg.lstsq(matrix[np.ix_(chosen, chosen)], right[free].ravel(), rcond=1e-10)[0]
    change[free] = -found.reshape(-1, 2)
    return change


def _second_over_noise(flat: FloatArray, slopes: FloatArray, share: FloatArray) -> float:
    """Size of what a second image shows beside a first one at other contrast, over that of noise.

    What a small shift of the first would make is taken out of it: both slopes of the first image.
    """
    both = share.T @ flat
    kinds, size, images = np.linalg.svd(both, full_matrices=False)
    moved = np.linalg.qr(np.tensordot(share @ kinds[:, 0], slopes, axes=1).T)[0].T
    second = size[1] * (images[1] - images[1] @ moved.T @ moved)
    noise = np.sqrt(((flat - share @ both) ** 2).sum() / (len(flat) - share.shape[1]))
    return float(np.linalg.norm(second) / max(float(noise), 1e-300))


def _window(shape: tuple[int, ...], shift_px: FloatArray) -> tuple[slice, slice]:
    """Tell what all moved images show."""
    low = np.ceil(np.maximum(-shift_px.min(axis=0), 0)).astype(int) + MARGIN_PX
    high = np.ceil(np.maximum(shift_px.max(axis=0), 0)).astype(int) + MARGIN_PX
    return slice(low[0], shape[0] - high[0]), slice(low[1], shape[1] - high[1])


def _middle(images: NDArray[np.generic]) -> FloatArray:
    """Smooth the middle of the field, which must be finite."""
    ndimage: Any = import_module("scipy.ndimage")
    starts = [max((side - MOST_SIDE) // 2, 0) for side in images.shape[1:]]
    rows, columns = (slice(start, start + MOST_SIDE) for start in starts)
    cut = np.nan_to_num(np.asarray(images[:, rows, columns], dtype=np.float64))
    return np.stack([ndimage.gaussian_filter(image, SMOOTHING_PX, mode="nearest") for image in cut])


def refined_shifts(images: NDArray[np.generic], shift_px: FloatArray, reference: int) -> FloatArray:
    """Correct shifts for a contrast that changes from image to image.

    Where structures that absorb differently overlap, the correlation of two images is drawn to the stronger
    one's neighbours. Below and above an edge all images are sums of two, in shares that each image's contrast
    tells: shifts are chosen so that least is left beside these. What stays on the detector is found in the
    same rounds and taken out, since it would draw the shifts to zero. Where one image at changing contrast is
    all there is, a second one would follow any shifts that go as 1 / contrast, and none is looked for.

    Parameters
    ----------
    images
        Shape (n, rows, columns).
    shift_px
        By correlation with the reference, rows and columns, shape (n, 2).
    reference
        Index of the image whose shift stays.

    Returns
    -------
    ndarray
        Shape (n, 2); as given where the contrast changes by less than a tenth, no second image stands out of
        noise, what all images show is smaller than 16 pixels, there are fewer than 4 images, or a shift would
        change by more than a pixel.
    """
    seen, shifts = _middle(images), shift_px.copy()
    window = _window(seen.shape[1:], shifts)
    free = np.arange(len(seen)) != reference
    if len(seen) < 4 or min(part.stop - part.start for part in window) < LEAST_SIDE:
        return shift_px
    pattern = np.zeros(seen.shape[1:])
    for _ in range(ROUNDS):
        moved = _moved(seen - pattern, -shifts)
        inner = moved[:, *window]
        mean = inner.mean(axis=(1, 2), keepdims=True)
        flat: FloatArray = (inner - mean).reshape(len(seen), -1)
        levels = _levels(flat, reference)
        if np.ptp(levels) < LEAST_CHANGE:
            return shift_px
        share = np.linalg.qr(np.stack([np.ones_like(levels), levels], axis=1))[0]
        slopes = np.stack([np.gradient(image) for image in inner]).reshape(len(seen), 2, -1)
        slopes -= slopes.mean(axis=-1, keepdims=True)
        if _second_over_noise(flat, slopes, share) < LEAST_SECOND:
            return shift_px
        rest = moved - mean
        rest -= np.tensordot(share @ share.T, rest, axes=1)
        pattern += OVERSHOOT * _moved(rest, shifts).mean(axis=0)
        shifts += _step(flat, slopes, share, free)
    return shifts if np.abs(shifts - shift_px).max() < FARTHEST_PX else shift_px
