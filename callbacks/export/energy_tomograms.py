"""A series of tomograms at the energies of an edge as one NXtomo and DataExchange file for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..analysis.imaging import ImageKey
from ..tiled.energy_tomograms import DARK, FLAT, PROJECTIONS, EnergyTomogram, EnergyTomograms
from ..tiled.external_frame import FramePart
from .tomogram import FrameBlock, StoredFrames, TomogramFacts, write_tomogram
from .tomogram_run import projection_blocks

KINDS = {DARK: ImageKey.DARK, FLAT: ImageKey.FLAT}


def write_energy_tomograms(series: EnergyTomograms, folder: str | Path) -> tuple[Path, ...]:
    """Write a file for each energy, named by index and energy, which is at `instrument/beam/incident_energy`.

    Frames are linked to the camera's files. Projections that are no good are marked as invalid. Files of the
    same names are replaced.

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
    """Darks and flats, then all projections in the order of time, those that are no good marked so."""
    blocks = [
        FrameBlock(key, _linked(part)) for stream, key in KINDS.items() for part in tomogram.parts(stream)
    ]
    known = dict(zip(tomogram.frame.tolist(), tomogram.angle_deg.tolist(), strict=True))
    first = 0
    for part in tomogram.parts(PROJECTIONS):
        last = first + part.stop - part.start
        angles = np.array([known.get(frame, np.nan) for frame in range(first, last)])
        blocks += projection_blocks(_linked(part), angles)
        first = last
    return blocks


def _linked(part: FramePart) -> StoredFrames:
    return StoredFrames(part.path, part.dataset, part.start, part.stop - part.start)
