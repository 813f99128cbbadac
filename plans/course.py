"""The running experiment: what it knows, and the stubs that keep in touch with the cell."""

import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.protocols import Readable
from bluesky.utils import Msg, MsgGenerator

from ..devices.latch import Latch, page_latches
from ..devices.protocol import Protocol as CyclingProtocol
from .beam_guard import BeamGuard
from .gate import Gate, OnsetNews
from .latches import Queue
from .ledger import Ledger, LedgerEntry, LedgerStatus
from .measurement import Measurement
from .policies import Policies
from .resume import ResumePoint
from .station import Settable
from .waiting import set_all

#: Run key of the run that stays open for the whole experiment; of several cells each has its own.
CYCLING = "cycling"
LATCH_KEYS = ("time", "voltage", "current", "capacity", "lithium_content")
_NEWS = "operando-news"


class CyclingCell(Readable[Any], Protocol):
    """A potentiostat that runs protocols by itself and latches triggers; `devices.potentiostat` is one."""

    state: Any
    command: Any
    program: Any
    limits: Any
    watchdog: Any
    news: Any
    triggers: Any
    heartbeat: Any
    experiment_uid: Any
    time: Any
    clock: Any
    record: Any
    impedance: Any
    collect_from: Any


@dataclass
class Course:
    """State of a running experiment in the plan; the cell's own state is in the potentiostat.

    `impedance` is the cell's record of spectra where its protocol asks for some. `rules` are as the ledger
    tells them, `cell_rules` as the potentiostat is given them where that differs. `met` has the onsets that
    were acted upon, with the time of the first frame that showed each (UNIX s). `smears` has by measurement
    for how long the last one smeared the cell (`Smear`).
    """

    cell: CyclingCell
    measurements: dict[int, Measurement]
    rules: dict[int, str]
    policies: Policies
    ledger: Ledger
    guard: BeamGuard | None = None
    ring: Readable[Any] | None = None
    impedance: Any = None
    front_end_shutter: Settable | None = None
    poll_s: float = 1.0
    max_attempts: int = 5
    resume: ResumePoint | None = None
    run_key: str = CYCLING
    others: "Sequence[Course]" = ()
    cell_rules: Mapping[int, str] = field(default_factory=dict)
    gates: Mapping[int, Gate] = field(default_factory=dict)
    onsets: OnsetNews | None = None
    met: dict[str, float] = field(default_factory=dict)
    shared_md: Mapping[str, Any] = field(default_factory=dict)
    cycling_run: str = ""
    queues: dict[int, Queue] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    turns: Counter[int] = field(default_factory=Counter)
    smears: dict[int, Mapping[str, float]] = field(default_factory=dict)
    energy_ev: float | None = None
    beats: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    beaten_at: float = 0.0
    news_asked: bool = False

    def __post_init__(self) -> None:
        seen = self.resume.seen if self.resume else {}
        self.queues = {number: self._queue(number, seen.get(number, 0)) for number in self.rules}
        self.met = dict(self.resume.onsets) if self.resume else {}
        for number in self.gates:
            self.tell_passed(number)

    def cell_rule(self, number: int) -> str:
        """Rule of a trigger as the potentiostat is given it; empty if there is none."""
        return self.cell_rules.get(number, self.rules.get(number, ""))

    def tell_passed(self, number: int) -> None:
        """Let the latches of a trigger that an onset fires tell how late they are after its first frame."""
        gate = self.gates[number]
        if gate.fires:
            self.queues[number].passed_s = self.met.get(str(gate.after))

    def _queue(self, number: int, seen: int) -> Queue:
        asked = self.measurements[number]
        return Queue(seen, asked.on_miss, asked.max_lateness_s, asked.priority)

    def turn(self, number: int) -> tuple[float, float]:
        """Rank of a measurement among those asked for at once: fewest turns, then nearest in energy (eV)."""
        energy_ev = self.measurements[number].energy_ev
        if energy_ev is None or self.energy_ev is None:
            return self.turns[number], 0.0
        return self.turns[number], abs(energy_ev - self.energy_ev)

    def take_turn(self, number: int) -> None:
        """Note that a measurement begins."""
        self.turns[number] += 1
        self.energy_ev = self.measurements[number].energy_ev or self.energy_ev


def spectra_of(cell: CyclingCell, protocol: CyclingProtocol) -> Any:  # noqa: ANN401
    """Record of the cell's impedance spectra, if its protocol asks for some: else there is no such stream."""
    return cell.impedance if protocol.measures_impedance else None


def keyed(course: Course, plan: MsgGenerator[Any]) -> MsgGenerator[Any]:
    """Address a plan's messages to the cycling run."""
    return (yield from bpp.set_run_key_wrapper(plan, course.run_key))


def beat(course: Course, period_s: float | None = None) -> MsgGenerator[None]:
    """Tell the potentiostats' watchdogs that the acquisition lives, at most once per period (wall s)."""
    if time.monotonic() - course.beaten_at < (period_s or course.poll_s):
        return
    followed = (course, *course.others)
    for each in followed:
        each.beaten_at = time.monotonic()
    yield from set_all({each.cell.heartbeat: next(each.beats) for each in followed})


def collect(course: Course) -> MsgGenerator[list[dict[str, Any]]]:
    """Bring the cycler's own samples so far into stream `electrochemistry`, and spectra into `impedance`.

    Gives the pages of samples, with `data` by key.
    """
    pages = yield from keyed(course, bps.collect(course.cell, return_payload=True))  # type: ignore[arg-type]
    if course.impedance is not None:
        yield from keyed(course, bps.collect(course.impedance, return_payload=False))
    yield from bps.checkpoint()
    yield from tell_hole(course)
    return pages or []


def tell_hole(course: Course) -> MsgGenerator[None]:
    """Enter into the ledger what the cycler's memory had lost before it was collected."""
    hole = str((yield from bps.rd(course.cell.record.hole, default_value="")))
    if hole:
        yield from set_all({course.cell.record.hole: ""})
        yield from record_fault(course, f"the record of the cell has a hole: {hole}")


def record(
    course: Course,
    number: int,
    latch: Latch,
    status: LedgerStatus,
    *,
    reason: str = "",
    delay_s: float = math.nan,
    run: str = "",
) -> MsgGenerator[None]:
    """Write what became of a latch into the ledger."""
    name, rule = course.measurements[number].name, course.rules[number]
    entry = LedgerEntry(name, rule, **asdict(latch), status=status, reason=reason, delay_s=delay_s, run=run)
    yield from write(course, entry)


def record_fault(course: Course, reason: str) -> MsgGenerator[None]:
    """Write what happened to the cell into the ledger, with its state now."""
    here = yield from state_now(course)
    yield from write(course, LedgerEntry("", "", **asdict(here), status="fault", reason=reason))


def state_now(course: Course) -> MsgGenerator[Latch]:
    """Read the state of the cell, as a latch without a number."""
    reading: Any = yield from bps.read(course.cell)
    return Latch(0, *(float(reading[f"cell_{key}"]["value"]) for key in LATCH_KEYS))


def write(course: Course, entry: LedgerEntry) -> MsgGenerator[None]:
    """Write an entry into the ledger, stream `triggers` of the cycling run."""
    course.tally[entry.status] += 1
    yield from bps.checkpoint()
    yield from set_all({course.ledger: entry})

    def event() -> MsgGenerator[None]:
        yield Msg("create", None, name="triggers")
        yield Msg("read", course.ledger)
        yield Msg("save")

    yield from keyed(course, event())
    yield from bps.checkpoint()


def wait_for_news(course: Course) -> MsgGenerator[None]:
    """Wait until a trigger latches or the protocol ends, at most one polling period; take in what latched."""
    if not course.news_asked and course.queues:
        seen = {number: queue.seen for number, queue in course.queues.items()}
        yield Msg("set", course.cell.news, seen, group=_NEWS)
        course.news_asked = True
    told = True
    if course.news_asked:
        told = yield Msg("wait", None, group=_NEWS, timeout=course.poll_s, error_on_timeout=False, watch=())
        course.news_asked = told is False
    new = yield from take_in(course)
    if told is not False and not new:
        yield from bps.sleep(course.poll_s)


def take_in(course: Course) -> MsgGenerator[int]:
    """Read the latches that are new; gives how many."""
    taken = 0
    for number, queue in course.queues.items():
        trigger = course.cell.triggers[number]
        count = yield from bps.rd(trigger.count, default_value=queue.seen)
        if count <= queue.seen:
            continue
        before = len(queue.pending)
        yield from _take_pages(queue, trigger, int(count))
        taken += len(queue.pending) - before
    return taken


def _take_pages(queue: Queue, trigger: Any, count: int) -> MsgGenerator[None]:  # noqa: ANN401
    # Page by page: after a long absence there are more latches than one holds.
    while queue.seen < count:
        seen = queue.seen
        yield from set_all({trigger.page: seen + 1})
        queue.take_in(page_latches((yield from bps.rd(trigger.block, default_value=()))))
        if queue.seen == seen:
            return


def order(course: Course, command: str) -> MsgGenerator[None]:
    """Give the cell an order; `continue` is none."""
    if command != "continue":
        yield from set_all({course.cell.command: command})


def state_of(course: Course) -> MsgGenerator[str]:
    """Tell what the potentiostat does: `running`, `paused` or `stopped`."""
    return str((yield from bps.rd(course.cell.state, default_value="Running"))).lower()


def has_ended(course: Course) -> MsgGenerator[bool]:
    """Whether the protocol is over, by its end or by a fault."""
    state = yield from bps.rd(course.cell.state, default_value="Stopped")
    return str(state).lower() == "stopped"
