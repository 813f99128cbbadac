"""Answering one request of the cell: wait for beam, measure, redo, and write the ledger."""

import errno
import logging
import time
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import IllegalMessageSequence, Msg, MsgGenerator

from ..devices.latch import Latch
from .beam import lacking_beam
from .beam_guard import BeamLostError
from .course import Course, beat, collect, has_ended, order, record, wait_for_news
from .latches import Queue
from .lithium_change import EARLIER, ESTIMATE
from .smear import Smear
from .waiting import FAILURES, PassedError, said

logger = logging.getLogger(__name__)

#: Period of the heartbeat during a scan, in s of wall time: each costs the scan some 10 ms.
SCAN_BEAT_S = 5.0


def answer(course: Course, number: int, *, waits: bool = True) -> MsgGenerator[None]:
    """Measure for the next pending latch of a trigger; those that are superseded or too old are missed.

    Without beam it waits for it (unless `waits` is false), or until the protocol has ended, and comes back
    without having measured, since a newer latch may have come meanwhile. A failed measurement stays pending
    until its attempts are used up.

    Raises
    ------
    BeamLostError
        If the beam does not come back in time.
    """
    queue = course.queues[number]
    yield from _give_up_on(course, number, queue)
    if not queue.pending:
        return
    reason = yield from without_beam(course)
    if reason:
        if waits:
            yield from wait_for_beam(course, reason)
        return
    queue.attempts += 1
    course.take_turn(number)
    yield from _attempt(course, number, queue, queue.pending[-1])


def _give_up_on(course: Course, number: int, queue: Queue) -> MsgGenerator[None]:
    for latch in queue.drop_superseded():
        reason = f"superseded by latch {queue.pending[-1].count} before it could be measured"
        yield from record(course, number, latch, "missed", reason=reason)
    if queue.on_miss != "skip":
        return
    now_s = yield from cell_time(course, queue.pending[-1])
    for latch in queue.drop_expired(now_s):
        reason = f"skipped: {now_s - latch.time:.0f} s after its latch, accepted {queue.deadline_s:g} s"
        yield from record(course, number, latch, "missed", reason=reason)


def _attempt(course: Course, number: int, queue: Queue, latch: Latch) -> MsgGenerator[None]:
    measurement = course.measurements[number]
    delay_s = (yield from cell_time(course, latch)) - latch.time
    md = {
        **course.shared_md,
        **measurement.metadata(latch, course.rules[number], queue.attempts),
        "cycling_run": course.cycling_run,
    }
    # A further attempt may go on where the one before has ended, and be shorter.
    if queue.attempts == 1 and number in course.smears:
        md[EARLIER] = course.smears[number]
    smear = Smear()
    try:
        run = yield from keep_beating(course, measurement.plan(md=md), smear)
    except (*FAILURES, IllegalMessageSequence) as error:
        full = disk_full(error)
        if full is not None:
            raise full from error
        if isinstance(error, IllegalMessageSequence):
            raise
        yield from _failed(course, number, latch, delay_s, error)
        return
    limit_s = measurement.max_lateness_s
    late = limit_s is not None and delay_s > limit_s
    reasons = [f"started {delay_s:.0f} s after its latch, accepted {limit_s:g} s"] if late else []
    reasons += [f"redone: {trouble}" for trouble in queue.trouble]
    if queue.attempts == 1 and (known := smear.metadata()):
        course.smears[number] = known
    queue.settle()
    yield from record(
        course,
        number,
        latch,
        "late" if late else "done",
        reason="; ".join(reasons),
        delay_s=delay_s,
        run=last_run(run),
    )


def last_run(found: object) -> str:
    """Uid of the run that a plan has made; of several the last, empty where there is none."""
    last = found[-1] if isinstance(found, tuple | list) and found else found
    return str(last or "")


def _failed(
    course: Course, number: int, latch: Latch, delay_s: float, error: Exception
) -> MsgGenerator[None]:
    queue, name = course.queues[number], course.measurements[number].name
    queue.trouble.append(said(error))
    logger.warning("%s: attempt %d of %d failed: %s", name, queue.attempts, course.max_attempts, said(error))
    if queue.attempts >= course.max_attempts or isinstance(error, PassedError):
        reason = f"gave up after {queue.attempts} attempts: {queue.trouble[-1]}"
        queue.settle()
        yield from record(course, number, latch, "missed", reason=reason, delay_s=delay_s)


def disk_full(error: BaseException) -> OSError | None:
    """Find a full disk behind an error: no further attempt can help, and what follows it hides it.

    A run that could not be opened is closed by its plan all the same, which is an illegal sequence.
    """
    chain: BaseException | None = error
    seen: list[BaseException] = []
    # An error that was told again in place of what it caused leads back to itself.
    while chain is not None and not any(chain is each for each in seen):
        seen.append(chain)
        if isinstance(chain, OSError) and chain.errno in (errno.ENOSPC, errno.EDQUOT):
            return chain
        chain = chain.__cause__ or chain.__context__
    return None


def cell_time(course: Course, latch: Latch) -> MsgGenerator[float]:
    """Time of the cell's clock in s."""
    reading = yield Msg("read", course.cell)
    return float(reading["cell_time"]["value"]) if reading else latch.time


def keep_beating(course: Course, plan: MsgGenerator[Any], smear: Smear | None = None) -> MsgGenerator[Any]:
    """Put heartbeats at the checkpoints of a plan, and note when its runs read the cell."""

    def look(msg: Msg) -> tuple[MsgGenerator[Any] | None, MsgGenerator[None] | None]:
        if smear is not None and msg.command == "open_run":
            smear.begin_run(msg.kwargs.get(ESTIMATE))
        if smear is not None and msg.command == "read" and msg.obj is course.cell:
            return _noting(msg, smear), None
        return None, beat(course, SCAN_BEAT_S) if msg.command == "checkpoint" else None

    return (yield from bpp.plan_mutator(plan, look))


def _noting(msg: Msg, smear: Smear) -> MsgGenerator[Any]:
    reading = yield msg
    if reading:
        smear.note(float(reading["cell_time"]["value"]))
    return reading


def without_beam(course: Course) -> MsgGenerator[str]:
    """Why there is no beam; empty if there is, or nobody looks."""
    if course.guard is None or course.ring is None:
        return ""
    return (yield from lacking_beam(course.ring, course.guard.ring_current_min_ma, course.front_end_shutter))


def wait_for_beam(course: Course, reason: str) -> MsgGenerator[None]:
    """Keep the cell as the policy says until the beam is back or the protocol has ended.

    Raises
    ------
    BeamLostError
        If the beam is not back in time, by the policies.
    """
    policy, longest_s = course.policies.on_beam_loss, course.policies.beam_wait_max_s
    deadline = time.monotonic() + longest_s
    logger.warning("no beam: measurements wait, since %s; the cell goes on by policy %s", reason, policy)
    yield from order(course, policy)
    while told := (yield from without_beam(course)):
        if time.monotonic() > deadline:
            raise BeamLostError(f"no beam for {longest_s:g} s ({told}): the experiment ends")
        if told != reason:
            logger.warning("still no beam: %s", told)
        reason = told
        yield from bps.checkpoint()
        yield from beat(course)
        yield from wait_for_news(course)
        yield from collect(course)
        if policy == "continue" and (yield from has_ended(course)):
            yield from miss_all(course, "no beam until the protocol ended")
            return
    if policy != "continue":
        yield from order(course, "resume")


def miss_all(course: Course, reason: str) -> MsgGenerator[None]:
    """Settle every pending latch as missed."""
    for number, queue in course.queues.items():
        while queue.pending:
            latch = min(queue.pending, key=lambda one: one.count)
            queue.pending.remove(latch)
            yield from record(course, number, latch, "missed", reason=reason)
