"""Do the photon energies of an experiment file fit what is measured with them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..plans.grids import edge_energy_ev
from ..plans.pdf_scan import check_composition
from .file import ExperimentFile
from .measurement_file import EdgeFile, PdfFile, XrdFile
from .problem import Problem
from .raster_file import RasterFile, RockingFile
from .scan_grid import drift_tracking, raster_of, rocking_of
from .technique import TechniqueSection
from .toml_source import KeyPath

SAME_ENERGY_EV = 50.0
"""Energies this close share the error of the monochromator, eV."""


def energy_problems(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find energies that are missing or not those of camera or lines, and maps and scans that cannot be."""
    yield from _energies(experiment)
    yield from _camera_energies(experiment)
    yield from _maps(experiment)
    yield from _compositions(experiment)
    yield from _techniques(experiment)


def _energies(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find diffraction whose energy would be wherever a scan has left the monochromator."""
    scanned = any(
        isinstance(each, EdgeFile) or (isinstance(each, TechniqueSection) and each.scans_energy)
        for each in experiment.measurements
    )
    if not (scanned or experiment.references or experiment.calibration):
        return
    for number, entry in enumerate(experiment.measurements):
        if isinstance(entry, TechniqueSection) and entry.scans_energy:
            continue
        if isinstance(entry, XrdFile | RasterFile | TechniqueSection) and entry.energy_ev is None:
            yield Problem(
                ("measurements", number, "energy_ev"),
                "is missing, and scans of this file leave the monochromator anywhere; add it (eV)",
            )


def _camera_energies(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find diffraction at another energy than that at which the camera is calibrated."""
    calibrated = experiment.camera_calibration
    for number, entry in enumerate(experiment.measurements):
        if calibrated is None or not isinstance(entry, XrdFile) or entry.energy_ev is None:
            continue
        if abs(entry.energy_ev - calibrated.energy_ev) > SAME_ENERGY_EV:
            yield Problem(
                ("measurements", number, "energy_ev"),
                f"{entry.energy_ev:g} eV is not the {calibrated.energy_ev:g} eV of [camera_calibration]: "
                "lattices are off by what the monochromator's error differs between them; "
                "calibrate at the energy of the frames",
                is_fatal=False,
            )


def _maps(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find maps that cannot be made, and elements whose lines the beam does not excite."""
    for number, entry in enumerate(experiment.measurements):
        if not isinstance(entry, RasterFile):
            continue
        keys: KeyPath = ("measurements", number)
        checks: dict[str, Callable[[Any], object]] = {"step_um": raster_of}
        if isinstance(entry, RockingFile):
            checks |= {"angles_deg": rocking_of, "follow_drift": drift_tracking}
        yield from _first_problem(keys, entry, checks)
        for element in entry.elements:
            yield from _excited(element, entry.energy_ev, (*keys, "elements"))


def _first_problem(
    keys: KeyPath, entry: object, checks: Mapping[str, Callable[[Any], object]]
) -> Iterator[Problem]:
    """Make what a table asks for, key by key; what comes after one that cannot be is not looked at."""
    for key, make in checks.items():
        try:
            make(entry)
        except ValueError as error:
            yield Problem((*keys, key), str(error))
            return


def _compositions(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find samples of total scattering whose formula cannot be read."""
    for number, entry in enumerate(experiment.measurements):
        if isinstance(entry, PdfFile) and entry.composition is not None:
            checks = {"composition": check_composition}
            yield from _first_problem(("measurements", number), entry.composition, checks)


def _techniques(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find what a technique says of itself that could not be measured."""
    for number, entry in enumerate(experiment.measurements):
        if isinstance(entry, TechniqueSection):
            for key, text in entry.problems():
                yield Problem(("measurements", number, key), text)
            for key, text in entry.doubts():
                yield Problem(("measurements", number, key), f"{entry.name}: {key} {text}", is_fatal=False)


def _excited(element: str, energy_ev: float | None, keys: KeyPath) -> Iterator[Problem]:
    try:
        edge_ev = edge_energy_ev(f"{element}_K")
    except ValueError as error:
        yield Problem(keys, str(error))
        return
    if energy_ev is not None and edge_ev >= energy_ev:
        yield Problem(
            keys,
            f"{energy_ev:g} eV excites no K lines of {element} (edge at {edge_ev:g} eV); raise energy_ev or "
            "leave the element out",
        )
