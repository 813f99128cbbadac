"""Reading journals, finished or still growing."""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from event_model import unpack_event_page

from .frame import MAGIC, SUFFIX, Record, begin_reading, decode, read_payload, skim

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class JournalRun:
    """One run in a journal folder.

    Parameters
    ----------
    path : Path
        Its file.
    start : dict
        Start document.
    stop : dict or None
        Stop document, None while the run is open or if its process died.
    end : int
        Bytes up to the end of the last whole record.
    alive : bool
        Whether a process holds the file open for writing.
    """

    path: Path
    start: dict[str, Any]
    stop: dict[str, Any] | None
    end: int
    alive: bool

    @property
    def uid(self) -> str:
        """Uid of the run."""
        return self.start["uid"]


def single(record: Record) -> list[Record]:
    """Give the events of a page one by one, so that no reader has to know of pages."""
    name, doc = record
    if name != "event_page":
        return [record]
    return [("event", dict(event)) for event in unpack_event_page(doc)]  # pyright: ignore[reportArgumentType]


def read_journal(path: Path) -> Iterator[Record]:
    """Iterate over the documents of one run, up to a torn tail; pages come as single events.

    Parameters
    ----------
    path : Path
        File of the run.

    Yields
    ------
    name : str
        Kind of the document.
    doc : dict
        The document.
    """
    with path.open("rb") as file:
        if not begin_reading(file):
            return
        while (payload := read_payload(file)) is not None:
            yield from single(decode(payload))
        torn = path.stat().st_size - file.tell()
    if torn:
        logger.warning("%s: the last %d bytes are no whole record and are left out", path.name, torn)


def _is_written(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def describe_run(path: Path) -> JournalRun | None:
    """Look at the first and the last record of a run.

    Returns
    -------
    JournalRun or None
        None if the file holds no start document (yet).
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if not begin_reading(file) or (first := read_payload(file)) is None:
            return None
        file.seek(max(skim(file, size)))
        payload = read_payload(file)
        end = file.tell()
        name, doc = decode(payload) if payload is not None else ("", {})
        return JournalRun(path, decode(first)[1], doc if name == "stop" else None, end, _is_written(file))


def runs(folder: Path) -> list[JournalRun]:
    """List the runs of a journal folder in the order of their start."""
    found = (describe_run(path) for path in sorted(Path(folder).glob(f"*{SUFFIX}")))
    return [run for run in found if run is not None]


class RunTail:
    """One growing run.

    Parameters
    ----------
    path : Path
        Its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.ended = False

    def poll(self, limit: int = 20_000) -> list[Record]:
        """Return the documents written since the last call, at most ``limit``."""
        if self.ended or self.path.stat().st_size <= self.position:
            return []
        documents: list[Record] = []
        with self.path.open("rb") as file:
            if not begin_reading(file):
                return []
            file.seek(max(self.position, len(MAGIC)))
            while not self.ended and len(documents) < limit and (payload := read_payload(file)) is not None:
                documents.extend(single(decode(payload)))
                self.ended = documents[-1][0] == "stop"
            self.position = file.tell()
        return documents


class JournalTail:
    """All runs of a journal folder as they grow, new ones included.

    Parameters
    ----------
    folder : Path
        The journal.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._tails: dict[str, RunTail] = {}

    def poll(self) -> list[Record]:
        """Return the documents written since the last call, in order per run, older runs first."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name not in self._tails:
                self._tails[path.name] = RunTail(path)
        return [record for tail in self._tails.values() for record in tail.poll()]


def follow(
    folder: Path | str, *, until: Callable[[], bool] | None = None, poll_interval_s: float = 0.05
) -> Iterator[Record]:
    """Yield the documents of all runs as they are written.

    Parameters
    ----------
    folder : Path
        The journal; runs that begin later are included.
    until : callable, optional
        Asked when everything written has been yielded; the iteration ends when it answers True, after one
        more look. By default it never ends.
    poll_interval_s : float
        Time in s between two looks.

    Yields
    ------
    name : str
        Kind of the document.
    doc : dict
        The document. Runs interleave; within one run the order is that of writing.
    """
    tail = JournalTail(folder)
    pause = threading.Event()
    while True:
        ending = until is not None and until()
        documents = tail.poll()
        yield from documents
        if documents:
            continue
        if ending:
            return
        pause.wait(poll_interval_s)
