"""The coupling of measurements with a running cell: the cycler is the master, the beamline its guest."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.protocols import Readable
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException, plan

from ..devices.protocol import Limits, Protocol, Watchdog
from .beam_guard import BeamGuard
from .course import (
    Course,
    CyclingCell,
    beat,
    collect,
    has_ended,
    keyed,
    order,
    record_fault,
    take_in,
    wait_for_news,
)
from .latches import next_due
from .ledger import Ledger
from .measurement import Measurement, announcements, check_names
from .pause import PausePolicy
from .policies import Policies
from .request import answer, miss_all
from .resume import ResumePoint
from .standstill import Standstill
from .start import Orders, check_resumable, start_cell
from .station import Settable
from .takeover import take_over, wind_up
from .waiting import said

logger = logging.getLogger(__name__)

TRIGGERS = 8


@dataclass(frozen=True)
class OperandoResult:
    """How an experiment ended.

    Parameters
    ----------
    cycling_run : str
        Uid of the run that was open for the whole experiment.
    done, late, missed : int
        Requests of the cell by how they ended.
    fault : str
        Cause if the potentiostat tripped a limit; empty if the protocol came to its end.
    """

    cycling_run: str
    done: int
    late: int
    missed: int
    fault: str


@plan
def operando(
    cell: CyclingCell,
    protocol: Protocol,
    measurements: Sequence[Measurement],
    triggers: Mapping[str, str],
    policies: Policies | None = None,
    *,
    limits: Limits,
    experiment: Mapping[str, str],
    watchdog: Watchdog | None = None,
    capacity_mah: float | None = None,
    guard: BeamGuard | None = None,
    ring: Readable[Any] | None = None,
    front_end_shutter: Settable | None = None,
    resume: ResumePoint | None = None,
    poll_s: float = 1.0,
    max_attempts: int = 5,
    announce: Callable[[str], object] | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[OperandoResult]:
    """Cycle a cell and measure whenever it asks for it.

    Protocol, limits and triggers live in the potentiostat: the cell goes on whatever happens here. The newest
    latch of a measurement is measured; older ones that could not be are in the ledger as missed.

    Parameters
    ----------
    cell : CyclingCell
        Potentiostat.
    protocol : Protocol
        What the cell does.
    measurements : sequence of Measurement
        What is measured, at most 8.
    triggers : mapping
        Rule by name of the measurement, such as "every lithium_content 0.02".
    policies : Policies, optional
        What the cell does at a pause, an abort, without beam, after a fault and at the end.
    limits, watchdog : Limits, Watchdog
        What the potentiostat watches by itself.
    experiment : mapping
        `uid` and `name` of the experiment.
    capacity_mah : float, optional
        Charge that takes lithium content from 1 to 0 in mA h, for the announcement of blur.
    guard, ring, front_end_shutter : optional
        How loss of beam is told; without `guard` and `ring` beam is taken for granted. Once the ring holds
        enough current again the front end is opened, as often as needed, and the spectrum is redone.
    resume : ResumePoint, optional
        Go on with the cell that a dead process left: nothing is loaded, armed or started. If its protocol has
        ended meanwhile, its record is completed and what it asked for is missed.
    poll_s : float
        Period of collecting samples and of heartbeats, in s of wall time.
    max_attempts : int
        Attempts at one request until it is missed.
    announce : callable, optional
        Is told, before anything moves, each measurement that will blur more than it accepts; else the log is.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    OperandoResult
        Counts of the ledger, and the fault if there was one.

    Raises
    ------
    ValueError
        If names do not match, the protocol asks for what the limits forbid, or the cell runs something else
        than what is resumed or started.
    """
    check_names(measurements, triggers, TRIGGERS)
    limits.check(protocol)
    told = announcements(measurements, protocol, capacity_mah)
    for sentence in told:
        (announce or logger.warning)(sentence)
    course = Course(
        cell=cell,
        measurements=dict(enumerate(measurements, start=1)),
        rules={number: triggers[each.name] for number, each in enumerate(measurements, start=1)},
        policies=policies or Policies(),
        ledger=Ledger(name="ledger"),
        guard=guard,
        ring=ring,
        front_end_shutter=front_end_shutter,
        poll_s=poll_s,
        max_attempts=max_attempts,
        resume=resume,
    )
    document = {
        **_start_document(course, protocol, limits),
        "experiment": dict(experiment),
        "announcements": list(told),
        **(md or {}),
    }
    course.shared_md = {key: document[key] for key in ("experiment", "cell") if key in document}
    yield from check_resumable(cell, experiment["uid"], resume)
    return (yield from _run(course, Orders(protocol, limits, watchdog, experiment["uid"]), document))


def _start_document(course: Course, protocol: Protocol, limits: Limits) -> dict[str, Any]:
    return {
        "plan_name": "operando",
        "purpose": "cycling",
        "protocol": protocol.to_dict(),
        "limits": asdict(limits),
        "measurements": [
            {"name": each.name, "rule": course.rules[number], "duration_s": each.duration_s}
            for number, each in course.measurements.items()
        ],
        "policies": asdict(course.policies),
        **(course.resume.metadata() if course.resume else {}),
    }


def _run(course: Course, orders: Orders, document: Mapping[str, Any]) -> MsgGenerator[OperandoResult]:
    """Open the cycling run, follow the cell, and close the run with its exit status on every way out."""
    course.cycling_run = yield from keyed(bps.open_run(dict(document)))
    yield from bps.checkpoint()

    def follow_from_start() -> MsgGenerator[str]:
        yield Msg("null", PausePolicy(course.cell, course.policies.on_pause))
        if course.resume is None:
            yield from start_cell(course, orders)
        elif not (yield from take_over(course)):
            return (yield from end_unattended(course))
        return (yield from follow(course))

    def give_up(error: Exception) -> MsgGenerator[None]:
        status = getattr(error, "exit_status", "fail")
        yield from leave_cell(course)
        asked = isinstance(error, RunEngineControlException)
        reason = f"ended on request ({type(error).__name__})" if asked else said(error)
        yield from keyed(bps.close_run(exit_status=status, reason=reason))

    fault = yield from bpp.contingency_wrapper(follow_from_start(), except_plan=give_up)
    yield from keyed(bps.close_run(*(("fail", fault) if fault else ())))
    tally = course.tally
    return OperandoResult(course.cycling_run, tally["done"], tally["late"], tally["missed"], fault)


def follow(course: Course) -> MsgGenerator[str]:
    """Answer the cell's requests until its protocol has ended; gives the cause of a fault, or nothing.

    Raises
    ------
    StandstillError
        If the cell was paused, by its watchdog or an operator, and nobody lets it go on.
    """
    standstill = Standstill()
    while True:
        yield from bps.checkpoint()
        yield from beat(course)
        if next_due(course.queues) is None:
            yield from wait_for_news(course)
        else:
            yield from take_in(course)
        yield from collect(course)
        fault = yield from trip_cause(course)
        if fault:
            return (yield from end_after_fault(course, fault))
        yield from standstill.look(course)
        due = next_due(course.queues)
        if due is not None:
            yield from answer(course, due)
        elif (yield from has_ended(course)):
            yield from order(course, course.policies.on_end)
            yield from collect(course)
            return ""


def end_unattended(course: Course) -> MsgGenerator[str]:
    """Settle an experiment whose cell stopped while nobody was there; gives the cause of a fault."""
    fault = yield from trip_cause(course)
    if fault:
        yield from take_in(course)
        return (yield from end_after_fault(course, fault))
    yield from wind_up(course)
    return ""


def trip_cause(course: Course) -> MsgGenerator[str]:
    """Cause of the limit that has tripped in the potentiostat; empty if none has."""
    tripped = yield from bps.rd(course.cell.limits.trip, default_value=0)
    if not tripped:
        return ""
    return str((yield from bps.rd(course.cell.limits.cause, default_value="limit"))) or "limit"


def end_after_fault(course: Course, cause: str) -> MsgGenerator[str]:
    """Enter the cause into the ledger, settle what is pending and leave the cell as the policy says."""
    reason = f"cycler fault: {cause}"
    logger.error("%s; the experiment ends", reason)
    yield from order(course, course.policies.on_cycler_fault)
    yield from record_fault(course, reason)
    yield from miss_all(course, reason)
    yield from collect(course)
    return reason


def leave_cell(course: Course) -> MsgGenerator[None]:
    """Order what the policy says at an abort; a cell that cannot be reached is reported, not waited for."""
    try:
        yield from order(course, course.policies.on_abort)
        yield from collect(course)
    except (OSError, RuntimeError, ValueError) as error:
        logger.error("the cell could not be given its last order %r: %s", course.policies.on_abort, error)
