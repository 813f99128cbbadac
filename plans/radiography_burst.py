"""Radiographs around the instant at which a cell gives way: a ring of frames, kept at a trigger."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import FailedStatus, Msg, MsgGenerator, plan, short_uid

from ..devices.burst_series import BurstSeries
from .beam import open_with_beam
from .beam_guard import BeamGuard, BeamLostError, Readings, require_ring
from .burst import Burst, BurstLostError, BurstShortError, BurstTrigger, Heating
from .heating import begin_ramp
from .series_options import experiment_folder, file_name
from .single_run import naming_frames, single_run
from .station import require_devices
from .waiting import (
    FAILURES,
    WAIT_S,
    PassedError,
    close_shutter,
    each_in_turn,
    read_event,
    said,
    set_all,
    stopped,
    tried,
    wait_bounded,
)

FRAMES, STATES, TRIGGER = "frames", "primary", "trigger"
LOOK_S = 0.05
"""Wall time between two looks for the trigger, s."""
STAMP_S = (0.5, 30.0)
"""Shortest and longest wall time between two readings of the cell while the trigger is waited for, s."""
STAMP_GROWTH = 1.3
SLOWNESS = 10.0
"""Factor by which a server may be slower than its camera."""


class NoBurstError(ValueError):
    """A burst was asked of a beamline that lacks what it needs, or that cannot be taken."""


class NotTriggeredError(RuntimeError):
    """Nothing triggered a burst within the time that was given."""


@dataclass
class _Taking:
    station: Any
    burst: Burst
    trigger: BurstTrigger | None
    heating: Heating | None
    guard: BeamGuard | None
    series: BurstSeries
    is_heated: bool = False

    @property
    def camera(self) -> Any:  # noqa: ANN401 - a camera with a ring
        return self.station.microscope_camera

    @property
    def limit_s(self) -> float:
        """Longest wait for frames that the camera takes by its own clock, s of wall time."""
        return SLOWNESS * self.burst.frames * self.burst.period_s + 2 * WAIT_S


@plan
def radiography_burst(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope whose camera has a ring
    burst: Burst,
    trigger: BurstTrigger | None,
    *,
    heating: Heating | None = None,
    guard: BeamGuard | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Keep the frames before and after a trigger, such as that of thermal runaway.

    The camera's server compares each frame's own attribute with the limit, so that no delay of this program
    loses the instant. Frames are in stream `frames` with number and time, told of when the file is closed;
    stream `trigger` has one event: which frame it is, when, how many are before it, how many are missing.
    `primary` has the cell's state before, while the trigger is waited for, and after. Missing frames fail the
    run, and those that are there are told of. On every way out the shutter closes, the heater that this plan
    switched on is off, and camera and file are at rest.

    Parameters
    ----------
    station : Beamline
        Devices, with a `microscope_camera` that has a ring; with `heating` also a `heater`.
    burst : Burst
        Frames, and how long the trigger is waited for.
    trigger : BurstTrigger or None
        What triggers; None: only an order, which comes after `wait_limit_s` with `on_miss="fire"`.
    heating : Heating, optional
        Ramp that begins once the ring is full.
    guard : BeamGuard, optional
        Limit of the ring current: a burst is not armed and no cell heated below it, a wait ends with it, and
        a burst that lost its beam fails once its frames are told of. None: no check.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    NoBurstError
        If the beamline lacks a device, or the frames before the trigger last less than its latency.
    NotTriggeredError
        If the trigger has not come in time, and `on_miss` is "fail".
    FramesMissingError
        If a frame is missing; `BurstShortError` of a cell that was heated.
    BeamLostError
        If there is a guard, and no beam in time, or none any more; `BurstLostError` within the burst.
    TimeoutError
        If a device is not there in time.
    """
    _check(station, burst, trigger, heating)
    _md = _metadata(burst, trigger, heating, md)
    named = file_name(_md, "burst")
    series = BurstSeries(
        exposure_s=burst.exposure_s,
        period_s=burst.period_s,
        frames_before=burst.frames_before,
        frames_after=burst.frames_after,
        attribute=trigger.attribute if trigger else "",
        condition=trigger.condition if trigger else "0",
        binning=burst.binning,
        folder=experiment_folder(_md),
        name=named,
    )
    taking = _Taking(station, burst, trigger, heating, guard, series)

    def work() -> MsgGenerator[None]:
        # A burst happens once: after a pause nothing of it may be done again.
        yield from bpp.rewindable_wrapper(_take(taking), False)

    return (
        yield from single_run(
            lambda: naming_frames(work()), [taking.camera], md=_md, leave=lambda: _leave(taking)
        )
    )


def _metadata(
    burst: Burst, trigger: BurstTrigger | None, heating: Heating | None, md: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "plan_name": "radiography_burst",
        "purpose": "measurement",
        "technique": "radiography",
        "num_points": burst.frames,
        "burst": {**asdict(burst), "trigger": str(trigger) if trigger else "order"},
        "detector_live_fraction": burst.exposure_s / burst.period_s,
        **({"heating": asdict(heating)} if heating else {}),
        **({"trigger_latency_s": trigger.latency_s} if trigger else {}),
        **(md or {}),
    }


def _check(station: Any, burst: Burst, trigger: BurstTrigger | None, heating: Heating | None) -> None:  # noqa: ANN401
    needed = ["microscope_camera", *(["heater"] if heating else [])]
    require_devices(station, needed, "radiography_burst", NoBurstError)
    if not hasattr(station.microscope_camera, "ring"):
        raise NoBurstError(
            f"radiography_burst: {station.microscope_camera.name} has no ring of frames; set ring = true in "
            "[devices.microscope_camera] if its server has CB1:"
        )
    if trigger and burst.before_s < trigger.latency_s:
        raise NoBurstError(
            f"radiography_burst: {burst.frames_before} frames before the trigger last {burst.before_s:g} s, "
            f"but {trigger} may come {trigger.latency_s:g} s late: take "
            f"{math.ceil(trigger.latency_s / burst.period_s)} or more"
        )
    if trigger is None and burst.on_miss != "fire":
        raise NoBurstError('radiography_burst: without a trigger only on_miss="fire" ends the wait: set it')


def _take(taking: _Taking) -> MsgGenerator[None]:
    station, burst, camera = taking.station, taking.burst, taking.camera
    yield from _once("prepare", camera, 3 * WAIT_S, taking.series)
    yield from bps.declare_stream(camera, name=FRAMES, collect=True)
    least_ma = taking.guard.ring_current_min_ma if taking.guard else None
    open_it = (
        set_all({station.photon_shutter: "open"}) if least_ma is None else open_with_beam(station, least_ma)
    )
    yield from open_it
    _require_beam(taking, (yield from _read(taking)))
    yield from _once("kickoff", camera, SLOWNESS * burst.before_s + 2 * WAIT_S)
    if taking.heating:
        taking.is_heated = True
        yield from begin_ramp(station.heater, taking.heating)
    yield from _await_trigger(taking)
    failure: FailedStatus | None = None
    try:
        yield from _once("complete", camera, taking.limit_s)
    except FailedStatus as error:
        # Whatever is there is told of first.
        failure = error
    open_still = yield from tried(close_shutter(station.photon_shutter))
    yield from bps.collect(camera, name=FRAMES, return_payload=False)
    yield from read_event([camera.burst], trigger=[], stream=TRIGGER, timeout_s=WAIT_S)
    yield from _once_heated(taking, _judge(taking, failure or open_still))


def _judge(taking: _Taking, failure: Exception | None) -> MsgGenerator[None]:
    """Make the last event of the cell, and raise what went wrong with a burst that is told of."""
    if failure is not None:
        yield from tried(_read(taking))
        raise failure
    readings = yield from _read(taking)
    try:
        _require_beam(taking, readings)
    except BeamLostError as error:
        raise BurstLostError(f"{error}, within the burst") from error


def _once_heated(taking: _Taking, step: MsgGenerator[Any]) -> MsgGenerator[Any]:
    """Let no failure be a reason to heat a cell again that was heated.

    Raises
    ------
    BurstShortError
        In place of what another attempt would be made for.
    """
    try:
        return (yield from step)
    except PassedError:
        raise
    except FAILURES as error:
        if not taking.is_heated:
            raise
        raise BurstShortError(f"{said(error)}; the cell was heated, and is not heated again") from error


def _await_trigger(taking: _Taking) -> MsgGenerator[None]:
    """Wait until the ring is triggered, at most so long on the cell's clock, and read the cell meanwhile."""
    burst, ring = taking.burst, taking.camera.ring
    begun_s, begun_wall_s = (yield from _cell_time(taking.station)), time.monotonic()
    gap_s = STAMP_S[0]
    due_s = begun_wall_s + gap_s
    # A camera that is gone tells nothing of whether the cell has given way.
    while not (yield from _once_heated(taking, _is_triggered(ring))):
        passed_s = (yield from _cell_time(taking.station)) - begun_s
        # The cell's clock is never slower than ours, unless its server is gone.
        if max(passed_s, time.monotonic() - begun_wall_s - WAIT_S) >= burst.wait_limit_s:
            yield from _miss(taking)
            return
        if time.monotonic() >= due_s:
            _require_beam(taking, (yield from _read(taking)))
            gap_s = min(STAMP_GROWTH * gap_s, STAMP_S[1])
            due_s = time.monotonic() + gap_s
        yield from bps.sleep(LOOK_S)


def _miss(taking: _Taking) -> MsgGenerator[None]:
    burst, ring = taking.burst, taking.camera.ring
    if burst.on_miss == "fail":
        value = yield from bps.rd(ring.value, default_value=math.nan)
        raise NotTriggeredError(
            f"radiography_burst: {taking.trigger} has not come within {burst.wait_limit_s:g} s, the last "
            f"frame had {value:g}{(yield from _why_cold(taking))}; wait longer, set another limit, or "
            "on_miss = fire"
        )
    yield from bps.abs_set(ring.fire, 1, group=short_uid("fire"))
    deadline = time.monotonic() + WAIT_S
    while not (yield from _is_triggered(ring)):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{ring.name}: not triggered {WAIT_S:g} s after the order; is its server running?"
            )
        yield from bps.sleep(LOOK_S)


def _why_cold(taking: _Taking) -> MsgGenerator[str]:
    """Say that the heater switched itself off, if it did."""
    if not taking.heating:
        return ""
    safety = taking.station.heater.safety
    tripped = yield from bps.rd(safety.trip, default_value=0)
    cause = yield from bps.rd(safety.cause, default_value="")
    return f", and the heater has tripped: {cause}" if tripped else ""


def _is_triggered(ring: Any) -> MsgGenerator[bool]:  # noqa: ANN401 - a `RingBuffer`
    count = yield from bps.rd(ring.triggered, default_value=1)
    return int(count) > 0


def _cell_time(station: Any) -> MsgGenerator[float]:  # noqa: ANN401 - a station
    reading = yield Msg("read", station.cell)
    return float(reading["cell_time"]["value"]) if reading else math.inf


def _once(command: str, device: Any, timeout_s: float, *args: object) -> MsgGenerator[None]:  # noqa: ANN401
    """Order something of a device, and wait for it, no longer than this."""
    group = short_uid(command)
    yield Msg(command, device, *args, group=group)
    yield from wait_bounded(group, timeout_s, [device])


def _require_beam(taking: _Taking, readings: Readings) -> None:
    """Go on with beam alone, where there is a guard: what is provoked now happens once."""
    if taking.guard and readings:
        require_ring(readings, taking.guard.ring_current_min_ma)


def _read(taking: _Taking) -> MsgGenerator[Readings]:
    """Make an event of energy, ring, cell and heater."""
    station = taking.station
    devices = [station.mono, station.ring, station.cell]
    heater = getattr(station, "heater", None)
    devices += [heater] if heater is not None else []
    return (yield from read_event(devices, trigger=[], stream=STATES, timeout_s=WAIT_S))


def _leave(taking: _Taking) -> MsgGenerator[None]:
    """Heat no longer, close the shutter, and stop what runs: each, whatever becomes of the others."""
    station = taking.station
    off = [lambda: set_all({station.heater.enable: "Disable"})] if taking.is_heated else []
    steps = *off, lambda: close_shutter(station.photon_shutter), lambda: stopped(taking.camera)
    yield from _once_heated(taking, each_in_turn(*steps))
