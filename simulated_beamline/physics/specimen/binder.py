"""The carbon-binder domain: bridges in the narrow gaps between particles that it holds."""

from dataclasses import dataclass

import numpy as np

from ..array import BoolArray, FloatArray, ImageArray
from .outline import Outline
from .packed_electrode import Damage, PackedElectrode
from .voxel_grid import VoxelGrid
from .voxel_kernel import near_surfaces

FINE_UM = 0.25
"""Voxels in which the binder is looked for, and, two by two by two, joined to points."""


@dataclass(frozen=True)
class Binder:
    """Binder as points, each of which stands for a cube of 0.5 um.

    Attributes
    ----------
    place_um : ndarray, shape (m, 3)
        (z, y, x) from the middle of the specimen.
    volume_um3 : ndarray, shape (m,)
        Binder in the cube.
    """

    place_um: FloatArray
    volume_um3: FloatArray

    @property
    def cube_um(self) -> float:
        """Edge of a point's cube, um."""
        return 2.0 * FINE_UM


def find_binder(electrode: PackedElectrode, damage: Damage) -> Binder:
    """Binder of an electrode; see `binder_where`."""
    outline = electrode.recipe.outline
    shape = tuple(2 * int(np.ceil(size / (2.0 * FINE_UM))) for size in outline.size_um)
    grid = VoxelGrid((shape[0], shape[1], shape[2]), FINE_UM)
    where = binder_where(electrode, damage, grid) & body_where(outline, grid)
    pooled = where.reshape(shape[0] // 2, 2, shape[1] // 2, 2, shape[2] // 2, 2).sum(axis=(1, 3, 5))
    index = np.argwhere(pooled > 0)
    place_um = grid.first_um + FINE_UM * (2.0 * index + 0.5)
    return Binder(place_um, pooled[pooled > 0] * FINE_UM**3)


def binder_where(electrode: PackedElectrode, damage: Damage, grid: VoxelGrid) -> BoolArray:
    """Voxels of the binder: pores where the gap between two particles that it holds is narrow.

    Parameters
    ----------
    electrode, damage
        The n particles, and which of them are attached.
    grid
        Where the voxels are.

    Returns
    -------
    ndarray of bool, shape (z, y, x)
        None of it is in a particle, or next to one that is detached.
    """
    reach_um, attached = electrode.recipe.binder_reach_um, damage.attached
    near, following = _two_gaps(electrode.centre_um[attached], electrode.radius_um[attached], reach_um, grid)
    where = (near > 0.0) & (near + following < reach_um)
    if not attached.all():
        gap_um, loose = electrode.recipe.detached_gap_um, ~attached
        away, _ = _two_gaps(electrode.centre_um[loose], electrode.radius_um[loose], gap_um, grid)
        where &= away > gap_um
    return where


def body_where(outline: Outline, grid: VoxelGrid) -> BoolArray:
    """Voxels inside the outline, shape (z, y, x)."""
    z, y, x = (np.abs(grid.axis_um(axis)) for axis in range(3))
    half = 0.5 * np.array(outline.size_um)
    flat = (y < half[1])[:, None] & (x < half[2])[None, :]
    if outline.is_pillar:
        flat = np.hypot(y[:, None], x[None, :]) < half[2]
    return (z < half[0])[:, None, None] & flat[None, :, :]


def _two_gaps(
    centre: FloatArray, radius: FloatArray, reach_um: float, grid: VoxelGrid
) -> tuple[ImageArray, ImageArray]:
    near = np.full(grid.shape, 2.0 * reach_um, dtype=np.float32)
    following = near.copy()
    near_surfaces(centre, radius, reach_um, grid.voxel_um, grid.first_um, near, following)
    return near, following
