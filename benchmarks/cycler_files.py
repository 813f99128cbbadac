"""Rows per second from a cycler's file to a checked table, against pandas that parses every column."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from operando.callbacks.analysis.electrochemistry import read_cycler_file

from .figure import Figure

ROWS = 50_000
ROUNDS = 5
HEAD = "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : 07/08/2022 10:00:00.000\n"


def _table() -> pd.DataFrame:
    """Cell that is charged and discharged by turns, a row each 10 s, as EC-Lab exports it: 24 columns."""
    time_s = np.arange(ROWS) * 10.0
    way = np.where((time_s // 36000) % 2 == 0, 1.0, -1.0)
    charge_mah = np.concatenate([[0.0], np.cumsum(way[1:] * 10 / 3600)])
    named = {
        "time/s": time_s,
        "Ewe/V": 3.6 + 0.05 * charge_mah,
        "<I>/mA": way,
        "(Q-Qo)/mA.h": charge_mah,
        "cycle number": time_s // 72000,
    }
    others = {f"other {number}": np.sqrt(time_s + number) for number in range(19)}
    return pd.DataFrame({**others, **named})


def _seconds(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return median(took)


def _figure(name: str, ours: Callable[[], object], theirs: Callable[[], object], goal: str) -> Figure:
    """Compare two readers of one file."""
    value, baseline = ROWS / _seconds(ours), ROWS / _seconds(theirs)
    return Figure(
        name=name,
        value=value,
        baseline="pandas.read_csv of all columns, no check",
        baseline_value=baseline,
        ratio=value / baseline,
        goal=goal,
        unit="rows/s",
    )


def run() -> list[Figure]:
    """Time `read_cycler_file` on an EC-Lab text with decimal commas and on Battery Data Format."""
    table = _table()
    with tempfile.TemporaryDirectory() as folder:
        text, bdf = Path(folder) / "cell.mpt", Path(folder) / "cell.bdf.csv"
        with text.open("w", encoding="latin-1") as file:
            file.write(HEAD)
            table.to_csv(file, sep="\t", index=False, decimal=",", float_format="%.7E")
        read_cycler_file(text, time_zone="Europe/Paris").dropna(axis="columns", how="all").to_csv(
            bdf, index=False
        )
        return [
            _figure(
                "EC-Lab text, decimal commas, 24 columns",
                lambda: read_cycler_file(text, time_zone="Europe/Paris"),
                lambda: pd.read_csv(text, sep="\t", skiprows=3, decimal=",", encoding="latin-1"),
                ">= 1 x",
            ),
            _figure(
                "Battery Data Format, csv",
                lambda: read_cycler_file(bdf),
                lambda: pd.read_csv(bdf),
                "<= 2.5 x its time",
            ),
        ]
