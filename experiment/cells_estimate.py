"""What several cells ask of one beam: time, spectra that can be had, and whether it is oversubscribed."""

import math
from dataclasses import dataclass, replace
from itertools import permutations

from ..plans.duration import Timing
from ..plans.schedule import requests_every, simulate
from ..plans.scheduler import Activity, Request, SampleChanger, choose
from ..plans.seat import FORECAST_S
from .cells_file import ManyCells
from .estimate import FRAME_MB, REHEARSAL_START_S, MeasurementEstimate, measurement_estimates, software_s
from .expected_course import Course, course_of
from .file import ExperimentFile

MOST_SIMULATED = 1000
"""Requests beyond which their order is not worked out: the report would take too long."""


@dataclass(frozen=True)
class CellEstimate:
    """What one of the cells will take.

    Parameters
    ----------
    name : str
        Of its place.
    experiment : ExperimentFile
        What the file says of it.
    course : Course
        What its protocol does.
    measurements : tuple of MeasurementEstimate
        In the order of the file.
    """

    name: str
    experiment: ExperimentFile
    course: Course
    measurements: tuple[MeasurementEstimate, ...]

    @property
    def asked_s(self) -> float:
        """Beam time that it asks for, moves of the changer not included, s."""
        return sum(each.count * each.duration_s for each in self.measurements)

    @property
    def spectra(self) -> int:
        """Number of spectra that it asks for."""
        return sum(each.count for each in self.measurements)

    @property
    def activity(self) -> Activity:
        """How fast it changes at its largest current: lithium content per s."""
        return activity_of(self.experiment, self.course)

    def load(self, move_s: float) -> float:
        """Part of the beam that it asks for at its largest current, each spectrum with a move (s)."""
        return sum((each.duration_s + move_s) / each.interval_s for each in self.measurements)


@dataclass(frozen=True)
class BeamBudget:
    """What all cells ask of the beam.

    Parameters
    ----------
    cells : tuple of CellEstimate
        In the order of the file.
    changer : SampleChanger
        Between them.
    kept, requested : int
        Spectra that can be had in the order that the plan chooses, of those that are asked for; 0 of 0 where
        there are too many to tell.
    """

    cells: tuple[CellEstimate, ...]
    changer: SampleChanger
    kept: int = 0
    requested: int = 0

    @property
    def move_s(self) -> float:
        """Mean time of a move from one cell to another, s."""
        moves = [self.changer.travel_s(*pair) for pair in permutations(self.changer.positions_mm, 2)]
        return sum(moves) / len(moves) if moves else 0.0

    @property
    def duration_s(self) -> float:
        """Time of the longest protocol, s."""
        return max(cell.course.duration_s for cell in self.cells)

    @property
    def asked_s(self) -> float:
        """Beam time that all ask for, a move with each spectrum, s."""
        return sum(cell.asked_s + cell.spectra * self.move_s for cell in self.cells)

    @property
    def peak_load(self) -> float:
        """Part of the beam that all ask for while each has its largest current; above 1 some are lost."""
        return sum(cell.load(self.move_s) for cell in self.cells)

    @property
    def warnings(self) -> list[str]:
        """Say that not all fit, and what can be done."""
        lost = self.requested - self.kept
        if self.peak_load <= 1.0 and not lost and self.asked_s <= self.duration_s:
            return []
        had = (
            f"about {self.kept} of {self.requested} spectra can be had" if self.requested else "some are lost"
        )
        return [
            f"the beam is oversubscribed: the cells ask for {self.peak_load:.0%} of it at their largest "
            f"currents, {had}; ask less often, scan faster, cycle slower, or measure fewer cells"
        ]


def beam_budget(cells: ManyCells, timing: Timing, frame_mb: float = FRAME_MB) -> BeamBudget:
    """Estimate what the cells of a file ask of a beamline with these dead times and frames (MB)."""
    each = tuple(
        CellEstimate(
            section.name, single, course_of(single), tuple(measurement_estimates(single, timing, frame_mb))
        )
        for section, single in zip(cells.file.cells, cells.each, strict=True)
    )
    requests = [request for cell in each for request in _requests(cell)]
    if not requests or len(requests) > MOST_SIMULATED:
        return BeamBudget(each, cells.changer)
    activity = {cell.name: cell.activity for cell in each}
    schedule = simulate(requests, choose, cells.changer, activity=activity, forecast_s=FORECAST_S)
    return BeamBudget(each, cells.changer, len(schedule.served), len(requests))


def activity_of(experiment: ExperimentFile, course: Course) -> Activity:
    """How fast a cell changes at the largest current of its protocol: lithium content per s."""
    return Activity(course.current_max_a / (experiment.cell.full_capacity_mah * 3.6))


def cells_rehearsal_s(cells: ManyCells, budget: BeamBudget, speed: float) -> float:
    """Wall time of a rehearsal of all cells, s."""
    measured = [each for cell in budget.cells for each in cell.measurements]
    alone_s = max(0.0, budget.duration_s - budget.asked_s)
    return REHEARSAL_START_S + alone_s / speed + software_s(cells.file, measured)


def _requests(cell: CellEstimate) -> list[Request]:
    """List the requests of a cell: at its largest current, or spread evenly where that does not tell."""
    found: list[Request] = []
    limits_s = {entry.name: entry.max_lateness_s for entry in cell.experiment.measurements}
    for each in cell.measurements:
        if not each.count:
            continue
        interval_s = each.interval_s
        if math.isinf(interval_s):
            interval_s = cell.course.duration_s / (each.count + 1)
        latest_s, end_s = limits_s[each.name], (each.count + 0.5) * interval_s
        found += requests_every(
            cell.name,
            interval_s,
            each.duration_s,
            begin_s=0.0,
            end_s=end_s,
            latest_s=math.inf if latest_s is None else latest_s,
        )
    return [replace(request, number=number) for number, request in enumerate(found)]
