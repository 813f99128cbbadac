"""Grey levels of the phases of an electrode, noise and blur."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 200
INNER_PX, DEEPEST = (2.5, 4.0), 75.0
"""Depths between which what is deep begins, and the percentile of all depths at which it does."""
OUTER_PX = 2.0
DENSE = 90.0
"""Percentile of the brighter class that is dense binder: bridges are hardly wider than the blur."""
LEAST_VOXELS = 200
SOFT_PX, SOFT_NOISE = 1.0, (4 * np.pi) ** -0.75
"""Standard deviation of a Gaussian, voxels, and what it leaves of white noise."""
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


def active_level(values: NDArray[np.float32], deep: NDArray[np.bool_]) -> float:
    """Find the level of active material that no crack has thinned.

    Where cracks leave few voxels alone, as in particles of a few voxels, the most frequent value is far too
    low, but the fall of the histogram above it stays where it is: steepest one standard deviation above the
    level.

    Parameters
    ----------
    values
        Grey values, shape (z, y, x).
    deep
        Voxels deep inside of particles, same shape.

    Returns
    -------
    float
        The most frequent value of smoothed voxels, or what the fall tells if that is higher.
    """
    ndimage: Any = import_module("scipy.ndimage")
    soft = ndimage.gaussian_filter(values, SOFT_PX)[deep]
    low, high = np.percentile(soft, (1, 99))
    counts, edges = np.histogram(soft, BINS, (low, high + 1e-6 * max(abs(high), 1.0)))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), BINS / 40)
    width = edges[1] - edges[0]
    top = int(smooth.argmax())
    usual = edges[0] + width * (0.5 + _vertex(smooth, top))
    fall = np.diff(smooth[top:])
    steepest = edges[0] + width * (1 + top + (_vertex(-fall, int(fall.argmin())) if fall.size else 0))
    spread = np.hypot(_noise(values, deep) * SOFT_NOISE, width * BINS / 40)
    return float(max(usual, steepest - spread))


def _vertex(values: NDArray[np.float64], top: int) -> float:
    """Place of the top of the parabola through three points."""
    if not 0 < top < values.size - 1:
        return float(top)
    left, middle, right = values[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return top + (0.5 * (left - right) / bend if bend < 0 else 0.0)


def deep_inside(depth: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Voxels that no blur of a surface reaches: the deepest quarter, or four voxels deep where all are large.

    Parameters
    ----------
    depth
        Distance from the surface, voxels, 0 outside.
    """
    inside = depth[depth > 0]
    return depth > (np.clip(np.percentile(inside, DEEPEST), *INNER_PX) if inside.size else np.inf)


def grey_levels(volume: ArrayLike, labels: ArrayLike) -> GreyLevels:
    """Find the grey levels of the phases from a segmented volume.

    Active material is that of `active_level` deep inside of particles; outside, away from them, the
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
    deep = deep_inside(ndimage.distance_transform_edt(body))
    outside = ndimage.distance_transform_edt(~body) > OUTER_PX
    if min(deep.sum(), outside.sum()) < LEAST_VOXELS:
        raise ValueError(
            f"grey_levels: {deep.sum()} voxels lie deep in particles and "
            f"{outside.sum()} farther than {OUTER_PX} outside, at least {LEAST_VOXELS} are needed; give the "
            "levels, or a finer volume"
        )
    soft = ndimage.gaussian_filter(values, SOFT_PX)
    active = active_level(values, deep)
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
