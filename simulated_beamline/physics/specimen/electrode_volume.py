"""The truth of an electrode as volumes: phases, particles, cracks, valence, attenuation."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ..array import ByteArray, FloatArray, ImageArray, LabelArray
from .binder import binder_where, body_where
from .crack import OpenCracks, crack_plates
from .electrode_lithium import SHELLS
from .electrode_optics import ElectrodeOptics
from .electrode_state import ElectrodeState
from .grain import grain_labels
from .packed_electrode import Damage, PackedElectrode
from .voxel_grid import VoxelGrid
from .voxel_kernel import fill_cracks, fill_spheres


class Phase(IntEnum):
    """What a voxel consists of."""

    OUTSIDE = 0
    PORE = 1
    BINDER = 2
    OXIDE = 3
    CRACK = 4
    VOID = 5


@dataclass(frozen=True)
class ElectrodeVolume:
    """Voxels of an electrode, each of shape (z, y, x).

    Attributes
    ----------
    grid : VoxelGrid
        Where they are.
    phase : ndarray of uint8
        See `Phase`.
    label : ndarray of int32
        Number of the particle from 1 on, its cracks and its hollow core included; 0 between particles.
    shell : ndarray of uint8
        Shell of the particle, 0 (core) to 19.
    """

    grid: VoxelGrid
    phase: ByteArray
    label: LabelArray
    shell: ByteArray

    def lithium_content(self, state: ElectrodeState) -> ImageArray:
        """Lithium content x of the oxide; not a number elsewhere."""
        return self._of_shells(state.lithium_content)

    def valence(self, state: ElectrodeState, optics: ElectrodeOptics, element: str = "Ni") -> ImageArray:
        """Mean oxidation state of a metal in the oxide; not a number elsewhere."""
        return self._of_shells(optics.valence(element, state.lithium_content))

    def attenuation_per_um(self, state: ElectrodeState) -> ImageArray:
        """Linear attenuation, 1/um."""
        contrast = state.contrast
        oxide = self._of_shells(contrast.oxide_at(state.lithium_content))
        parts = np.full(len(Phase), contrast.pore_per_um, dtype=np.float32)
        parts[Phase.OUTSIDE], parts[Phase.BINDER] = 0.0, contrast.binder_per_um
        return np.where(self.phase == Phase.OXIDE, oxide, parts[self.phase])

    def grains(self, electrode: PackedElectrode, count: int = 60) -> LabelArray:
        """Grain of the oxide; see `grain.grain_labels`."""
        return grain_labels(electrode, self.label, self.grid, count)

    def _of_shells(self, values: FloatArray) -> ImageArray:
        filled = np.full(self.phase.shape, np.nan, dtype=np.float32)
        where = self.phase == Phase.OXIDE
        filled[where] = values.astype(np.float32)[self.label[where] - 1, self.shell[where]]
        return filled


def voxels(electrode: PackedElectrode, damage: Damage, grid: VoxelGrid) -> ElectrodeVolume:
    """Voxels of an electrode, each what is in its middle.

    Parameters
    ----------
    electrode
        The n particles.
    damage
        Cracks and attachment.
    grid
        Where the voxels are.

    Returns
    -------
    ElectrodeVolume
    """
    label = np.zeros(grid.shape, dtype=np.int32)
    shell = np.zeros(grid.shape, dtype=np.uint8)
    place = grid.voxel_um, grid.first_um
    fill_spheres(electrode.centre_um, electrode.radius_um, *place, SHELLS, label, shell)
    phase = np.where(binder_where(electrode, damage, grid), Phase.BINDER, Phase.PORE).astype(np.uint8)
    phase[label > 0] = Phase.OXIDE
    phase[_cracked(electrode, damage.open_cracks, grid) & (label > 0)] = Phase.CRACK
    hollow = np.zeros(grid.shape, dtype=np.int32)
    fill_spheres(electrode.centre_um, electrode.void_um, *place, 1, hollow, np.zeros_like(shell))
    phase[hollow > 0] = Phase.VOID
    phase[~body_where(electrode.recipe.outline, grid)] = Phase.OUTSIDE
    return ElectrodeVolume(grid, phase, label, shell)


def _cracked(electrode: PackedElectrode, opened: OpenCracks, grid: VoxelGrid) -> NDArray[np.bool_]:
    plates = crack_plates(electrode.cracks, electrode.radius_um, opened)
    cracked = np.zeros(grid.shape, dtype=np.uint8)
    fill_cracks(
        electrode.centre_um[plates.owner],
        plates.tip_um,
        plates.planes,
        plates.limits,
        grid.voxel_um,
        grid.first_um,
        cracked,
    )
    return cracked > 0
