"""Measurements that begin with a long change of energy, for which their trigger has to wait."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..plans.duration import Timing, edge_change_s, expected_blur
from .asked_file import AskedSection
from .estimate import MeasurementEstimate, course_of
from .file import ExperimentFile
from .measurement_file import EdgeFile
from .scan_grid import energy_grid
from .technique import TechniqueSection


def energy_changes(
    experiment: ExperimentFile, estimates: Sequence[MeasurementEstimate], timing: Timing
) -> list[str]:
    """Say which measurements begin too late, for the monochromator comes from another energy.

    Too late is what passes the deadline of a measurement, or lets lithium move by more than it accepts.

    Parameters
    ----------
    experiment, estimates
        An experiment and what each of its measurements takes.
    timing
        Dead times of the beamline.
    """
    if experiment.acquisition.holds or not timing.edge_change_s_per_kev:
        return []
    energies_ev = [_energy_ev(entry, timing) for entry in experiment.measurements]
    before_ev = _before_the_cell(experiment)
    told: list[str] = []
    for index, (entry, own_ev) in enumerate(zip(experiment.measurements, energies_ev, strict=True)):
        if own_ev is None:
            continue
        known_ev = [*before_ev, *(one for one in energies_ev[:index] if one is not None)]
        others_ev = [*known_ev, *(one for one in energies_ev[index + 1 :] if one is not None)]
        if not known_ev and entry.max_lateness_s is not None:
            told.append(_unknown(entry, own_ev, timing))
            continue
        away_ev = np.subtract(others_ev, own_ev)
        far_ev = own_ev + float(away_ev[np.abs(away_ev).argmax()]) if others_ev else own_ev
        told += _late(experiment, entry, edge_change_s([own_ev, far_ev], timing), (far_ev, own_ev))
    return told


def _unknown(entry: AskedSection, own_ev: float, timing: Timing) -> str:
    return (
        f"{entry.name}: nothing before it brings the monochromator to {own_ev:g} eV, which takes "
        f"{timing.edge_change_s_per_kev:g} s per keV, and max_lateness_s = {entry.max_lateness_s:g} s; "
        "put a measurement at this energy before it"
    )


def _late(
    experiment: ExperimentFile, entry: AskedSection, change_s: float, way_ev: tuple[float, float]
) -> Iterator[str]:
    if not change_s:
        return
    if entry.max_lateness_s is not None:
        if change_s <= entry.max_lateness_s:
            return
        told = f"max_lateness_s = {entry.max_lateness_s:g} s"
    else:
        current_a, full_mah = course_of(experiment).current_max_a, experiment.cell.full_capacity_mah
        moved = expected_blur(change_s, current_a, full_mah)
        if moved <= entry.max_blur:
            return
        told = f"in which lithium moves by {moved:.3f}, max_blur = {entry.max_blur:g}"
    yield (
        f"{entry.name}: begins up to {change_s:.0f} s late where the monochromator comes from {way_ev[0]:g} "
        f"to {way_ev[1]:g} eV, {told}; measure all that share the time at one energy"
    )


def _energy_ev(entry: AskedSection, timing: Timing) -> float | None:
    """Energy that a measurement goes to, eV; None where it leaves it as it is."""
    if isinstance(entry, EdgeFile):
        return energy_grid(entry).e0_ev
    if isinstance(entry, TechniqueSection):
        return entry.reckoning(timing, 0.0).energy_ev or None
    return getattr(entry, "energy_ev", None)


def _before_the_cell(experiment: ExperimentFile) -> list[float]:
    """Energies of what is measured before the cell starts, eV."""
    found = [energy_grid(entry).e0_ev for entry in experiment.references]
    found += [energy_grid(experiment.calibration).e0_ev] if experiment.calibration else []
    found += [experiment.camera_calibration.energy_ev] if experiment.camera_calibration else []
    return found
