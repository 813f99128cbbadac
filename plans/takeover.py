"""Taking over an experiment that a dead process left: its cell goes on, is held, or has come to its end."""

import logging

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from .course import Course, beat, collect, order, record, take_in
from .onset import miss_unopened
from .request import miss_all
from .resume import ResumePoint
from .waiting import FAILURES, said, set_all

logger = logging.getLogger(__name__)

ENTERED_LATE = "measured before the acquisition died; entered into the ledger when it went on"
NOBODY_THERE = "the protocol ended while no acquisition ran"


def take_over(course: Course) -> MsgGenerator[bool]:
    """Go on after the last stored sample; tell whether the protocol goes on.

    What was measured without an entry in the ledger is entered. A cell that is held, by the policy at an
    abort or by its watchdog, goes on with its protocol.
    """
    yield from go_on_with_record(course)
    state = str((yield from bps.rd(course.cell.state, default_value="Running"))).lower()
    if state != "paused":
        return state != "stopped"
    return (yield from let_go_on(course))


def go_on_with_record(course: Course) -> MsgGenerator[ResumePoint]:
    """Collect from the last stored sample on, and enter what was measured into the ledger.

    Raises
    ------
    ValueError
        If the course has no resume point.
    """
    resume = course.resume
    if resume is None:
        raise ValueError("operando: nothing to take over without a resume point")
    course.cell.collect_from(resume.last_sample + 1)
    if course.impedance is not None:
        course.impedance.collect_from(resume.last_point + 1)
    yield from beat(course)
    for number, unlisted in resume.unlisted.items():
        yield from record(course, number, unlisted.latch, "done", reason=ENTERED_LATE, run=unlisted.run)
    return resume


def let_go_on(course: Course) -> MsgGenerator[bool]:
    """Let a cell that is held go on with its protocol; tell whether it does."""
    try:
        yield from set_all({course.cell.command: "resume"})
    except FAILURES as error:
        logger.warning("the cell was held and does not go on: %s", said(error))
        return False
    logger.warning("the cell was held; its protocol goes on")
    return True


def wind_up(course: Course) -> MsgGenerator[None]:
    """Complete the record of a protocol that ended unattended; what it asked for since is missed."""
    logger.warning("%s: its record is completed, nothing is started", NOBODY_THERE)
    yield from take_in(course)
    yield from miss_all(course, NOBODY_THERE)
    yield from miss_unopened(course)
    yield from order(course, course.policies.on_end)
    yield from collect(course)
