"""Primary grains of the secondary particles of an electrode: needles from the core, or pebbles anywhere."""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

import numpy as np
from numpy.random import Generator
from scipy.ndimage import find_objects
from scipy.spatial import KDTree

from ..array import FloatArray, LabelArray
from .packed_electrode import PackedElectrode
from .voxel_grid import VoxelGrid


def grain_labels(electrode: PackedElectrode, label: LabelArray, grid: VoxelGrid, count: int) -> LabelArray:
    """Grain that each voxel of a particle belongs to.

    Parameters
    ----------
    electrode
        The n particles.
    label
        Number of the particle from 1 on, 0 between them, shape (z, y, x).
    grid
        Where the voxels are.
    count
        Grains of a particle.

    Returns
    -------
    ndarray of int
        ``count * (particle - 1) + grain`` from 1 on; 0 between particles. Grains are cells of Voronoi: of
        directions where they are radial, of places where they are random. The same particle always has the
        same ones.
    """
    grains = np.zeros_like(label)
    for index, box in enumerate(find_objects(label)):
        if box is None:
            continue
        inside = label[box] == index + 1
        axes = [grid.axis_um(axis)[part] - electrode.centre_um[index, axis] for axis, part in enumerate(box)]
        place = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)[inside] / electrode.radius_um[index]
        seeds = _seeds(count, np.random.default_rng([index, 71]))
        if electrode.is_radial[index]:
            seeds, place = _directions(seeds), _directions(place)
        grains[box][inside] = count * index + 1 + KDTree(seeds).query(place)[1]
    return grains


def _seeds(count: int, rng: Generator) -> FloatArray:
    """Places in the unit ball, uniform, shape (count, 3)."""
    return _directions(rng.normal(size=(count, 3))) * rng.random((count, 1)) ** (1.0 / 3.0)


def _directions(place: FloatArray) -> FloatArray:
    return place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-12)
