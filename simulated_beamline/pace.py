"""A move that is followed: time goes on with it as fast as what is gated on its way can be drawn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from .clock import ClockMode, SharedClock

STEP_S, MOST_STEPS = 0.1, 20
"""Simulated time between two looks at those who follow, s, and how many looks a long move has at most."""

PATIENCE_S, POLL_S = 3.0, 0.002
"""Wall time after which one who does not go on is waited for no longer, and between two looks at him, s."""


async def pace(
    clock: SharedClock,
    duration_s: float,
    behind: Callable[[float], bool],
    progress: Callable[[], object] = lambda: None,
) -> float:
    """Let an instrument work for its nominal time as `SharedClock.work` does, but not faster than followers.

    A real detector has its frames when a sweep ends; to draw them takes a simulated one wall time, which is
    no time of the beamline. So time stands (elastic mode) while they are drawn, and only so long.

    Parameters
    ----------
    clock
        Simulated time.
    duration_s
        Nominal duration, s.
    behind
        Whether any who follows has not done what was due by a simulated UNIX time, s.
    progress
        What changes as long as they go on, such as the number of frames that are drawn: who goes on is waited
        for, however slow the machine is.

    Returns
    -------
    float
        Simulated UNIX time at which the work began, s.
    """
    if clock.mode is not ClockMode.ELASTIC:
        return await clock.work(duration_s)
    start_s = clock.now()
    end_s, at_s = start_s + duration_s, start_s
    step_s = max(STEP_S, duration_s / MOST_STEPS)
    follow = True
    try:
        while at_s < end_s:
            at_s = min(max(at_s, clock.now()) + step_s, end_s)
            clock.hold(at_s)
            follow = follow and await _followed(clock, at_s, behind, progress)
    finally:
        clock.hold(at_s, 0.0)
    return start_s


async def _followed(
    clock: SharedClock, at_s: float, behind: Callable[[float], bool], progress: Callable[[], object]
) -> bool:
    """Wait for those who follow; False if they stand still."""
    deadline, seen = time.monotonic() + PATIENCE_S, progress()
    while time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        if not behind(at_s):
            return True
        clock.hold(at_s)
        if (now := progress()) != seen:
            deadline, seen = time.monotonic() + PATIENCE_S, now
    return False
