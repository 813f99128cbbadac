"""Waiting of an exposure: until the cell has come as far, and until somebody stops it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

from ..board import Board

logger = logging.getLogger(__name__)
CELL_WAIT_S = 0.5
CELL_LAG_S = 0.1
CELL_POLL_S = 0.0005


async def cell_has_reached(board: Board, time_s: float) -> None:
    """Wait until the cell's server has integrated up to an exposure, if there is a cell at all.

    Less than `CELL_LAG_S` behind will do: at 1C that is 3e-5 of lithium content. After `CELL_WAIT_S` of wall
    time the wait is given up, with a warning.
    """
    await has_reached(board, "cell_time", time_s - CELL_LAG_S)


async def has_reached(board: Board, slot: str, time_s: float) -> bool:
    """Wait until the server that writes a time (simulated UNIX s) on the board has come as far; bounded."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + CELL_WAIT_S
    while board.get(slot, time_s) < time_s:
        if loop.time() > give_up:
            behind_s = time_s - board[slot]
            logger.warning("%s is %.3f s behind an exposure after %.1f s", slot, behind_s, CELL_WAIT_S)
            return False
        await asyncio.sleep(CELL_POLL_S)
    return True


async def unless_stopped(awaited: Awaitable[Any], stop: asyncio.Event) -> bool:
    """Wait for something; False if the acquisition was stopped meanwhile."""
    work = asyncio.ensure_future(awaited)
    halt = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, halt}, return_when=asyncio.FIRST_COMPLETED)
        return work.done() and not stop.is_set()
    finally:
        if not work.done():
            work.cancel()
        halt.cancel()
