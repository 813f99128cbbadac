"""Maps and rocking maps of an experiment file as measurements that the cell asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from bluesky.utils import MsgGenerator

from ..callbacks.analysis.mapping import shift_between
from ..plans.duration import Timing
from ..plans.measurement import Measurement
from ..plans.ptycho_scan import ptycho_scan
from ..plans.raster_map import raster_map
from ..plans.rocking_map import rocking_map
from .coherent_file import PtychographyFile
from .measurement_context import MeasurementContext
from .raster_file import RasterFile, RockingFile
from .scan_grid import angles_of, raster_of

TURN_S = 1.0
"""Time for which the rotation goes from one angle to the next, s."""


def raster_measurement(entry: RasterFile, context: MeasurementContext) -> Measurement:
    """Make the measurement that an entry of an experiment file asks for.

    Parameters
    ----------
    entry
        A map or a rocking map.
    context
        Beamline and rules.
    """
    raster = raster_of(entry)
    duration_s = raster_duration_s(entry, context.timing)
    # A phase comes from all places together, strain and tilts from all angles.
    whole = isinstance(entry, RockingFile | PtychographyFile)
    return Measurement(
        plan=_plan(entry, context),
        duration_s=duration_s,
        energy_ev=entry.energy_ev,
        blur_s=duration_s if whole else duration_s / raster.shape[0],
        what=entry.spoken if whole else "row",
        **context.shared,
    )


def raster_duration_s(entry: RasterFile, timing: Timing) -> float:
    """Tell how long a map lasts, or a rocking map with all its angles, s."""
    one_s = raster_of(entry).duration_s(timing)
    return len(angles_of(entry)) * (one_s + TURN_S) if isinstance(entry, RockingFile) else one_s


def raster_dead_time(entry: RasterFile, timing: Timing) -> str:
    """Say where the time of a raster goes in which no detector counts."""
    raster = raster_of(entry)
    places, duration_s = raster.shape[0] * raster.shape[1], raster_duration_s(entry, timing)
    part = raster.counting_s / duration_s
    return (
        f"{places} places in {duration_s:.0f} s, exposed for {part:.0%} of it; moves and rows take the rest"
    )


def _plan(entry: RasterFile, context: MeasurementContext) -> Callable[..., MsgGenerator[str]]:
    raster, station = raster_of(entry), context.station
    if isinstance(entry, PtychographyFile):
        return _ptychography(entry, context)
    options: dict[str, Any] = {
        "elements": tuple(entry.elements),
        "detectors": tuple(entry.detectors),
        **context.rules,
    }
    if not isinstance(entry, RockingFile):
        return lambda *, md: raster_map(station, raster, **options, md=md)
    track = shift_between if entry.follow_drift else None

    def rock(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
        rocked = {"angles_deg": angles_of(entry), "track": track}
        runs = yield from rocking_map(station, raster, **rocked, **options, md=md)
        return runs[-1]

    return rock


def _ptychography(entry: PtychographyFile, context: MeasurementContext) -> Callable[..., MsgGenerator[str]]:
    raster = raster_of(entry)
    options = {"mode": raster.mode, "energy_ev": raster.energy_ev, "snake": raster.snake}
    return lambda *, md: ptycho_scan(
        context.station,
        region=raster.region,
        beam_um=entry.beam_um,
        overlap=entry.overlap,
        exposure_s=raster.dwell_s,
        **options,
        **context.rules,
        md=md,
    )
