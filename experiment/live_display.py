"""What an experiment does, shown while it runs in this process."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from ..callbacks.tiled.journal import JournalTail
from .display import Display, shown

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
"""Time between two looks at the journal, s."""

THREAD = "display"
"""Name of the thread that looks."""


@contextmanager
def displayed(progress: Display, journal: Path, console: Console) -> Iterator[None]:
    """Show what the journal tells, for a block, as `display.shown` does.

    Parameters
    ----------
    progress
        What is shown.
    journal
        Folder of the journal.
    console
        Where it is shown.
    """
    ended = threading.Event()
    with shown(progress, console) as show:
        follow = (journal, progress, show, ended)
        looks = threading.Thread(target=_follow, args=follow, name=THREAD, daemon=True)
        looks.start()
        try:
            yield
        finally:
            ended.set()
            looks.join()


def _follow(journal: Path, progress: Display, show: Callable[[], None], ended: threading.Event) -> None:
    """Take what comes, and once more at the end."""
    tail, is_last = JournalTail(journal), False
    try:
        while not is_last:
            is_last = ended.wait(REFRESH_S)
            for name, doc in tail.poll():
                progress(name, doc)
            show()
    except OSError as error:
        # Such as a full disk where the output goes: the experiment itself goes on.
        logger.warning("what the experiment does is not told any more: %s", error)
