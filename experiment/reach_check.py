"""Whether the devices of a beamline reach, as they stand, what an experiment file asks them for."""

from collections.abc import Iterator

from ophyd.utils import LimitError

from ..devices.beamline import Beamline
from ..plans.raster_map import spans_of
from .asked_file import AskedSection
from .file import CommonTables
from .measurement_file import EdgeFile, PdfFile
from .raster_file import RasterFile, RockingFile
from .scan_grid import energy_grid, raster_of
from .toml_source import ExperimentFileError


def check_reach(experiment: CommonTables, beamline: Beamline) -> None:
    """Refuse what devices do not reach before a cell is started: energies, places, angles and distances.

    Parameters
    ----------
    experiment
        What is written in the file.
    beamline
        Connected devices.

    Raises
    ------
    ExperimentFileError
        Naming the measurement, the device, the value and its limits.
    """
    for entry in experiment.measurements:
        try:
            for energy_ev in _energies_ev(entry):
                beamline.mono.energy.check_value(energy_ev)
            if isinstance(entry, RasterFile):
                _check_raster(entry, beamline)
            elif isinstance(entry, PdfFile):
                _check_arm(entry, beamline)
        except LimitError as error:
            raise ExperimentFileError(f"{experiment.experiment.name}: {entry.name}: {error}") from error


def _energies_ev(entry: AskedSection) -> Iterator[float]:
    """Lowest and highest photon energy that a measurement goes to, eV; none where it leaves it as it is."""
    if isinstance(entry, EdgeFile):
        energies_ev = energy_grid(entry).energy_ev
        yield from (float(energies_ev.min()), float(energies_ev.max()))
    elif (energy_ev := getattr(entry, "energy_ev", None)) is not None:
        yield float(energy_ev)


def _check_raster(entry: RasterFile, beamline: Beamline) -> None:
    stage = beamline.nanostage
    if stage is None:
        return
    for axis, span in zip((stage.x, stage.y), spans_of(raster_of(entry)), strict=True):
        axis.check_span(span)
    if isinstance(entry, RockingFile):
        for angle_deg in entry.angles_deg:
            stage.rotation.check_value(angle_deg)


def _check_arm(entry: PdfFile, beamline: Beamline) -> None:
    if entry.distance_mm is not None and beamline.camera_arm is not None:
        beamline.camera_arm.check_value(entry.distance_mm)
