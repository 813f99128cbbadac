"""The instrument's own record: a ring of the last samples, each with its number since the start."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from .sample import COLUMNS, Sample
from .technique import EngineStep

BLOCK_ROWS = 500
IDLE_INTERVAL_S = 10.0
TIME_TOLERANCE_S = 1e-3


class Recordable(Protocol):
    """What a record keeps."""

    def row(self, number: int) -> tuple[float, ...]:
        """Values by column, the first of them its number."""
        ...


class RecordBuffer:
    """The last samples, by number.

    Parameters
    ----------
    capacity
        Number of samples that are kept.
    columns
        Number of their values.
    """

    def __init__(self, capacity: int = 200_000, *, columns: int = len(COLUMNS)) -> None:
        self.count = 0
        self._rows = np.zeros((capacity, columns))

    def append(self, sample: Recordable) -> int:
        """Keep a sample; returns its number."""
        number = self.count
        self._rows[number % len(self._rows)] = sample.row(number)
        self.count += 1
        return number

    def block(self, first: int, most: int = BLOCK_ROWS) -> np.ndarray:
        """Rows from sample `first` (or the oldest that is kept) on, at most `most`; shape (rows, columns)."""
        start = max(first, self.count - len(self._rows), 0)
        numbers = np.arange(start, max(start, min(self.count, start + most)))
        return self._rows[numbers % len(self._rows)]


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
        return max(self._last.time + step.record_dt_s - time_s, TIME_TOLERANCE_S)

    def due(self, sample: Sample, step: EngineStep | None) -> bool:
        """Whether a sample has moved on far enough from the last one kept."""
        last = self._last
        if last is None:
            return True
        passed_s = sample.time - last.time + TIME_TOLERANCE_S
        if step is None:
            return passed_s >= IDLE_INTERVAL_S
        changes = (
            (passed_s, step.record_dt_s),
            (abs(sample.voltage - last.voltage), step.record_de_v),
            (abs(sample.current - last.current), step.record_di_a),
        )
        return any(limit > 0 and change >= limit for change, limit in changes)
