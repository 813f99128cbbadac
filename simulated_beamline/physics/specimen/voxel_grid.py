"""Cubes around the middle of a specimen."""

from dataclasses import dataclass

import numpy as np

from ..array import FloatArray


@dataclass(frozen=True)
class VoxelGrid:
    """Where the voxels of a ``volume[z, y, x]`` are; its middle is that of the specimen, on the axis.

    Attributes
    ----------
    shape : tuple of int
        Voxels along z, y, x.
    voxel_um : float
        Their size.
    """

    shape: tuple[int, int, int]
    voxel_um: float

    @property
    def first_um(self) -> FloatArray:
        """Middle of the first voxel, (z, y, x), um from the middle of the specimen."""
        return -0.5 * (np.array(self.shape, dtype=np.float64) - 1.0) * self.voxel_um

    def axis_um(self, axis: int) -> FloatArray:
        """Middles of the voxels along an axis, um from the middle of the specimen."""
        return self.first_um[axis] + self.voxel_um * np.arange(self.shape[axis])
