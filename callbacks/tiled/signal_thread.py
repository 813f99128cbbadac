"""Signals of the system, heard by a thread of their own."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that tell a process to end in order."""


def hear_signals(tell: Callable[[int], None]) -> Callable[[], None]:
    """Call a function with each of `ENDING_SIGNALS` that comes, in a thread of its own; for the main thread.

    Python runs handlers in the main thread, between any two of its steps. There they may wait for a lock that
    this thread itself holds, such as that of the event it waits for; and a main thread that waits without end
    is not woken where the system hands the signal to another thread.

    Parameters
    ----------
    tell
        Called with the number of the signal; what it raises is logged.

    Returns
    -------
    callable
        Stops hearing. The handlers of Python do nothing then: who calls it sets them.
    """
    hearing, told = socket.socketpair()
    told.setblocking(False)
    thread = threading.Thread(target=_hear, args=(hearing, told, tell), name="signals", daemon=True)
    thread.start()
    previous = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    for number in ENDING_SIGNALS:
        signal.signal(number, _heard_elsewhere)

    def leave() -> None:
        signal.set_wakeup_fd(previous)
        told.shutdown(socket.SHUT_WR)
        thread.join()

    return leave


def _heard_elsewhere(_number: int, _frame: FrameType | None) -> None:
    """Leave the signal to the thread that hears of it."""


def _hear(hearing: socket.socket, told: socket.socket, tell: Callable[[int], None]) -> None:
    """Pass on what is heard until nothing more can come; both ends are open until then."""
    with hearing, told:
        while heard := hearing.recv(1):
            if heard[0] not in ENDING_SIGNALS:
                continue
            try:
                tell(heard[0])
            except Exception:
                logger.exception("signal %d was not obeyed", heard[0])
