"""The cycler's own record, read by sample number so that a network gap loses and doubles nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any, ClassVar, TypeAlias

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalRO, Signal

from .bounded import fresh, write

logger = logging.getLogger(__name__)
Column: TypeAlias = tuple[str, str, bool]
"""Of the record: key below the name of the device, unit, whether it counts."""

COLUMNS: tuple[Column, ...] = (
    ("sample", "", True),
    ("time", "s", False),
    ("voltage", "V", False),
    ("current", "A", False),
    ("capacity", "mA h", False),
    ("lithium_content", "", False),
    ("state_of_charge", "", False),
    ("temperature", "degC", False),
    ("step", "", True),
    ("cycle", "", True),
    ("half_cycle", "", True),
)
TIME = 1
"""Place of the time among the columns."""


class Record(Device):
    """Rows of the cycler's memory, and up to which of them they were read."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    count = Cpt(EpicsSignalRO, "COUNT", auto_monitor=True, kind="omitted")
    begin = Cpt(EpicsSignal, "FROM", put_complete=True, kind="omitted")
    start = Cpt(EpicsSignalRO, "START", kind="omitted")
    block = Cpt(EpicsSignalRO, "BLOCK", kind="omitted")
    hole = Cpt(Signal, value="", kind="omitted")
    """What was found missing at the last look, in words; empty while the record is whole."""

    timeout_s = 5.0

    def __init__(self, prefix: str = "", *, name: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(prefix, name=name, **kwargs)
        self._next: int | None = None
        self._asked: int | None = None
        self._last_time_s: float | None = None

    def mark(self) -> None:
        """Let the next look at what is new begin at the present sample, or at the one that was asked for."""
        asked, self._asked = self._asked, None
        self._next = self.samples() if asked is None else asked
        self._last_time_s = None

    def collect_from(self, sample: int) -> None:
        """Let the next look at what is new begin at this number, as after a process that died.

        Raises
        ------
        ValueError
            If the number is negative.
        """
        if sample < 0:
            raise ValueError(f"{self.name}: there is no sample {sample}; the record starts at 0")
        self._next = self._asked = sample
        self._last_time_s = None

    def new_rows(self) -> Iterator[np.ndarray]:
        """Yield blocks of rows since the last look; the first look of all only marks the present sample.

        Raises
        ------
        TimeoutError
            When the cycler does not answer; the next look goes on after the last block that was yielded.
        """
        if self._next is None:
            self.mark()
        for rows in self.rows(self._next or 0, after_s=self._last_time_s):
            self._next, self._last_time_s = int(rows[-1, 0]) + 1, float(rows[-1, TIME])
            yield rows

    def samples(self) -> int:
        """Count the samples taken since the server was started."""
        return int(fresh(self.count, self.timeout_s))

    def rows(self, first: int, *, after_s: float | None = None) -> Iterator[np.ndarray]:
        """Rows from sample `first` on up to the present, in blocks of shape (rows, columns).

        Samples that the cycler's memory no longer holds are logged as lost; the sample numbers show the gap.
        Where the cycler counts anew, what it holds is read from its sample 0, and only what is later than
        `after_s` is given: nothing that was recorded during a network gap is lost, and nothing comes twice.

        Parameters
        ----------
        first
            Number of the first sample that is wanted.
        after_s
            Time of sample `first - 1` by the cycler's clock, s: it tells whether the cycler still counts as
            it did when that sample was read. None: that is not known.

        Raises
        ------
        TimeoutError
            When the cycler does not answer; what was yielded is valid, the next call may go on after it.
        """
        count = self.samples()
        if count < first or not self._counts_on(first, after_s):
            logger.warning(
                "%s: the cycler was restarted after sample %d and counts anew, reading what it holds from 0",
                self.name,
                first - 1,
            )
            yield from (block for block in self._blocks(0, count, after_s) if len(block))
        else:
            yield from self._blocks(first, count, None)

    def _blocks(self, first: int, count: int, after_s: float | None) -> Iterator[np.ndarray]:
        while first < count:
            block = self._read(first)
            if not len(block):
                return
            if block[0, 0] > first:
                hole = (
                    f"samples {first} to {int(block[0, 0]) - 1} are lost: the cycler's memory was full "
                    "and has replaced them; collect more often"
                )
                logger.error("%s: %s", self.name, hole)
                self.hole.put(hole)
            first = int(block[-1, 0]) + 1
            yield block if after_s is None else block[block[:, TIME] > after_s]

    def _counts_on(self, first: int, after_s: float | None) -> bool:
        if after_s is None or first < 1:
            return True
        known = self._read(first - 1)
        # What the memory has dropped cannot be compared; what is left of it must be later.
        if len(known) and known[0, 0] == first - 1:
            return bool(known[0, TIME] == after_s)
        return not len(known) or bool(known[0, TIME] >= after_s)

    def _read(self, first: int) -> np.ndarray:
        write(self.begin, first, self.timeout_s)
        flat = np.atleast_1d(np.asarray(fresh(self.block, self.timeout_s), dtype=float))
        width = len(self.columns)
        rows = flat[: flat.size // width * width].reshape(-1, width)
        # Another client may have asked for other rows in between: what is older is known already.
        return rows[rows[:, 0] >= first]


def data_keys(name: str, source: str, columns: tuple[Column, ...] = COLUMNS) -> dict[str, dict]:
    """Describe the columns for a descriptor document."""
    keys: dict[str, dict] = {}
    for column, unit, counts in columns:
        key = {"source": source, "dtype": "integer" if counts else "number", "shape": []}
        key |= {"dtype_numpy": "<i8" if counts else "<f8"} | ({"units": unit} if unit else {})
        keys[f"{name}_{column}"] = key
    return keys


def event_page(name: str, rows: np.ndarray, columns: tuple[Column, ...] = COLUMNS) -> dict:
    """Partial event page of a block of rows."""
    now = time.time()
    data = {
        f"{name}_{column}": (rows[:, index].astype(int) if counts else rows[:, index]).tolist()
        for index, (column, _, counts) in enumerate(columns)
    }
    return {"data": data, "timestamps": {key: [now] * len(rows) for key in data}}
