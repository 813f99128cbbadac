"""Process that carries the journal to Tiled: ``python -m operando.callbacks.tiled.forwarder``."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from tiled.client.utils import ClientError

from .access import writer_client
from .follower import parser_of, process, roots_of
from .frame import SUFFIX
from .note import is_settled, write_note
from .projection import RunProjection, conclude, note_waiting
from .replay import only_forwarder
from .signal_thread import hear_signals
from .tail import read_journal

logger = logging.getLogger(__name__)

Connect = Callable[[], Any]
_LONGEST_WAIT_S = 5.0

LOOK_S = 0.1
"""Time between two looks at a journal in which nothing was found, s."""


def _is_outage(error: Exception) -> bool:
    """Tell whether Tiled was away, rather than a document at fault."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in (401, 409, 429)
    return isinstance(error, (httpx.TransportError, OSError, ClientError))


class Forwarder:
    """Keeps Tiled at the journal's heels.

    Parameters
    ----------
    folder : Path
        The journal.
    connect : callable
        Makes a client with the key of the writer; called again after an outage.
    roots : tuple of Path
        Folders from which external files may be registered.

    Attributes
    ----------
    halt : threading.Event
        Set it to end after the run that is being carried, whatever is left; the journal keeps it.
    wake : threading.Event
        Set it to cut a pause short.
    """

    def __init__(self, folder: Path, connect: Connect, roots: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self._connect = connect
        self._roots = roots
        self._client: Any = None
        self._projections: dict[Path, RunProjection] = {}
        self._nodes: dict[str, Any] = {}
        self._done: set[Path] = set()
        self._purposes: dict[Path, str] = {}
        self.halt, self.wake = threading.Event(), threading.Event()

    def step(self) -> int:
        """Carry everything written so far; return the number of documents.

        Raises
        ------
        httpx.HTTPError, OSError
            If Tiled is away; the next step begins afresh and doubles nothing.
        """
        try:
            if self._client is None:
                self._client = self._connect()
            paths = [path for path in self.folder.glob(f"*{SUFFIX}") if path not in self._done]
            # Live results first: somebody waits for them.
            paths.sort(key=lambda path: (not self._holds_results(path), path))
            return sum(self._advance(path) for path in paths if not self.halt.is_set())
        except Exception:
            self._client = None
            self._projections.clear()
            self._nodes.clear()
            raise

    def _holds_results(self, path: Path) -> bool:
        """Whether a run holds results of live analysis, by its first document."""
        if path not in self._purposes:
            first = next(read_journal(path), None)
            if first is None:
                return False
            self._purposes[path] = str(first[1].get("purpose", ""))
        return self._purposes[path] == "analysis"

    def _advance(self, path: Path) -> int:
        if path not in self._projections:
            if is_settled(self.folder, path.stem.rpartition("_")[2]):
                self._done.add(path)
                return 0
            self._projections[path] = RunProjection(path, self._client, self._roots, self._nodes)
        projection = self._projections[path]
        waited = projection.waiting
        try:
            count = projection.advance()
            if projection.ended and count:
                self._conclude(projection)
            elif projection.ended and projection.waiting != waited:
                note_waiting(projection, self.folder)
            if projection.ended and not projection.waiting:
                self._finish(path)
        except Exception as error:
            if _is_outage(error):
                raise
            logger.exception("run %s cannot be forwarded; it is safe in %s", projection.uid, path)
            write_note(self.folder, projection.uid, verdict="failed", error=repr(error))
            self._finish(path)
            return 0
        return count

    def _conclude(self, projection: RunProjection) -> None:
        if not conclude(projection, self.folder).complete:
            again = RunProjection(projection.path, self._client, self._roots, self._nodes)
            while again.advance():
                pass
            conclude(again, self.folder)

    def _finish(self, path: Path) -> None:
        self._done.add(path)
        self._projections.pop(path, None)

    def run(self, until: Callable[[], bool], interval_s: float = 1.0) -> None:
        """Go on until told to end and nothing is left to carry, Tiled is away then, or `halt` is set.

        Parameters
        ----------
        until : callable
            Asked before each step; the step after it has answered True is the last that finds nothing.
        interval_s : float
            Time in s from the begin of a step to that of the next; after a long step a tenth of it, and
            after one that found nothing `LOOK_S` at most.
        """
        pause, wait_s = self.wake, interval_s
        while not self.halt.is_set():
            ending, begun_s = until(), time.monotonic()
            try:
                count = self.step()
            except Exception as error:
                if not _is_outage(error):
                    raise
                logger.warning("Tiled is away (%s); trying again in %.1f s", type(error).__name__, wait_s)
                if ending:
                    return
                pause.wait(wait_s)
                wait_s = min(2.0 * wait_s, _LONGEST_WAIT_S)
                continue
            if ending and not count:
                return
            wait_s = interval_s
            if not ending:
                took_s = time.monotonic() - begun_s
                whole_s = interval_s if count else min(interval_s, LOOK_S)
                pause.wait(max(whole_s - took_s, 0.1 * took_s))


def main(arguments: list[str] | None = None) -> None:
    """Forward a journal until SIGTERM, then what is left; SIGINT ends it sooner."""
    parser = parser_of("Carry a journal to Tiled.", roots=True)
    parser.add_argument("--tiled", default=None, help="address of Tiled or data root of its server")
    parser.add_argument("--interval", type=float, default=1.0, help="time between steps in s")
    options = parser.parse_args(arguments)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    where = options.tiled or options.journal.resolve().parent
    ending = threading.Event()
    forwarder = Forwarder(options.journal, lambda: writer_client(where), roots_of(options))

    def end(number: int) -> None:
        if number == signal.SIGINT:
            forwarder.halt.set()
        ending.set()
        forwarder.wake.set()

    hear_signals(end)
    with process(), only_forwarder(options.journal):
        forwarder.run(ending.is_set, options.interval)


if __name__ == "__main__":
    main()
