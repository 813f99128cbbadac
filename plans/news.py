"""News of several potentiostats at once: what waits for it is told by the first that has some."""

import threading
from collections.abc import Mapping
from typing import Any

from ophyd.status import Status


class AnyNews:
    """Done as soon as one of several cells has news, as its own `news` tells.

    A wait of a cell that nothing has ended yet is kept for the next time, so that a quiet cell beside a busy
    one is not subscribed to again and again.

    Parameters
    ----------
    news : mapping
        `cell.news` by name of the cell.
    """

    name = "any_news"
    parent = None

    def __init__(self, news: Mapping[str, Any]) -> None:
        self._news = dict(news)
        self._asked: dict[str, tuple[dict[int, int], Any]] = {}
        self._status = Status()
        self._lock = threading.Lock()

    def set(self, seen: Mapping[str, Mapping[int, int]]) -> Status:
        """Wait for news.

        Parameters
        ----------
        seen
            By name of the cell, the count that is known of each trigger; cells that are not named are not
            looked at.
        """
        self._status = status = Status()
        for name, counts in seen.items():
            known, asked = self._asked.get(name, ({}, None))
            if asked is None or asked.done or known != counts:
                asked = self._news[name].set(dict(counts))
                self._asked[name] = (dict(counts), asked)
                asked.add_callback(self._tell)
        return status

    def _tell(self, told: Any) -> None:  # noqa: ANN401
        with self._lock:
            if self._status.done:
                return
            error = told.exception()
            if error is not None:
                self._status.set_exception(error)
            else:
                self._status.set_finished()
