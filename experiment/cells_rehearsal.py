"""What a rehearsal of several cells needs: a simulated cell on each channel, and a display of all."""

import time
from pathlib import Path

from ..devices.beamline import read_settings
from .cells_check import rehearsal_channels
from .cells_estimate import CellEstimate, beam_budget
from .cells_file import ManyCells
from .cells_progress import CellsProgress
from .conversion import dead_times
from .file import RehearsalSection
from .progress import Progress


def simulated_cells(cells: ManyCells, rehearsal: RehearsalSection) -> list[str]:
    """Scenario and place of each cell, channel 1 first, as the simulated beamline takes them.

    Raises
    ------
    ValueError
        If the simulated cycler does not have these channels.
    """
    refusal = rehearsal_channels(cells.file)
    if refusal:
        raise ValueError(refusal)
    return [
        f"{cell.scenario or rehearsal.scenario}@{cell.stage.x_mm:g},{cell.stage.y_mm:g}"
        for cell in sorted(cells.file.cells, key=lambda each: each.channel)
    ]


def expected_cells_progress(cells: ManyCells, settings: Path) -> CellsProgress:
    """Progress of cells that start now, with what is expected of each."""
    budget = beam_budget(cells, dead_times(read_settings(settings).timing))
    since = time.time()
    return CellsProgress(cells.name, {each.name: _progress(cells.name, each, since) for each in budget.cells})


def _progress(batch: str, cell: CellEstimate, since: float) -> Progress:
    return Progress(
        cell.experiment.experiment.name,
        cell.course.duration_s,
        since=since,
        expected_count=cell.spectra,
        batch=batch,
    )
