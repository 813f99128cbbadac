"""Several cells on one sample changer: each cycles by itself, the beam goes where most would be lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.protocols import Readable
from bluesky.utils import MsgGenerator, plan

from ..devices.latch import Latch
from ..devices.protocol import Limits, Protocol, Watchdog
from .beam_guard import BeamGuard
from .course import Course, CyclingCell, beat, collect, has_ended, order, spectra_of, take_in
from .follow import close_course, end_after_fault, give_up, open_course, trip_cause
from .latches import next_due
from .ledger import Ledger
from .measurement import Measurement, check_names
from .operando import TRIGGERS, OperandoResult, result_of, start_document
from .policies import Policies
from .references import place
from .request import answer, cell_time
from .scheduler import Activity, Request, SampleChanger, Situation, choose
from .standstill import Standstill
from .start import Orders, check_resumable, start_cell
from .station import Settable, Stage

NOMINAL_S = 1.0
"""Duration assumed of a measurement that names none, s."""


@dataclass(frozen=True)
class MountedCell:
    """A cell on the sample changer, with its own channel of a cycler; an experiment of its own.

    Parameters
    ----------
    name : str
        Its place, as in the positions of the sample changer.
    cell : CyclingCell
        Its potentiostat.
    protocol, limits : Protocol, Limits
        What it does, and what its potentiostat watches by itself.
    measurements, triggers
        As for `operando`; the plans of the measurements read this cell.
    experiment : mapping
        `uid` and `name`, different for each cell.
    activity : Activity
        How fast it changes, and how much that matters.
    md : mapping
        Further metadata of its runs, such as `cell`.
    """

    name: str
    cell: CyclingCell
    protocol: Protocol
    limits: Limits
    measurements: Sequence[Measurement]
    triggers: Mapping[str, str]
    experiment: Mapping[str, str]
    activity: Activity = field(default_factory=lambda: Activity(1.0))
    md: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Seat:
    """A mounted cell under way."""

    mounted: MountedCell
    course: Course
    standstill: Standstill = field(default_factory=Standstill)
    fault: str = ""
    ended: bool = False
    measured_s: float = 0.0
    before: dict[int, Latch] = field(default_factory=dict)


@plan
def operando_many(
    cells: Sequence[MountedCell],
    stage: Stage,
    changer: SampleChanger,
    policies: Policies | None = None,
    *,
    watchdog: Watchdog | None = None,
    guard: BeamGuard | None = None,
    ring: Readable[Any] | None = None,
    front_end_shutter: Settable | None = None,
    poll_s: float = 1.0,
    max_attempts: int = 5,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[tuple[OperandoResult, ...]]:
    """Cycle several cells and bring the one whose request is most worth it into the beam.

    Each cell has a cycling run, a ledger and an `electrochemistry` stream of its own. `scheduler.choose`
    picks among what waits with the highest priority; a request counts as superseded one interval after it,
    and is then measured only if nothing else waits. One clock is common to all potentiostats.

    Parameters
    ----------
    cells : sequence of MountedCell
        At least one.
    stage : Stage
        Brings a cell into the beam.
    changer : SampleChanger
        Position of each cell, and how long a move takes.
    policies : Policies, optional
        Of every cell; `on_beam_loss` is `continue`, since the others go on as well.
    watchdog, guard, ring, front_end_shutter, poll_s, max_attempts, md
        As for `operando`.

    Returns
    -------
    tuple of OperandoResult
        One per cell, in the order of `cells`.

    Raises
    ------
    ValueError
        If names or experiments do not match or repeat, a protocol asks for what its limits forbid, or a
        cell runs already.
    """
    policies = policies or Policies()
    _check(cells, changer, policies)
    shared = {
        "policies": policies,
        "guard": guard,
        "ring": ring,
        "front_end_shutter": front_end_shutter,
        "poll_s": poll_s,
        "max_attempts": max_attempts,
    }
    seats = [_Seat(mounted, _course(mounted, changer, shared)) for mounted in cells]
    for seat in seats:
        seat.course.others = [other.course for other in seats if other is not seat]
        yield from check_resumable(seat.mounted.cell, seat.mounted.experiment["uid"], None)

    def body() -> MsgGenerator[None]:
        for seat in seats:
            yield from open_course(seat.course, {**_document(seat, changer), **(md or {})})
            mounted = seat.mounted
            orders = Orders(mounted.protocol, mounted.limits, watchdog, mounted.experiment["uid"])
            yield from start_cell(seat.course, orders)
        yield from _follow(seats, stage, changer)

    def except_plan(error: Exception) -> MsgGenerator[None]:
        for seat in seats:
            if seat.course.cycling_run:
                yield from give_up(seat.course, error)

    yield from bpp.contingency_wrapper(body(), except_plan=except_plan)
    for seat in seats:
        yield from close_course(seat.course, seat.fault)
    return tuple(result_of(seat.course, seat.fault) for seat in seats)


def _check(cells: Sequence[MountedCell], changer: SampleChanger, policies: Policies) -> None:
    if not cells:
        raise ValueError("operando of several cells: no cell is given; give at least one")
    for what, values in (
        ("name", [each.name for each in cells]),
        ("experiment uid", [each.experiment["uid"] for each in cells]),
    ):
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            raise ValueError(f"cells: {what} {double!r} is given more than once; each cell needs its own")
    for mounted in cells:
        if mounted.name not in changer.positions_mm:
            known = ", ".join(changer.positions_mm)
            raise ValueError(f"cell {mounted.name!r} has no place on the sample changer; it has {known}")
        check_names(mounted.measurements, mounted.triggers, TRIGGERS)
        mounted.limits.check(mounted.protocol)
    if policies.on_beam_loss != "continue":
        raise ValueError(
            f"cells: policy on_beam_loss = {policies.on_beam_loss!r} would hold only the cell in the beam; "
            "leave it at 'continue'"
        )


def _course(mounted: MountedCell, changer: SampleChanger, shared: Mapping[str, Any]) -> Course:
    x_mm, y_mm = changer.positions_mm[mounted.name]
    course = Course(
        cell=mounted.cell,
        measurements=dict(enumerate(mounted.measurements, start=1)),
        rules={n: mounted.triggers[each.name] for n, each in enumerate(mounted.measurements, start=1)},
        ledger=Ledger(name="ledger"),
        run_key=f"cycling-{mounted.name}",
        impedance=spectra_of(mounted.cell, mounted.protocol),
        **shared,
    )
    place_md = {"name": mounted.name, "x_mm": x_mm, "y_mm": y_mm}
    course.shared_md = {**mounted.md, "experiment": dict(mounted.experiment), "mounted": place_md}
    return course


def _document(seat: _Seat, changer: SampleChanger) -> dict[str, Any]:
    return {
        **start_document(seat.course, seat.mounted.protocol, seat.mounted.limits),
        "plan_name": "operando_many",
        "changer": {
            "positions_mm": {name: list(xy) for name, xy in changer.positions_mm.items()},
            "speed_mm_s": changer.speed_mm_s,
            "settle_s": changer.settle_s,
        },
        **seat.course.shared_md,
    }


def _follow(seats: Sequence[_Seat], stage: Stage, changer: SampleChanger) -> MsgGenerator[None]:
    """Answer the cells' requests until every protocol has ended."""
    at = ""
    while any(not seat.ended for seat in seats):
        yield from bps.checkpoint()
        for seat in seats:
            if not seat.ended:
                yield from _attend(seat)
        chosen = yield from _choose(seats, changer, at)
        if chosen is None:
            if any(not seat.ended for seat in seats):
                yield from bps.sleep(seats[0].course.poll_s)
            continue
        seat, number = chosen
        x_mm, y_mm = changer.positions_mm[seat.mounted.name]
        yield from place(stage, x_mm, y_mm)
        at = seat.mounted.name
        latch = seat.course.queues[number].pending[-1]
        yield from answer(seat.course, number)
        seat.measured_s = yield from cell_time(seat.course, latch)
        seat.before[number] = latch


def _attend(seat: _Seat) -> MsgGenerator[None]:
    """Take in what a cell asks for and has recorded; see whether it has tripped, stands or has ended."""
    course = seat.course
    yield from beat(course)
    # What is seen as ended has latched all it will: latches are taken in after that.
    over = yield from has_ended(course)
    yield from take_in(course)
    yield from collect(course)
    fault = yield from trip_cause(course)
    if fault:
        seat.fault = yield from end_after_fault(course, fault)
        seat.ended = True
        return
    yield from seat.standstill.look(course)
    if over and next_due(course.queues) is None:
        yield from order(course, course.policies.on_end)
        yield from collect(course)
        seat.ended = True


def _choose(
    seats: Sequence[_Seat], changer: SampleChanger, at: str
) -> MsgGenerator[tuple[_Seat, int] | None]:
    """Seat and trigger that are measured next; None if nothing waits."""
    waiting = {
        seat.mounted.name: (seat, due)
        for seat in seats
        if (due := next_due(seat.course.queues, seat.course.turn)) is not None
    }
    if not waiting:
        return None
    first = max(seat.course.queues[due].priority for seat, due in waiting.values())
    requests = [
        request_of(seat.course, seat.mounted.name, number, seat.before.get(number))
        for seat, _ in waiting.values()
        for number in sorted(seat.course.queues, key=seat.course.turn)
        if seat.course.queues[number].pending and seat.course.queues[number].priority == first
    ]
    now_s = 0.0
    for seat, due in waiting.values():
        latch = seat.course.queues[due].pending[-1]
        now_s = max(now_s, (yield from cell_time(seat.course, latch)))
    situation = Situation(
        now_s,
        at or requests[0].cell,
        changer,
        {seat.mounted.name: seat.mounted.activity for seat in seats},
        {seat.mounted.name: seat.measured_s for seat in seats},
    )
    released = [replace(each, release_s=min(each.release_s, now_s)) for each in requests]
    best = choose(released, situation) or min(released, key=lambda each: each.release_s)
    return waiting[best.cell][0], best.number


def request_of(course: Course, name: str, number: int, before: Latch | None) -> Request:
    """Newest pending latch of a trigger as a request; the one before it tells when it will be superseded."""
    latch, measurement = course.queues[number].pending[-1], course.measurements[number]
    latest_s = latch.time + min(
        measurement.max_lateness_s if measurement.max_lateness_s is not None else float("inf"),
        (latch.time - before.time) / (latch.count - before.count)
        if before is not None and latch.count > before.count
        else float("inf"),
    )
    return Request(name, latch.time, latest_s, measurement.duration_s or NOMINAL_S, number)
