"""The pacemaker of simulated time: all cells live under it, and time is granted as far as all came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from ..board import Board
from ..clock import SharedClock
from ..instrument.cycler import Cycler, State
from ..instrument.rack import advance_together

TICK_S = 0.004
IDLE_TICK_S = 0.02
"""While no instrument is at work: a step of the cell in every short tick would take a quarter of a core."""
LEAST_ADVANCE_S = 0.015
STEPS_PER_TICK = 40
ANSWER_S = 0.002
SCAN_TICKS = 3


class LivingChannel(Protocol):
    """A channel of the cycler as the pacemaker sees it; `PotentiostatIOC` is one."""

    cycler: Cycler

    def watch(self, wall_s: float) -> None: ...  # noqa: D102
    def irradiate(self, duration_s: float) -> None: ...  # noqa: D102
    def tell_board(self) -> None: ...  # noqa: D102
    def is_due(self, wall_s: float, channels: int) -> bool: ...  # noqa: D102
    async def publish(self) -> None: ...  # noqa: D102


class Pacemaker:
    """Brings all channels of a cycler through simulated time.

    Parameters
    ----------
    clock, board
        Of this simulated beamline.
    channels
        At least one.
    """

    def __init__(self, clock: SharedClock, board: Board, channels: Sequence[LivingChannel]) -> None:
        self._clock = clock
        self._board = board
        self._channels = tuple(channels)
        self._cyclers = tuple(channel.cycler for channel in channels)
        self._last_wall_s = time.monotonic()

    async def run(self, async_lib: object = None) -> None:
        """Let the cells live as long as the server."""
        del async_lib
        self._tell_board()
        for channel in self._channels:
            await channel.publish()
        while True:
            behind = await self._live()
            await asyncio.sleep(self._pause_s(behind=behind))

    def _pause_s(self, *, behind: bool) -> float:
        """Wall time left to clients: many cells cost a step each in every tick, and ask for more."""
        channels = len(self._cyclers)
        if behind:
            return 0.0 if channels == 1 else ANSWER_S
        if self._clock.only_cell_at_work():
            return max(IDLE_TICK_S, TICK_S * channels)
        if channels == 1:
            return TICK_S
        # While an instrument works every point of a scan waits for the cells.
        waited_for = self._clock.busy() and not self._all_stopped
        return TICK_S * (min(channels, SCAN_TICKS) if waited_for else channels)

    @property
    def _all_stopped(self) -> bool:
        return all(cycler.state is State.STOPPED for cycler in self._cyclers)

    async def _live(self) -> bool:
        wall_s = time.monotonic()
        target_s = self._target_s(wall_s)
        for channel in self._channels:
            channel.watch(wall_s)
        # Beside a scan only milliseconds pass from tick to tick, which are not worth a step of their own.
        noticed: frozenset[int] = frozenset()
        if target_s - self._time_s >= LEAST_ADVANCE_S:
            noticed = self._advance(target_s, wall_s)
        for number, channel in enumerate(self._channels):
            if number in noticed or channel.is_due(wall_s, len(self._channels)):
                await channel.publish()
        return self._time_s < target_s - LEAST_ADVANCE_S and not noticed

    def _advance(self, target_s: float, wall_s: float) -> frozenset[int]:
        """Bring the cells to a time; gives the channels that noticed something, to which somebody reacts."""
        begin_s, self._last_wall_s = self._time_s, wall_s
        noticed = advance_together(self._cyclers, target_s, STEPS_PER_TICK)
        for channel in self._channels:
            channel.irradiate(self._time_s - begin_s)
        self._clock.grant(self._time_s)
        if noticed:
            self._clock.notice()
        self._tell_board()
        return noticed

    def _tell_board(self) -> None:
        for channel in self._channels:
            channel.tell_board()
        # Who waits for this time then finds every cell as it is at that time.
        self._board["cell_time"] = self._time_s

    @property
    def _time_s(self) -> float:
        return min(cycler.time_s for cycler in self._cyclers)

    def _target_s(self, wall_s: float) -> float:
        # Cells that nobody cycles are not at work: time then passes as it does for people.
        elapsed_s = wall_s - self._last_wall_s
        proposed = self._clock.proposed()
        if self._all_stopped:
            return max(self._clock.now(), min(proposed, self._time_s + elapsed_s))
        return proposed
