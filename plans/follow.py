"""Following a cell from its start to its end: one cycling run around whatever answers its requests."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, RunEngineControlException

from .cell_clock import clock_md, tell_clock
from .course import (
    Course,
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
from .onset import miss_unopened, steer
from .pause import PausePolicy
from .request import answer, miss_all
from .standstill import Standstill
from .start import Orders, start_cell
from .takeover import take_over, wind_up
from .waiting import said

logger = logging.getLogger(__name__)

Answer = Callable[[Course, int], MsgGenerator[None]]
"""What is done about the newest pending latch of a trigger."""


def run_course(
    course: Course,
    orders: Orders,
    document: Mapping[str, Any],
    respond: Answer = answer,
    settle: Callable[[Course], MsgGenerator[None]] | None = None,
    adopt: Callable[[Course], MsgGenerator[bool]] = take_over,
) -> MsgGenerator[str]:
    """Open the cycling run, follow the cell, and close the run with its exit status on every way out.

    Parameters
    ----------
    course : Course
        The experiment; it learns the uid of its run.
    orders : Orders
        What the potentiostat is given before it starts.
    document : mapping
        Start document of the cycling run.
    respond : callable
        Called as `respond(course, number)` for each trigger that is due.
    settle : callable, optional
        Called with the course before its run is closed in order.
    adopt : callable
        Takes over what a dead process left; tells whether the protocol goes on.

    Returns
    -------
    str
        Cause of a fault of the cycler; empty if there was none.
    """
    yield from open_course(course, document)

    def follow_from_start() -> MsgGenerator[str]:
        goes_on = True
        if course.resume is None:
            yield from start_cell(course, orders)
        else:
            goes_on = yield from adopt(course)
        fault = yield from (follow(course, respond) if goes_on else end_unattended(course))
        if settle is not None:
            yield from settle(course)
        return fault

    def except_plan(error: Exception) -> MsgGenerator[None]:
        yield from give_up(course, error)

    fault = yield from bpp.contingency_wrapper(follow_from_start(), except_plan=except_plan)
    yield from close_course(course, fault)
    return fault


def open_course(course: Course, document: Mapping[str, Any]) -> MsgGenerator[None]:
    """Open the cycling run; from now on a pause gives the cell the order of its policy."""
    known = yield from clock_md(course.cell)
    course.cycling_run = yield from keyed(course, bps.open_run({**known, **document}))
    yield from tell_clock(course)
    yield from bps.checkpoint()
    yield Msg("null", PausePolicy(course.cell, course.policies.on_pause))


def close_course(course: Course, fault: str) -> MsgGenerator[None]:
    """Close the cycling run, as failed if there was a fault."""
    yield from tell_clock(course)
    yield from keyed(course, bps.close_run(*(("fail", fault) if fault else ())))


def give_up(course: Course, error: Exception) -> MsgGenerator[None]:
    """Leave the cell by policy and close its run with what went wrong."""
    status = getattr(error, "exit_status", "fail")
    yield from leave_cell(course)
    asked = isinstance(error, RunEngineControlException)
    reason = f"ended on request ({type(error).__name__})" if asked else said(error)
    yield from keyed(course, bps.close_run(exit_status=status, reason=reason))


def follow(course: Course, respond: Answer = answer) -> MsgGenerator[str]:
    """Answer the cell's requests until its protocol has ended; gives the cause of a fault, or nothing.

    Raises
    ------
    StandstillError
        If the cell was paused, by its watchdog or an operator, and nobody lets it go on.
    """
    standstill = Standstill()
    yield from steer(course)
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
        yield from steer(course)
        due = next_due(course.queues, course.turn)
        if due is not None:
            yield from respond(course, due)
        elif (yield from has_ended(course)):
            yield from miss_unopened(course)
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
    yield from miss_unopened(course)
    yield from collect(course)
    return reason


def leave_cell(course: Course) -> MsgGenerator[None]:
    """Order what the policy says at an abort; a cell that cannot be reached is reported, not waited for."""
    try:
        yield from order(course, course.policies.on_abort)
        yield from collect(course)
    except (OSError, RuntimeError, ValueError) as error:
        logger.error("the cell could not be given its last order %r: %s", course.policies.on_abort, error)
