"""What a beamline logged beside its measurements: any numeric data key of any stream, by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .run_source import RunSource

NOT_LOGGED = ("electrochemistry", "analysis")
"""Purposes of runs that hold no log of the beamline: merged files and results."""

OF_ROWS = ("seq_num", "time")


def monitor_rows(source: RunSource, starts: Sequence[dict[str, Any]], key: str) -> pd.DataFrame:
    """Every value of a data key.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : sequence of dict
        Start documents of an experiment.
    key : str
        Data key, in any stream.

    Returns
    -------
    DataFrame
        Columns ``time`` (UNIX s: that of the cell where the rows have it, as for scans, else the host's) and
        ``value``; by time. Empty if no stream has the key.
    """
    frames = [
        pd.DataFrame({"time": _time_s(rows), "value": rows[key].to_numpy(dtype=float)})
        for rows in _streams(source, starts)
        if key in rows.columns and pd.api.types.is_numeric_dtype(rows[key])
    ]
    if not frames:
        return pd.DataFrame({"time": [], "value": []})
    return pd.concat(frames, ignore_index=True).sort_values(by="time", kind="stable", ignore_index=True)


def monitor_keys(source: RunSource, starts: Sequence[dict[str, Any]]) -> list[str]:
    """Numeric data keys of all streams, each once."""
    found: dict[str, None] = {}
    for rows in _streams(source, starts):
        numeric = rows.select_dtypes("number").columns
        found |= dict.fromkeys(str(key) for key in numeric if key not in OF_ROWS)
    return list(found)


def _streams(source: RunSource, starts: Sequence[dict[str, Any]]) -> Iterator[pd.DataFrame]:
    for start in starts:
        if start.get("purpose") in NOT_LOGGED:
            continue
        for name in source.streams(start["uid"]):
            yield source.stream(start["uid"], name)


def _time_s(rows: pd.DataFrame) -> np.ndarray:
    if "cell_time" in rows and np.isfinite(rows["cell_time"].to_numpy(dtype=float)).all():
        return rows["cell_time"].to_numpy(dtype=float)
    return rows["time"].to_numpy(dtype=float)
