"""Starting the cell."""

from dataclasses import dataclass

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator, short_uid

from ..devices.protocol import Limits, Protocol, Watchdog
from .course import Course, CyclingCell, beat, collect
from .onset import arm_at_start
from .resume import ResumePoint
from .waiting import WAIT_S, said, set_all, wait_bounded


class StartRefusedError(RuntimeError):
    """The potentiostat would not start the protocol."""


@dataclass(frozen=True)
class Orders:
    """What the potentiostat is given before it starts."""

    protocol: Protocol
    limits: Limits
    watchdog: Watchdog | None
    experiment_uid: str


def check_resumable(cell: CyclingCell, experiment_uid: str, resume: ResumePoint | None) -> MsgGenerator[None]:
    """Refuse to start on a running cell, and to resume what does not run or is another experiment.

    Raises
    ------
    ValueError
        If that is so.
    """
    state = str((yield from bps.rd(cell.state, default_value="Stopped"))).lower()
    if resume is None:
        uid = yield from bps.rd(cell.experiment_uid, default_value="")
        if state == "running" or (state == "paused" and uid == experiment_uid):
            raise ValueError(
                f"cell: already runs experiment {uid or 'unknown'}; resume that one, or stop the cell"
            )
        return
    uid = yield from bps.rd(cell.experiment_uid, default_value=experiment_uid)
    if uid != experiment_uid:
        raise ValueError(
            f"cell: runs experiment {uid or 'none'}, asked to resume {experiment_uid}; start anew"
        )


def check_cell(cell: CyclingCell, protocol: Protocol, limits: Limits) -> MsgGenerator[None]:
    """Let the potentiostat say whether it would start this protocol, before anything moves.

    A cell that is cycling is not asked.

    Raises
    ------
    StartRefusedError
        With its reason: limits, a latched trip, open-circuit voltage, leads, C-rate.
    """
    state = str((yield from bps.rd(cell.state, default_value="Stopped"))).lower()
    if state == "running":
        return
    try:
        if state == "paused":
            yield from set_all({cell.command: "stop"})
        yield from set_all({cell.limits: limits})
        yield from set_all({cell.program: protocol})
        yield from set_all({cell.command: "check"})
    except FailedStatus as error:
        raise StartRefusedError(said(error)) from error


def start_cell(course: Course, orders: Orders) -> MsgGenerator[None]:
    """Load limits, protocol and triggers and start.

    Raises
    ------
    StartRefusedError
        With the reason of the potentiostat.
    """
    cell = course.cell
    if str((yield from bps.rd(cell.state, default_value="Stopped"))).lower() != "stopped":
        yield from set_all({cell.command: "stop"})
    yield from set_all({cell.limits: orders.limits})
    if orders.watchdog is not None:
        yield from set_all({cell.watchdog: orders.watchdog})
    yield from set_all({cell.experiment_uid: orders.experiment_uid, cell.program: orders.protocol})
    for number in cell.triggers:
        yield from arm_at_start(course, number)
    yield from beat(course)
    # The first collect marks the present sample: the record of what the cell did before is not ours.
    yield from collect(course)
    # A replay after a pause starts at the last checkpoint: the start must not be given twice.
    yield from bps.checkpoint()
    group = short_uid("start")
    try:
        yield Msg("set", cell.command, "start", group=group)
        yield from bps.checkpoint()
        yield from wait_bounded(group, WAIT_S, [cell.command])
    except FailedStatus as error:
        raise StartRefusedError(said(error)) from error
