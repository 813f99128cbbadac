"""Edges that one rule asks for together: what a round over them takes, dead time between edges included."""

from dataclasses import dataclass

from ..plans.duration import Timing, edge_change_s
from .estimate import MeasurementEstimate
from .file import ExperimentFile
from .measurement_file import EdgeFile
from .scan_grid import energy_grid


@dataclass(frozen=True)
class EdgeRound:
    """One round over measurements of the same trigger.

    Attributes
    ----------
    names
        Measurements, as in the file.
    duration_s
        Time of one round, s.
    change_s
        How much of that the monochromator needs from edge to edge, s.
    interval_s
        Time between two triggers at the largest current, s; infinite where it is not known.
    """

    names: tuple[str, ...]
    duration_s: float
    change_s: float
    interval_s: float

    @property
    def sentence(self) -> str:
        """What it takes."""
        return (
            f"{', '.join(self.names)}: one round takes {self.duration_s:.0f} s, "
            f"{self.change_s:.0f} s of it from edge to edge"
        )

    @property
    def warnings(self) -> list[str]:
        """Say that the rounds do not fit between the triggers."""
        if self.duration_s <= self.interval_s:
            return []
        return [
            f"{self.sentence}, but is asked for every {self.interval_s:.0f} s at the largest current: the "
            "edges take turns and some spectra will be missed; scan faster or ask less often"
        ]


def edge_rounds(
    experiment: ExperimentFile, estimates: list[MeasurementEstimate], timing: Timing
) -> list[EdgeRound]:
    """List rounds over the edges that share a trigger, scanned step by step or on the fly.

    One with a trigger of its own makes none.

    Parameters
    ----------
    experiment, estimates
        An experiment and what each of its measurements takes.
    timing
        Dead times of the beamline.
    """
    groups: dict[str, list[int]] = {}
    scans = {index: each for index, each in enumerate(experiment.measurements) if isinstance(each, EdgeFile)}
    for index, entry in scans.items():
        groups.setdefault(entry.trigger.rule() if entry.trigger else "each state", []).append(index)
    rounds: list[EdgeRound] = []
    for group in groups.values():
        if len(group) < 2:
            continue
        own = [estimates[index] for index in group]
        change_s = edge_change_s([energy_grid(scans[index]).e0_ev for index in group], timing)
        rounds.append(
            EdgeRound(
                names=tuple(estimate.name for estimate in own),
                duration_s=sum(estimate.duration_s for estimate in own) + change_s,
                change_s=change_s,
                interval_s=min(estimate.interval_s for estimate in own),
            )
        )
    return rounds
