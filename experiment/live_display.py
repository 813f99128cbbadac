"""What an experiment does, shown while it runs in this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live

from ..callbacks.tiled.journal import JournalTail
from .display import Display

REFRESH_S = 1.0
"""Time between two looks at the journal, s."""

THREAD = "display"
"""Name of the thread that looks."""


@contextmanager
def displayed(progress: Display, journal: Path, console: Console) -> Iterator[None]:
    """Show what the journal tells, for a block; nothing where the console is no terminal.

    Parameters
    ----------
    progress
        What is shown.
    journal
        Folder of the journal.
    console
        Where it is shown.
    """
    if not console.is_terminal:
        yield
        return
    ended = threading.Event()
    with Live(progress, console=console, refresh_per_second=2):
        looks = threading.Thread(target=_follow, args=(journal, progress, ended), name=THREAD, daemon=True)
        looks.start()
        try:
            yield
        finally:
            ended.set()
            looks.join()


def _follow(journal: Path, progress: Display, ended: threading.Event) -> None:
    """Take what comes, and once more at the end."""
    tail, is_last = JournalTail(journal), False
    while not is_last:
        is_last = ended.wait(REFRESH_S)
        for name, doc in tail.poll():
            progress(name, doc)
