"""Volumes while the cell goes on: a process that reconstructs each tomogram of a journal that asks for it.

Run as ``python -m operando.callbacks.live.volumes --journal FOLDER``. A tomogram asks by the key `volume` of
its start document. What is under way when the process ends is gone on with by the next one, slab by slab.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..tiled.follower import FINISH_S, Ending, close_left_open, ending_by_signal, parser_of, process, serve
from ..tiled.journal import JournalFullError, runs
from .document_router import DocumentRouter
from .result import Publish
from .tomogram_volume import ANALYSIS, TECHNIQUES, tomogram_volume

logger = logging.getLogger(__name__)


class EndedError(Exception):
    """The process was told to end while a volume was under way."""


class Volumes(DocumentRouter):
    """Document router: notes tomograms that ask for a volume, makes it once their run has ended well.

    Parameters
    ----------
    journal
        Folder of the journal; volumes go to the folder `results` beside it.
    publish
        Takes the documents of the results.
    must_end
        Asked after each slab; if it says so the volume is left to who goes on.
    workers
        Slabs at a time.
    client
        `dask.distributed.Client` of a cluster that sees the same files; this machine if absent.
    """

    def __init__(
        self,
        journal: Path,
        publish: Publish,
        *,
        must_end: Callable[[], bool] = lambda: False,
        workers: int | None = None,
        client: Any = None,  # noqa: ANN401
    ) -> None:
        self._make = partial(tomogram_volume, journal, publish, workers=workers, client=client)
        self._must_end = must_end
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._waiting: deque[str] = deque()
        self._done: set[str] = set()

    def remember(self, run: str) -> None:
        """Note that a tomogram has its volume already."""
        self._done.add(run)

    def step(self) -> bool:
        """Make the volume of the oldest tomogram that waits; False if none does.

        Raises
        ------
        JournalFullError
            If the result could not be published.
        """
        if not self._waiting or self._must_end():
            return False
        uid = self._waiting.popleft()
        try:
            made = self._make(uid, **self._asked.pop(uid), progress=self._go_on)
            logger.info("%s", made.told)
        except JournalFullError:
            raise
        except EndedError:
            logger.info("the volume of tomogram %s is left to who goes on", uid)
        except OSError as error:
            told = "tomogram %s has no volume: %s; the next services or operando reconstruct %s try again"
            logger.error(told, uid, error, uid[:8])
        except Exception:
            logger.exception("tomogram %s has no volume; operando reconstruct %s tries again", uid, uid[:8])
        return True

    def settle(self) -> None:
        """Nothing is left to do: each volume's results end with it."""

    def close(self) -> None:
        """Nothing is open between two volumes."""

    def _go_on(self, _finished: int, _slabs: int) -> None:
        if self._must_end():
            raise EndedError

    def _take_start(self, doc: Mapping[str, Any]) -> None:
        asks = doc.get("technique") in TECHNIQUES and doc.get("purpose") == "measurement" and "volume" in doc
        if asks and doc.get("experiment") and doc["uid"] not in self._done:
            self._asked[doc["uid"]] = doc["volume"]

    def _take_stop(self, doc: Mapping[str, Any]) -> None:
        uid = doc["run_start"]
        if uid not in self._asked:
            return
        if doc["exit_status"] == "success":
            self._waiting.append(uid)
        else:
            self._asked.pop(uid)


def recall(journal: Path, volumes: Volumes) -> None:
    """Note which tomograms have their volume from a predecessor; close what it left open."""
    told = [
        run
        for run in runs(journal)
        if run.start and (run.start.get("analysis") or {}).get("name") == ANALYSIS
    ]
    for run in told:
        if run.start and run.stop is not None:
            volumes.remember(run.start["analysis"]["of"])
    close_left_open(journal, {run.uid for run in told})


def ends_soon(ending: Ending) -> Callable[[], bool]:
    """Tell whether a process that was told to end has to leave its volume: at once, or after `FINISH_S`."""
    since: list[float] = []

    def must_end() -> bool:
        if ending.ended.is_set() and not since:
            since.append(time.monotonic())
        return ending.at_once.is_set() or (bool(since) and time.monotonic() - since[0] > FINISH_S)

    return must_end


def cluster() -> Any:  # noqa: ANN401 - a client, of a package that need not be there
    """Client of the Dask cluster that Dask's own configuration names (`DASK_SCHEDULER_ADDRESS`), or none."""
    from dask import config

    address = config.get("scheduler-address", None)
    if not address:
        return None
    from distributed import Client

    return Client(address)


def main() -> None:
    """Follow a journal until SIGTERM or SIGINT."""
    options = parser_of("Reconstruct each tomogram of a journal that asks for a volume.").parse_args()
    ending = ending_by_signal()

    def make(publish: Publish) -> Volumes:
        workers = max((os.cpu_count() or 2) // 2, 1)
        told = {"must_end": ends_soon(ending), "workers": workers, "client": cluster()}
        return Volumes(options.journal, publish, **told)

    with process():
        serve(options.journal, make, ending, recall=recall)


if __name__ == "__main__":
    main()
