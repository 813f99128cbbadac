"""Particles of a volume in a file: told apart, described, and their cracks calibrated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.imaging.volume_file import VOLUME

MOST_VOXELS = 600**3
"""Of a volume whose particles are looked for at once; of a larger one voxels are joined."""


@dataclass(frozen=True)
class VolumeParticles:
    """Particles of a volume.

    Attributes
    ----------
    table
        As `particle_table` gives them; none where they were not asked for or not found.
    reason
        Why there are none.
    calibration
        Recipe of the electrode that was made to calibrate crack fractions, its seed included, and the line
        that it gave: fields of `PhantomRecipe` and `DamageCalibration`. Empty without.
    calibration_reason
        Why crack fractions are not calibrated.
    """

    table: pd.DataFrame | None = None
    reason: str = ""
    calibration: dict[str, Any] = field(default_factory=dict)
    calibration_reason: str = ""


def volume_particles(path: Path, pixel_um: float) -> VolumeParticles:
    """Tell the particles of a volume apart and describe each.

    Their crack fractions are calibrated by an electrode that is made like this one (`crack_calibration`).

    Parameters
    ----------
    path
        File of the volume.
    pixel_um
        Edge of its voxels, um.

    Raises
    ------
    ValueError
        If particles cannot be told apart.
    """
    from ..analysis.imaging.grey_level import grey_levels
    from ..analysis.imaging.particle_table import particle_table
    from ..analysis.imaging.segmentation import segment_particles

    volume, side = _volume(path)
    labels = segment_particles(volume).labels
    if not labels.any():
        return VolumeParticles(pd.DataFrame())
    levels, edge_um = grey_levels(volume, labels), pixel_um * side
    try:
        line, told = _calibration(volume, labels, levels)
    except ValueError as error:
        table = particle_table(volume, labels, pixel_um=edge_um, levels=levels)
        return VolumeParticles(table, calibration_reason=str(error))
    table = particle_table(volume, labels, pixel_um=edge_um, levels=levels, calibration=line)
    return VolumeParticles(table, calibration=told)


def _calibration(volume: np.ndarray, labels: np.ndarray, levels: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
    """Calibration of crack fractions, and what the documents tell of it."""
    from ..analysis.imaging.crack_calibration import crack_calibration, measured_recipe

    recipe = measured_recipe(volume, labels, levels)
    line = crack_calibration(recipe)
    return line, {"recipe": asdict(recipe), "line": asdict(line)}


def _volume(path: Path) -> tuple[np.ndarray, int]:
    """Voxels of a volume, and how many along each edge were joined to one."""
    import h5py

    with h5py.File(path, "r") as file:
        stored: Any = file[VOLUME]
        side = max(math.ceil((stored.size / MOST_VOXELS) ** (1 / 3)), 1)
        return (np.asarray(stored[()]) if side == 1 else _joined(stored, side)), side


def _joined(stored: Any, side: int) -> np.ndarray:  # noqa: ANN401  h5py's data set
    """Average cubes of voxels, a layer of cubes at a time."""
    rows, columns = stored.shape[0] // side, stored.shape[1] // side
    joined = np.empty((rows, columns, columns), np.float32)
    for row in range(rows):
        layer = stored[row * side : (row + 1) * side, : columns * side, : columns * side]
        joined[row] = layer.reshape(side, columns, side, columns, side).mean(axis=(0, 2, 4))
    return joined
