"""Nano-diffraction: a raster map for each angle of a rocking scan, which follows a specimen that drifts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import MsgGenerator, plan

from ..callbacks.analysis.mapping import shift_between
from ..devices.map_row import PixelPlace
from .beam_guard import BeamGuard
from .duration import Timing
from .map_taking import Inside
from .raster import Raster
from .raster_map import NoMapError, raster_map
from .redo import check_redo
from .rocking import DriftTracking, MapOf, Rocking, Track, standing
from .waiting import WAIT_S, set_all

DETECTORS = ("fluorescence_detector", "camera")


@plan
def rocking_map(
    station: Any,  # noqa: ANN401 - a `Beamline` with a nanostage
    raster: Raster,
    *,
    angles_deg: Sequence[float],
    elements: Sequence[str] = (),
    detectors: Sequence[str] = DETECTORS,
    track: Track | None = shift_between,
    fluorescence_map: MapOf | None = None,
    leave_deg: float | None = None,
    axis: tuple[float, float, float] = (1.0, 0.0, 0.0),
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    redo: int = 1,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[tuple[str, ...]]:
    """Map a region once per angle; strain and tilt follow from all of its runs together.

    Each angle is a run of `raster_map`, whose start document has `rocking` (the uid that they share, number
    of this angle, all angles, the axis), `angle_deg`, the `region` that was measured and `drift_um`, the
    (x, y) by which it was moved since the first one. Drift is found after each map on fluorescence, which
    does not change with the angle, and the next region moves with it.

    Parameters
    ----------
    station : Beamline
        Devices, with `nanostage` (and its `rotation`), `fluorescence_detector` and `camera`.
    raster : Raster
        What is mapped at each angle; its region is that of the first.
    angles_deg : sequence of float
        Of the rotation, at least three, in even steps, degree.
    elements, detectors
        As of `raster_map`.
    track : callable, optional
        Given the first and a later map of fluorescence (rows, columns), gives by how many rows and columns
        the specimen appears moved, or None if it cannot say; None: the region stays where it is.
    fluorescence_map : callable, optional
        Given the uid of a run, gives its map of fluorescence; unless given, that of the counts in the first
        region of interest of the fluorescence detector, which a step scan reads at each pixel.
    leave_deg : float, optional
        Angle at which every way out leaves the specimen, degree; where it was at the beginning unless given.
    axis : tuple of float
        Direction of the rotation: along the camera's columns, its rows, and the beam.
    timing, guard, dark_max_age_s, redo
        As of `raster_map`.
    md : dict, optional
        Metadata of every run; what is given here wins.

    Returns
    -------
    tuple of str
        Uids of the runs, in the order of the angles.

    Raises
    ------
    NoMapError
        If the station lacks what is needed.
    ValueError
        If the angles are fewer than three or uneven, drift cannot be found as asked, or `redo` is negative.
    MapFailedError, LimitError, TimeoutError
        As `raster_map`; also if the rotation is not there in time.
    """
    check_redo("rocking_map", redo)
    rotation = getattr(getattr(station, "nanostage", None), "rotation", None)
    if rotation is None:
        raise NoMapError(
            "rocking_map: this beamline has no nanostage; add [devices.nanostage] to its settings"
        )
    rocking = Rocking(tuple(float(angle) for angle in angles_deg), axis)
    tracking = DriftTracking(raster, track, fluorescence_map)
    signals = _regions(station, detectors) if tracking.counts_pixels else ()
    options = {
        "elements": elements,
        "detectors": detectors,
        "inside": _counting(tracking, signals) if signals else None,
        "timing": timing,
        "guard": guard,
        "dark_max_age_s": dark_max_age_s,
        "redo": redo,
    }
    home_deg = yield from _angle_deg(rotation)
    back_deg = home_deg if leave_deg is None else leave_deg
    work = _rock(station, rocking, tracking, options, {**standing(station), **(md or {})})
    return (yield from bpp.finalize_wrapper(work, lambda: _turn(rotation, back_deg)))


def _rock(
    station: Any,  # noqa: ANN401 - a station
    rocking: Rocking,
    tracking: DriftTracking,
    options: Mapping[str, Any],
    md: Mapping[str, Any],
) -> MsgGenerator[tuple[str, ...]]:
    uids: list[str] = []
    for index, angle_deg in enumerate(rocking.angles_deg):
        yield from bps.checkpoint()
        yield from _turn(station.nanostage.rotation, angle_deg)
        moved = replace(tracking.raster, region=tracking.region())
        tracking.begin()
        _md = {**rocking.metadata(index, moved, tracking.drift_um), **md}
        uid = yield from raster_map(station, moved, md=_md, **options)
        tracking.end(uid)
        uids.append(uid)
    return tuple(uids)


def _turn(rotation: Any, angle_deg: float) -> MsgGenerator[None]:  # noqa: ANN401 - a motor
    yield from set_all({rotation: angle_deg}, timeout_s=3 * WAIT_S)


def _angle_deg(rotation: Any) -> MsgGenerator[float]:  # noqa: ANN401 - a motor
    return float((yield from bps.rd(rotation, default_value=0.0)))


def _regions(station: Any, detectors: Sequence[str]) -> Sequence[Any]:  # noqa: ANN401 - a station
    """Signals with the counts of a pixel.

    Raises
    ------
    NoMapError
        If the fluorescence detector is not among the detectors.
    """
    detector = getattr(station, "fluorescence_detector", None)
    if detector is None or "fluorescence_detector" not in detectors:
        raise NoMapError(
            "rocking_map: drift is found on fluorescence, whose detector is not asked for; add "
            "'fluorescence_detector' to detectors, or give track=None"
        )
    return detector.regions


def _counting(tracking: DriftTracking, signals: Sequence[Any]) -> Inside:
    def inside(place: PixelPlace) -> MsgGenerator[None]:
        yield from tracking.count(place, signals)

    return inside
