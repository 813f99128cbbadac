"""Particles of an electrode told apart in a volume."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .closed_crack import LEAST_VOXELS, BoolArray, LabelArray, bodies, grown, members
from .grey_level import active_level, deep_inside
from .particle_part import MergeRule
from .particle_scale import labels_on, rescaled, typical_radius_px, working_scale

AWAY_PX, AROUND_PX = 1.0, 1.5
"""Distance from which voxels outside say what surrounds a voxel, and standard deviation of their weights."""
FAINT = np.float32(1e-3)
"""Weight of all that is outside, where nothing is near."""
LEAST_DEEP = 200
RADIUS_PX, CRACKS = 9.0, (0.15, 0.25, 0.35, 0.45, 0.6)
"""Radius in which particles are told apart, and halves of the widest cracks that are tried, in radii."""


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
        More than needed joins small particles, less leaves parts of those with wide cracks apart: by default
        0.15 of the radius, and wider up to 0.6 while that makes the particles more of ellipsoids.
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
    if crack_px is None:
        worked_px = RADIUS_PX if scale != 1 or np.isnan(radius) else radius
        cracks_px = [worked_px * crack for crack in CRACKS]
    else:
        cracks_px = [crack_px * scale]
    work = values if scale == 1 else rescaled(values, scale)
    level, member, merged = members(
        ndimage.gaussian_filter(work, smooth_px), threshold, cracks_px, rule or MergeRule()
    )
    smooth = ndimage.gaussian_filter(values, smooth_px)
    solid = smooth > level
    if scale != 1:
        member = labels_on(member, values.shape)
        member = grown(member, solid | (member > 0))
    depth = ndimage.distance_transform_edt(member > 0).astype(np.float32)
    bright = smooth > (_local_level(values, solid, depth) if threshold is None else level)
    labels, count = _numbered(bodies(member, bright), least_voxels)
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
