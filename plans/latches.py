"""Requests that the cell has latched and that wait for their measurement."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from ..devices.latch import Latch

OnMiss = Literal["late", "skip", "queue"]


@dataclass
class Queue:
    """Latches of one measurement that are not settled yet; the last of `pending` is measured next.

    Parameters
    ----------
    seen : int
        Count of the newest latch that was taken in.
    on_miss : str
        "queue": each is measured, oldest first. Else the newest is, older ones are superseded; "skip" gives
        those up that are not begun within `deadline_s`.
    deadline_s : float, optional
        Latest start after the latch, on the cell's clock in s.
    priority : int
        Higher ones come first.
    passed_s : float, optional
        When that was passed of which all latches tell, UNIX s; None: each says itself how late it is.
    """

    seen: int = 0
    on_miss: OnMiss = "late"
    deadline_s: float | None = None
    priority: int = 0
    pending: list[Latch] = field(default_factory=list)
    attempts: int = 0
    trouble: list[str] = field(default_factory=list)
    passed_s: float | None = None

    def take_in(self, latches: Iterable[Latch]) -> None:
        """Add the latches that are newer than those seen."""
        new = sorted((latch for latch in latches if latch.count > self.seen), key=lambda latch: latch.count)
        if self.passed_s is not None:
            new = [replace(latch, late_s=latch.time - self.passed_s) for latch in new]
        self.pending = [*reversed(new), *self.pending] if self.on_miss == "queue" else [*self.pending, *new]
        if new:
            self.seen = new[-1].count

    def drop_superseded(self) -> list[Latch]:
        """Take out all but the newest; what was tried for an older one does not count for it."""
        if self.on_miss == "queue":
            return []
        older, self.pending = self.pending[:-1], self.pending[-1:]
        if older:
            self.attempts, self.trouble = 0, []
        return older

    def drop_expired(self, now_s: float) -> list[Latch]:
        """Take out those that are given up at this time of the cell (s), oldest first."""
        if self.on_miss != "skip" or self.deadline_s is None:
            return []
        expired = [latch for latch in self.pending if now_s - latch.time > self.deadline_s]
        if expired:
            self.pending = [latch for latch in self.pending if latch not in expired]
            self.attempts, self.trouble = 0, []
        return expired

    def settle(self) -> None:
        """Forget the latch that was measured: it has its place in the ledger."""
        self.pending, self.attempts, self.trouble = self.pending[:-1], 0, []


def next_due(
    queues: dict[int, Queue], turn: Callable[[int], tuple[float, float]] | None = None
) -> int | None:
    """Trigger of the highest priority whose next latch is the oldest, so that none of its equals starves.

    None: nothing is due.

    Parameters
    ----------
    queues : dict
        Pending latches by number of the trigger.
    turn : callable, optional
        Of the triggers that latched at the same time, such as all edges of one rule, the one for which this
        is least comes first.

    Examples
    --------
    >>> early, late = Latch(1, 10.0, 3.7, 1e-3, 0.1, 0.9), Latch(1, 20.0, 3.8, 1e-3, 0.2, 0.8)
    >>> next_due({1: Queue(pending=[late]), 2: Queue(pending=[early]), 3: Queue()})
    2
    """
    due = {number: queue.pending[-1].time for number, queue in queues.items() if queue.pending}
    ties = turn or (lambda _: (0.0, 0.0))
    return (
        min(due, key=lambda number: (-queues[number].priority, due[number], *ties(number))) if due else None
    )
