"""Channels of one cycler, brought through the same time: where one latches, none is ahead of it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from .cycler import Cycler

NEAR_S = 1e-6
"""Doubles hold UNIX time to some 2e-7 s."""


def advance_together(cyclers: Sequence[Cycler], to_s: float, most_steps: int) -> bool:
    """Let all cells live up to a time, or to where the first of them latches, trips or ends.

    The channel whose own next step ends first takes it, so that each keeps the steps it would take alone. All
    have the same time afterwards.

    Parameters
    ----------
    cyclers
        At least one; all of the same time.
    to_s
        Simulated UNIX time.
    most_steps
        Of all channels together, until the time comes back to others.

    Returns
    -------
    bool
        Whether any channel noticed something, as of `Cycler.advance`.
    """
    if len(cyclers) == 1:
        return cyclers[0].advance(to_s, most_steps)
    ends = [(_end_of_step_s(cycler, to_s), number) for number, cycler in enumerate(cyclers)]
    heapq.heapify(ends)
    noticed = False
    for _ in range(most_steps):
        cycler = cyclers[ends[0][1]]
        if noticed or to_s - cycler.time_s <= NEAR_S:
            break
        noticed = cycler.advance(to_s, 1)
        heapq.heapreplace(ends, (_end_of_step_s(cycler, to_s), ends[0][1]))
    latest_s = max(cycler.time_s for cycler in cyclers)
    caught_up = [_catch_up(cycler, latest_s, most_steps) for cycler in cyclers]
    return noticed or any(caught_up)


def _end_of_step_s(cycler: Cycler, to_s: float) -> float:
    return cycler.time_s + cycler.next_step_s(max(to_s - cycler.time_s, 0.0))


def _catch_up(cycler: Cycler, to_s: float, most_steps: int) -> bool:
    noticed = False
    for _ in range(most_steps):
        if to_s - cycler.time_s <= NEAR_S:
            break
        noticed |= cycler.advance(to_s, most_steps)
    return noticed
