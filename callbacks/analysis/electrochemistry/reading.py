"""Any cycler file as one table on absolute time."""
# pyright: standard

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ..local_time import absolute_time
from .delimited import read_delimited, read_excel, read_parquet
from .eclab_binary import read_eclab_binary
from .eclab_text import read_eclab_text
from .neware import read_neware
from .plausibility import defects
from .record import (
    CURRENT,
    CYCLE,
    LOCAL_TIME,
    NET_CAPACITY,
    STEP,
    TEST_TIME,
    UNIX_TIME,
    VOLTAGE,
    Corrections,
    CyclerRecord,
    FloatArray,
    corrected,
    net_capacity_ah,
)

READERS: dict[str, Callable[[Path], CyclerRecord]] = {
    ".mpr": read_eclab_binary,
    ".mpt": read_eclab_text,
    ".txt": read_eclab_text,
    ".nda": read_neware,
    ".ndax": read_neware,
    ".csv": read_delimited,
    ".xlsx": read_excel,
    ".parquet": read_parquet,
}
SHORTER_THAN_SUMMER_S = 90 * 86400.0
"""Less than from one change of the clock to the change back."""

ALWAYS = (TEST_TIME, UNIX_TIME, VOLTAGE, CURRENT, NET_CAPACITY, CYCLE, STEP)


def read_record(path: Path) -> CyclerRecord:
    """Read a file as it is, by its ending.

    Raises
    ------
    ValueError
        If no reader knows the ending, or the file is not what its ending says.
    ModuleNotFoundError
        If its reader is an extra that is not installed.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path}: no reader for {path.suffix or 'no ending'!r}: give {', '.join(READERS)}")
    return reader(path)


def unix_time_s(record: CyclerRecord, time_zone: str | None, source: str) -> FloatArray:
    """Seconds since 1970 of each row.

    Raises
    ------
    ValueError
        If the file does not say when it started, or says it in local time and no zone is given.
    """
    if UNIX_TIME in record.columns:
        return record.columns[UNIX_TIME]
    if LOCAL_TIME in record.columns:
        return _from_local(record.columns[LOCAL_TIME], time_zone, source)
    if record.start is None:
        raise ValueError(
            f"{source}: start: the file has no line 'Acquisition started on' nor column {UNIX_TIME!r}: "
            "export it with header, or give its start"
        )
    return absolute_time(record.start, time_zone, source).timestamp() + record.columns[TEST_TIME]


def _from_local(local_s: FloatArray, time_zone: str | None, source: str) -> FloatArray:
    """Move a wall clock's time to UTC, with its change to and from summer time."""
    shifts_s = [_shift_s(float(time_s), time_zone, source) for time_s in (np.min(local_s), np.max(local_s))]
    if shifts_s[0] == shifts_s[1] and np.ptp(local_s) < SHORTER_THAN_SUMMER_S:
        return local_s + shifts_s[0]
    stamps = pd.Series(pd.to_datetime(local_s, unit="s"))
    aware = stamps.dt.tz_localize(time_zone, ambiguous="NaT", nonexistent="NaT")
    shift = aware.dt.tz_convert("UTC").dt.tz_localize(None) - stamps
    return local_s + np.asarray(shift.ffill().bfill().dt.total_seconds(), dtype=float)


def _shift_s(local_s: float, time_zone: str | None, source: str) -> float:
    """Seconds from a wall clock's time to UTC at one instant."""
    local = datetime.fromtimestamp(local_s, UTC).replace(tzinfo=None)
    return absolute_time(local, time_zone, source).timestamp() - local.replace(tzinfo=UTC).timestamp()


def table_of(
    record: CyclerRecord, source: str, unix_s: FloatArray, clock_offset_s: float, clock_uncertainty_s: float
) -> pd.DataFrame:
    """Turn a record into the table that `read_cycler_file` describes."""
    columns: dict[str, FloatArray | float] = {name: record.columns.get(name, np.nan) for name in ALWAYS}
    columns |= {UNIX_TIME: unix_s + clock_offset_s, NET_CAPACITY: net_capacity_ah(record.columns)}
    columns |= {name: values for name, values in record.columns.items() if name not in {*columns, LOCAL_TIME}}
    backward_s = float(np.max(-np.diff(unix_s), initial=0.0))
    if backward_s > 0:
        clock_uncertainty_s = float(np.fmax(clock_uncertainty_s, backward_s))
    columns |= {"clock_offset_s": clock_offset_s, "clock_uncertainty_s": clock_uncertainty_s}
    time_s = unix_s if np.isfinite(unix_s).all() else record.columns[TEST_TIME]
    in_order = bool(np.all(np.diff(time_s) >= 0))
    order = slice(None) if in_order else np.argsort(time_s, kind="stable")
    # One block of numbers, in order before it is a table: pandas is slow by the column and by the row.
    block = np.empty((len(columns), unix_s.size))
    for row, values in zip(block, columns.values(), strict=True):
        row[:] = values[order] if isinstance(values, np.ndarray) else values
    table = pd.DataFrame(block.T, columns=list(columns), copy=False)
    sources = pa.repeat(pa.scalar(source, pa.large_string()), len(table))
    table.insert(len(columns) - 2, "source", pd.arrays.ArrowStringArray(sources))
    return table


def read_cycler_file(
    path: str | Path,
    *,
    time_zone: str | None = None,
    corrections: Corrections = Corrections(),  # noqa: B008  frozen
    clock_offset_s: float = 0.0,
    clock_uncertainty_s: float = float("nan"),
) -> pd.DataFrame:
    """Read the file of a cycler into a table on absolute time.

    Parameters
    ----------
    path
        EC-Lab or BT-Lab text (.mpt, .txt; decimal points or commas), EC-Lab binary (.mpr), Neware (.nda,
        .ndax; extra ``neware``), Battery Data Format (.csv, .parquet), Arbin and Neware (.csv, .xlsx; extra
        ``excel``).
    time_zone
        Zone of the cycler's computer, such as ``"Europe/Paris"``; needed unless the file holds absolute time.
    corrections
        What the user knows better than the file.
    clock_offset_s
        Seconds to add to the cycler's clock to get the beamline's.
    clock_uncertainty_s
        How well that is known; NaN if nobody knows. The table has at least what the clock was set back
        meanwhile.

    Returns
    -------
    pandas.DataFrame
        Columns of the Battery Data Format: ``Test Time / s``, ``Unix Time / s``, ``Voltage / V``, ``Current
        / A`` (positive charges), ``Net Capacity / Ah``, ``Cycle Count / 1``, ``Step Index / 1`` (NaN where
        the file does not say), then what else the file holds; and ``source``, ``clock_offset_s``,
        ``clock_uncertainty_s``. Rows are in order of time.

    Raises
    ------
    ValueError
        If the file is not of its kind, lacks start, time, voltage or current, the zone is missing or unknown,
        or units, time or counters cannot be true.
    ModuleNotFoundError
        If its reader is an extra that is not installed.
    """
    path = Path(path)
    record = corrected(read_record(path), corrections, str(path))
    wrong = [defect for defect in defects(record) if defect.fatal]
    if wrong:
        raise ValueError(f"{path}: " + "; ".join(map(str, wrong)))
    unix_s = unix_time_s(record, time_zone, str(path))
    return table_of(record, path.name, unix_s, clock_offset_s, clock_uncertainty_s)
