"""Projections on the fly: the rotation goes on, the trigger box gates the camera and latches the encoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import FailedStatus, Msg, MsgGenerator, short_uid
from numpy.typing import NDArray

from ..callbacks.analysis.frame_match import match_frames, relative_intensity
from ..devices.frame_file import FramesMissingError
from ..devices.gate_record import GateRecord
from ..devices.gate_series import GateSeries, PositionPass
from ..devices.motor_sweep import Stretch
from ..devices.tomogram_report import PassPlace
from .collecting import tell
from .projection_table import DARK
from .tomogram_taking import (
    ANGLES,
    PASSES,
    PROJECTIONS,
    TELL_S,
    Taking,
    await_beam,
    declare,
    read_state,
)
from .turn import Pass
from .waiting import FAILURES, WAIT_S, close_shutter, order, said, set_all, tried

logger = logging.getLogger(__name__)
RUN_UP_DEG = 0.1
ENCODER = "rotation"
"""What the trigger box calls the encoder of the rotation."""


def take_passes(taking: Taking) -> MsgGenerator[None]:
    """Take all passes of a turn, and again what of them had no beam.

    Raises
    ------
    FramesMissingError
        If the file takes no more frames.
    FailedStatus
        If the rotation stalls.
    """
    passes: Sequence[Pass] = taking.turn.passes
    attempt = 1
    while passes:
        yield from _take(taking, passes, attempt)
        dark = set(taking.table.numbers(DARK)) if attempt <= taking.tolerance.redo else set[int]()
        passes = [one.part(sorted(lost)) for one in taking.turn.passes if (lost := dark & set(one.numbers))]
        attempt += 1


def _take(taking: Taking, passes: Sequence[Pass], attempt: int) -> MsgGenerator[None]:
    """Take some passes into one file; whatever happens, the file is closed and its frames are found."""
    problem: Exception | None = None
    try:
        yield from await_beam(taking)
        yield from _arm(taking, passes)
        yield from _know_full_rate(taking)
        yield from read_state(taking)
        for number, one in enumerate(passes):
            before = sum(other.count for other in passes[:number])
            yield from _sweep(taking, one, attempt, before, is_last=number == len(passes) - 1)
        yield from read_state(taking)
    except Exception as error:
        problem = error
        yield Msg("stop", taking.sweep)
    open_still = yield from tried(close_shutter(taking.station.photon_shutter))
    problem = problem or open_still
    # An abort may come while the files are closed: then once more, that what is there is known.
    for _ in range(2):
        try:
            lost = yield from _close(taking, passes, whole=problem is None)
            problem = problem or lost
            break
        except Exception as error:
            logger.warning("the files of the turn were not closed as they should be: %s", said(error))
            problem = problem or error
    if problem is not None:
        raise problem


def _arm(taking: Taking, passes: Sequence[Pass]) -> MsgGenerator[None]:
    """Let camera and box wait for the gates of some passes, in new files."""
    count = sum(one.count for one in passes)
    which = "turn" if not taking.files else f"turn_{taking.files}"
    offset_deg = yield from bps.rd(taking.station.microscope.rotation.offset, default_value=0.0)
    gates = GateSeries(
        gates=count,
        offsets={ENCODER: float(offset_deg)},
        folder=taking.folder,
        name=f"{taking.name}_{which.replace('turn', 'gates')}",
    )
    frames = taking.frames(which, count, period_s=taking.turn.period_s, trigger_mode="External")
    yield from order("prepare", taking.series, 3 * WAIT_S, frames)
    yield from order("prepare", taking.box, 2 * WAIT_S, gates)
    if not taking.files:
        for device, stream in ((taking.series, PROJECTIONS), (taking.box, ANGLES)):
            yield from declare(device, stream)
    taking.files += 1
    yield from order("trigger", taking.series, WAIT_S)


def _know_full_rate(taking: Taking) -> MsgGenerator[None]:
    """Count I0 with beam, where a guard must know it: a scan that is all dark has no bright gates."""
    hz_per_a = getattr(taking.station.trigger_box, "hz_per_a", None)
    if taking.guard is None or hz_per_a is None or taking.full_rate_hz:
        return
    chambers = taking.station.ion_chambers
    yield from order("trigger", chambers, WAIT_S)
    reading = yield Msg("read", chambers)
    if reading:
        taking.full_rate_hz = max(float(reading["i0"]["value"]) * float(hz_per_a), 0.0)


def pass_stretch(one: Pass, period_s: float, live_part: float) -> Stretch:
    """Give the way of the rotation over a pass with a frame each `period_s`, exposed for a part of it."""
    # Half of a gate earlier: an angle is that of the middle of its frame.
    first = one.start_deg - 0.5 * live_part * one.step_deg
    return Stretch(first, first + one.count * one.step_deg, abs(one.step_deg) / period_s, RUN_UP_DEG)


def _sweep(taking: Taking, one: Pass, attempt: int, before: int, *, is_last: bool) -> MsgGenerator[None]:
    """Pass over some projections; `before`: gates of the passes before in the same file."""
    turn, box, sweep = taking.turn, taking.box, taking.sweep
    stretch = pass_stretch(one, turn.period_s, turn.live_part)
    gates = PositionPass(
        encoder=ENCODER, start=stretch.begin, step=one.step_deg, gates=one.count, open_fraction=turn.live_part
    )
    yield from order("prepare", sweep, WAIT_S, stretch)
    yield from order("set", box, WAIT_S, gates)
    first_id = taking.series.first_id + before
    place = PassPlace(attempt, one.first, one.count, first_id, one.start_deg, one.step_deg, stretch.speed)
    yield Msg("set", taking.pass_report, place)
    yield from read_state(taking, stream=PASSES, also=[taking.pass_report])
    moving = short_uid("sweep")
    yield from bps.checkpoint()
    yield Msg("trigger", sweep, group=moving)
    yield from bps.checkpoint()
    yield from _follow(taking, moving)
    try:
        yield from order("trigger", box, WAIT_S)
    except FailedStatus as error:
        # Where captures were lost, the frames are there: only who needs the box again cannot go on.
        if not is_last:
            raise
        logger.warning("gates are missing: %s", said(error))


def _follow(taking: Taking, moving: str) -> MsgGenerator[None]:
    """Tell of frames while the rotation goes on.

    Raises
    ------
    FramesMissingError
        If the file takes no more of them.
    TimeoutError
        If the rotation does not arrive.
    """
    deadline, series = time.monotonic() + taking.limit_s, taking.series
    while True:
        done = yield Msg("wait", None, group=moving, timeout=TELL_S, error_on_timeout=False, watch=())
        if done is False:
            yield from tell(series, PROJECTIONS)
        if trouble := series.trouble:
            raise FramesMissingError(series.name, len(taking.turn.angles_deg), series.written, trouble)
        if done is not False:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{taking.sweep}: not done after {taking.limit_s:g} s; is its server running?")


def _close(taking: Taking, passes: Sequence[Pass], *, whole: bool) -> MsgGenerator[Exception | None]:
    """Close the files, and find frame, angle, time and light of each projection of these passes.

    Gives what went wrong with the box: its gates are lost then, and the frames have the angles asked for.
    """
    box: Any = taking.box
    count, lost = sum(one.count for one in passes), None
    try:
        captured = int((yield from bps.rd(box.box.gates)))
    except FAILURES as error:
        captured, lost = 0, error
    # Where all went well each gate has its frame; else no more of them come than there were gates.
    due = count if whole or lost else captured
    yield from set_all({taking.series.due: due, box.kept: captured})
    yield from order("complete", taking.series, 2 * WAIT_S)
    try:
        yield from order("complete", box, 2 * WAIT_S)
    except FAILURES as error:
        captured, lost = 0, lost or error
    # Before documents tell of them: whatever comes in between, what is there is known.
    _enter(taking, passes, box.box.record if captured else None)
    yield from tell(taking.series, PROJECTIONS)
    if lost is None:
        yield from tell(box, ANGLES)
    else:
        logger.warning("the angles of the turn are those asked for, its gates are lost: %s", said(lost))
    return lost


def _enter(taking: Taking, passes: Sequence[Pass], record: GateRecord | None) -> None:
    """Enter what was taken of these passes."""
    found = taking.series.found
    numbers = np.array([number for one in passes for number in one.numbers])
    if found is None or not len(found):
        return
    angle_deg = np.array([taking.turn.angles_deg[number] for number in numbers])
    gate_s, light, least = np.full(len(numbers), np.nan), np.full(len(numbers), np.nan), 0.0
    if record is not None:
        gate = _gates_of(record.middle[ENCODER], angle_deg, passes)
        there = np.flatnonzero(gate >= 0)
        angle_deg[there], gate_s[there] = record.middle[ENCODER][gate[there]], record.time_s[gate[there]]
        counts = record.counts[:, 0]
        seen = relative_intensity(counts, record.open_s, full_rate_hz=taking.full_rate_hz)
        light[there] = seen[gate[there]]
        taking.full_rate_hz = max(taking.full_rate_hz, _rate_of(counts / record.open_s, seen))
        least = taking.guard.i0_fraction_min if taking.guard else 0.0
    timed = np.isfinite(gate_s).all() and np.isfinite(found.time_s).all()
    frame = match_frames(
        found.unique_id,
        first_id=found.first_id,
        count=len(numbers),
        time_s=found.time_s if timed else None,
        gate_time_s=gate_s if timed else None,
    )
    begun_s = np.where(frame >= 0, found.time_s[np.maximum(frame, 0)], np.nan)
    taking.table.put(
        numbers,
        np.where(frame >= 0, frame + taking.told, -1),
        angle_deg=angle_deg,
        time_s=begun_s + 0.5 * taking.turn.exposure_s,
        light=light,
        least_light=least,
    )
    taking.told += len(found)


def _gates_of(
    latched_deg: NDArray[np.float64], asked_deg: NDArray[np.float64], passes: Sequence[Pass]
) -> NDArray[np.int64]:
    """Find the gate of each projection: one after the other, or by its angle where gates are missing."""
    if len(latched_deg) == len(asked_deg):
        return np.arange(len(asked_deg))
    gate = np.full(len(asked_deg), -1, dtype=np.int64)
    step = np.concatenate([np.full(one.count, abs(one.step_deg)) for one in passes])
    for place, angle_deg in enumerate(latched_deg):
        nearest = int(np.argmin(np.abs(asked_deg - angle_deg)))
        if abs(asked_deg[nearest] - angle_deg) < 0.5 * step[nearest]:
            gate[nearest] = place
    return gate


def _rate_of(rate_hz: NDArray[np.float64], light: NDArray[np.float64]) -> float:
    """Rate at full beam, as the gates of a scan with light say."""
    bright = rate_hz[light > 0.5]
    return float(np.median(bright)) if bright.size else 0.0
