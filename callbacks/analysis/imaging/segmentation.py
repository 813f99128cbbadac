"""Particles of an electrode told apart in a volume."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from .grey_level import most_frequent
from .particle_part import MergeRule, joined

LabelArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

GAP_WITHIN, BRIGHT_WITHIN = 4.5, 7.0
"""Squared Mahalanobis distances from the centre; the surface of a solid ellipsoid is at 5."""
AROUND_PX = 1.0
"""Standard deviation of the weights by which voxels outside say what surrounds a voxel."""
FAINT = np.float32(1e-3)
"""Weight of all that is outside, where nothing is near."""
DEEP_PX, LEAST_DEEP = 2.0, 200
LEAST_VOXELS = 64
LEAST_DEPTH_PX = 1.5


@dataclass(frozen=True)
class Segmentation:
    """Particles of a volume.

    Attributes
    ----------
    labels
        Number of the particle of each voxel, cracks included, from 1; 0 outside, shape (z, y, x).
    solid
        Voxels above the threshold, shape (z, y, x).
    threshold
        Between active material and the rest, units of the volume.
    count
        Number of particles.
    split_merged
        Parts that were joined again, for they are one particle.
    """

    labels: LabelArray
    solid: BoolArray
    threshold: float
    count: int
    split_merged: int


def _closed(solid: BoolArray, radius_px: float) -> BoolArray:
    """Close by a ball, with two distance transforms, and fill hollow cores; outside the volume is solid."""
    ndimage: Any = import_module("scipy.ndimage")
    margin = int(np.ceil(radius_px)) + 1
    padded = np.pad(solid, margin)
    grown = ndimage.distance_transform_edt(~padded) <= radius_px
    inner = slice(margin, -margin)
    shrunk = ndimage.distance_transform_edt(grown) > radius_px
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


def _parts(solid: BoolArray) -> LabelArray:
    """Flood the depth of what is solid from each of its peaks: too many parts rather than too few."""
    ndimage: Any = import_module("scipy.ndimage")
    segmentation: Any = import_module("skimage.segmentation")
    whole = ndimage.binary_fill_holes(solid)
    depth = ndimage.distance_transform_edt(whole).astype(np.float32)
    soft = ndimage.gaussian_filter(depth, 1.0)
    peaks = (ndimage.maximum_filter(soft, size=3) == soft) & whole & (depth >= LEAST_DEPTH_PX)
    markers, _ = ndimage.label(peaks, structure=np.ones((3, 3, 3)))
    return np.asarray(segmentation.watershed(-soft, markers, mask=whole), dtype=np.int32)


def _grown(parts: LabelArray, closed: BoolArray) -> LabelArray:
    """Give what was closed to the nearest part."""
    ndimage: Any = import_module("scipy.ndimage")
    segmentation: Any = import_module("skimage.segmentation")
    away = ndimage.distance_transform_edt(parts == 0).astype(np.float32)
    return np.asarray(segmentation.watershed(away, parts, mask=closed), dtype=np.int32)


def _ellipsoid_distance(labels: LabelArray, solid: BoolArray) -> NDArray[np.float32]:
    """Squared distance of labelled voxels from the centre of their particle's solid, over its covariance."""
    place = np.nonzero(labels)
    member, weight = labels[place], solid[place].astype(float)
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


def _local_level(
    values: NDArray[np.float32], solid: BoolArray, depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Halfway from what surrounds a voxel to active material: against binder higher than against pores."""
    ndimage: Any = import_module("scipy.ndimage")
    deep = solid & (depth > DEEP_PX)
    soft = ndimage.gaussian_filter(values, 1.0)
    active = most_frequent(soft[deep if np.count_nonzero(deep) >= LEAST_DEEP else solid])
    outside = np.where(solid, np.float32(0.0), np.float32(1.0))
    near = ndimage.gaussian_filter(outside, AROUND_PX)
    usual = np.float32(values[~solid].mean() if near.any() else 0.0)
    around = ndimage.gaussian_filter(values * outside, AROUND_PX) + FAINT * usual
    return np.asarray((around / (near + FAINT) + np.float32(active)) / 2, dtype=np.float32)


def _bodies(labels: LabelArray, solid: BoolArray, bright: BoolArray) -> LabelArray:
    """Keep bright voxels, and gaps that lie inside their own particle: those between two are pores."""
    distance = _ellipsoid_distance(labels, solid)
    inside = np.where(bright, distance < BRIGHT_WITHIN, distance < GAP_WITHIN)
    return np.where(inside, labels, 0).astype(np.int32)


def _numbered(labels: LabelArray, least_voxels: int) -> tuple[LabelArray, int]:
    """Give numbers to the particles that are large enough from 1 on."""
    size = np.bincount(labels.ravel())
    size[0] = 0
    kept = size >= least_voxels
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return number[labels], int(kept.sum())


def segment_particles(
    volume: ArrayLike,
    *,
    threshold: float | None = None,
    crack_px: float = 1.75,
    smooth_px: float = 0.5,
    rule: MergeRule | None = None,
    least_voxels: int = LEAST_VOXELS,
) -> Segmentation:
    """Tell the particles of an electrode apart.

    The distance to the surface is flooded from all of its maxima (watershed), which splits particles at their
    cracks. A ball then closes cracks, and parts that meet in what was closed are joined where that makes them
    more of an ellipsoid (`MergeRule`): halves of a particle do, two particles do not. A gap belongs to a
    particle if it lies within the ellipsoid of the particle's moments, so that pores between neighbours,
    which the ball has closed too, stay pores: particles are taken to be convex, such as the secondary
    particles of layered oxides. Their surface is halfway between their grey level and that of what
    surrounds them, binder or pore.

    Parameters
    ----------
    volume
        Attenuation or any grey level that is highest in active material, shape (z, y, x).
    threshold
        Between active material and the rest, units of the volume; by default Otsu's, and halfway to the
        surroundings at the surface.
    crack_px
        Half of the widest crack, voxels; also that of the pores which are closed for a while. More than
        needed joins small particles: 1 is enough where cracks are thinner than a tenth of 20 voxels.
    smooth_px
        Standard deviation of the Gaussian before the threshold, voxels.
    rule
        When parts are one particle; see `MergeRule`.
    least_voxels
        Smaller particles are dropped.

    Returns
    -------
    Segmentation
        Labels with cracks included.

    Raises
    ------
    ValueError
        If the volume is not three-dimensional, holds voxels that are not finite, or nothing in it is above
        the threshold.
    """
    ndimage: Any = import_module("scipy.ndimage")
    filters: Any = import_module("skimage.filters")
    values = np.asarray(volume, dtype=np.float32)
    if values.ndim != 3 or min(values.shape) < 8:
        raise ValueError(
            f"segment_particles: the volume has shape {values.shape}; give (z, y, x), at least 8 voxels each"
        )
    lost = np.count_nonzero(~np.isfinite(values))
    if lost:
        raise ValueError(f"segment_particles: {lost} voxels are not finite; give them the level of pores")
    smooth = ndimage.gaussian_filter(values, smooth_px)
    level = float(filters.threshold_otsu(smooth)) if threshold is None else threshold
    solid = smooth > level
    closed = _closed(solid, crack_px)
    depth = ndimage.distance_transform_edt(closed).astype(np.float32)
    if not closed.any() or depth.max() < LEAST_DEPTH_PX:
        raise ValueError(
            f"segment_particles: nothing thicker than {LEAST_DEPTH_PX} voxels is above {level:.4g}, the "
            f"volume spans {values.min():.4g}..{values.max():.4g}; give a lower threshold"
        )
    parts = _grown(_parts(solid), closed)
    peaks = np.asarray(ndimage.maximum(depth, parts, np.arange(parts.max() + 1)), dtype=float)
    member = joined(parts, *_necks(parts, depth), peaks, rule or MergeRule())
    bright = smooth > (_local_level(values, solid, depth) if threshold is None else level)
    labels, count = _numbered(_bodies(member[parts].astype(np.int32), solid, bright), least_voxels)
    return Segmentation(labels, solid, level, count, int(parts.max()) - np.unique(member).size + 1)
