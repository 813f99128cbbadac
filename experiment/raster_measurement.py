"""Maps and rocking maps of an experiment file as measurements that the cell asks for."""

from collections.abc import Callable, Mapping
from typing import Any

from bluesky.utils import MsgGenerator

from ..callbacks.analysis.mapping import shift_between
from ..plans.beam_guard import BeamGuard
from ..plans.duration import Timing
from ..plans.measurement import Measurement
from ..plans.raster_map import raster_map
from ..plans.rocking_map import rocking_map
from .raster_file import RasterFile, RockingFile
from .scan_grid import angles_of, raster_of

DARK_MAX_AGE_S = 3600.0
"""Age from which on darks of the ion chambers are taken anew, s of wall time."""

TURN_S = 1.0
"""Time for which the rotation goes from one angle to the next, s."""


def raster_measurement(
    entry: RasterFile,
    station: Any,  # noqa: ANN401 - a beamline, with a nanoprobe or without
    timing: Timing,
    guard: BeamGuard | None,
    shared: Mapping[str, Any],
) -> Measurement:
    """Make the measurement that an entry of an experiment file asks for.

    Parameters
    ----------
    entry
        A map or a rocking map.
    station
        Devices.
    timing
        Dead times.
    guard
        Limits below which a row is bad because the beam was lost.
    shared
        What every measurement has, for `Measurement`.
    """
    raster = raster_of(entry)
    duration_s = raster_duration_s(entry, timing)
    rocks = isinstance(entry, RockingFile)
    return Measurement(
        plan=_plan(entry, station, timing, guard),
        duration_s=duration_s,
        energy_ev=entry.energy_ev,
        # Strain of a position comes from all angles together.
        blur_s=duration_s if rocks else duration_s / raster.shape[0],
        what="rocking map" if rocks else "row",
        **shared,
    )


def raster_duration_s(entry: RasterFile, timing: Timing) -> float:
    """Tell how long a map lasts, or a rocking map with all its angles, s."""
    one_s = raster_of(entry).duration_s(timing)
    return len(angles_of(entry)) * (one_s + TURN_S) if isinstance(entry, RockingFile) else one_s


def _plan(
    entry: RasterFile,
    station: Any,  # noqa: ANN401 - a beamline
    timing: Timing,
    guard: BeamGuard | None,
) -> Callable[..., MsgGenerator[str]]:
    raster = raster_of(entry)
    options: dict[str, Any] = {
        "region": raster.region,
        "step_um": raster.step_um,
        "dwell_s": raster.dwell_s,
        "mode": raster.mode,
        "snake": raster.snake,
        "energy_ev": raster.energy_ev,
        "elements": tuple(entry.elements),
        "detectors": tuple(entry.detectors),
        "timing": timing,
        "guard": guard,
        "dark_max_age_s": DARK_MAX_AGE_S,
    }
    if not isinstance(entry, RockingFile):
        return lambda *, md: raster_map(station, **options, md=md)
    track = shift_between if entry.follow_drift else None

    def rock(*, md: Mapping[str, Any]) -> MsgGenerator[str]:
        runs = yield from rocking_map(station, angles_deg=angles_of(entry), track=track, **options, md=md)
        return runs[-1]

    return rock
