"""Letting the onset of a phase open and close triggers of a running cell."""

import logging
from dataclasses import asdict, replace

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from ..callbacks.analysis.phase_onset import Onset, OnsetCriterion
from .course import Course, has_ended, record, state_now, take_in, write
from .gate import Gate
from .ledger import LedgerEntry
from .waiting import WAIT_S, order, set_all

logger = logging.getLogger(__name__)


def arm_at_start(course: Course, number: int) -> MsgGenerator[None]:
    """Arm a trigger before the cell starts; one that waits for an onset is disarmed again, its count 0."""
    trigger = course.cell.triggers[number]
    yield from set_all({trigger: course.cell_rule(number)})
    gate = course.gates.get(number)
    if gate is not None and gate.after is not None:
        yield from set_all({trigger: ""})


def steer(course: Course) -> MsgGenerator[None]:
    """Open and close triggers by the onsets that are news; nothing is done once the protocol has ended."""
    if course.onsets is None or len(course.met) == len(_criteria(course)):
        return
    if (yield from has_ended(course)):
        return
    for criterion in _criteria(course):
        if str(criterion) in course.met:
            continue
        news = course.onsets(criterion)
        if isinstance(news, Onset):
            yield from _meet(course, news)


def _criteria(course: Course) -> list[OnsetCriterion]:
    """Every onset that a gate waits for, each once."""
    return list(dict.fromkeys(each for gate in course.gates.values() for each in gate.criteria))


def _meet(course: Course, onset: Onset) -> MsgGenerator[None]:
    """Act on an onset, then enter it: what acts again after a crash in between finds what was done."""
    course.met[str(onset.criterion)] = onset.first.time_s
    for number, gate in course.gates.items():
        if gate.until == onset.criterion:
            yield from _close(course, number)
        elif gate.after == onset.criterion and str(gate.until) not in course.met:
            yield from _open(course, number, gate)
    here = yield from state_now(course)
    lithium = abs(here.lithium_content - onset.first.lithium_content)
    told = f"{onset}; acted upon at x = {here.lithium_content:.4f}, {lithium:.4f} of lithium after the first"
    logger.warning("%s", told)
    passed = replace(here, late_s=here.time - onset.first.time_s)
    entry = LedgerEntry("", str(onset.criterion), **asdict(passed), status="onset", reason=told)
    yield from write(course, entry)


def _open(course: Course, number: int, gate: Gate) -> MsgGenerator[None]:
    """Arm and fire, which a replay after a pause must not do again: it would latch twice, or count anew."""
    trigger = course.cell.triggers[number]
    if not (yield from bps.rd(trigger.arm, default_value=0)):
        yield from order("set", trigger, WAIT_S, course.cell_rule(number))
    if not gate.fires:
        return
    course.tell_passed(number)
    if not (yield from bps.rd(trigger.count, default_value=0)):
        yield from order("set", trigger.fire, WAIT_S, 1)


def _close(course: Course, number: int) -> MsgGenerator[None]:
    """Disarm; what was latched until then stays readable and is measured."""
    yield from set_all({course.cell.triggers[number]: ""})
    yield from take_in(course)


def miss_unopened(course: Course) -> MsgGenerator[None]:
    """Enter the measurements whose onset never came into the ledger, with the reason."""
    waiting = {
        number: gate.after
        for number, gate in course.gates.items()
        if gate.after is not None and str(gate.after) not in course.met
    }
    if not waiting:
        return
    here = yield from state_now(course)
    for number, criterion in waiting.items():
        news = course.onsets(criterion) if course.onsets is not None else "nobody looks for it"
        told = f"found after the protocol had ended: {news}" if isinstance(news, Onset) else news
        reason = f"no onset of {criterion.phase}: {told}"
        yield from record(course, number, here, "missed", reason=reason)
