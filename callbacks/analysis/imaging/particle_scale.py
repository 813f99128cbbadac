"""How large particles are before they are told apart, and volumes in other voxels."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatImage = NDArray[np.float32]

SCALE_TO_RADIUS = 1 / 0.60
"""Of electrodes of balls and warped balls with a spread of radii of 0.3, cracked and not: 0.56 to 0.63."""
FIRST_PX, STEP = 1.2, 1.12
LARGEST_RADIUS = 0.25
"""Of a particle, in sides of the volume: what is larger is the specimen."""
MIDDLE = 256
"""Largest side of the part that is looked at, voxels."""
NOT_WORTH = 1.25
LARGEST, MOST_VOXELS = 2.25, 512**3
"""Limits of enlarging: times along an edge, and voxels that come of it."""


def typical_radius_px(volume: ArrayLike) -> float:
    """Find the radius of particles from the finest scale at which a volume varies the most.

    Parameters
    ----------
    volume
        Grey values, shape (z, y, x).

    Returns
    -------
    float
        Mean radius, voxels, to 10 %; nan where no scale stands out.

    Notes
    -----
    The first scale from below at which the power of the Laplacian of the Gaussian, times its variance, has a
    maximum (Lindeberg 1998, Int. J. Comput. Vis. 30, 79); the specimen that is made of the particles has
    one of its own further up. Cracks and noise are of smaller scales, a threshold is not needed.
    """
    fft: Any = import_module("scipy.fft")
    values = np.asarray(volume, dtype=np.float32)
    values = values[
        tuple(slice(max(0, (side - MIDDLE) // 2), (side + MIDDLE + 1) // 2) for side in values.shape)
    ]
    power = np.abs(fft.rfftn(values - values.mean())) ** 2
    turns = [fft.fftfreq(side) for side in values.shape[:2]] + [fft.rfftfreq(values.shape[2])]
    square = sum((2 * np.pi * each) ** 2 for each in np.ix_(*turns))
    largest = min(values.shape) * LARGEST_RADIUS / SCALE_TO_RADIUS
    count = int(math.log(max(largest / FIRST_PX, 1.0)) / math.log(STEP)) + 1
    scales = FIRST_PX * STEP ** np.arange(count)
    energy = np.array(
        [float((power * (s * s * square) ** 2 * np.exp(-s * s * square)).sum()) for s in scales]
    )
    tops = np.flatnonzero((energy[1:-1] > energy[:-2]) & (energy[1:-1] >= energy[2:])) + 1
    if not tops.size:
        return math.nan
    top = int(tops[0])
    left, middle, right = energy[top - 1 : top + 2]
    part = 0.5 * (left - right) / (left - 2 * middle + right)
    return float(scales[top] * STEP**part * SCALE_TO_RADIUS)


def working_scale(shape: tuple[int, ...], radius_px: float, wanted_px: float) -> float:
    """Tell by how much to enlarge a volume for particles of the wanted radius; 1 where it is not worth it."""
    if math.isnan(radius_px):
        return 1.0
    room = (MOST_VOXELS / math.prod(shape)) ** (1 / 3)
    scale = min(wanted_px / radius_px, LARGEST, max(room, 1.0))
    return scale if max(scale, 1 / scale) > NOT_WORTH else 1.0


def rescaled(volume: FloatImage, scale: float) -> FloatImage:
    """Enlarge or reduce a volume; what would be finer than the voxels is smoothed away before."""
    ndimage: Any = import_module("scipy.ndimage")
    if scale < 1:
        volume = ndimage.gaussian_filter(volume, 0.5 * math.sqrt(1 / scale**2 - 1))
    order = 1 if scale < 1 else 3
    return ndimage.zoom(volume, scale, order=order, mode="nearest", grid_mode=True)


def labels_on(labels: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Take labels from the nearest voxel of a volume of the same extent and other voxels."""
    places = [
        np.minimum(((np.arange(side) + 0.5) * old / side).astype(np.intp), old - 1)
        for side, old in zip(shape, labels.shape, strict=True)
    ]
    return labels[np.ix_(*places)]
