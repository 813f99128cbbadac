"""The instrument's own record: a ring of the last samples, each with its number since the start."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from .sample import COLUMNS, Sample
from .technique import EngineStep

BLOCK_ROWS = 500
KEPT_ROWS = 200_000
IDLE_INTERVAL_S = 10.0
TIME_TOLERANCE_S = 1e-3


class Recordable(Protocol):
    """What a record keeps."""

    def row(self, number: int) -> tuple[float, ...]:
        """Values by column, the first of them its number."""
        ...


class RecordBuffer:
    """The last samples, by number.

    The memory is full once every row of it holds a sample that nobody has fetched. The newest then takes the
    place of the oldest: what has become of the cell, a trip above all, is worth more than what it did at the
    begin of an absence, and the numbers of the samples show where the hole is.

    Parameters
    ----------
    capacity
        Number of samples that are kept.
    columns
        Number of their values.

    Attributes
    ----------
    count : int
        Samples so far.
    lost : int
        Samples whose place was taken before they were fetched.
    """

    def __init__(self, capacity: int = KEPT_ROWS, *, columns: int = len(COLUMNS)) -> None:
        self.count = self.lost = 0
        self._unread = 0
        self._rows = np.zeros((capacity, columns))

    @property
    def capacity(self) -> int:
        """Number of samples that are kept."""
        return len(self._rows)

    @property
    def filled(self) -> int:
        """Number of samples that nobody has fetched."""
        return self.count - self._unread

    def append(self, sample: Recordable) -> int:
        """Keep a sample; returns its number."""
        number = self.count
        self._rows[number % self.capacity] = sample.row(number)
        self.count += 1
        self._count_lost()
        return number

    def fetch(self, first: int) -> np.ndarray:
        """Rows as of `block`; they and all before them are free to be replaced."""
        rows = self.block(first)
        if len(rows):
            self._unread = max(self._unread, int(rows[-1, 0]) + 1)
        return rows

    def resize(self, capacity: int) -> None:
        """Keep so many samples from now on, the newest ones among those that are held.

        Raises
        ------
        ValueError
            If that is not at least one.
        """
        if capacity < 1:
            raise ValueError(f"record: a memory of {capacity} rows holds nothing; give at least 1")
        held = self.block(self.count - capacity, capacity)
        self._rows = np.zeros((capacity, self._rows.shape[1]))
        self._rows[held[:, 0].astype(int) % capacity] = held
        self._count_lost()

    def _count_lost(self) -> None:
        lost = max(self.filled - self.capacity, 0)
        self.lost += lost
        self._unread += lost

    def block(self, first: int, most: int = BLOCK_ROWS) -> np.ndarray:
        """Rows from sample `first` (or the oldest that is kept) on, at most `most`; shape (rows, columns)."""
        start = max(first, self.count - self.capacity, 0)
        numbers = np.arange(start, max(start, min(self.count, start + most)))
        return self._rows[numbers % self.capacity]


class Recorder:
    """Decides which samples are kept: by change of time, voltage or current, as the step asks."""

    def __init__(self, record: RecordBuffer) -> None:
        self._record = record
        self._last: Sample | None = None

    def keep(self, sample: Sample) -> None:
        """Keep a sample, once."""
        if sample is not self._last:
            self._record.append(sample)
            self._last = sample

    def until_due_s(self, time_s: float, step: EngineStep | None) -> float:
        """Time (s) until a sample is due by time alone; infinite when that is switched off."""
        if step is None or self._last is None or step.record_dt_s <= 0:
            return math.inf
        due_s = self._last.time + step.record_dt_s - time_s
        return min(max(due_s, TIME_TOLERANCE_S), step.record_dt_s)

    def due(self, sample: Sample, step: EngineStep | None) -> bool:
        """Whether a sample has moved on far enough from the last one kept."""
        last = self._last
        if last is None:
            return True
        passed_s = sample.time - last.time + TIME_TOLERANCE_S
        if passed_s < 0:
            return True  # The clock was set back.
        if step is None:
            return passed_s >= IDLE_INTERVAL_S
        changes = (
            (passed_s, step.record_dt_s),
            (abs(sample.voltage - last.voltage), step.record_de_v),
            (abs(sample.current - last.current), step.record_di_a),
        )
        return any(limit > 0 and change >= limit for change, limit in changes)
