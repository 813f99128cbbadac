"""Particles of an electrode told apart in a volume."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..xas.grid import FloatArray
from .grey_level import active_level, deep_inside
from .particle_part import MergeRule, joined
from .particle_scale import labels_on, rescaled, typical_radius_px, working_scale

LabelArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

GAP_WITHIN, BRIGHT_WITHIN = 4.7, 7.0
"""Squared Mahalanobis distances from the centre; the surface of a solid ellipsoid is at 5."""
AWAY_PX, AROUND_PX = 1.0, 1.5
"""Distance from which voxels outside say what surrounds a voxel, and standard deviation of their weights."""
FAINT = np.float32(1e-3)
"""Weight of all that is outside, where nothing is near."""
LEAST_DEEP = 200
LEAST_VOXELS = 64
LEAST_DEPTH_PX = 1.5
THICKER_THAN_NOISE_PX = 2.5
"""Depth that white noise above its own threshold does not reach: 2.2 in 128^3 voxels."""
RADIUS_PX, CRACK = 9.0, 0.15
"""Radius in which particles are told apart, and half of the widest crack, in radii."""


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


def _grown(parts: LabelArray, closed: BoolArray) -> LabelArray:
    """Give what was closed to the nearest part."""
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


def _local_level(
    values: NDArray[np.float32], solid: BoolArray, depth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Halfway from what surrounds a voxel to active material: against binder higher than against pores."""
    ndimage: Any = import_module("scipy.ndimage")
    deep = solid & deep_inside(depth)
    active = active_level(values, deep if np.count_nonzero(deep) >= LEAST_DEEP else solid)
    outside = (ndimage.distance_transform_edt(~solid) > AWAY_PX).astype(np.float32)
    near = ndimage.gaussian_filter(outside, AROUND_PX)
    usual = np.float32(values[~solid].mean() if near.any() else 0.0)
    around = ndimage.gaussian_filter(values * outside, AROUND_PX) + FAINT * usual
    return np.asarray((around / (near + FAINT) + np.float32(active)) / 2, dtype=np.float32)


def _bodies(labels: LabelArray, bright: BoolArray) -> LabelArray:
    """Keep bright voxels, and gaps that lie inside their own particle: those between two are pores."""
    distance = _ellipsoid_distance(labels, bright)
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
    radius_px: float | None = None,
    crack_px: float | None = None,
    smooth_px: float = 0.5,
    rule: MergeRule | None = None,
    least_voxels: int = LEAST_VOXELS,
) -> Segmentation:
    """Tell the particles of an electrode apart.

    That is done in voxels of which the mean particle's radius has nine: with fewer, necks between particles
    are too coarse, with more, cracks are as wide as pores. The distance to the surface is flooded from all of
    its maxima (watershed), which splits particles at their cracks. A ball then closes cracks, and parts that
    meet in what was closed are joined where that makes them more of an ellipsoid (`MergeRule`): halves of a
    particle do, two particles do not. A gap belongs to a particle if it lies within the ellipsoid of the
    particle's moments, so that pores between neighbours, which the ball has closed too, stay pores: particles
    are taken to be convex, such as the secondary particles of layered oxides. Their surface, in the voxels of
    the volume, is halfway between their grey level and that of what surrounds them, binder or pore.

    Parameters
    ----------
    volume
        Attenuation or any grey level that is highest in active material, shape (z, y, x).
    threshold
        Between active material and the rest, units of the volume; by default Otsu's, and halfway to the
        surroundings at the surface.
    radius_px
        Mean radius of the particles, voxels; by default `typical_radius_px`.
    crack_px
        Half of the widest crack with its blur, voxels; also that of the pores which are closed for a while.
        By default 0.15 of the radius; more than needed joins small particles, less leaves parts of those with
        wide cracks apart.
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
        If the volume is not three-dimensional, holds voxels that are not finite, nothing in it is above the
        threshold or thicker than noise, or a radius or width is not a positive number.
    """
    ndimage: Any = import_module("scipy.ndimage")
    values = _checked(volume)
    _require_lengths(radius_px, crack_px)
    radius = typical_radius_px(values) if radius_px is None else radius_px
    scale = working_scale(values.shape, radius, RADIUS_PX)
    crack = (
        (RADIUS_PX if scale != 1 or np.isnan(radius) else radius) * CRACK
        if crack_px is None
        else crack_px * scale
    )
    work = values if scale == 1 else rescaled(values, scale)
    level, member, merged = _members(
        ndimage.gaussian_filter(work, smooth_px), threshold, crack, rule or MergeRule()
    )
    smooth = ndimage.gaussian_filter(values, smooth_px)
    solid = smooth > level
    if scale != 1:
        member = labels_on(member, values.shape)
        member = _grown(member, solid | (member > 0))
    depth = ndimage.distance_transform_edt(member > 0).astype(np.float32)
    bright = smooth > (_local_level(values, solid, depth) if threshold is None else level)
    labels, count = _numbered(_bodies(member, bright), least_voxels)
    return Segmentation(labels, solid, level, count, merged)


def _require_lengths(radius_px: float | None, crack_px: float | None) -> None:
    if radius_px is not None and not 0.0 < radius_px < np.inf:
        raise ValueError(
            f"segment_particles: radius_px = {radius_px:g}; give voxels above 0, or leave it out"
        )
    if crack_px is not None and not 0.0 <= crack_px < np.inf:
        raise ValueError(f"segment_particles: crack_px = {crack_px:g}; give voxels, or leave it out")


def _checked(volume: ArrayLike) -> NDArray[np.float32]:
    """Grey values of a volume that can be segmented."""
    values = np.asarray(volume, dtype=np.float32)
    if values.ndim != 3 or min(values.shape) < 8:
        raise ValueError(
            f"segment_particles: the volume has shape {values.shape}; give (z, y, x), at least 8 voxels each"
        )
    lost = np.count_nonzero(~np.isfinite(values))
    if lost:
        raise ValueError(f"segment_particles: {lost} voxels are not finite; give them the level of pores")
    return values


def _members(
    smooth: NDArray[np.float32], threshold: float | None, crack_px: float, rule: MergeRule
) -> tuple[float, LabelArray, int]:
    """Threshold, particle of each voxel with all that the ball closes, and how many parts were joined."""
    ndimage: Any = import_module("scipy.ndimage")
    filters: Any = import_module("skimage.filters")
    level = float(filters.threshold_otsu(smooth)) if threshold is None else threshold
    solid = smooth > level
    closed = _closed(solid, crack_px)
    depth = ndimage.distance_transform_edt(closed).astype(np.float32)
    if not closed.any() or depth.max() < LEAST_DEPTH_PX:
        raise ValueError(
            f"segment_particles: nothing thicker than {LEAST_DEPTH_PX} voxels is above {level:.4g}, the "
            f"volume spans {smooth.min():.4g}..{smooth.max():.4g}; give a lower threshold"
        )
    parts, deepest = _parts(solid)
    if threshold is None and deepest < THICKER_THAN_NOISE_PX:
        raise ValueError(
            f"segment_particles: what is above {level:.4g} is nowhere deeper than {deepest:.1f} voxels "
            f"(limit {THICKER_THAN_NOISE_PX}), as in noise alone; is the specimen in the field? Else give a "
            "threshold"
        )
    parts = _grown(parts, closed)
    peaks = np.asarray(ndimage.maximum(depth, parts, np.arange(parts.max() + 1)), dtype=float)
    member = joined(parts, *_necks(parts, depth), peaks, rule)
    return level, member[parts].astype(np.int32), int(parts.max()) - np.unique(member).size + 1
