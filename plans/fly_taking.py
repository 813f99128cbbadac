"""One sweep after the other: each good one kept, a bad one taken again once."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.protocols import Reading
from bluesky.utils import FailedStatus, Msg, MsgGenerator

from ..devices.gate_record import GateRecord
from ..devices.gate_rows import GateRows
from ..devices.gate_series import GateSeries
from ..devices.motor_sweep import MotorSweep
from ..devices.sweep_report import SweepOutcome, SweepReport
from .beam_guard import BeamGuard, BeamLostError, Readings
from .fly_sweeps import FlySweeps
from .waiting import WAIT_S, order, order_together, read_event, said, set_all

logger = logging.getLogger(__name__)

STREAM, SWEEPS = "fly", "sweeps"
"""Streams of the gates, and of one event per sweep."""

SLOWNESS = 3.0
"""Factor by which a sweep may last longer than it should before it counts as stalled."""

BAD = (FailedStatus, OSError, RuntimeError)
"""What may go wrong with a sweep."""


class SweepFailedError(RuntimeError):
    """A sweep was bad again when it was redone."""


@dataclass(frozen=True)
class TakenSweep:
    """Gates of a good sweep, and what was read before and after it, by role of the device."""

    record: GateRecord
    before: Mapping[str, Readings]
    after: Mapping[str, Readings]

    @property
    def cell_time_s(self) -> Any:  # noqa: ANN401 - an array
        """Shape (n,), middle of each gate on the cell's clock, s."""
        begun_s = float(self.before["cell"]["cell_time"]["value"])
        return begun_s + self.record.time_s - self.record.time_s[0] + 0.5 * self.record.open_s


@dataclass
class FlyTaking:
    """A fly scan under way.

    Parameters
    ----------
    station
        Devices: an `XrayStation` with a trigger box.
    plan
        Its sweeps.
    box, sweep
        Trigger box and Bragg motor.
    folder
        Of the files.
    guard
        Limits below which a sweep is bad because the beam was lost; None: no check.
    redo
        How often a bad sweep is taken again.
    count_deg
        Count of the encoder, degree; 0: not known.
    """

    station: Any
    plan: FlySweeps
    box: GateRows
    sweep: MotorSweep
    folder: str = ""
    guard: BeamGuard | None = None
    redo: int = 1
    count_deg: float = 0.0
    name: str = field(default_factory=lambda: f"fly_{uuid.uuid4().hex[:12]}")
    report: SweepReport = field(default_factory=lambda: SweepReport(name="sweep"))
    files: int = 0
    told: int = 0

    @property
    def devices(self) -> list[Any]:
        """What is read with each point, in the order of a step scan."""
        station = self.station
        return [station.ion_chambers, station.mono, station.ring, station.cell]


def take_sweep(taking: FlyTaking, number: int) -> MsgGenerator[TakenSweep | None]:
    """Take a sweep inside an open run, again if it was bad; gives None where nothing is measured.

    Raises
    ------
    BeamLostError
        If the beam was lost, and again or still when the sweep was redone.
    SweepFailedError
        If the sweep was bad otherwise, and again when it was redone.
    """
    attempt, lost = 0, None
    while True:
        attempt += 1
        try:
            taken = yield from _attempt(taking, number)
        except BAD as error:
            logger.warning("sweep %d of the fly scan is bad: %s", number, said(error))
            yield Msg("stop", taking.box.box)
            yield Msg("stop", taking.sweep)
            fails = attempt > taking.redo
            yield from _tell(taking, number, attempt, "failed" if fails else "redone", error)
            lost = error if isinstance(error, BeamLostError) else lost
            if fails:
                raise _failure(number, attempt, error, lost) from (None if lost is error else error)
            continue
        yield from _tell(taking, number, attempt, "good", taken)
        return taken


def _failure(number: int, attempt: int, error: Exception, lost: BeamLostError | None) -> Exception:
    """Say why a sweep is given up: the beam, if it was lost in any attempt; shutters stay closed then."""
    if isinstance(error, BeamLostError):
        return error
    if lost is not None:
        return BeamLostError(f"{lost}; not yet back when sweep {number} was redone: {said(error)}")
    return SweepFailedError(f"sweep {number} was bad {attempt} times, the last because: {said(error)}")


def _attempt(taking: FlyTaking, number: int) -> MsgGenerator[TakenSweep | None]:
    station, plan = taking.station, taking.plan
    spacing = float(station.mono.d_spacing_angstrom)
    gates = plan.gate_pass(number, spacing, taking.count_deg)
    yield from _prepare(taking, gates.gates)
    yield from bps.checkpoint()
    # After a pause the wait is repeated, not the orders: a box refuses more gates than it is prepared for.
    orders = [("prepare", taking.sweep, plan.stretch(number, spacing)), ("set", taking.box, gates)]
    yield from order_together(orders, 2 * WAIT_S, once=True)
    yield from set_all({station.photon_shutter: "open"})
    before = yield from _read(taking)
    yield from order("trigger", taking.sweep, SLOWNESS * plan.duration_s + WAIT_S)
    yield from order("trigger", taking.box, WAIT_S)
    after = yield from _read(taking)
    yield from order("complete", taking.box, 2 * WAIT_S)
    record = taking.box.box.record
    if record is None or not after:
        return None
    taken = TakenSweep(record, before, after)
    _check_beam(taking, taken)
    yield Msg("collect", taking.box, name=STREAM, return_payload=False)
    return taken


def _prepare(taking: FlyTaking, gates: int) -> MsgGenerator[None]:
    """Let the box wait, with a new file."""
    yield from bps.checkpoint()
    offset_deg = yield from bps.rd(taking.station.mono.bragg.offset, default_value=0.0)
    series = GateSeries(
        gates=gates,
        offsets={"bragg": float(offset_deg)},
        folder=taking.folder,
        name=f"{taking.name}_{taking.files:03d}",
    )
    taking.files += 1
    yield from order("prepare", taking.box, 2 * WAIT_S, series)
    if taking.files == 1:
        yield Msg("declare_stream", None, taking.box, name=STREAM, collect=True)


def _read(taking: FlyTaking) -> MsgGenerator[dict[str, Readings]]:
    readings: dict[str, Readings] = {}
    for role, device in zip(("chambers", "mono", "ring", "cell"), taking.devices, strict=True):
        readings[role] = (yield Msg("read", device)) or {}
    return readings


def _check_beam(taking: FlyTaking, taken: TakenSweep) -> None:
    """Look at the ring before and after, and at the weakest gate beside the strongest.

    Raises
    ------
    BeamLostError
        If the beam was lost during the sweep.
    """
    if taking.guard is None:
        return
    i0_a = taken.record.counts[:, 0] / taken.record.open_s / taking.box.box.hz_per_a
    for state in (taken.before, taken.after):
        strong, weak = (
            {**state["ring"], "i0": Reading(value=float(one), timestamp=0.0)}
            for one in (i0_a.max(), i0_a.min())
        )
        taking.guard.check(strong, weak, 0.0)


def _tell(
    taking: FlyTaking, number: int, attempt: int, status: str, result: TakenSweep | Exception | None
) -> MsgGenerator[None]:
    """Make the event of a sweep."""
    record = result.record if isinstance(result, TakenSweep) else None
    span_s = float(record.time_s[-1] + record.open_s[-1] - record.time_s[0]) if record is not None else 0.0
    outcome = SweepOutcome(
        number=number,
        attempt=attempt,
        direction="up" if taking.plan.is_up(number) else "down",
        status=status,
        reason=said(result) if isinstance(result, Exception) else "",
        first_gate=-1 if record is None else taking.told,
        gates=taking.plan.gates if record is None else len(record),
        span_s=span_s,
        live_fraction=float(np.sum(record.open_s)) / span_s if record is not None else 0.0,
    )
    taking.told += 0 if record is None else len(record)
    yield Msg("set", taking.report, outcome)
    devices = [taking.report, taking.station.ring, taking.station.cell]
    yield from read_event(devices, trigger=[], stream=SWEEPS, timeout_s=WAIT_S)
    yield from bps.checkpoint()
