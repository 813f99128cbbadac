"""A beamline's own log of a cell's voltage or current, as a csv file."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ..callbacks.analysis.local_time import absolute_time
from .cycler_clock import COLUMNS, FloatArray, MonitorLog, Quantity


def read_monitor_file(path: Path, time_zone: str) -> list[MonitorLog]:
    """Read what a beamline logged of a cell.

    Parameters
    ----------
    path
        Csv with a first line; columns ``time`` (UNIX s, or 2022-07-26 23:01:58 with or without zone) and
        ``voltage``, ``current`` or both, in any unit.
    time_zone
        Zone of times that have none.

    Raises
    ------
    ValueError
        If a column is missing, or a time or value is none; with the remedy.
    FileNotFoundError
        If there is no such file.
    """
    table = pd.read_csv(path)
    columns: dict[Quantity, pd.Series] = {
        quantity: pd.Series(table[quantity]) for quantity in COLUMNS if quantity in table.columns
    }
    if "time" not in table.columns or not columns:
        raise ValueError(
            f"{path}: has the columns {', '.join(map(str, table.columns))}: "
            f"needs time and {' or '.join(COLUMNS)}"
        )
    time_s = _unix_time_s(pd.Series(table["time"]), time_zone, path)
    try:
        return [
            MonitorLog(f"{path.name}: {quantity}", quantity, time_s, values.to_numpy(float))
            for quantity, values in columns.items()
        ]
    except ValueError as error:
        raise ValueError(f"{path}: {error}: write numbers with a decimal point") from error


def _unix_time_s(times: pd.Series, time_zone: str, path: Path) -> FloatArray:
    if pd.api.types.is_numeric_dtype(times):
        return times.to_numpy(float)
    try:
        read = [datetime.fromisoformat(str(text).strip()) for text in times]
        return np.array([absolute_time(time, time_zone, str(path)).timestamp() for time in read])
    except ValueError as error:
        raise ValueError(f"{path}: {error}: write times as 2022-07-26 23:01:58, or UNIX seconds") from error
