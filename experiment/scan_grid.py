"""Energies of the scans, series of frames and rasters that an experiment file asks for."""

import math

from ..callbacks.analysis.mapping import shift_between
from ..callbacks.analysis.mapping.region import Region
from ..plans.fly_sweeps import FlySweeps
from ..plans.grids import EnergyGrid
from ..plans.pdf_scan import PdfOptions, StagePlace
from ..plans.raster import Raster
from ..plans.rocking import DriftTracking, Rocking
from ..plans.series_options import SeriesOptions
from .measurement_file import CalibrationFile, EdgeFile, FlyXanesFile, PdfFile, ReferenceFile, XrdFile
from .raster_file import RasterFile, RockingFile

Scanned = EdgeFile | ReferenceFile | CalibrationFile
"""What has a grid."""


def energy_grid(entry: Scanned) -> EnergyGrid:
    """Energies and dwell times that a measurement, reference or calibration asks for.

    Raises
    ------
    ValueError
        When a region is out of order or range; the message names it.
    """
    return entry.grid.energies(f"{entry.element}_{entry.edge}")


def pdf_options(entry: PdfFile, formula: str) -> PdfOptions:
    """Total scattering that a measurement asks for, of this formula where it names none."""
    sample, empty = (
        None if place is None else StagePlace(place.x_mm, place.y_mm) for place in (entry.sample, entry.empty)
    )
    return PdfOptions(
        composition=entry.composition or formula,
        exposure_s=entry.exposure_s,
        frames=entry.frames,
        energy_ev=entry.energy_ev,
        distance_mm=entry.distance_mm,
        empty=empty,
        sample=sample,
    )


def series_options(entry: XrdFile) -> SeriesOptions:
    """Series of frames that a measurement asks for."""
    return SeriesOptions(
        exposure_s=entry.exposure_s,
        frames=entry.frames,
        period_s=entry.period_s,
        energy_ev=entry.energy_ev,
        gated=entry.gated,
    )


def raster_of(entry: RasterFile) -> Raster:
    """Raster that a map asks for.

    Raises
    ------
    ValueError
        When it has too many pixels, or a fly scan too few columns.
    """
    region = Region(entry.x_um, entry.y_um)
    return Raster(region, entry.step_um, entry.dwell_s, entry.mode, entry.snake, entry.energy_ev)


def angles_of(entry: RockingFile) -> tuple[float, ...]:
    """Angles of a rocking scan, degree."""
    first, last = entry.angles_deg
    steps = round(abs(last - first) / entry.angle_step_deg)
    step_deg = math.copysign(entry.angle_step_deg, last - first)
    return tuple(round(first + number * step_deg, 9) for number in range(steps + 1))


def rocking_of(entry: RockingFile) -> Rocking:
    """Rocking scan that an entry asks for.

    Raises
    ------
    ValueError
        If its angles are fewer than three.
    """
    return Rocking(angles_of(entry))


def drift_tracking(entry: RockingFile) -> DriftTracking:
    """How a rocking scan follows its specimen.

    Raises
    ------
    ValueError
        If its maps are too small for drift to be found on them.
    """
    return DriftTracking(raster_of(entry), shift_between if entry.follow_drift else None)


def fly_sweeps(entry: FlyXanesFile) -> FlySweeps:
    """Sweeps that a fly scan asks for.

    Raises
    ------
    ValueError
        When a region of the grid is out of order or range.
    """
    return FlySweeps(energy_grid(entry), entry.duration_s, entry.direction, entry.sweeps, entry.widest_ev)
