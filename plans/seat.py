"""A cell on the sample changer under way: what it asks for, and in which rhythm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bluesky.utils import MsgGenerator

from ..devices.latch import Latch
from ..devices.protocol import Limits, Protocol
from .course import Course, CyclingCell, beat, collect, has_ended, order, take_in
from .follow import end_after_fault, trip_cause
from .latches import next_due
from .measurement import Measurement
from .request import miss_all
from .resume import ResumePoint
from .scheduler import Activity, Request
from .standstill import Standstill

NOMINAL_S = 1.0
"""Duration assumed of a measurement that names none, s."""

FORECAST_S = 120.0
"""How long ahead a request is expected by the rhythm of its trigger, s of the cells' clock."""


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
    document : mapping
        Further metadata of its cycling run alone.
    resume : ResumePoint, optional
        Go on with the cell that a dead process left: it is not loaded, armed or started.
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
    document: Mapping[str, Any] = field(default_factory=dict)
    resume: ResumePoint | None = None


@dataclass
class Seat:
    """A mounted cell under way.

    Attributes
    ----------
    mounted, course
        The cell and its experiment.
    fault
        Cause of a fault of its cycler.
    ended
        Whether its protocol has ended and all it asked for is settled.
    measured_s
        When it was measured last, s.
    last, interval_s
        By trigger, the newest latch, and the time between the last two.
    """

    mounted: MountedCell
    course: Course
    standstill: Standstill = field(default_factory=Standstill)
    fault: str = ""
    ended: bool = False
    measured_s: float = 0.0
    last: dict[int, Latch] = field(default_factory=dict)
    interval_s: dict[int, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Place on the sample changer."""
        return self.mounted.name

    def attend(self, no_beam: str) -> MsgGenerator[int]:
        """Take in what the cell asks for and has recorded; see whether it has tripped, stands or has ended.

        Parameters
        ----------
        no_beam
            Why there is no beam; what waits at the end of the protocol is missed then.

        Returns
        -------
        int
            Latches that are new.
        """
        course = self.course
        yield from beat(course)
        # What is seen as ended has latched all it will: latches are taken in after that.
        over = yield from has_ended(course)
        new = yield from take_in(course)
        self.learn_rhythm()
        yield from collect(course)
        fault = yield from trip_cause(course)
        if fault:
            self.fault = yield from end_after_fault(course, fault)
            self.ended = True
            return new
        yield from self.standstill.look(course)
        if over and no_beam:
            yield from miss_all(course, f"no beam until the protocol ended: {no_beam}")
        if over and next_due(course.queues) is None:
            yield from order(course, course.policies.on_end)
            yield from collect(course)
            self.ended = True
        return new

    def learn_rhythm(self) -> None:
        """Note the newest latch of each trigger and the time since the one before."""
        for number, queue in self.course.queues.items():
            for latch in sorted(queue.pending, key=lambda one: one.count):
                before = self.last.get(number)
                if before is not None and latch.count > before.count:
                    self.interval_s[number] = (latch.time - before.time) / (latch.count - before.count)
                if before is None or latch.count > before.count:
                    self.last[number] = latch

    def requests(self, priority: int) -> list[Request]:
        """List what waits with a priority, the newest latch of each trigger."""
        queues = self.course.queues
        return [
            self._request(number, queues[number].pending[-1].time)
            for number in sorted(queues, key=self.course.turn)
            if queues[number].pending and queues[number].priority == priority
        ]

    def forecasts(self, priority: int, now_s: float) -> list[Request]:
        """List what is expected soon, one interval after the last latch of a trigger that has a rhythm."""
        expected: list[Request] = []
        for number, interval_s in self.interval_s.items():
            queue, next_s = self.course.queues[number], self.last[number].time + interval_s
            is_quiet = not (self.ended or queue.pending) and queue.priority == priority
            if is_quiet and now_s < next_s <= now_s + FORECAST_S:
                expected.append(self._request(number, next_s))
        return expected

    def _request(self, number: int, release_s: float) -> Request:
        """Request that is superseded one interval after it, or has a deadline before that."""
        measurement = self.course.measurements[number]
        limit_s = measurement.max_lateness_s
        patience_s = min(
            limit_s if limit_s is not None else float("inf"), self.interval_s.get(number, float("inf"))
        )
        duration_s = measurement.duration_s or NOMINAL_S
        return Request(self.name, release_s, release_s + patience_s, duration_s, number)
