"""A process that follows the journal: its options, its loop, and how it ends on a signal or a full disk."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .journal import Journal, JournalTail, close_dead_run, runs
from .signal_thread import hear_signals

logger = logging.getLogger(__name__)

Publish = Callable[[str, dict[str, Any]], None]
"""Where documents go: called with name and document, like a RunEngine's subscriber."""

FINISH_S = 20.0
"""Longest time for what waits when a follower is told to end, s: who started it waits for 30 s."""


class Follower(Protocol):
    """What makes results of the documents of a journal."""

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document of any run."""
        ...

    def step(self) -> bool:
        """Do a short piece of what waits; False if nothing waits."""
        ...

    def settle(self) -> None:
        """End the result runs to which nothing will come; called when nothing is left to read or to do."""
        ...

    def close(self) -> None:
        """End every result run."""
        ...


def parser_of(description: str, *, roots: bool = False) -> argparse.ArgumentParser:
    """Make a parser with the option of the journal's folder, and that of folders of external files.

    Parameters
    ----------
    description
        What the process does.
    roots
        Whether it reads or registers external files.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--journal", type=Path, required=True, help="folder of the journal")
    if roots:
        parser.add_argument("--root", type=Path, action="append", default=[], help="folder of external files")
    return parser


def roots_of(options: argparse.Namespace) -> tuple[Path, ...]:
    """Folders in which external files may be: the data root, and those that were given."""
    return (options.journal.resolve().parent, *options.root)


@dataclass(frozen=True)
class Ending:
    """How a process was told to end.

    Attributes
    ----------
    ended
        Set it to end once nothing waits any more.
    at_once
        Set it to end after the piece of work under way.
    """

    ended: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)


def ending_by_signal() -> Ending:
    """Give what is set when this process is told to end: at once by Ctrl-C, else with what waits done."""
    ending = Ending()

    def end(number: int) -> None:
        if number == signal.SIGINT:
            ending.at_once.set()
        ending.ended.set()

    hear_signals(end)
    return ending


@contextmanager
def process() -> Iterator[None]:
    """Log as a process does; a disk that is full or gone ends it with one line and status 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        yield
    except OSError as error:
        logger.critical("ends here, what it has written is kept: %s", error)
        sys.exit(1)


def serve(
    journal: Path,
    make: Callable[[Publish], Follower],
    ending: Ending,
    *,
    recall: Callable[[Path, Any], None] = lambda _journal, _follower: None,
    poll_interval_s: float = 0.05,
) -> None:
    """Hand a follower every document of a journal, those written from now on included, until told to end.

    Its result runs are closed on every way out: on a full disk their last documents go into the reserve.

    Parameters
    ----------
    journal
        Folder of the journal.
    make
        Makes the follower, given where its results go.
    ending
        Set it to end; what waits then is done first, for `FINISH_S` at most, unless it is to end at once.
    recall
        Tells the follower what a predecessor has done.
    poll_interval_s
        Time between two looks at the journal when nothing waits, s.

    Raises
    ------
    OSError
        If a result could not be written, as on a full disk.
    """
    with Journal(journal) as publish:
        follower = make(publish)
        tail = JournalTail(journal)
        try:
            recall(journal, follower)
            while not ending.ended.is_set():
                if not _advance(tail, follower):
                    follower.settle()
                    ending.ended.wait(poll_interval_s)
            _finish(tail, follower, ending)
        finally:
            follower.close()


def _advance(tail: JournalTail, follower: Follower) -> bool:
    """Take what was written and do a piece of what waits; False if there was neither."""
    documents = tail.poll()
    for name, doc in documents:
        follower(name, doc)
    return follower.step() or bool(documents)


def _finish(tail: JournalTail, follower: Follower, ending: Ending) -> None:
    deadline = time.monotonic() + FINISH_S
    while not ending.at_once.is_set() and _advance(tail, follower):
        if time.monotonic() > deadline:
            logger.warning("ended before everything was done: who follows this journal next goes on")
            return


def close_left_open(journal: Path, uids: set[str] | Mapping[str, Any]) -> None:
    """Close those of these result runs that a dead predecessor left open."""
    for run in runs(journal):
        if run.uid in uids and run.stop is None and not run.alive:
            close_dead_run(run.path, "the live analysis ended before its experiment; another process went on")
