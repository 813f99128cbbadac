"""Rows of a raster map: each good row once in the documents, a bad one taken again or marked."""

import logging
import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator, short_uid

from ..devices.frame_series import FrameSeries
from ..devices.map_row import RowOutcome
from .beam import MEASUREMENT_WAIT_S, wait_for_first_beam
from .beam_guard import BeamLostError
from .map_taking import MapTaking, Rows
from .waiting import WAIT_S, close_shutter, order_together, read_event, said, set_all, wait_bounded

logger = logging.getLogger(__name__)

MOST_FAILED = 3
"""Rows given up one after the other, or all that there are, from which on the map is: it is not the row."""

BAD = (FailedStatus, OSError, RuntimeError)
"""What may go wrong with a row."""


class MapFailedError(RuntimeError):
    """A map was given up: row after row was bad."""


def take_rows(taking: MapTaking, how: Rows) -> MsgGenerator[None]:
    """Measure all rows inside an open run, with an event for each time that one was measured.

    Detectors are armed for all rows that are left; a bad row ends their files early, and it and the rows
    after it go into new ones, so that no frame of it is ever told of.

    Raises
    ------
    MapFailedError
        If row after row is bad.
    """
    pending, attempts, given_up = deque(range(taking.raster.shape[0])), Counter[int](), 0
    most_failed = min(MOST_FAILED, len(pending))
    while pending:
        row, problem, left = pending[0], None, min(len(pending), how.most(taking))
        yield from _arm(taking, how, left)
        while left and problem is None:
            row = pending[0]
            attempts[row] += 1
            taking.next_row = pending[1] if left > 1 else None
            problem = yield from _try_row(taking, how, row, attempts[row])
            if problem is None:
                pending.popleft()
                left, given_up = left - 1, 0
        yield from tell_good(taking, how)
        yield from _disarm(taking, how, whole=problem is None)
        if problem is None:
            continue
        fails = attempts[row] > taking.redo
        status = "failed" if fails else "redone"
        outcome = yield from _outcome(taking, how, row, attempts[row], status, problem)
        yield from _tell(taking, how, outcome)
        if fails:
            pending.popleft()
            given_up += 1
        if given_up >= most_failed:
            raise MapFailedError(f"{given_up} rows in a row were bad, the last because: {said(problem)}")
        if isinstance(problem, BeamLostError):
            yield from _await_beam(taking)


def _try_row(taking: MapTaking, how: Rows, row: int, attempt: int) -> MsgGenerator[Exception | None]:
    """Measure a row; gives what went wrong. Of a good one `tell_good` is to tell."""
    taking.fresh.clear()
    try:
        yield from how.begin(taking, row)
    except BAD as error:
        return _bad(row, error)
    yield from tell_good(taking, how)
    try:
        yield from how.take(taking, row, attempt)
    except BAD as error:
        return _bad(row, error)
    yield from bps.checkpoint()
    taking.good = yield from _outcome(taking, how, row, attempt, "good", None)
    taking.in_file += taking.columns
    return None


def _bad(row: int, error: Exception) -> Exception:
    logger.warning("row %d of the map is bad: %s", row, said(error))
    return error


def tell_good(taking: MapTaking, how: Rows) -> MsgGenerator[None]:
    """Tell of the last good row and of its frames, unless it was told of."""
    outcome, taking.good = taking.good, None
    if outcome is None:
        return
    due = taking.in_file
    yield from set_all({series.kept: due for series in taking.series})
    for series in taking.series:
        yield Msg("collect", series, name=series.name, return_payload=False)
    yield from how.keep(taking, due)
    yield from _tell(taking, how, outcome)


def await_frames(taking: MapTaking) -> MsgGenerator[None]:
    """Wait until each detector has as many frames as pixels were measured, and see that it has no more."""
    due = taking.in_file + taking.columns
    for series in taking.series:
        yield from set_all({series.due: due}, timeout_s=2 * WAIT_S)


def _arm(taking: MapTaking, how: Rows, rows: int) -> MsgGenerator[None]:
    """Let the detectors wait for so many rows, in new files."""
    raster = taking.raster
    group = short_uid("prepare")
    for series in taking.series:
        order = FrameSeries(
            exposure_s=raster.exposure_s(taking.readout_s),
            frames=rows * taking.columns,
            images_per_trigger=None if how.flies else 1,
            trigger_mode=series.gated_mode if how.flies else "Internal",
            folder=taking.folder,
            name=f"{taking.name}_{series.name}_{taking.files:03d}",
        )
        yield Msg("prepare", series, order, group=group)
    yield from wait_bounded(group, raster.dwell_s + 2 * WAIT_S, taking.series)
    if not taking.files:
        for series in taking.series:
            yield Msg("declare_stream", None, series, name=series.name, collect=True)
    yield from how.arm(taking, rows)
    taking.files += 1
    taking.in_file = 0
    yield from set_all({taking.station.photon_shutter: "open"})
    taking.ended_s = yield from cell_time(taking.station)


def trigger_all(devices: Sequence[Any], timeout_s: float) -> MsgGenerator[None]:
    """Trigger devices once, also if a pause comes in between, and wait for all."""
    yield from bps.checkpoint()
    yield from order_together([("trigger", device) for device in devices], timeout_s, once=True)


def _disarm(taking: MapTaking, how: Rows, *, whole: bool) -> MsgGenerator[None]:
    yield from close_shutter(taking.station.photon_shutter)
    yield from bps.checkpoint()
    group = short_uid("complete")
    for series in taking.series:
        yield Msg("complete", series, group=group)
    yield from wait_bounded(group, 2 * WAIT_S, taking.series)
    yield from how.disarm(taking, whole=whole)
    yield from bps.checkpoint()


def _outcome(
    taking: MapTaking, how: Rows, row: int, attempt: int, status: str, problem: Exception | None
) -> MsgGenerator[RowOutcome]:
    """See how a row went, and how devices and cell stand at its end."""
    station, is_good = taking.station, problem is None
    written = min((series.written for series in taking.series), default=taking.in_file)
    for device in (*how.read_with_row(taking), station.mono, station.ring):
        yield from taking.note(device)
    state = yield from taking.note(station.cell, again=True)
    now_s = float(state["cell_time"]["value"]) if state else 0.0
    row_s, taking.ended_s = now_s - taking.ended_s, now_s
    return RowOutcome(
        row=row,
        attempt=attempt,
        status=status,
        reason="" if problem is None else said(problem),
        first_frame=taking.told if is_good else -1,
        frames=taking.columns if is_good else max(written - taking.in_file, 0),
        expected=taking.columns,
        y_um=taking.raster.y_um[row],
        row_s=row_s,
        live_fraction=taking.columns * taking.raster.dwell_s / row_s if row_s > 0 else math.nan,
    )


def _tell(taking: MapTaking, how: Rows, outcome: RowOutcome) -> MsgGenerator[None]:
    """Make the event of a row, of what was read at its end: the next one may be under way."""
    station = taking.station
    yield Msg("set", taking.report, outcome)
    read = [*how.read_with_row(taking), station.mono, station.ring, station.cell]
    devices = [taking.report, *(taking.devices[each.name] for each in read)]
    yield from read_event(devices, trigger=[], stream=how.stream, timeout_s=WAIT_S)
    yield from bps.checkpoint()
    taking.told += taking.columns if outcome.status == "good" else 0


def cell_time(station: Any) -> MsgGenerator[float]:  # noqa: ANN401 - a station
    """Time on the cell's clock, s."""
    reading = yield Msg("read", station.cell)
    return float(reading["cell_time"]["value"]) if reading else 0.0


def _await_beam(taking: MapTaking) -> MsgGenerator[None]:
    station, least_ma = taking.station, taking.guard.ring_current_min_ma if taking.guard else 0.0
    front_end, longest_s = station.front_end_shutter, MEASUREMENT_WAIT_S
    yield from wait_for_first_beam(station.ring, least_ma, front_end, longest_s=longest_s)
