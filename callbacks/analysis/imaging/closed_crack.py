"""Parts of particles in a volume, joined over the cracks that a ball closes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..xas.grid import FloatArray
from .particle_part import MergeRule, ellipsoid_fill, joined, moments

LabelArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

GAP_WITHIN, BRIGHT_WITHIN = 4.7, 7.0
"""Squared Mahalanobis distances from the centre; the surface of a solid ellipsoid is at 5."""
LEAST_DEPTH_PX = 1.5
THICKER_THAN_NOISE_PX = 2.5
"""Depth that white noise above its own threshold does not reach: 2.2 in 128^3 voxels."""
LEAST_VOXELS = 64
LEAST_GAIN = 0.004
"""Of the fill of ellipsoids, for a wider crack: wide cracks gain 0.006 to 0.03, others nothing."""


def members(
    smooth: NDArray[np.float32], threshold: float | None, cracks_px: Sequence[float], rule: MergeRule
) -> tuple[float, LabelArray, int]:
    """Find the particles of a smooth volume with all that a ball closes.

    Parameters
    ----------
    smooth
        Grey values, shape (z, y, x).
    threshold
        Between active material and the rest; Otsu's unless given.
    cracks_px
        Halves of the widest crack, rising, voxels: wider ones are closed as long as that makes the particles
        more of ellipsoids. Halves of particles fill theirs less than whole ones do, and so do two in one.
    rule
        When parts are one particle.

    Returns
    -------
    tuple
        The threshold, the particle of each voxel (not numbered in order), and how many parts were joined.

    Raises
    ------
    ValueError
        If nothing is above the threshold, or what is above Otsu's is as thin as noise.
    """
    filters: Any = import_module("skimage.filters")
    level = float(filters.threshold_otsu(smooth)) if threshold is None else threshold
    solid = smooth > level
    parts, deepest = _parts(solid)
    if threshold is None and 0.0 < deepest < THICKER_THAN_NOISE_PX:
        raise ValueError(
            f"segment_particles: what is above {level:.4g} is nowhere deeper than {deepest:.1f} voxels "
            f"(limit {THICKER_THAN_NOISE_PX}), as in noise alone; is the specimen in the field? Else give a "
            "threshold"
        )
    labels, merged = _joined(smooth, level, parts, cracks_px[0], rule)
    fill = _fill(labels, solid) if len(cracks_px) > 1 else 1.0
    for crack_px in cracks_px[1:]:
        wider, joined_parts = _joined(smooth, level, parts, crack_px, rule)
        gained = _fill(wider, solid)
        if gained < fill + LEAST_GAIN:
            break
        labels, merged, fill = wider, joined_parts, gained
    return level, labels, merged


def _joined(
    smooth: NDArray[np.float32], level: float, parts: LabelArray, crack_px: float, rule: MergeRule
) -> tuple[LabelArray, int]:
    """Particle of each voxel once cracks are closed, and how many parts were joined."""
    ndimage: Any = import_module("scipy.ndimage")
    closed = _closed(smooth > level, crack_px)
    depth = ndimage.distance_transform_edt(closed).astype(np.float32)
    if not closed.any() or depth.max() < LEAST_DEPTH_PX:
        raise ValueError(
            f"segment_particles: nothing thicker than {LEAST_DEPTH_PX} voxels is above {level:.4g}, the "
            f"volume spans {smooth.min():.4g}..{smooth.max():.4g}; give a lower threshold"
        )
    whole = grown(parts, closed)
    peaks = np.asarray(ndimage.maximum(depth, whole, np.arange(whole.max() + 1)), dtype=float)
    member = joined(whole, *_necks(whole, depth), peaks, rule)
    return member[whole].astype(np.int32), int(whole.max()) - np.unique(member).size + 1


def _fill(labels: LabelArray, solid: BoolArray) -> float:
    """Mean over the voxels of how much their particle fills its ellipsoid; see `MergeRule`."""
    mass, first, second = moments(bodies(labels, solid))
    whole = mass >= LEAST_VOXELS
    whole[0] = False
    if not whole.any():
        return 0.0
    return float(np.average(ellipsoid_fill(mass[whole], first[whole], second[whole]), weights=mass[whole]))


def _closed(solid: BoolArray, radius_px: float) -> BoolArray:
    """Close by a ball, with two distance transforms, and fill hollow cores; outside the volume is solid."""
    ndimage: Any = import_module("scipy.ndimage")
    margin = int(np.ceil(radius_px)) + 1
    padded = np.pad(solid, margin)
    wider = ndimage.distance_transform_edt(~padded) <= radius_px
    inner = slice(margin, -margin)
    shrunk = ndimage.distance_transform_edt(wider) > radius_px
    return np.asarray(ndimage.binary_fill_holes(shrunk[inner, inner, inner] | solid))


def _necks(parts: LabelArray, depth: NDArray[np.float32]) -> tuple[NDArray[np.intp], FloatArray]:
    """Pairs of parts that touch (n, 2), and how thick they are where they do (n,)."""
    codes: list[NDArray[np.int64]] = []
    necks: list[NDArray[np.float32]] = []
    size = int(parts.max()) + 1
    for axis in range(parts.ndim):
        lower = tuple(slice(None, -1) if a == axis else slice(None) for a in range(parts.ndim))
        upper = tuple(slice(1, None) if a == axis else slice(None) for a in range(parts.ndim))
        one, two = parts[lower], parts[upper]
        touch = (one != two) & (one > 0) & (two > 0)
        first, second = one[touch].astype(np.int64), two[touch].astype(np.int64)
        codes.append(np.minimum(first, second) * size + np.maximum(first, second))
        necks.append(np.minimum(depth[lower][touch], depth[upper][touch]))
    pairs, member = np.unique(np.concatenate(codes), return_inverse=True)
    widest = np.zeros(pairs.size)
    np.maximum.at(widest, member, np.concatenate(necks))
    return np.stack(np.divmod(pairs, size), axis=1).astype(np.intp), widest


def _parts(solid: BoolArray) -> tuple[LabelArray, float]:
    """Flood the depth of what is solid from each of its peaks: too many parts rather than too few.

    Returns the parts and the largest depth, voxels.
    """
    ndimage: Any = import_module("scipy.ndimage")
    segmentation: Any = import_module("skimage.segmentation")
    whole = ndimage.binary_fill_holes(solid)
    depth = ndimage.distance_transform_edt(whole).astype(np.float32)
    soft = ndimage.gaussian_filter(depth, 1.0)
    peaks = (ndimage.maximum_filter(soft, size=3) == soft) & whole & (depth >= LEAST_DEPTH_PX)
    markers, _ = ndimage.label(peaks, structure=np.ones((3, 3, 3)))
    parts = np.asarray(segmentation.watershed(-soft, markers, mask=whole), dtype=np.int32)
    return parts, float(depth.max())


def grown(parts: LabelArray, closed: BoolArray) -> LabelArray:
    """Give what was closed to the nearest part.

    Parameters
    ----------
    parts
        Number of the part of each voxel, 0 outside, shape (z, y, x).
    closed
        Voxels that are to have one, same shape.

    Returns
    -------
    ndarray
        Same shape.
    """
    ndimage: Any = import_module("scipy.ndimage")
    segmentation: Any = import_module("skimage.segmentation")
    away = ndimage.distance_transform_edt(parts == 0).astype(np.float32)
    return np.asarray(segmentation.watershed(away, parts, mask=closed), dtype=np.int32)


def _ellipsoid_distance(labels: LabelArray, bright: BoolArray) -> NDArray[np.float32]:
    """Squared distance of voxels from the centre of their particle's bright ones, over the covariance."""
    place = np.nonzero(labels)
    member, weight = labels[place], bright[place].astype(float)
    count = int(labels.max()) + 1
    mass = np.maximum(np.bincount(member, weight, count), 1.0)
    points = np.stack(place).astype(np.float64)
    centre = np.stack([np.bincount(member, weight * axis, count) / mass for axis in points])
    offset = points - centre[:, member]
    spread = np.zeros((count, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            spread[:, i, j] = spread[:, j, i] = (
                np.bincount(member, weight * offset[i] * offset[j], count) / mass
            )
    inverse = np.linalg.inv(spread + np.eye(3) / 12)
    distance = np.zeros(labels.shape, dtype=np.float32)
    distance[place] = np.einsum("in,nij,jn->n", offset, inverse[member], offset, optimize=True)
    return distance


def bodies(labels: LabelArray, bright: BoolArray) -> LabelArray:
    """Keep bright voxels, and gaps that lie inside their own particle: those between two are pores.

    Parameters
    ----------
    labels
        Number of the particle of each voxel, gaps included, 0 outside, shape (z, y, x).
    bright
        Voxels of active material, same shape.

    Returns
    -------
    ndarray
        The labels that are left, same shape.
    """
    distance = _ellipsoid_distance(labels, bright)
    inside = np.where(bright, distance < BRIGHT_WITHIN, distance < GAP_WITHIN)
    return np.where(inside, labels, 0).astype(np.int32)
