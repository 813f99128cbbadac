"""Step and hold: the cell is brought to a state, relaxes at open circuit, is measured, and goes on."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import bluesky.plan_stubs as bps
from bluesky.protocols import Readable
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.latch import Latch
from ..devices.protocol import Limits, Protocol, Watchdog
from .beam_guard import BeamGuard
from .course import Course, CyclingCell, has_ended, record, spectra_of, take_in
from .follow import run_course
from .latches import Queue, next_due
from .ledger import Ledger
from .measurement import Measurement, check_names
from .operando import TRIGGERS, OperandoResult, result_of, start_document
from .policies import Policies
from .relaxation import Relaxation, relax, time_and_voltage
from .request import answer
from .start import Orders, check_resumable
from .station import Settable
from .triggers import AtLevel
from .waiting import WAIT_S, set_all, wait_bounded

logger = logging.getLogger(__name__)


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
    'at lithium_content 0.8 both'
    """

    quantity: Literal["voltage", "lithium_content", "state_of_charge", "capacity"]
    value: float

    @property
    def trigger(self) -> AtLevel:
        """What the potentiostat watches for."""
        return AtLevel(self.quantity, (self.value,))

    @property
    def rule(self) -> str:
        """Rule as the potentiostat reads it."""
        return self.trigger.rule_text


@plan
def step_and_hold(
    cell: CyclingCell,
    protocol: Protocol,
    states: Sequence[State],
    measurements: Sequence[Measurement],
    relaxation: Relaxation | None = None,
    policies: Policies | None = None,
    *,
    limits: Limits,
    experiment: Mapping[str, str],
    watchdog: Watchdog | None = None,
    guard: BeamGuard | None = None,
    ring: Readable[Any] | None = None,
    front_end_shutter: Settable | None = None,
    poll_s: float = 1.0,
    max_attempts: int = 5,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[OperandoResult]:
    """Stop a cell at one state after the other, let it relax at open circuit, measure, and let it go on.

    The protocol says at which current the cell goes from state to state; it stays loaded all the time, and a
    hold suspends its step. The potentiostat watches for one state at a time, so that a voltage which falls
    at rest and is passed again does not count twice. A process that dies in a hold leaves the cell at rest.

    Parameters
    ----------
    cell : CyclingCell
        Potentiostat.
    protocol : Protocol
        What takes the cell through the states, such as one charge at constant current.
    states : sequence of State
        In the order in which the protocol passes them.
    measurements : sequence of Measurement
        Done at each state; at most 8. Without energies in this order, else back and forth.
    relaxation : Relaxation, optional
        When the cell counts as relaxed.
    policies : Policies, optional
        As for `operando`; `on_pause` and `on_beam_loss` are `continue`: a held cell stays at rest.
    limits, watchdog, experiment, guard, ring, front_end_shutter, poll_s, max_attempts, md
        As for `operando`.

    Returns
    -------
    OperandoResult
        Counts of the ledger, in which a state that the protocol did not reach is missed.

    Raises
    ------
    ValueError
        If there is no state, one can never be reached, or a policy would move a held cell.
    """
    policies = policies or Policies()
    _check(protocol, states, measurements, limits, policies)
    course = Course(
        cell=cell,
        measurements=dict(enumerate(measurements, start=1)),
        rules=dict.fromkeys(range(1, len(measurements) + 1), states[0].rule),
        policies=policies,
        ledger=Ledger(name="ledger"),
        guard=guard,
        ring=ring,
        impedance=spectra_of(cell, protocol),
        front_end_shutter=front_end_shutter,
        poll_s=poll_s,
        max_attempts=max_attempts,
    )
    relaxation = relaxation or Relaxation()
    document = {
        **start_document(course, protocol, limits),
        "plan_name": "step_and_hold",
        "states": [asdict(state) for state in states],
        "relaxation": asdict(relaxation),
        "experiment": dict(experiment),
        **(md or {}),
    }
    course.shared_md = {key: document[key] for key in ("experiment", "cell") if key in document}
    yield from check_resumable(cell, experiment["uid"], None)
    hold = Hold(relaxation, iter(states[1:]))
    orders = Orders(protocol, limits, watchdog, experiment["uid"])
    fault = yield from run_course(course, orders, document, hold.answer, hold.miss_unreached)
    return result_of(course, fault)


@dataclass
class Hold:
    """Answers a state by rest, relaxation and every measurement; then the next state is watched for.

    Attributes
    ----------
    relaxation
        When the cell is relaxed.
    ahead
        States that are not watched for yet.
    armed
        Whether a state is watched for.
    """

    relaxation: Relaxation
    ahead: Iterator[State]
    armed: bool = True

    def answer(self, course: Course, number: int) -> MsgGenerator[None]:
        """Hold the cell, measure all that waits, arm the next state, and let the cell go on."""
        del number
        before = yield from time_and_voltage(course)
        ended = yield from has_ended(course)
        if not ended:
            yield from order_once(course, "rest")
        found = yield from relax(course, self.relaxation, before)
        if not found.reached:
            logger.warning("the cell is measured although not relaxed, after %g s", found.duration_s)
        shared = course.shared_md
        course.shared_md = {**shared, "relaxation": found.metadata(self.relaxation)}
        yield from take_in(course)
        while (due := next_due(course.queues, course.turn)) is not None:
            yield from answer(course, due)
        course.shared_md = shared
        yield from self.watch_for_next(course)
        if not (ended or (yield from has_ended(course))):
            yield from order_once(course, "resume")

    def watch_for_next(self, course: Course) -> MsgGenerator[None]:
        """Arm every trigger with the next state; with nothing if there is none."""
        state = next(self.ahead, None)
        self.armed = state is not None
        for number in course.queues:
            course.rules[number] = state.rule if state else ""
            course.queues[number] = Queue()
        yield from bps.checkpoint()
        for number in course.queues:
            yield from set_all({course.cell.triggers[number]: course.rules[number]})
        yield from bps.checkpoint()

    def miss_unreached(self, course: Course) -> MsgGenerator[None]:
        """Enter the states that the protocol has not reached into the ledger."""
        reading: Any = yield from bps.read(course.cell)
        keys = ("time", "voltage", "current", "capacity", "lithium_content")
        here = Latch(0, *(float(reading[f"cell_{key}"]["value"]) for key in keys))
        rules = [course.rules[1]] if self.armed else []
        for rule in [*rules, *(state.rule for state in self.ahead)]:
            for number in course.queues:
                course.rules[number] = rule
                reason = "the protocol ended before the cell reached this state"
                yield from record(course, number, here, "missed", reason=reason)


def order_once(course: Course, command: str) -> MsgGenerator[None]:
    """Give the cell an order that a replay after a pause does not repeat."""
    yield from bps.checkpoint()
    group = short_uid("order")
    yield Msg("set", course.cell.command, command, group=group)
    yield from bps.checkpoint()
    yield from wait_bounded(group, WAIT_S, [course.cell.command])


def _check(
    protocol: Protocol,
    states: Sequence[State],
    measurements: Sequence[Measurement],
    limits: Limits,
    policies: Policies,
) -> None:
    check_names(measurements, {each.name: "" for each in measurements}, TRIGGERS)
    limits.check(protocol)
    if not states or not measurements:
        raise ValueError("step and hold: no state or no measurement is given; give at least one of each")
    for state in states:
        never = state.trigger.can_fire(protocol, limits)
        if never:
            raise ValueError(f"step and hold: {never}")
    for name in ("on_pause", "on_beam_loss"):
        if getattr(policies, name) != "continue":
            raise ValueError(
                f"step and hold: policy {name} = {getattr(policies, name)!r} would end a hold early; "
                "leave it at 'continue': a held cell stays at rest"
            )
