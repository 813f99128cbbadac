"""Several cells on one sample changer: each cycles by itself, the beam goes where most would be lost."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.protocols import Readable
from bluesky.utils import Msg, MsgGenerator, plan

from ..devices.protocol import Watchdog
from .beam_guard import BeamGuard, BeamLostError
from .course import Course, spectra_of
from .follow import close_course, end_unattended, give_up, open_course
from .latches import next_due
from .ledger import Ledger
from .measurement import check_names
from .news import AnyNews
from .operando import TRIGGERS, OperandoResult, result_of, start_document
from .policies import Policies
from .references import place
from .request import answer, cell_time, without_beam
from .scheduler import Request, SampleChanger, Situation, choose
from .seat import MountedCell, Seat
from .start import Orders, check_resumable, start_cell
from .station import Settable, Stage
from .takeover import take_over

__all__ = ["MountedCell", "operando_many"]

logger = logging.getLogger(__name__)

_NEWS = "operando-many-news"


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
    picks among what waits with the highest priority and what the rhythm of a trigger lets expect soon, for
    which the beam may wait; a request counts as superseded one interval after it, and is then measured only
    if nothing else waits. Without beam all cells are followed on. One clock is common to all potentiostats.

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
    seats = [Seat(mounted, _course(mounted, changer, shared)) for mounted in cells]
    for seat in seats:
        seat.course.others = [other.course for other in seats if other is not seat]
        yield from check_resumable(seat.mounted.cell, seat.mounted.experiment["uid"], seat.mounted.resume)

    def body() -> MsgGenerator[None]:
        for seat in seats:
            yield from open_course(seat.course, {**_document(seat, changer), **(md or {})})
            yield from _begin(seat, watchdog)
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
        resume=mounted.resume,
        **shared,
    )
    place_md = {"name": mounted.name, "x_mm": x_mm, "y_mm": y_mm}
    course.shared_md = {**mounted.md, "experiment": dict(mounted.experiment), "mounted": place_md}
    return course


def _document(seat: Seat, changer: SampleChanger) -> dict[str, Any]:
    return {
        **start_document(seat.course, seat.mounted.protocol, seat.mounted.limits),
        "plan_name": "operando_many",
        "changer": {
            "positions_mm": {name: list(xy) for name, xy in changer.positions_mm.items()},
            "speed_mm_s": changer.speed_mm_s,
            "settle_s": changer.settle_s,
        },
        **seat.course.shared_md,
        **seat.mounted.document,
    }


def _begin(seat: Seat, watchdog: Watchdog | None) -> MsgGenerator[None]:
    """Start a cell, or take over what a dead process left of it."""
    mounted = seat.mounted
    if mounted.resume is None:
        orders = Orders(mounted.protocol, mounted.limits, watchdog, mounted.experiment["uid"])
        yield from start_cell(seat.course, orders)
    elif not (yield from take_over(seat.course)):
        seat.fault = yield from end_unattended(seat.course)
        seat.ended = True


def _follow(seats: Sequence[Seat], stage: Stage, changer: SampleChanger) -> MsgGenerator[None]:
    """Answer the cells' requests until every protocol has ended.

    Raises
    ------
    BeamLostError
        If there is no beam for as long as the policies say.
    """
    news = AnyNews({seat.name: seat.mounted.cell.news for seat in seats})
    watch = _Watch(news)
    at, dark = "", _Darkness(seats[0].course.policies.beam_wait_max_s)
    while any(not seat.ended for seat in seats):
        yield from bps.checkpoint()
        reason = yield from without_beam(seats[0].course)
        dark.look(reason)
        new = 0
        for seat in seats:
            if not seat.ended:
                new += yield from seat.attend(reason)
        chosen = None if reason else (yield from _choose(seats, changer, at))
        if chosen is None:
            yield from watch.wait(seats, quiet=not new)
            continue
        seat, request, is_there = chosen
        x_mm, y_mm = changer.positions_mm[seat.name]
        yield from place(stage, x_mm, y_mm)
        at = seat.name
        if not is_there:
            yield from watch.wait(seats, quiet=False)
            continue
        latch = seat.course.queues[request.number].pending[-1]
        yield from answer(seat.course, request.number, waits=False)
        seat.measured_s = yield from cell_time(seat.course, latch)


class _Darkness:
    """How long there has been no beam; told once, and not waited for without end (s of wall time)."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._since: float | None = None

    def look(self, reason: str) -> None:
        """Take in why there is no beam; an empty reason: there is."""
        if not reason:
            self._since = None
            return
        if self._since is None:
            self._since = time.monotonic()
            logger.warning("no beam: measurements wait, since %s; all cells go on", reason)
        if time.monotonic() - self._since > self._longest_s:
            raise BeamLostError(f"no beam for {self._longest_s:g} s ({reason}): the experiments end")


class _Watch:
    """Waits for the news of all cells that have not ended, at most one polling period."""

    def __init__(self, news: AnyNews) -> None:
        self._news = news
        self._asked = self._was_quiet = False

    def wait(self, seats: Sequence[Seat], *, quiet: bool) -> MsgGenerator[None]:
        """Wait; `quiet`: the last look found nothing new, so that news that come at once are not trusted."""
        followed = [seat for seat in seats if not seat.ended]
        if not followed:
            return
        poll_s = followed[0].course.poll_s
        if not self._asked:
            seen = {seat.name: {n: q.seen for n, q in seat.course.queues.items()} for seat in followed}
            yield Msg("set", self._news, seen, group=_NEWS)
            self._asked = True
        told = yield Msg("wait", None, group=_NEWS, timeout=poll_s, error_on_timeout=False, watch=())
        self._asked = told is False
        if told is not False and quiet and self._was_quiet:
            yield from bps.sleep(poll_s)
        self._was_quiet = quiet


def _choose(
    seats: Sequence[Seat], changer: SampleChanger, at: str
) -> MsgGenerator[tuple[Seat, Request, bool] | None]:
    """Seat and request that come next, and whether it is there already; None if nothing waits."""
    waiting = [
        (seat, due) for seat in seats if (due := next_due(seat.course.queues, seat.course.turn)) is not None
    ]
    if not waiting:
        return None
    first = max(seat.course.queues[due].priority for seat, due in waiting)
    now_s = 0.0
    for seat, due in waiting:
        now_s = max(now_s, (yield from cell_time(seat.course, seat.course.queues[due].pending[-1])))
    there = [replace(each, release_s=min(each.release_s, now_s)) for s in seats for each in s.requests(first)]
    expected = [each for seat in seats for each in seat.forecasts(first, now_s)]
    situation = Situation(
        now_s,
        at or there[0].cell,
        changer,
        {seat.name: seat.mounted.activity for seat in seats},
        {seat.name: seat.measured_s for seat in seats},
    )
    best = choose([*there, *expected], situation) or min(there, key=lambda each: each.release_s)
    return next(seat for seat in seats if seat.name == best.cell), best, best in there
