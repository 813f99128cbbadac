"""Frames that wait for their analysis: thinned evenly while it cannot keep up, completed afterwards."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MOST_WAITING = 30
"""Frames that may wait before the analysis thins: about a second of them."""


@dataclass(frozen=True)
class FrameOrder:
    """One frame of a run.

    Attributes
    ----------
    run
        Uid of the raw run.
    index
        Number of the frame in the run, from 0.
    skipped
        Frames put off before this one since the last that was handed out.
    """

    run: str
    index: int
    skipped: int = 0


class FrameQueue:
    """Hands out frames in their order; of too many the newest evenly spaced ones first, the rest later.

    Parameters
    ----------
    most_waiting
        Frames that may wait before some are put off.

    Examples
    --------
    >>> queue = FrameQueue(most_waiting=2)
    >>> queue.add("run", 0, 6)
    >>> [queue.next().index for _ in range(6)]
    [2, 4, 5, 0, 1, 3]
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most = most_waiting
        self._fresh: deque[FrameOrder] = deque()
        self._later: deque[FrameOrder] = deque()

    def add(self, run: str, start: int, stop: int) -> None:
        """Take frames `start` to `stop - 1` of a run."""
        self._fresh.extend(FrameOrder(run, index) for index in range(start, stop))

    def __len__(self) -> int:
        """Count the frames that wait, those put off included."""
        return len(self._fresh) + len(self._later)

    @property
    def put_off(self) -> int:
        """Frames that are to be completed afterwards."""
        return len(self._later)

    def next(self) -> FrameOrder:
        """Hand out the next frame.

        Raises
        ------
        IndexError
            If none waits.
        """
        if not self._fresh:
            return self._later.popleft()
        stride = -(-len(self._fresh) // self._most)
        for _ in range(stride - 1):
            self._later.append(self._fresh.popleft())
        order = self._fresh.popleft()
        return FrameOrder(order.run, order.index, stride - 1)

    def forget(self, run: str) -> None:
        """Drop what waits of a run."""
        self._fresh = deque(order for order in self._fresh if order.run != run)
        self._later = deque(order for order in self._later if order.run != run)
