"""A series of frames under way: all by the clock of the camera, or each at its time on that of the cell."""

import logging
import math
import time
from dataclasses import dataclass

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator, short_uid

from ..devices.frame_file import FrameAbsentError
from ..devices.frame_series import FrameSeries
from .beam_guard import BeamGuard, Readings
from .collecting import tell
from .station import Camera, XrdStation
from .waiting import WAIT_S, close_shutter, order_together, read_event, set_all

logger = logging.getLogger(__name__)

STAMP_S = (0.1, 5.0)
"""Shortest and longest wall time between two readings of the cell while the camera goes on, s."""

STAMP_GROWTH = 1.3
"""Factor by which that time grows: dense enough for a burst, sparse enough for a night."""

TELL_S = 0.5
"""Longest wall time between two looks at what can be told of the frames while the camera goes on, s."""

SLOWNESS = 10.0
"""Factor by which a writer may be slower than its camera; one that stands still fails by itself, and soon."""


@dataclass
class SeriesTaking:
    """A series under way: its devices and what was read of the cell so far."""

    station: XrdStation
    camera: Camera
    series: FrameSeries
    guard: BeamGuard | None
    retakes: int
    first: Readings | None = None
    last: Readings | None = None

    def read(self, timeout_s: float, *, gap_s: float = 0.0) -> MsgGenerator[None]:
        """Make an event of stream `primary`, and look for beam; `gap_s`: expected since the last one, s."""
        station = self.station
        devices = [self.camera.frames, station.ion_chambers, station.mono, station.ring, station.cell]
        devices += [self.camera.missed] if self.series.retakes else []
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


def _begin(camera: Camera) -> MsgGenerator[str]:
    """Trigger the camera once, also if a pause comes in between; gives the group to wait for."""
    group = short_uid("frames")
    yield from bps.checkpoint()
    yield Msg("trigger", camera, group=group)
    yield from bps.checkpoint()
    return group


def take_all(taking: SeriesTaking, count_s: float) -> MsgGenerator[None]:
    """Let the camera take all frames by its own clock, and read the cell meanwhile.

    Raises
    ------
    TimeoutError
        If the series goes on for far longer than its frames take.
    """
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


def take_each(taking: SeriesTaking, count_s: float) -> MsgGenerator[None]:
    """Take each frame at its time on the cell's clock, with the shutter closed between them."""
    station, series = taking.station, taking.series
    begun_s = yield from _cell_time(station)
    for number in range(series.frames):
        if number:
            yield from _wait_until(station, begun_s + number * series.interval_s, series.interval_s)
        yield from set_all({station.photon_shutter: "open"})
        given_up_s = yield from _take_frame(taking)
        yield from taking.read(count_s + WAIT_S, gap_s=series.interval_s + given_up_s)
        yield from bps.checkpoint()
        yield from close_shutter(station.photon_shutter)
        yield from tell(taking.camera, "frames")


def _take_frame(taking: SeriesTaking) -> MsgGenerator[float]:
    """Take a frame, again in its place while none comes; gives the longest time that was lost with it, s.

    Raises
    ------
    FailedStatus
        If none has come when it was taken again as often as allowed.
    """
    limit_s, given_up = taking.series.exposure_s + 2 * WAIT_S, 0
    while True:
        yield from bps.checkpoint()
        try:
            yield from order_together([("trigger", taking.camera)], limit_s, once=True)
            return given_up * limit_s
        except FailedStatus as error:
            if given_up == taking.retakes or not isinstance(error.__cause__, FrameAbsentError):
                raise
            logger.warning("a frame is taken again in its place: %s", error.__cause__)
        given_up += 1


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
