"""The truth about what stands in the microscope, written to a file on demand: for tests alone."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from caproto import ChannelData
from numpy.typing import NDArray

from ..clock import SharedClock
from ..physics.ion import IONS
from .channel import integer, number, text
from .microscope_exposure import MicroscopeExposure
from .microscope_scene import MicroscopeScene

MOST_SIDE = 400
"""Voxels along an edge: a file of 400 voxels each way has some 900 MB."""
DEFAULT_VOXEL_UM = 0.16
UM_PER_MM = 1e3


class TruthPage:
    """Writes what is true now, voxel by voxel and particle by particle, whenever it is asked to.

    Files are HDF5: `attenuation_per_um` of the energy and state at which they were written; of an electrode
    also `phase` (see `electrode_volume.Phase`), `label`, `lithium_content`, `valence/<metal>`, and
    `particles/...` in the order of the labels 1, 2, ... Volumes are [z, y, x] about the axis of rotation.

    Parameters
    ----------
    exposure
        With the specimen, and what the board says of it.
    clock
        Of this simulated beamline.
    folder
        Where files go; made once there is one.
    """

    def __init__(self, exposure: MicroscopeExposure, clock: SharedClock, folder: Path) -> None:
        self._exposure, self._clock, self._folder = exposure, clock, folder
        self._voxel = number(DEFAULT_VOXEL_UM, self._take_voxel, units="um")
        self._voxel_um = DEFAULT_VOXEL_UM
        self._file = text()
        self._written = 0

    def channels(self) -> dict[str, ChannelData]:
        """Process variables, by name below `SIM:`."""
        return {"TRUTH": integer(0, self._write), "TRUTH_VOXEL_UM": self._voxel, "TRUTH_FILE": self._file}

    async def _take_voxel(self, value: float) -> None:
        if not float(value) > 0.0:
            raise ValueError(f"TRUTH_VOXEL_UM {value}: give an edge of voxels above 0 um")
        self._voxel_um = float(value)

    async def _write(self, value: int) -> None:
        if not value:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"truth_{self._written}.h5"
        scene, now_s = self._exposure.scene(), self._clock.now()
        # Not on the loop: it takes seconds, in which the camera has to answer.
        await asyncio.to_thread(write_truth, path, self._exposure.specimen, scene, now_s, self._voxel_um)
        self._written += 1
        await self._file.write(str(path), verify_value=False)


def write_truth(path: Path, specimen: Any, scene: MicroscopeScene, time_s: float, voxel_um: float) -> None:  # noqa: ANN401
    """Write the truth of a specimen.

    Parameters
    ----------
    path
        New file.
    specimen
        An electrode or a small cell.
    scene, time_s
        Energy and cell, and the simulated UNIX time (s).
    voxel_um
        Edge of the voxels, um.

    Raises
    ------
    ValueError
        If there would be too many voxels, or the specimen is another one.
    """
    parts = _electrode if hasattr(specimen, "truth") else _cell if hasattr(specimen, "truth_per_mm") else None
    if parts is None:
        raise ValueError(
            f"TRUTH: {type(specimen).__name__} has no volume: take [packed_electrode] or [jelly_roll]"
        )
    data = parts(specimen, scene, time_s, voxel_um)
    with import_module("h5py").File(path, "w") as file:
        file.attrs.update({"voxel_um": voxel_um, "energy_ev": scene.energy_ev})
        file.attrs.update({"lithium_content": scene.lithium_content, "cycles": scene.cycles})
        for name, values in data.items():
            file[name] = values


def _sides(size_um: tuple[float, float, float], voxel_um: float) -> tuple[int, int, int]:
    """Even numbers of voxels that hold a specimen, so that the axis is between two."""
    sides = tuple(2 * int(np.ceil(size / (2.0 * voxel_um))) for size in size_um)
    if max(sides) > MOST_SIDE:
        raise ValueError(
            f"TRUTH: {sides} voxels of {voxel_um:g} um, at most {MOST_SIDE} each way: put a larger "
            "TRUTH_VOXEL_UM"
        )
    return sides[0], sides[1], sides[2]


def _electrode(
    specimen: Any,  # noqa: ANN401
    scene: MicroscopeScene,
    time_s: float,
    voxel_um: float,
) -> dict[str, NDArray[Any]]:
    grid_type = import_module("..physics.specimen.voxel_grid", __package__).VoxelGrid
    state = scene.specimen_state(time_s)
    electrode = specimen.specimen.electrode
    seen = specimen.at(scene.energy_ev, state)
    volume = specimen.truth(state, grid_type(_sides(electrode.recipe.outline.size_um, voxel_um), voxel_um))
    optics, damage = specimen.specimen.optics, seen.damage
    metals = [one for one in optics.oxide.composition if one in IONS]
    own = {"centre_um": electrode.centre_um, "radius_um": electrode.radius_um, "depth": electrode.depth}
    own |= {"is_radial": electrode.is_radial}
    own |= {"crack_fraction": damage.crack_fraction, "porosity": damage.porosity, "attached": damage.attached}
    own |= {"lithium_content": seen.lithium_content}
    return {
        "attenuation_per_um": volume.attenuation_per_um(seen),
        "phase": volume.phase,
        "label": volume.label,
        "lithium_content": volume.lithium_content(seen),
        **{f"valence/{one}": volume.valence(seen, optics, one) for one in metals},
        **{f"particles/{name}": values for name, values in own.items()},
    }


def _cell(
    specimen: Any,  # noqa: ANN401
    scene: MicroscopeScene,
    time_s: float,
    voxel_um: float,
) -> dict[str, NDArray[Any]]:
    cell = specimen.cell
    size_um = tuple(UM_PER_MM * size for size in (cell.height_mm, cell.diameter_mm, cell.diameter_mm))
    axes = [(np.arange(side) - 0.5 * (side - 1)) * voxel_um / UM_PER_MM for side in _sides(size_um, voxel_um)]
    place = np.meshgrid(*axes, indexing="ij", sparse=True)
    per_mm = specimen.truth_per_mm(scene.specimen_state(time_s).runaway_s, *place)
    return {"attenuation_per_um": (per_mm / UM_PER_MM).astype(np.float32)}
