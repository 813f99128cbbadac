"""Instruments that an experiment file asks for: which are built and simulated, and are they there."""

from collections.abc import Sequence

from ..devices.beamline import Beamline, BeamlineSettings
from .camera import asks_for_frames, check_camera
from .estimate import PICTURE_MB
from .file import CommonTables
from .measurement_file import EdgeFile
from .nanoprobe import asks_for_maps, asks_to_fly, check_devices, check_nanoprobe
from .scenario_section import section_of
from .technique import MICROSCOPE, TechniqueSection
from .toml_source import ExperimentFileError
from .wanted_devices import WantedDevices


def asks_for_pictures(experiment: CommonTables) -> bool:
    """Whether any measurement of a file needs the microscope."""
    return bool(set(MICROSCOPE) & _needed(experiment))


def wanted_devices(experiment: CommonTables) -> WantedDevices:
    """Tell which instruments the measurements of a file need."""
    return WantedDevices(
        camera=asks_for_frames(experiment),
        nanoprobe=asks_for_maps(experiment),
        trigger_box=asks_to_fly(experiment) or "trigger_box" in _needed(experiment),
        microscope=asks_for_pictures(experiment),
    )


def check_instruments(experiment: CommonTables, beamline: BeamlineSettings | Beamline) -> None:
    """Refuse an experiment that asks for what a beamline lacks.

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
    check_camera(experiment, beamline.name, has_camera=devices.camera is not None)
    check_nanoprobe(experiment, beamline)
    _check_diode(experiment, beamline.name, devices.ion_chambers.currents)
    for each in experiment.measurements:
        if isinstance(each, TechniqueSection):
            check_devices(experiment.experiment.name, each, each.devices(), beamline.name, devices)


def _check_diode(experiment: CommonTables, beamline: str, currents: Sequence[str]) -> None:
    asking = [
        each.name
        for each in experiment.measurements
        if isinstance(each, EdgeFile) and each.signal == "fluorescence"
    ]
    if asking and "ifluor" not in currents:
        raise ExperimentFileError(
            f'{experiment.experiment.name}: {", ".join(asking)}: signal = "fluorescence" needs a diode, '
            f"beamline {beamline} has none; if it has, set fluorescence_diode = true in "
            "[devices.ion_chambers] of its settings, else measure in transmission"
        )


def picture_mb(settings: BeamlineSettings) -> float:
    """Tell what a frame of a beamline's microscope takes, MB."""
    camera = settings.devices.microscope_camera
    return PICTURE_MB if camera is None else camera.frame_mb


def has_microscope(scenario: str) -> bool:
    """Whether a scenario of the simulated beamline, a name or a file, has a microscope."""
    return section_of(scenario, "microscope") is not None


def _needed(experiment: CommonTables) -> set[str]:
    techniques = (each for each in experiment.measurements if isinstance(each, TechniqueSection))
    return {name for each in techniques for name in each.devices()}
