"""Columns of an edge fit, filled group by group of the spectra of a stack."""

from __future__ import annotations

import numpy as np

from .result import NUMBERS, Verdict
from .verdict import REASONS
from .window import Windows


class FitTable:
    """Columns of the result, filled block by block."""

    def __init__(self, count: int) -> None:
        self.columns: dict[str, np.ndarray] = {
            name: np.full(count, np.nan) for field in NUMBERS for name in (field, f"{field}_sigma")
        }
        self.columns["noise"] = np.full(count, np.nan)
        self.columns["repaired_points"] = np.zeros(count, dtype=np.intp)
        self.columns["pre_window_ev"] = np.full((count, 2), np.nan)
        self.columns["post_window_ev"] = np.full((count, 2), np.nan)
        self.columns["post_degree"] = np.zeros(count, dtype=np.intp)
        self.columns["verdict"] = np.full(count, str(Verdict.NO_DATA), dtype="<U16")
        self.columns["reason"] = np.full(count, REASONS[Verdict.NO_DATA], dtype=object)

    def put(self, rows: np.ndarray, layout_windows: Windows, numbers: dict[str, np.ndarray]) -> None:
        """Fill the rows of one group of spectra."""
        for name, values in numbers.items():
            self.columns[name][rows] = values
        self.columns["pre_window_ev"][rows] = layout_windows.pre_ev
        self.columns["post_window_ev"][rows] = layout_windows.post_ev
        self.columns["post_degree"][rows] = layout_windows.post_degree
        if layout_windows.problem:
            self.columns["verdict"][rows] = str(Verdict.TRUNCATED)
            self.columns["reason"][rows] = layout_windows.problem
            return
        for verdict, reason in REASONS.items():
            self.columns["reason"][rows[numbers["verdict"] == str(verdict)]] = reason
