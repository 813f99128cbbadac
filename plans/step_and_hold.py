"""Step and hold: the cell is brought to a state, relaxes at open circuit, is measured, and goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bluesky.protocols import Readable
from bluesky.utils import MsgGenerator, plan

from ..devices.protocol import Limits, Protocol, Watchdog
from .beam_guard import BeamGuard
from .course import Course, CyclingCell, spectra_of
from .hold import Hold, State
from .ledger import Ledger
from .measurement import Measurement, check_names
from .operando import OperandoResult, conduct, start_document
from .policies import Policies
from .relaxation import Relaxation
from .rest import CHANNEL
from .resume import ResumePoint
from .start import Orders
from .station import Settable

__all__ = ["State", "step_and_hold"]


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
    resume: ResumePoint | None = None,
    poll_s: float = 1.0,
    max_attempts: int = 5,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[OperandoResult]:
    """Stop a cell at one state after the other, let it relax at open circuit, measure, and let it go on.

    The protocol says at which current the cell goes from state to state; it stays loaded all the time, and a
    hold suspends its step. The potentiostat watches for one state at a time, and latches it once, so that a
    voltage which falls at rest and is passed again does not count twice. A process that dies in a hold leaves
    the cell at rest.

    Parameters
    ----------
    cell : CyclingCell
        Potentiostat.
    protocol : Protocol
        What takes the cell through the states, such as one charge at constant current.
    states : sequence of State
        In the order in which the protocol passes them.
    measurements : sequence of Measurement
        Done at each state; at most 7: a trigger tells when the cell has relaxed. Without energies in this
        order, else back and forth.
    relaxation : Relaxation, optional
        When the cell counts as relaxed.
    policies : Policies, optional
        As for `operando`; `on_pause` and `on_beam_loss` are `continue`: a held cell stays at rest.
    limits, watchdog, experiment, guard, ring, front_end_shutter, resume, poll_s, max_attempts, md
        As for `operando`. A cell that a dead process left held is measured, and goes on then.

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
        resume=resume,
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
    hold = Hold(relaxation, states)
    orders = Orders(protocol, limits, watchdog, experiment["uid"])
    return (yield from conduct(course, orders, document, hold.answer, hold.miss_unreached, hold.take_over))


def _check(
    protocol: Protocol,
    states: Sequence[State],
    measurements: Sequence[Measurement],
    limits: Limits,
    policies: Policies,
) -> None:
    check_names(measurements, {each.name: "" for each in measurements}, CHANNEL - 1)
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
    for each in measurements:
        if each.max_lateness_s is not None:
            raise ValueError(
                f"step and hold: {each.name} has a deadline of {each.max_lateness_s:g} s after its "
                "state, which the relaxation would use up; leave max_lateness_s out"
            )
