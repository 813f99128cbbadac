"""Requests that the cell has latched and that wait for their measurement."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..devices.latch import Latch


@dataclass
class Queue:
    """Latches of one measurement that are not settled yet; the newest is measured, older ones are superseded.

    Parameters
    ----------
    seen : int
        Count of the newest latch that was taken in.
    """

    seen: int = 0
    pending: list[Latch] = field(default_factory=list)
    attempts: int = 0
    trouble: list[str] = field(default_factory=list)

    def take_in(self, latches: Iterable[Latch]) -> None:
        """Add the latches that are newer than those seen."""
        new = sorted((latch for latch in latches if latch.count > self.seen), key=lambda latch: latch.count)
        self.pending.extend(new)
        if new:
            self.seen = new[-1].count

    def drop_superseded(self) -> list[Latch]:
        """Take out all but the newest; what was tried for an older one does not count for it."""
        older, self.pending = self.pending[:-1], self.pending[-1:]
        if older:
            self.attempts, self.trouble = 0, []
        return older

    def settle(self) -> None:
        """Forget the pending latches: each has its place in the ledger."""
        self.pending, self.attempts, self.trouble = [], 0, []


def next_due(queues: dict[int, Queue]) -> int | None:
    """Trigger whose newest pending latch is the oldest of all, so that none starves; None: nothing is due.

    Examples
    --------
    >>> early, late = Latch(1, 10.0, 3.7, 1e-3, 0.1, 0.9), Latch(1, 20.0, 3.8, 1e-3, 0.2, 0.8)
    >>> next_due({1: Queue(pending=[late]), 2: Queue(pending=[early]), 3: Queue()})
    2
    """
    due = {number: queue.pending[-1].time for number, queue in queues.items() if queue.pending}
    return min(due, key=lambda number: due[number]) if due else None
