"""All that an experiment file asks of devices: what is done before the cell starts, and each measurement."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..plans.fly_rows import row_sweep
from ..plans.raster_map import spans_of
from .asked_file import AskedSection
from .cells_file import ManyCellsFile
from .demand import Demand, Exposure, ends
from .file import CommonTables, ExperimentFile
from .measurement_file import EdgeFile, FlyXanesFile, PdfFile, XrdFile
from .raster_file import RasterFile, RockingFile
from .scan_grid import energy_grid, fly_sweeps, raster_of
from .technique import TechniqueSection
from .toml_source import KeyPath


def demands_of(experiment: CommonTables, d_spacing_angstrom: float) -> Iterator[Demand]:
    """Yield what is asked of devices, with the whole keys; a file that was read can be asked.

    Parameters
    ----------
    experiment
        What is written in the file, of one cell or of several.
    d_spacing_angstrom
        Lattice spacing of the monochromator's crystals, which turns a sweep in eV into one of its motor.
    """
    yield from _places_of_cells(experiment)
    yield from _preparation(experiment)
    for number, entry in enumerate(experiment.measurements):
        yield from _below(("measurements", number), measurement_demands(entry, d_spacing_angstrom))


def measurement_demands(entry: AskedSection, d_spacing_angstrom: float) -> Iterator[Demand]:
    """Yield what one measurement asks of devices, by its own keys."""
    if isinstance(entry, TechniqueSection):
        yield from entry.demands()
        return
    if isinstance(entry, EdgeFile):
        yield from ends("grid", "mono.energy", energy_grid(entry).energy_ev)
    elif isinstance(entry, XrdFile | PdfFile | RasterFile) and entry.energy_ev is not None:
        yield Demand(("energy_ev",), "mono.energy", entry.energy_ev)
    if isinstance(entry, FlyXanesFile):
        yield Demand(("duration_s",), "mono.bragg", fly_sweeps(entry).stretch(0, d_spacing_angstrom))
    if isinstance(entry, XrdFile | PdfFile):
        yield Demand(("exposure_s",), "camera", Exposure(entry.exposure_s))
    if isinstance(entry, PdfFile):
        yield from _total_scattering(entry)
    if isinstance(entry, RasterFile):
        yield from _raster(entry)


def _below(keys: KeyPath, demands: Iterable[Demand]) -> Iterator[Demand]:
    for demand in demands:
        yield replace(demand, keys=(*keys, *demand.keys))


def _places_of_cells(experiment: CommonTables) -> Iterator[Demand]:
    if isinstance(experiment, ManyCellsFile):
        for number, cell in enumerate(experiment.cells):
            yield from _below(("cells", number, "stage"), _stage("", cell.stage.x_mm, cell.stage.y_mm))
    elif isinstance(experiment, ExperimentFile):
        stage = experiment.cell.stage
        yield from _below(("cell", "stage"), _stage("", stage.x_mm, stage.y_mm))


def _stage(prefix: str, x_mm: float | None, y_mm: float | None) -> Iterator[Demand]:
    """Ask the sample stage for a place, mm; the keys are ``x_mm`` and ``y_mm`` behind a prefix."""
    for axis, value in (("x", x_mm), ("y", y_mm)):
        if value is not None:
            yield Demand((f"{prefix}{axis}_mm",), f"stage.{axis}", value)


def _preparation(experiment: CommonTables) -> Iterator[Demand]:
    scans = [(("references", number), entry) for number, entry in enumerate(experiment.references)]
    scans += [(("calibration",), experiment.calibration)] if experiment.calibration else []
    for keys, entry in scans:
        yield from _below(keys, ends("grid", "mono.energy", energy_grid(entry).energy_ev))
        yield from _below(keys, _stage("stage_", entry.stage_x_mm, entry.stage_y_mm))
    if (camera := experiment.camera_calibration) is not None:
        asked = [
            Demand(("energy_ev",), "mono.energy", camera.energy_ev),
            Demand(("exposure_s",), "camera", Exposure(camera.exposure_s)),
            *_stage("stage_", camera.stage_x_mm, camera.stage_y_mm),
        ]
        yield from _below(("camera_calibration",), asked)


def _total_scattering(entry: PdfFile) -> Iterator[Demand]:
    if entry.distance_mm is not None:
        yield Demand(("distance_mm",), "camera_arm", entry.distance_mm)
    for key, place in (("empty", entry.empty), ("sample", entry.sample)):
        if place is not None:
            yield from _below((key,), _stage("", place.x_mm, place.y_mm))


def _raster(entry: RasterFile) -> Iterator[Demand]:
    raster = raster_of(entry)
    for axis, span in zip("xy", spans_of(raster), strict=True):
        yield Demand((f"{axis}_um",), f"nanostage.{axis}", span)
    if entry.mode == "fly":
        yield Demand(("dwell_s",), "nanostage.x", row_sweep(raster))
    for detector in entry.detectors:
        yield Demand(("dwell_s",), detector, Exposure(entry.dwell_s))
    if isinstance(entry, RockingFile):
        yield from ends("angles_deg", "nanostage.rotation", entry.angles_deg)
