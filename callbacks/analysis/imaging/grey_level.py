"""Grey levels of the phases of an electrode, noise and blur."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 200
INNER_PX = 2.5
OUTER_PX = 2.0
DENSE = 90.0
"""Percentile of the brighter class that is dense binder: bridges are hardly wider than the blur."""
LEAST_VOXELS = 200
EDGE_PX, STEEPEST = 1.0, 90.0
"""Width over which the rise of a surface is taken; percentile of those that face a wide pore."""


@dataclass(frozen=True)
class GreyLevels:
    """Levels of the phases, units of the volume.

    Attributes
    ----------
    active
        Of active material without cracks.
    pore
        Of pores and cracks.
    binder
        Of carbon and binder.
    noise
        Rms noise of a voxel.
    blur_px
        Standard deviation of the blur of surfaces, voxels.
    """

    active: float
    pore: float
    binder: float
    noise: float
    blur_px: float = 0.8


def most_frequent(values: NDArray[np.float32]) -> float:
    """Return the most frequent value, by the parabola through the top of a smoothed histogram."""
    ndimage: Any = import_module("scipy.ndimage")
    low, high = np.percentile(values, (1, 99))
    counts, edges = np.histogram(values, BINS, (low, high + 1e-6 * max(abs(high), 1.0)))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), BINS / 40)
    top = int(np.clip(smooth.argmax(), 1, BINS - 2))
    left, middle, right = smooth[top - 1 : top + 2]
    bend = left - 2 * middle + right
    part = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float((edges[top] + edges[top + 1]) / 2 + part * (edges[1] - edges[0]))


def grey_levels(volume: ArrayLike, labels: ArrayLike) -> GreyLevels:
    """Find the grey levels of the phases from a segmented volume.

    Active material is the mode inside of particles, away from their surfaces; outside, away from them, the
    two classes of Otsu are pores and binder, whose level is that of its densest tenth. Cracks are taken to be
    as dark as pores. Blur is that of surfaces that face a wide pore, which rise the most steeply.

    Parameters
    ----------
    volume
        Grey values, shape (z, y, x).
    labels
        From `segment_particles`, same shape.

    Returns
    -------
    GreyLevels
        Units of the volume.

    Raises
    ------
    ValueError
        If too few voxels are far from surfaces, inside or outside.
    """
    ndimage: Any = import_module("scipy.ndimage")
    filters: Any = import_module("skimage.filters")
    values, body = np.asarray(volume, dtype=np.float32), np.asarray(labels) > 0
    deep = ndimage.distance_transform_edt(body) > INNER_PX
    outside = ndimage.distance_transform_edt(~body) > OUTER_PX
    if min(deep.sum(), outside.sum()) < LEAST_VOXELS:
        raise ValueError(
            f"grey_levels: {deep.sum()} voxels lie deeper than {INNER_PX} voxels in particles and "
            f"{outside.sum()} farther than {OUTER_PX} outside, at least {LEAST_VOXELS} are needed; give the "
            "levels, or a finer volume"
        )
    soft = ndimage.gaussian_filter(values, 1.0)
    active = most_frequent(soft[deep])
    split = float(filters.threshold_otsu(soft[outside]))
    around = soft[outside]
    pore = float(np.median(around[around <= split]))
    binder = float(np.percentile(around[around > split], DENSE))
    return GreyLevels(active, pore, binder, _noise(values, deep), _blur_px(values, body, active - pore))


def _noise(values: NDArray[np.float32], deep: NDArray[np.bool_]) -> float:
    """Rms of white noise, from what a narrow Gaussian takes away inside of particles."""
    ndimage: Any = import_module("scipy.ndimage")
    rough = (values - ndimage.gaussian_filter(values, 0.5))[deep]
    # White noise loses this part of its variance to a Gaussian of half a voxel.
    kernel = ndimage.gaussian_filter(np.pad(np.ones((1, 1, 1)), 4), 0.5)
    kernel[4, 4, 4] -= 1
    return 1.4826 * float(np.median(np.abs(rough - np.median(rough)))) / float(np.sqrt((kernel**2).sum()))


def _blur_px(values: NDArray[np.float32], body: NDArray[np.bool_], contrast: float) -> float:
    """Find the blur: a step rises by at most 1 / (sigma sqrt(2 pi)) of its height per voxel."""
    ndimage: Any = import_module("scipy.ndimage")
    surface = body & ~ndimage.binary_erosion(body)
    rise = ndimage.maximum_filter(ndimage.gaussian_gradient_magnitude(values, EDGE_PX), size=3)[surface]
    whole = contrast / (float(np.percentile(rise, STEEPEST)) * np.sqrt(2 * np.pi))
    return float(np.sqrt(max(whole**2 - EDGE_PX**2, 0.0)))
