"""Maps of energy images, made beside what is urgent: in a thread, so that slices of a tomogram go on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from .energy_images import EdgeMaps, maps_of, tell_maps
from .result import Publish
from .run_of_projections import RunOfProjections

logger = logging.getLogger(__name__)

WAIT_S = 0.05
"""Wall time for which maps are waited for before documents are looked at again, s."""


class MapWork:
    """Runs of energy images that have ended, one after the other.

    Parameters
    ----------
    publish
        Takes the documents of the results.
    folder
        Where files of maps go.
    """

    def __init__(self, publish: Publish, folder: Path) -> None:
        self._publish, self._folder = publish, folder
        self._pool = ThreadPoolExecutor(1, "maps")
        self._waiting: list[tuple[RunOfProjections, Future[EdgeMaps]]] = []

    def add(self, run: RunOfProjections, others: Mapping[str, RunOfProjections]) -> None:
        """Make the maps of a run that has ended, in their turn."""
        self._waiting.append((run, self._pool.submit(maps_of, run, others)))

    def step(self) -> bool:
        """Publish the next maps if they are made; False if none are wanted.

        Raises
        ------
        OSError
            If they could not be published, as on a full disk.
        """
        if not self._waiting:
            return False
        run, future = self._waiting[0]
        if not wait([future], timeout=WAIT_S).done:
            return True
        self._waiting.pop(0)
        try:
            tell_maps(self._publish, self._folder, run, future.result())
        except OSError:
            raise
        except Exception as error:
            level = logger.error if isinstance(error, ValueError) else logger.exception
            level("the images of run %s make no maps: %s", run.uid, error)
        return True

    def close(self) -> None:
        """Leave what is not made yet: who follows the journal next makes it."""
        self._pool.shutdown(wait=False, cancel_futures=True)
