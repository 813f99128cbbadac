"""The volume of a stored tomogram and its particles: made slab by slab, and told of in a run of results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.imaging.reconstruction import SLAB_ROWS, Recipe
from ..analysis.imaging.sample_frame import SampleFrame
from ..analysis.imaging.volume import Progress, VolumeFile, centre_of, reconstruct_volume
from ..analysis.imaging.volume_file import VOLUME, OtherVolumeError
from ..tiled.journal import JournalTail
from .result import Publish, ResultRun
from .run_of_projections import RunOfProjections
from .slice_record import folder_of
from .stored_result import StoredArray
from .stored_tomogram import StoredTomogram, find_run, half_turn, stored_tomogram
from .volume_particle import VolumeParticles, volume_particles

ANALYSIS, PARTICLES = "volume", "particles"
TECHNIQUES = ("tomography",)


@dataclass(frozen=True)
class TomogramVolume:
    """A volume that was reconstructed.

    Attributes
    ----------
    run
        Uid of the tomogram.
    volume
        Its file.
    good, asked
        Projections that are in it, and that were asked for.
    pixel_um
        Edge of a voxel, um.
    particles, particles_reason
        As `particle_table` gives them, none where they were not asked for or not found; and why not.
    calibration_reason
        Why their crack fractions are not calibrated; empty where they are.
    """

    run: str
    volume: VolumeFile
    good: int
    asked: int
    pixel_um: float
    particles: pd.DataFrame | None = None
    particles_reason: str = ""
    calibration_reason: str = ""

    @property
    def told(self) -> str:
        """What was made, in words."""
        made = self.volume
        done = "made now" if made.made == made.slabs else f"{made.made} of them made now"
        parts = [
            f"{self.good} of {self.asked} projections",
            f"{made.slabs} slabs, {done}",
            f"voxel {self.pixel_um:g} um",
            f"axis at column {made.centre_px:.2f}",
        ]
        if self.particles is not None:
            parts.append(f"{len(self.particles)} particles")
        if made.centre_reason:
            parts.append(f"which is doubtful: {made.centre_reason}; if it is wrong, give --centre-px")
        if self.particles_reason:
            parts.append(f"no particles: {self.particles_reason}")
        if self.calibration_reason:
            parts.append(f"cracks are not calibrated: {self.calibration_reason}")
        return f"{made.path}: {'; '.join(parts)}"


def tomogram_volume(
    journal: Path,
    publish: Publish,
    uid: str,
    *,
    centre_px: float | None = None,
    pixel_um: float | None = None,
    rings: str = "none",
    particles: bool = False,
    tomogram: int | None = None,
    workers: int | None = None,
    client: Any = None,  # noqa: ANN401
    progress: Progress | None = None,
) -> TomogramVolume:
    """Reconstruct the volume of a stored tomogram; called again after an end of any kind, it goes on.

    A volume that was made otherwise, about another axis for one, stays: this one gets a file of its own.

    Parameters
    ----------
    journal
        Folder of the journal; the file goes to the folder `results` beside it.
    publish
        Takes the documents of the results.
    uid
        Of the tomogram's run, or the first six or more characters of it.
    centre_px
        Column of the axis, pixels; found unless given.
    pixel_um
        Edge of a pixel at the specimen, um; as the run tells unless given.
    rings
        How rings are removed, see `Rings`.
    particles
        Whether to tell particles apart and describe each.
    tomogram
        Number, from 0, of the tomogram of a run that has many (`fast_tomography`); all projections in one
        volume unless given.
    workers
        Slabs at a time; as many as cores unless given.
    client
        `dask.distributed.Client` of a cluster that sees the same files; this machine if absent.
    progress
        Called with finished and all slabs.

    Raises
    ------
    RunNotFoundError
        If there is no such tomogram.
    ValueError
        If it has no good projection, no pixel size or no axis, or `tomogram` is none of it.
    """
    runs = find_run(journal, uid, TECHNIQUES)
    run = next(iter(runs.values()))
    edge_um = run.pixel_um if pixel_um is None else pixel_um
    if not (math.isfinite(edge_um) and edge_um > 0.0):
        raise ValueError(f"tomogram {run.uid[:8]}: pixel_um is {edge_um}; give the edge of a pixel in um")
    recipe = Recipe(pixel_um=edge_um, rings=rings)
    source = stored_tomogram(run, runs)
    source = source if tomogram is None else half_turn(source, run, tomogram)
    options = {"workers": workers, "client": client, "progress": progress}
    made = _volume_of(source, _paths(journal, run), centre_px, recipe, options)
    found = _particles(made.path, edge_um) if particles else VolumeParticles()
    if made.made or found.table is not None or not _is_told(journal, run.uid, made.path):
        _tell(publish, run, made, edge_um, source.shape, found, tomogram)
    told = found.table, found.reason, found.calibration_reason
    asked = run.planned_deg.size if tomogram is None else int(run.start["tomograms"]["projections"])
    return TomogramVolume(run.uid, made, source.shape[0], asked, edge_um, *told)


def _paths(journal: Path, run: RunOfProjections) -> Iterator[Path]:
    """Name the files in which volumes of a run may be, the first one first."""
    folder = folder_of(journal.resolve().parent / "results", run)
    folder.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        which = "" if number == 1 else f"_{number}"
        yield folder / f"{run.measurement}_{run.uid[:8]}_volume{which}.h5"


def _volume_of(
    source: StoredTomogram,
    paths: Iterator[Path],
    centre_px: float | None,
    recipe: Recipe,
    options: Mapping[str, Any],
) -> VolumeFile:
    """Reconstruct into the first file that holds this reconstruction, or none yet."""
    found = centre_of(source) if centre_px is None else None
    column_px = found.column_px if found else centre_px
    rows = min(SLAB_ROWS, source.shape[1])
    how = {"centre": column_px, "recipe": recipe, "slab_rows": rows}
    while True:
        with suppress(OtherVolumeError):
            made = reconstruct_volume(source, next(paths), **how, **options)
            return replace(made, centre_reason=found.reason if found else "")


def _particles(path: Path, pixel_um: float) -> VolumeParticles:
    """Find the particles, or say why there are none: the volume is worth telling of in any case."""
    try:
        return volume_particles(path, pixel_um)
    except ValueError as error:
        return VolumeParticles(reason=str(error))


def _is_told(journal: Path, uid: str, path: Path) -> bool:
    """Tell whether the last run of results of this tomogram's volume is that of this file."""
    starts = (doc for name, doc in JournalTail(journal).poll() if name == "start" and "analysis" in doc)
    told = [one for doc in starts if (one := doc["analysis"])["name"] == ANALYSIS and one["of"] == uid]
    return bool(told) and told[-1]["parameters"].get("file", path.name) == path.name


def _tell(
    publish: Publish,
    run: RunOfProjections,
    made: VolumeFile,
    pixel_um: float,
    shape: tuple[int, int, int],
    found: VolumeParticles,
    tomogram: int | None,
) -> None:
    """Publish a volume: its file, what it was made with, and the particles or why there are none."""
    _, rows, columns = shape
    start, particles = run.start, found.table
    parameters = {
        "measurement": run.measurement,
        "measurement_run": run.uid,
        "shape": [rows, columns, columns],
        "file": made.path.name,
        "sample_frame": _frame_of(run, rows, made.centre_px, pixel_um).to_metadata(),
        **({} if tomogram is None else {"tomogram": tomogram}),
        **({"crack_calibration": found.calibration} if found.calibration else {}),
    }
    known = (start["experiment"], start.get("cell") or {}, run.uid, parameters)
    results = ResultRun(publish, *known, name=ANALYSIS)
    head = {"measurement_run": run.uid, "measurement": run.measurement}
    results.add(
        {
            **head,
            "verdict": "whole" if run.exit_status == "success" else "of a run that did not end well",
            "projections": shape[0],
            "centre_px": made.centre_px,
            "pixel_um": pixel_um,
            "particles": -1 if particles is None else len(particles),
            "particles_reason": found.reason,
            "calibration_reason": found.calibration_reason,
            **run.cell_state(),
        }
    )
    array = StoredArray(made.path, f"/{VOLUME}", (columns, columns), "<f4", rows, "1/um", ("y", "x"))
    results.tell_stored({VOLUME: array}, ANALYSIS)
    if particles is not None and len(particles):
        state = run.cell_state()
        rows_of = particles.reset_index().to_dict("records")
        results.add_page([{**head, **_plain(row), **state} for row in rows_of], PARTICLES)
    results.close()


def _frame_of(run: RunOfProjections, rows: int, centre_px: float, pixel_um: float) -> SampleFrame:
    """Place of a volume in the sample: about the axis and the middle row, as its stages stood."""
    stages_um = run.start.get("sample_um") or (0.0, 0.0, 0.0)
    middles = 0.5 * (rows - 1), centre_px, centre_px
    # Where a stage stands at +x, the axis goes through what lies at -x in the sample.
    z, y, x = (-pixel_um * middle - um for middle, um in zip(middles, stages_um, strict=True))
    return SampleFrame((z, y, x), (pixel_um, pixel_um, pixel_um))


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): value.item() if isinstance(value, np.generic) else value for key, value in row.items()}
