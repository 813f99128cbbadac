"""Time-resolved diffraction: a series of frames of a cell, with the cell's state before, in and after it."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.frame_file import FramesMissingError
from ..devices.frame_series import FrameSeries
from .beam_guard import BeamGuard, Readings
from .collecting import tell
from .darks import refresh_darks
from .duration import Timing
from .redo import check_redo
from .series_options import SeriesOptions, experiment_folder, file_name, series_metadata
from .single_run import naming_frames, single_run
from .station import Camera, XrdStation
from .waiting import WAIT_S, close_shutter, read_event, set_all, wait_bounded

logger = logging.getLogger(__name__)

STAMP_S = (0.1, 5.0)
"""Shortest and longest wall time between two readings of the cell while the camera goes on, s."""

STAMP_GROWTH = 1.3
"""Factor by which that time grows: dense enough for a burst, sparse enough for a night."""

TELL_S = 0.5
"""Longest wall time between two looks at what can be told of the frames while the camera goes on, s."""

SLOWNESS = 10.0
"""Factor by which a writer may be slower than its camera; one that stands still fails by itself, and soon."""

COUNT_S = (0.01, 0.5)
"""Shortest and longest counting time of the ion chambers, s; else that of the exposure."""


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
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take a series of frames in one run, from one every ten minutes to bursts of hundreds in a second.

    The frames are in stream `frames`, in a file of the camera, and told of as soon as they can be read there;
    what is found missing at the end fails the run. State of the cell and flux are read into
    stream `primary` before the first, while they are taken, and after the last, with `camera_frames`, the
    number written until then, which comes some time after the exposures. The shutter opens before the
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
    if station.camera is None:
        raise NoCameraError("xrd_series: this beamline has no camera; add [devices.camera] to its settings")
    options = SeriesOptions(exposure_s, frames, period_s, energy_ev, gated, trigger_mode)
    given = {**series_metadata(options, timing or Timing()), **(md or {})}
    further = 0
    while True:
        _md = {**given, "attempt": given["attempt"] + further}
        try:
            return (yield from _measure(station, station.camera, options, _md, guard, dark_max_age_s))
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
) -> MsgGenerator[str]:
    """Make one run with this metadata; gives its uid."""
    series = options.series(file_name(md), experiment_folder(md))

    def work() -> MsgGenerator[None]:
        if dark_max_age_s is not None:
            yield from refresh_darks(station, max_age_s=dark_max_age_s)
        yield from _take_series(_Taking(station, camera, series, guard), options.energy_ev)

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


@dataclass
class _Taking:
    """A series under way: its devices and what was read of the cell so far."""

    station: XrdStation
    camera: Camera
    series: FrameSeries
    guard: BeamGuard | None
    first: Readings | None = None
    last: Readings | None = None

    def read(self, timeout_s: float, *, gap_s: float = 0.0) -> MsgGenerator[None]:
        """Make an event of stream `primary`, and look for beam; `gap_s`: expected since the last one, s."""
        station = self.station
        devices = [self.camera.frames, station.ion_chambers, station.mono, station.ring, station.cell]
        reading = yield from read_event(
            devices, trigger=[station.ion_chambers], stream="primary", timeout_s=timeout_s
        )
        if not reading:
            return
        before, self.last = self.last, reading
        self.first = self.first or reading
        if self.guard:
            passed_s = _cell_s(reading) - _cell_s(before) if before and gap_s else gap_s
            self.guard.check(self.first, reading, passed_s - gap_s)


def _cell_s(readings: Readings) -> float:
    return float(readings["cell_time"]["value"])


def _take_series(taking: _Taking, energy_ev: float | None) -> MsgGenerator[None]:
    station, series = taking.station, taking.series
    camera: Any = taking.camera
    count_s = min(max(series.exposure_s, COUNT_S[0]), COUNT_S[1])
    yield from set_all({station.ion_chambers.averaging_time: count_s})
    if energy_ev is not None:
        yield from set_all({station.mono.energy: energy_ev})
    group = short_uid("prepare")
    yield Msg("prepare", camera, series, group=group)
    yield from wait_bounded(group, series.exposure_s + 2 * WAIT_S, [camera])
    yield from bps.declare_stream(camera, name="frames", collect=True)
    yield from bps.checkpoint()
    if series.per_trigger < series.frames:
        yield from _take_each(taking, count_s)
    else:
        yield from _take_all(taking, count_s)
    yield from close_shutter(station.photon_shutter)
    # What comes after this checkpoint can be done again after a pause: it looks at the file and tells of it.
    yield from bps.checkpoint()
    group = short_uid("complete")
    yield Msg("complete", camera, group=group)
    yield from wait_bounded(group, 2 * WAIT_S, [camera])
    yield from tell(camera, "frames")


def _begin(camera: Camera) -> MsgGenerator[str]:
    """Trigger the camera once, also if a pause comes in between; gives the group to wait for."""
    group = short_uid("frames")
    yield from bps.checkpoint()
    yield Msg("trigger", camera, group=group)
    yield from bps.checkpoint()
    return group


def _take_all(taking: _Taking, count_s: float) -> MsgGenerator[None]:
    """Let the camera take all frames by its own clock, and read the cell meanwhile."""
    limit_s = SLOWNESS * taking.series.frames * taking.series.interval_s + 10 * WAIT_S
    yield from set_all({taking.station.photon_shutter: "open"})
    yield from taking.read(count_s + WAIT_S)
    group = yield from _begin(taking.camera)
    deadline, gap_s = time.monotonic() + limit_s, STAMP_S[0]
    due_s = time.monotonic() + gap_s
    while (yield from _is_under_way(group, min(gap_s, TELL_S))):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{taking.camera.name}: series not done after {limit_s:g} s; is its server running?"
            )
        yield from tell(taking.camera, "frames")
        if time.monotonic() >= due_s:
            yield from taking.read(count_s + WAIT_S)
            yield from bps.checkpoint()
            gap_s = min(gap_s * STAMP_GROWTH, STAMP_S[1])
            due_s = time.monotonic() + gap_s
    yield from taking.read(count_s + WAIT_S)


def _is_under_way(group: str, wait_s: float) -> MsgGenerator[bool]:
    """Wait for a group, at most so long; tells whether it needs longer."""
    done = yield Msg("wait", None, group=group, timeout=wait_s, error_on_timeout=False, watch=())
    return done is False


def _take_each(taking: _Taking, count_s: float) -> MsgGenerator[None]:
    """Take each frame at its time on the cell's clock, with the shutter closed between them."""
    station, series = taking.station, taking.series
    begun_s = yield from _cell_time(station)
    for number in range(series.frames):
        if number:
            yield from _wait_until(station, begun_s + number * series.interval_s, series.interval_s)
        yield from set_all({station.photon_shutter: "open"})
        group = yield from _begin(taking.camera)
        yield from wait_bounded(group, series.exposure_s + 2 * WAIT_S, [taking.camera])
        yield from taking.read(count_s + WAIT_S, gap_s=series.interval_s)
        yield from bps.checkpoint()
        yield from close_shutter(station.photon_shutter)
        yield from tell(taking.camera, "frames")


def _cell_time(station: XrdStation) -> MsgGenerator[float]:
    reading = yield Msg("read", station.cell)
    return _cell_s(reading) if reading else math.inf


def _wait_until(station: XrdStation, due_s: float, longest_s: float) -> MsgGenerator[None]:
    """Wait for a time on the cell's clock, which may run faster than ours; at most `longest_s` and some more.

    Raises
    ------
    TimeoutError
        If the cell's clock is not there by then: it never runs slower than ours.
    """
    deadline, wait_s = time.monotonic() + longest_s + WAIT_S, STAMP_S[0]
    now_s = yield from _cell_time(station)
    while now_s < due_s:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"cell: its clock shows {now_s:.1f} s, {due_s - now_s:.0f} s before the next frame, after "
                f"{longest_s + WAIT_S:g} s of waiting; is its server running?"
            )
        yield from bps.checkpoint()
        yield from bps.sleep(wait_s)
        before_s, now_s = now_s, (yield from _cell_time(station))
        rate = max((now_s - before_s) / wait_s, 1.0)
        wait_s = min(max((due_s - now_s) / rate, 0.01), STAMP_S[1])
