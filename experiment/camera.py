"""The camera that an experiment file may ask for: is there one, and where its files may be."""

import os
from pathlib import Path

from ..devices.beamline import BeamlineSettings, read_settings
from ..plans.duration import Timing
from .estimate import FRAME_MB, camera_calibration_s
from .file import CommonTables
from .measurement_file import CameraFile
from .pace import spoken
from .raster_file import RasterFile
from .settings import DataRoot
from .technique import TechniqueSection
from .toml_source import ExperimentFileError


def asks_for_frames(experiment: CommonTables) -> bool:
    """Whether any measurement of a file, or a calibration, needs the camera."""
    return bool(_asking(experiment))


def check_camera(experiment: CommonTables, beamline: str, *, has_camera: bool) -> None:
    """Refuse an experiment that asks for frames at a beamline without a camera.

    Parameters
    ----------
    experiment
        What is written in the file.
    beamline
        Its name.
    has_camera
        Whether it has one.

    Raises
    ------
    ExperimentFileError
        Naming the measurements, the beamline and the remedy.
    """
    asking = _asking(experiment)
    if asking and not has_camera:
        raise ExperimentFileError(
            f"{experiment.experiment.name}: {', '.join(asking)}: a measurement of frames needs a camera, "
            f"beamline {beamline} has none; add [devices.camera] to its settings, or remove them"
        )


def _asking(experiment: CommonTables) -> list[str]:
    named = [
        each.name
        for each in experiment.measurements
        if isinstance(each, CameraFile)
        or (isinstance(each, RasterFile) and "camera" in each.detectors)
        or (isinstance(each, TechniqueSection) and "camera" in each.devices())
    ]
    return named + ["camera_calibration"] * (experiment.camera_calibration is not None)


def camera_lines(experiment: CommonTables, timing: Timing) -> list[str]:
    """Say what the calibration of the camera takes; nothing without one."""
    entry = experiment.camera_calibration
    if entry is None:
        return []
    takes = spoken(camera_calibration_s(experiment, timing))
    return [
        f"camera: {entry.frames} frames of {entry.calibrant} before the cell starts, {takes}, "
        "and the fit of its rings"
    ]


def frame_mb(settings: BeamlineSettings) -> float:
    """Tell what one frame of a beamline's camera takes, MB."""
    camera = settings.devices.camera
    return FRAME_MB if camera is None else camera.frame_mb


def camera_roots(root: DataRoot) -> tuple[Path, ...]:
    """Folders outside the data root into which the camera of ``OPERANDO_BEAMLINE`` writes.

    Raises
    ------
    ValueError
        When the settings are not valid.
    """
    named = os.environ.get("OPERANDO_BEAMLINE")
    if named is None or not Path(named).is_file():
        return ()
    camera = read_settings(Path(named)).devices.camera
    written = camera and (camera.read_path or camera.file_path)
    if not written or Path(written).resolve().is_relative_to(root.path.resolve()):
        return ()
    return (Path(written).resolve(),)
