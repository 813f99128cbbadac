"""Time-resolved diffraction: a series of frames of a cell, with the cell's state before, in and after it."""

import logging
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.frame_file import FramesMissingError
from .beam_guard import BeamGuard
from .chamber_count import count_beside
from .collecting import tell
from .darks import refresh_darks
from .duration import Timing
from .redo import check_redo
from .series_options import SeriesOptions, experiment_folder, file_name, series_metadata
from .series_taking import SeriesTaking, take_all, take_each
from .single_run import naming_frames, single_run
from .station import Camera, XrdStation
from .waiting import WAIT_S, close_shutter, set_all, wait_bounded

logger = logging.getLogger(__name__)


class NoCameraError(ValueError):
    """A diffraction series was asked of a beamline that has no camera."""


@plan
def xrd_series(
    station: XrdStation,
    *,
    exposure_s: float,
    frames: int,
    period_s: float | None = None,
    energy_ev: float | None = None,
    gated: bool | None = None,
    trigger_mode: str = "Internal",
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    redo: int = 1,
    retakes: int = 1,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take a series of frames in one run, from one every ten minutes to bursts of hundreds in a second.

    The frames are in stream `frames`, in a file of the camera, and told of as soon as they can be read there;
    what is found missing at the end fails the run. A frame of a gated series that does not come is taken
    again in its place; `camera_missed` in stream `primary` counts such triggers. State of the cell and flux
    are read into `primary` before the first, while they are taken, and after the last, with `camera_frames`,
    the number written until then, which comes some time after the exposures. The shutter opens before the
    first frame and closes on every way out.

    Parameters
    ----------
    station : XrdStation
        Devices, such as a `Beamline` with a camera.
    exposure_s, frames, period_s, energy_ev, gated, trigger_mode
        As of `SeriesOptions`.
    timing : Timing, optional
        Dead times, for the duration announced in the metadata.
    guard : BeamGuard, optional
        Limits below which the series fails because the beam was lost; None: no check.
    dark_max_age_s : float, optional
        Darks of the ion chambers older than this (s) are taken anew, into stream `dark`; None: never.
    redo : int
        How often a series with missing frames is taken again, in another run.
    retakes : int
        How often a frame of a gated series that does not come is taken again in its place before that.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    NoCameraError
        If the station has no camera.
    ValueError
        If an option is out of range.
    FramesMissingError
        If a frame is missing, repeated or cut short; the run then has exit status `fail` and the reason.
    BeamLostError
        If the guard finds that the beam was lost.
    TimeoutError
        If a device is not there in time.
    """
    check_redo("xrd_series", redo)
    check_redo("xrd_series", retakes, "retakes")
    if station.camera is None:
        raise NoCameraError("xrd_series: this beamline has no camera; add [devices.camera] to its settings")
    options = SeriesOptions(exposure_s, frames, period_s, energy_ev, gated, trigger_mode)
    given = {**series_metadata(options, timing or Timing()), **(md or {})}
    further, camera = 0, station.camera
    while True:
        _md = {**given, "attempt": given["attempt"] + further}
        try:
            return (yield from _measure(station, camera, options, _md, guard, dark_max_age_s, retakes))
        except FramesMissingError as error:
            if further == redo:
                raise
            logger.warning("the series is taken again: %s", error)
        further += 1


def _measure(
    station: XrdStation,
    camera: Camera,
    options: SeriesOptions,
    md: Mapping[str, Any],
    guard: BeamGuard | None,
    dark_max_age_s: float | None,
    retakes: int,
) -> MsgGenerator[str]:
    """Make one run with this metadata; gives its uid."""
    series = options.series(file_name(md, "xrd"), experiment_folder(md))

    def work() -> MsgGenerator[None]:
        if dark_max_age_s is not None:
            yield from refresh_darks(station, max_age_s=dark_max_age_s)
        yield from _take_series(SeriesTaking(station, camera, series, guard, retakes), options.energy_ev)

    known = {"geometry": camera.geometry, "corrections": camera.corrections}
    standing = {name: dict(value) for name, value in known.items() if value}
    standing |= dict((yield from bps.rd(camera.reference_runs)) or {})
    return (
        yield from single_run(
            lambda: naming_frames(work()),
            [station.mono, station.ion_chambers, camera],
            md={**standing, **md},
            leave=lambda: close_shutter(station.photon_shutter),
        )
    )


def _take_series(taking: SeriesTaking, energy_ev: float | None) -> MsgGenerator[None]:
    station, series = taking.station, taking.series
    camera: Any = taking.camera
    count_s = yield from count_beside(station, series.exposure_s)
    if energy_ev is not None:
        yield from set_all({station.mono.energy: energy_ev})
    group = short_uid("prepare")
    yield Msg("prepare", camera, series, group=group)
    yield from wait_bounded(group, series.exposure_s + 2 * WAIT_S, [camera])
    yield from bps.declare_stream(camera, name="frames", collect=True)
    yield from bps.checkpoint()
    if series.per_trigger < series.frames:
        yield from take_each(taking, count_s)
    else:
        yield from take_all(taking, count_s)
    yield from close_shutter(station.photon_shutter)
    # What comes after this checkpoint can be done again after a pause: it looks at the file and tells of it.
    yield from bps.checkpoint()
    group = short_uid("complete")
    yield Msg("complete", camera, group=group)
    yield from wait_bounded(group, 2 * WAIT_S, [camera])
    yield from tell(camera, "frames")
