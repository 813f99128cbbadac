"""A series of tomograms at the energies of an edge as one NXtomo and DataExchange file for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.imaging import ImageKey
from ..tiled.energy_tomograms import DARK, FLAT, PROJECTIONS, EnergyTomogram, EnergyTomograms
from ..tiled.external_frame import FramePart
from .tomogram import FrameBlock, StoredFrames, TomogramFacts, write_tomogram

KINDS = ((DARK, ImageKey.DARK, EnergyTomogram.darks), (FLAT, ImageKey.FLAT, EnergyTomogram.flats))


def write_energy_tomograms(series: EnergyTomograms, folder: str | Path) -> tuple[Path, ...]:
    """Write a file for each energy, named by index and energy, which is at `instrument/beam/incident_energy`.

    Frames are linked where a camera's file holds just those that belong to the tomogram, in their order; else
    they are copied. Files of the same names are replaced.

    Parameters
    ----------
    series
        From `energy_tomograms`.
    folder
        Made if absent.

    Returns
    -------
    tuple of Path
        In the order of the energies.

    Raises
    ------
    ExternalFileRefusedError
        If frames lie outside of the data roots.
    """
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    return tuple(
        write_tomogram(
            where / f"{each.measurement}_{each.index:04d}_{each.energy_ev:.1f}eV.nx",
            _blocks(each),
            TomogramFacts(
                energy_ev=each.energy_ev,
                pixel_um=each.pixel_um,
                sample=each.measurement,
                title=f"{series.element} {series.edge} {each.energy_ev:.2f} eV",
                exposure_s=each.exposure_s,
                start_time_s=each.start_time_s,
            ),
        )
        for each in series.tomograms
    )


def _blocks(tomogram: EnergyTomogram) -> list[FrameBlock]:
    """Darks and flats as they are, then the projections that are good."""
    blocks = [
        FrameBlock(key, _linked(parts, parts[0].stop) or read(tomogram))
        for kind, key, read in KINDS
        if (parts := tomogram.parts(kind))
    ]
    count = tomogram.frame.size
    are_all = np.array_equal(tomogram.frame, np.arange(count))
    linked = _linked(tomogram.parts(PROJECTIONS), count) if are_all else None
    frames = tomogram.projections() if linked is None else linked
    return [*blocks, FrameBlock(ImageKey.PROJECTION, frames, tomogram.angle_deg)]


def _linked(parts: Sequence[FramePart], count: int) -> StoredFrames | None:
    """Give the data set that holds so many frames and no more; None where there is no such one."""
    import h5py

    if len(parts) != 1 or (parts[0].start, parts[0].stop) != (0, count):
        return None
    with h5py.File(parts[0].path, "r", locking=False) as file:
        frames: Any = file[parts[0].dataset]
        return StoredFrames(parts[0].path, parts[0].dataset) if len(frames) == count else None
