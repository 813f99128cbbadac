"""A packed electrode as a microscope asks for it: by view, angle, energy and state of the cell."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..array import ImageArray
from ..imaged_specimen import Passed
from .electrode_projection import Projection, ProjectionCamera, project
from .electrode_specimen import ElectrodeSpecimen
from .electrode_state import ElectrodeState
from .electrode_volume import ElectrodeVolume, voxels
from .packed_electrode import Damage, severity
from .voxel_grid import VoxelGrid

WEAR_STEP = 0.01
"""Severity in steps of which damage is computed anew, for the binder then has to be found again."""


class GridOfCamera(Protocol):
    """Grid of a camera in the plane of the specimen; see `electrode_projection.ProjectionCamera`."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def pixel_um(self) -> float:
        """Pixel size at the specimen."""
        ...

    @property
    def axis_column(self) -> float:
        """Where the axis is at the height of the specimen's middle."""
        ...

    @property
    def origin_row(self) -> float:
        """Where the specimen's middle is."""
        ...

    @property
    def tilt_deg(self) -> float:
        """Of the axis in the picture; positive where its high rows lean to high columns."""
        ...


class StateOfCell(Protocol):
    """What of the cell is seen in an electrode."""

    @property
    def lithium_content(self) -> float:
        """Lithium per formula unit, 0 to 1."""
        ...

    @property
    def charging(self) -> float:
        """1 while lithium leaves, 0 while it returns; see `front_memory.FrontMemory`."""
        ...

    @property
    def cycles(self) -> float:
        """Full cycles done since the beginning."""
        ...

    @property
    def c_rate(self) -> float:
        """Mean rate of these cycles, 1/h."""
        ...


@dataclass(frozen=True)
class WearLaw:
    """How cycling wears the electrode; see `packed_electrode.severity`.

    Attributes
    ----------
    cycles, c_rate : float
        Before the beam time, and their rate, 1/h.
    half_life_cycles : float
        Cycles at 1C to half of all damage.
    """

    cycles: float = 0.0
    c_rate: float = 1.0
    half_life_cycles: float = 100.0

    def severity(self, cycles: float, c_rate: float) -> float:
        """Severity after further cycles at a rate (1/h), rounded to steps in which the damage is computed."""
        total = self.cycles + cycles
        mean = (self.cycles * self.c_rate + cycles * c_rate) / total if total else 0.0
        worn = severity(total, mean, half_life_cycles=self.half_life_cycles)
        return round(worn / WEAR_STEP) * WEAR_STEP


class ImagedElectrode:
    """An electrode that can be turned and looked through.

    Parameters
    ----------
    specimen
        Particles, composition, lag.
    wear_law
        How it wears.
    """

    def __init__(self, specimen: ElectrodeSpecimen, wear_law: WearLaw) -> None:
        self.specimen = specimen
        self._wear_law = wear_law

    def attenuation(
        self, view: GridOfCamera, *, angle_deg: float, energy_ev: float, state: StateOfCell
    ) -> ImageArray:
        """Line integrals of the attenuation, shape (rows, columns); the transmission is exp(-it)."""
        return self.projection(view, angle_deg=angle_deg, energy_ev=energy_ev, state=state).optical_depth

    def passed(self, view: GridOfCamera, *, angle_deg: float, energy_ev: float, state: StateOfCell) -> Passed:
        """Attenuation and phase, for who sees both."""
        seen = self.projection(view, angle_deg=angle_deg, energy_ev=energy_ev, state=state)
        return Passed(seen.optical_depth, seen.phase_rad.astype(np.float32))

    def projection(
        self, view: GridOfCamera, *, angle_deg: float, energy_ev: float, state: StateOfCell
    ) -> Projection:
        """Attenuation and phase; see `electrode_projection.project`."""
        camera = ProjectionCamera(
            *view.shape, view.pixel_um, view.axis_column, view.origin_row, roll_deg=view.tilt_deg
        )
        return project(self.at(energy_ev, state), angle_deg, camera)

    def at(self, energy_ev: float, state: StateOfCell) -> ElectrodeState:
        """State of the electrode at a photon energy (eV)."""
        return self.specimen.at(
            energy_ev=energy_ev,
            lithium_content=state.lithium_content,
            charging=state.charging,
            worn=self._wear_law.severity(state.cycles, state.c_rate),
        )

    def damage(self, state: StateOfCell) -> Damage:
        """Cracks and attachment of the particles."""
        return self.specimen.damage(self._wear_law.severity(state.cycles, state.c_rate))

    def truth(self, state: StateOfCell, grid: VoxelGrid) -> ElectrodeVolume:
        """Phases, particles and cracks in voxels; valence and attenuation follow with a state from `at`."""
        return voxels(self.specimen.electrode, self.damage(state), grid)
