"""Rows per second from a cycler's file to a checked table, against readers that check nothing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from operando.callbacks.analysis.electrochemistry import read_cycler_file

from .figure import Figure

ROWS = 50_000
ROUNDS = 15
MEASURED = Path(__file__).parents[1] / "../shared/data/echem"
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


def _fastest_s(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Time both by turns, so that what else the machine does meets both; the fastest of each counts."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, times in zip((ours, theirs), took, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return min(took[0]), min(took[1])


def _figure(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    goal: str,
    *,
    rows: int = ROWS,
    baseline: str = "pandas.read_csv of all columns, no check",
) -> Figure:
    """Compare two readers of one file."""
    ours_s, theirs_s = _fastest_s(ours, theirs)
    return Figure(
        name=name,
        value=rows / ours_s,
        baseline=baseline,
        baseline_value=rows / theirs_s,
        ratio=theirs_s / ours_s,
        goal=goal,
        unit="rows/s",
    )


def _neware() -> list[Figure]:
    """Compare with fastnda, by which they are read, on measured files; none where these or it are absent."""
    if find_spec("fastnda") is None:
        return []
    import fastnda

    return [
        _figure(
            f"Neware, {path.name}",
            partial(read_cycler_file, path, time_zone="Europe/Paris"),
            partial(fastnda.read, path),
            "<= 1.2 x its time",
            rows=len(fastnda.read(path)),
            baseline="fastnda.read, no check",
        )
        for path in sorted(MEASURED.rglob("*.nda*"))
    ]


def run() -> list[Figure]:
    """Time `read_cycler_file` on EC-Lab text with decimal commas, Battery Data Format and files of Neware."""
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
                ">= 1 x",
            ),
            *_neware(),
        ]
