"""Work of some seconds beside the RunEngine, whose loop goes on: cell and heartbeat are not kept waiting."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from bluesky.utils import Msg, MsgGenerator

Found = TypeVar("Found")


def beside(work: Callable[[], Found], *, limit_s: float, what: str) -> MsgGenerator[Found]:
    """Call a function in a thread and wait for it, bounded.

    Parameters
    ----------
    work : callable
        What is computed; touches no device but to read a file. It is called again after a pause.
    limit_s : float
        Longest wait in s of wall time.
    what : str
        In words, for the error.

    Raises
    ------
    TimeoutError
        If it is not done in time.
    """

    async def called() -> Found:
        try:
            return await asyncio.wait_for(asyncio.to_thread(work), limit_s)
        except TimeoutError as error:
            raise TimeoutError(f"{what}: not done after {limit_s:g} s; is this computer busy?") from error

    tasks: Any = yield Msg("wait_for", None, [called])
    return tasks[0].result()
