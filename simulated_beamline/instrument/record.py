"""The instrument's own record: a ring of the last samples, each with its number since the start."""

from __future__ import annotations

import numpy as np

from .sample import COLUMNS, Sample

BLOCK_ROWS = 500


class RecordBuffer:
    """The last samples, by number.

    Parameters
    ----------
    capacity
        Number of samples that are kept.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self.count = 0
        self._rows = np.zeros((capacity, len(COLUMNS)))

    def append(self, sample: Sample) -> int:
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
