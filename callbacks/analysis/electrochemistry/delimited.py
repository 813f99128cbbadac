"""Tables with one header line: Battery Data Format, and what Arbin and Neware export as csv or xlsx."""
# pyright: standard

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import csv as arrow_csv

from .record import (
    CHARGING_CAPACITY,
    CURRENT,
    CYCLE,
    DISCHARGING_CAPACITY,
    NET_CAPACITY,
    STEP,
    TEST_TIME,
    UNIX_TIME,
    VOLTAGE,
    CyclerRecord,
    FloatArray,
)

# Machine-readable name of the Battery Data Format, its label, and what Arbin and Neware call it.
QUANTITIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("test_time_second", TEST_TIME, ("test time", "total time")),
    ("voltage_volt", VOLTAGE, ("voltage",)),
    ("current_ampere", CURRENT, ("current",)),
    ("unix_time_second", UNIX_TIME, ()),
    ("cycle_count", CYCLE, ("cycle index", "cycle")),
    ("step_index", STEP, ("step index",)),
    ("step_count", "Step Count / 1", ()),
    ("step_time_second", "Step Time / s", ("step time",)),
    ("charging_capacity_ah", CHARGING_CAPACITY, ("charge capacity", "chg cap", "charge cap")),
    ("discharging_capacity_ah", DISCHARGING_CAPACITY, ("discharge capacity", "dchg cap", "discharge cap")),
    ("net_capacity_ah", NET_CAPACITY, ()),
    ("charging_energy_wh", "Charging Energy / Wh", ("charge energy", "chg energy")),
    ("discharging_energy_wh", "Discharging Energy / Wh", ("discharge energy", "dchg energy")),
    ("power_watt", "Power / W", ("power",)),
    ("ambient_temperature_celsius", "Ambient Temperature / degC", ()),
    ("temperature_t1_celsius", "Temperature T1 / degC", ("aux temperature 1", "t1")),
)
DATES = ("date", "date time", "datetime", "absolute time", "realtime")
FACTORS = {
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "v": 1.0,
    "mv": 1e-3,
    "a": 1.0,
    "ma": 1e-3,
    "ua": 1e-6,
    "µa": 1e-6,
    "ah": 1.0,
    "mah": 1e-3,
    "uah": 1e-6,
    "wh": 1.0,
    "mwh": 1e-3,
    "w": 1.0,
    "mw": 1e-3,
    "c": 1.0,
    "°c": 1.0,
    "": 1.0,
}
COUNTED = {CYCLE, STEP, "Step Count / 1"}
DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S")
EXCEL_EPOCH = datetime(1899, 12, 30)
SHEETS = ("record", "channel", "sheet1")
EXCEL_EXTRA = "reading .xlsx needs openpyxl: pip install 'operando[excel]'"


def read_delimited(path: Path) -> CyclerRecord:
    """Read a csv file: Battery Data Format by names or labels, or an export of Arbin or Neware.

    Raises
    ------
    ValueError
        If it has no time, voltage or current, or one of Arbin's or Neware's columns without unit.
    """
    # Bytes: through a text file pandas decodes and encodes everything once more.
    content = path.read_bytes()
    columns = _plain_columns(content)
    if columns is not None:
        return CyclerRecord(columns)
    try:
        head = pd.read_csv(io.BytesIO(content), nrows=0, encoding_errors="replace")
        names = [str(name) for name in head.columns]
        table = pd.read_csv(
            io.BytesIO(content), low_memory=False, encoding_errors="replace", usecols=_used(names) or None
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path}: is no table of comma-separated values: {error}") from error
    return record_from(table, path, names)


def _plain_columns(content: bytes) -> dict[str, FloatArray] | None:
    """Read nothing but numbers under standard names, with absolute time; None if the file is not so plain.

    Most files of the Battery Data Format are, and Arrow reads them with all cores and rounds each number
    correctly.
    """
    header = content[: content.find(b"\n")].decode("utf-8-sig", "replace")
    names = next(csv.reader([header.rstrip("\r")]), [])
    standard = _standard(names)
    plain = {TEST_TIME, VOLTAGE, CURRENT, UNIX_TIME} <= standard.keys()
    twice = any(name != standard.get(label, name) for label, (name, _) in _native(names).items())
    if not plain or twice or len(set(names)) < len(names):
        return None
    used = list(standard.values())
    options = arrow_csv.ConvertOptions(
        include_columns=used, column_types=dict.fromkeys(used, pyarrow.float64())
    )
    try:
        table = arrow_csv.read_csv(pyarrow.BufferReader(content), convert_options=options)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError):
        return None
    return {label: table[name].to_numpy() for label, name in standard.items()}


def _used(names: Sequence[str]) -> list[int]:
    """Places of the columns that a record is made of; parsing the others takes time."""
    standard, native = _standard(names), _native(names)
    used = {*standard.values(), *(name for name, _ in native.values()), *filter(_is_date, names)}
    return [place for place, name in enumerate(names) if name in used]


def read_parquet(path: Path) -> CyclerRecord:
    """Read Battery Data Format from parquet.

    Raises
    ------
    ValueError
        If it has no time, voltage or current.
    """
    return record_from(pd.read_parquet(path), path)


def read_excel(path: Path) -> CyclerRecord:
    """Read what Arbin or Neware export as .xlsx: sheet ``record``, or that of the channel.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``excel``.
    ValueError
        If no sheet has time, voltage and current.
    """
    try:
        import openpyxl  # noqa: F401  pandas needs it and says so less plainly
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path}: {EXCEL_EXTRA}", name="openpyxl") from error
    with pd.ExcelFile(path, engine="openpyxl") as book:
        sheets = [str(name) for name in book.sheet_names]
        wanted = [n for n in sheets if n.lower().startswith(SHEETS) and "chart" not in n.lower()]
        if len(wanted) != 1:
            raise ValueError(
                f"{path}: {len(wanted)} of its sheets {', '.join(sheets)} may hold the record (record, "
                "Channel..): keep one, or export as csv"
            )
        return record_from(pd.DataFrame(pd.read_excel(book, sheet_name=wanted[0])), path)


def record_from(table: pd.DataFrame, path: Path, known: Sequence[str] = ()) -> CyclerRecord:
    """Name the columns of a table as the Battery Data Format does; `known` are those of the whole file.

    Raises
    ------
    ValueError
        If time, voltage or current is missing, or a native column has no unit.
    """
    names = [str(name) for name in table.columns]
    standard = _standard(names)
    native = _native(names)
    found = {label: (name, 1.0) for label, name in standard.items()} or native
    missing = [name for name in (TEST_TIME, VOLTAGE, CURRENT) if name not in found]
    if missing:
        raise ValueError(
            f"{path}: no column {' nor '.join(missing)}; of {', '.join((known or names)[:9])}: "
            "export them with units"
        )
    columns: dict[str, FloatArray] = {}
    for label, (name, factor) in found.items():
        if factor is None:
            raise ValueError(f"{path}: column {name!r} has no known unit: write one, as in '{name}(mA)'")
        values = pd.Series(table[name])
        columns[label] = factor * (_seconds(values) if label == TEST_TIME else _floats(values))
    same = {
        label: (name, _floats(pd.Series(table[name])) * (factor or 1.0))
        for label, (name, factor) in native.items()
        if label in standard and name != standard[label] and label not in COUNTED
    }
    start = None if UNIX_TIME in columns else _start(table, names, columns[TEST_TIME], path)
    return CyclerRecord(columns, start, same_quantity=same)


def _standard(names: Iterable[str]) -> dict[str, str]:
    """Columns of the Battery Data Format by label."""
    known = {alias: label for machine, label, _ in QUANTITIES for alias in (machine, label)}
    found: dict[str, str] = {}
    for name in names:
        label = known.get(name)
        if label is None and re.fullmatch(r"[A-Z][\w ]* / \w+", name):
            label = name
        if label is not None:
            found.setdefault(label, name)
    return found


def _native(names: Iterable[str]) -> dict[str, tuple[str, float | None]]:
    """Columns of Arbin and Neware by label, with the factor to SI; None without a known unit."""
    known = {alias: label for _, label, aliases in QUANTITIES for alias in aliases}
    found: dict[str, tuple[str, float | None]] = {}
    for name in names:
        parts = re.fullmatch(r"([^(/]+?)\s*(?:[(/]\s*([^)]*?)\s*\)?)?", name)
        label = known.get(re.sub(r"[\s_.]+", " ", parts.group(1)).strip().lower()) if parts else None
        if parts is None or label is None:
            continue
        unit = (parts.group(2) or "").lower()
        unitless = not unit and label not in COUNTED and label != TEST_TIME
        found.setdefault(label, (name, None if unitless else FACTORS.get(unit)))
    return found


def _floats(values: pd.Series) -> FloatArray:
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(values, dtype=float)
    return np.asarray(pd.to_numeric(values.astype(str), errors="coerce"), dtype=float)


def _seconds(values: pd.Series) -> FloatArray:
    """Seconds from numbers or from h:mm:ss."""
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(values, dtype=float)
    return np.asarray(pd.to_timedelta(values.astype(str), errors="coerce").dt.total_seconds(), dtype=float)


def _start(table: pd.DataFrame, names: Iterable[str], test_time_s: FloatArray, path: Path) -> datetime | None:
    """Instant of test time zero from the date of the first row, if there is a column of dates."""
    for name in names:
        if _is_date(name):
            first = _date(table[name].iloc[0], f"{path}: {name}")
            return first - timedelta(seconds=float(test_time_s[0]))
    return None


def _is_date(name: str) -> bool:
    return re.sub(r"[\s_]+", " ", name).strip().lower() in DATES


def _date(value: object, source: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, (int, float, np.number)):
        return EXCEL_EPOCH + timedelta(days=float(value))
    text = str(value).strip()
    for pattern in DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    raise ValueError(f"{source}: {text!r} is not a date such as 2025-01-31 13:00:00: export it so")
