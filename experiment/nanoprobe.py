"""Nanoprobe and trigger box that an experiment file may ask for: are they there, and who has them."""

from collections.abc import Sequence

from ..devices.beamline import Beamline, BeamlineSettings
from .file import CommonTables
from .measurement_file import FlyXanesFile
from .raster_file import RasterFile
from .scan_grid import raster_of
from .scenario_section import section_of
from .technique import TechniqueSection
from .toml_source import ExperimentFileError


def asks_for_maps(experiment: CommonTables) -> bool:
    """Whether any measurement of a file needs the nanoprobe."""
    return any(
        isinstance(each, RasterFile) or (isinstance(each, TechniqueSection) and "nanostage" in each.devices())
        for each in experiment.measurements
    )


def asks_to_fly(experiment: CommonTables) -> bool:
    """Whether any map or scan of a file is made on the fly, for which a trigger box is needed."""
    return any(
        isinstance(each, FlyXanesFile) or (isinstance(each, RasterFile) and each.mode == "fly")
        for each in experiment.measurements
    )


def check_nanoprobe(experiment: CommonTables, beamline: BeamlineSettings | Beamline) -> None:
    """Refuse maps and fly scans at a beamline that lacks what they need.

    Parameters
    ----------
    experiment
        What is written in the file.
    beamline
        Its settings, or the beamline that was built from them.

    Raises
    ------
    ExperimentFileError
        Naming the measurement, the beamline, what is missing and the remedy.
    """
    devices = beamline.devices if isinstance(beamline, BeamlineSettings) else beamline
    for each in experiment.measurements:
        if not isinstance(each, RasterFile | FlyXanesFile):
            continue
        needed = ["trigger_box"]
        if isinstance(each, RasterFile):
            needed = ["nanostage", *each.detectors, *(needed if each.mode == "fly" else [])]
        check_devices(experiment.experiment.name, each, needed, beamline.name, devices)
        if isinstance(each, RasterFile):
            _check_gates(experiment.experiment.name, each, devices)


def check_devices(
    whose: str,
    entry: RasterFile | FlyXanesFile | TechniqueSection,
    needed: Sequence[str],
    beamline: str,
    devices: object,
) -> None:
    """Refuse one measurement at a beamline of this name whose `devices` lack what it needs.

    Parameters
    ----------
    whose
        Name of the experiment.
    entry, needed
        The measurement, and the devices that it needs.
    beamline, devices
        Name of the beamline, and what has its devices as attributes.

    Raises
    ------
    ExperimentFileError
        Naming the measurement, the beamline, what is missing and the remedy.
    """
    missing = [name for name in needed if getattr(devices, name, None) is None]
    if missing:
        told = ", ".join(f"[devices.{name}]" for name in missing)
        raise ExperimentFileError(
            f'{whose}: {entry.name}: technique "{entry.technique}" needs what '
            f"beamline {beamline} lacks; add {told} to its settings, or remove this measurement"
        )


def _check_gates(name: str, entry: RasterFile, devices: object) -> None:
    readouts_s = {each: getattr(getattr(devices, each), "readout_s", 0.0) for each in entry.detectors}
    try:
        raster_of(entry).require_gates(readouts_s)
    except ValueError as error:
        raise ExperimentFileError(f"{name}: {entry.name}: {error}") from error


def has_particle(scenario: str) -> bool:
    """Whether a scenario of the simulated beamline, a name or a file, has a particle in a nanoprobe."""
    return section_of(scenario, "particle") is not None
