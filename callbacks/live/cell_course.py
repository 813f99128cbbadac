"""The cell's state against time, from the samples of its record as they come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

import numpy as np

from .spectrum import CELL_KEYS


class CellCourse:
    """Samples of one cell, in any order; asked for the state at any instant.

    Examples
    --------
    >>> course = CellCourse()
    >>> for time, volt in ((0.0, 3.0), (10.0, 4.0)):
    ...     course.add({"cell_time": time, "cell_voltage": volt})
    >>> course.at(5.0)["voltage"], course.at(20.0)["voltage"]
    (3.5, 4.0)
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._rows: list[tuple[float, ...]] = []

    @property
    def end_s(self) -> float:
        """Time of the last sample, UNIX s; minus infinity without any."""
        return self._times[-1] if self._times else -np.inf

    def add(self, data: Mapping[str, Any]) -> None:
        """Take a sample with the data keys of the cell; one without finite time is left out."""
        row = tuple(float(data.get(key, np.nan)) for key in CELL_KEYS.values())
        time = row[list(CELL_KEYS).index("time")]
        if not np.isfinite(time):
            return
        place = bisect_left(self._times, time)
        if place < len(self._times) and self._times[place] == time:
            self._rows[place] = row
            return
        self._times.insert(place, time)
        self._rows.insert(place, row)

    def at(self, time_s: float) -> dict[str, float]:
        """State at an instant of the cell's clock: linear between samples, the nearest one beyond them.

        Parameters
        ----------
        time_s
            UNIX s; NaN: that of the last sample.

        Returns
        -------
        dict
            time (s), voltage (V), current (A), capacity (mA h), lithium_content; NaN without any sample.
        """
        if not self._times:
            return {name: time_s if name == "time" else float("nan") for name in CELL_KEYS}
        time = time_s if np.isfinite(time_s) else self._times[-1]
        place = min(max(bisect_left(self._times, time), 1), len(self._times) - 1)
        near = slice(max(place - 1, 0), place + 1)
        columns = zip(*self._rows[near], strict=True)
        state = {
            name: float(np.interp(time, self._times[near], values))
            for name, values in zip(CELL_KEYS, columns, strict=True)
        }
        return state | {"time": time}
