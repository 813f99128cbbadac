"""One state after the other: the cell is held there, relaxes, is measured, and goes on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from ..devices.latch import page_latches
from .course import Course, has_ended, record, state_now, state_of, take_in
from .latches import next_due
from .relaxation import Relaxation
from .request import answer
from .rest import rest_until_relaxed
from .takeover import go_on_with_record, let_go_on
from .triggers import AtLevel
from .waiting import WAIT_S, order, set_all

logger = logging.getLogger(__name__)

UNREACHED = "the protocol ended before the cell reached this state"


@dataclass(frozen=True)
class State:
    """Where the cell is stopped to be measured; crossed in either direction.

    Parameters
    ----------
    quantity : str
        `voltage` (V, under current), `lithium_content` (1), `state_of_charge` (1) or `capacity` (mA h).
    value : float
        In the unit of the quantity.

    Examples
    --------
    >>> State("lithium_content", 0.8).rule
    'at lithium_content 0.8 both once'
    """

    quantity: Literal["voltage", "lithium_content", "state_of_charge", "capacity"]
    value: float

    @property
    def trigger(self) -> AtLevel:
        """What the potentiostat watches for."""
        return AtLevel(self.quantity, (self.value,))

    @property
    def rule(self) -> str:
        """Rule as the potentiostat reads it: a voltage that falls back at rest does not latch again."""
        return f"{self.trigger.rule_text} once"


@dataclass
class Hold:
    """Answers a state by rest, relaxation and every measurement; then the next state is watched for.

    Attributes
    ----------
    relaxation
        When the cell is relaxed.
    states
        In the order in which the protocol passes them.
    at
        Index of the state that is watched for; their number when there is none left.
    """

    relaxation: Relaxation
    states: Sequence[State]
    at: int = 0

    def answer(self, course: Course, number: int) -> MsgGenerator[None]:
        """Hold the cell, measure all that waits, arm the next state, and let the cell go on."""
        latch = course.queues[number].pending[-1]
        found = yield from rest_until_relaxed(course, self.relaxation, latch)
        if not found.reached:
            logger.warning("the cell is measured although not relaxed, after %g s", found.duration_s)
        shared = course.shared_md
        course.shared_md = {**shared, "relaxation": found.metadata(self.relaxation)}
        yield from take_in(course)
        while (due := next_due(course.queues, course.turn)) is not None:
            yield from answer(course, due)
        course.shared_md = shared
        yield from self.watch_for(course, self.at + 1)
        if not (yield from has_ended(course)):
            yield from order("set", course.cell.command, WAIT_S, "resume")

    def watch_for(self, course: Course, index: int) -> MsgGenerator[None]:
        """Arm every trigger with a state; with nothing after the last one."""
        self.at = index
        rule = self.states[index].rule if index < len(self.states) else ""
        yield from bps.checkpoint()
        for number in course.queues:
            yield from self._arm(course, number, rule)
        yield from bps.checkpoint()

    def _arm(self, course: Course, number: int, rule: str) -> MsgGenerator[None]:
        course.rules[number] = rule
        queue = course.queues[number]
        # A channel that is disarmed keeps its count: what it latched last is not new.
        seen = 0 if rule else queue.seen
        course.queues[number] = replace(queue, seen=seen, pending=[], attempts=0, trouble=[])
        yield from set_all({course.cell.triggers[number]: rule})

    def take_over(self, course: Course) -> MsgGenerator[bool]:
        """Go on at the state at which a dead process left the cell; tell whether the protocol goes on.

        A cell that is held and not measured yet stays held; else it goes on to the state that comes next.
        """
        resume = yield from go_on_with_record(course)
        crossed_s = {number: list(resume.crossed_s.get(number, ())) for number in course.queues}
        for number, unlisted in resume.unlisted.items():
            crossed_s[number].append(unlisted.latch.time)
        index = min(len(times) for times in crossed_s.values())
        last_s = max((times[index - 1] for times in crossed_s.values()), default=0.0) if index else 0.0
        self.at = min(index, len(self.states))
        waits = False
        for number, times in crossed_s.items():
            waits |= yield from self._find(course, number, last_s, measured=len(times) > index)
        state = yield from state_of(course)
        if state != "paused" or waits:
            return state != "stopped"
        return (yield from let_go_on(course))

    def _find(self, course: Course, number: int, last_s: float, *, measured: bool) -> MsgGenerator[bool]:
        """Tell whether a state is latched and not measured; arm it where the dead process had not yet."""
        trigger, queue = course.cell.triggers[number], course.queues[number]
        yield from set_all({trigger.page: 1})
        latches = page_latches((yield from bps.rd(trigger.block, default_value=())))
        fresh = [latch for latch in latches if latch.time > last_s]
        if self.at == len(self.states) or measured:
            course.queues[number] = replace(queue, seen=len(latches))
            course.rules[number] = self.states[min(self.at, len(self.states) - 1)].rule
            return False
        rule = self.states[self.at].rule
        armed = (yield from bps.rd(trigger.arm, default_value=1)) and not latches
        is_known = str((yield from bps.rd(trigger.rule, default_value=rule))) == rule
        if is_known and (armed or fresh):
            course.rules[number] = rule
            return bool(fresh)
        yield from self._arm(course, number, rule)
        return False

    def miss_unreached(self, course: Course) -> MsgGenerator[None]:
        """Enter the states that the protocol has not reached into the ledger."""
        here = yield from state_now(course)
        for index, state in enumerate(self.states[self.at :]):
            for number, queue in course.queues.items():
                if index or not queue.seen:
                    course.rules[number] = state.rule
                    yield from record(course, number, here, "missed", reason=UNREACHED)
