"""Text files of EC-Lab and BT-Lab (.mpt, .txt), with decimal points or commas."""
# pyright: standard

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .record import CURRENT, CYCLE, NET_CAPACITY, STEP, TEST_TIME, VOLTAGE, CyclerRecord, FloatArray

START_FORMATS = (
    "%m/%d/%Y %H:%M:%S.%f",
    "%m/%d/%Y %H:%M:%S",
    "%m.%d.%Y %H:%M:%S.%f",
    "%m.%d.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S",
)
VOLTAGE_COLUMNS = ("Ewe/V", "<Ewe>/V", "Ecell/V", "<Ecell>/V", "Ewe-Ece/V")
CURRENT_COLUMNS = ("<I>/mA", "I/mA")
CHARGE_COLUMNS = ("dq/mA.h", "dQ/mA.h")
WANTED = (*VOLTAGE_COLUMNS, *CURRENT_COLUMNS, *CHARGE_COLUMNS, "time/s", "(Q-Qo)/mA.h", "cycle number", "Ns")
AMPERE_HOURS = {"A.h": 1.0, "mA.h": 1e-3, "µA.h": 1e-6}


def read_eclab_text(path: Path) -> CyclerRecord:
    """Read an EC-Lab or BT-Lab text file.

    The time column counts from 'Acquisition started on', also in files of linked techniques, whose own start
    is a later one.

    Raises
    ------
    ValueError
        If the file is not of this kind, or lacks time, voltage, or current and charge.
    """
    content = path.read_bytes()
    header, begin = _header(content, path)
    names = header[-1].rstrip("\t\r ").split("\t")
    columns = _numbers(content, begin, names, path)
    start = start_in(header, str(path))
    return eclab_record(columns, start, declared_capacity_ah(header), path)


def eclab_record(
    columns: Mapping[str, FloatArray], start: datetime | None, declared_ah: float | None, path: Path
) -> CyclerRecord:
    """Name the columns of EC-Lab as the Battery Data Format does.

    Raises
    ------
    ValueError
        If there is no time, no voltage, or neither current nor charge.
    """
    voltage = _first(columns, VOLTAGE_COLUMNS)
    if voltage is None or "time/s" not in columns:
        raise ValueError(f"{path}: needs columns time/s and one of {', '.join(VOLTAGE_COLUMNS)}: export them")
    time = columns["time/s"]
    named = {TEST_TIME: time, VOLTAGE: voltage, CURRENT: _current_a(columns, time, path)}
    charge = columns.get("(Q-Qo)/mA.h")
    increments = _first(columns, CHARGE_COLUMNS)
    if charge is not None:
        named[NET_CAPACITY] = charge / 1000
    elif increments is not None:
        named[NET_CAPACITY] = np.cumsum(increments) / 1000
    for name, theirs in ((CYCLE, "cycle number"), (STEP, "Ns")):
        if theirs in columns:
            named[name] = columns[theirs]
    usable = np.isfinite(time) & np.isfinite(voltage)
    if not usable.all():
        named = {name: values[usable] for name, values in named.items()}
    measured = _first(columns, CURRENT_COLUMNS) is not None
    return CyclerRecord(named, start, declared_ah, measured)


def start_in(header: Sequence[str], source: str) -> datetime | None:
    """Find when the acquisition started, from which the time column of linked techniques counts too."""
    for line in header:
        key, _, text = line.partition(" : ")
        if key.strip() == "Acquisition started on":
            return local_date(text.strip(), source)
    return None


def local_date(text: str, source: str) -> datetime:
    """Read a date as EC-Lab writes it: month first.

    Raises
    ------
    ValueError
        If it is none.
    """
    for pattern in START_FORMATS:
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    raise ValueError(f"{source}: start {text!r} is not a date such as 07/26/2022 22:38:30.190")


def declared_capacity_ah(header: Sequence[str]) -> float | None:
    """Find the capacity that the operator typed in; None if there is none, or it is zero."""
    for line in header:
        found = re.match(r"Battery capacity : ([\d.,]+) (\S+)", line)
        if found:
            factor = AMPERE_HOURS.get(found.group(2))
            value = float(found.group(1).replace(",", "."))
            return value * factor if factor and value > 0 else None
    return None


def _header(content: bytes, path: Path) -> tuple[list[str], int]:
    """Header lines, the last one with the columns' names, and where the rows begin."""
    found = re.match(rb"[^\n]*\n\s*Nb header lines\s*:\s*(\d+)", content)
    if found is None and b"time/s" not in content[: content.find(b"\n")]:
        raise ValueError(
            f"{path}: second line is not 'Nb header lines : n', so this is no EC-Lab text file with header: "
            "export it from EC-Lab again as .mpt"
        )
    end = 0
    for _ in range(int(found.group(1)) if found else 1):
        end = content.find(b"\n", end) + 1
        if end == 0:
            raise ValueError(f"{path}: ends within its header: copy it again")
    return content[:end].decode("latin-1").splitlines(), end


def _numbers(content: bytes, begin: int, names: list[str], path: Path) -> dict[str, FloatArray]:
    """Columns as numbers; a row cut short is left out."""
    content = _whole_rows(content, begin, len(names))
    first = content[begin : content.find(b"\n", begin) + 1 or None]
    if not content[begin : begin + 1000].strip() and not content[begin:].strip():
        raise ValueError(f"{path}: no row below its header has all {len(names)} columns")
    wanted = [name for name in names if name in WANTED]
    rows_below = io.BytesIO(content)  # shares the memory, unlike a slice
    rows_below.seek(begin)
    table = pd.read_csv(
        rows_below,
        sep="\t",
        header=None,
        names=names,
        usecols=sorted({*wanted, names[-1]}),
        index_col=False,
        decimal="," if b"," in first else ".",
        encoding_errors="replace",
        low_memory=False,
    )
    whole = np.asarray(table[names[-1]].notna())
    rows = whole if whole.any() else ~whole
    return {name: _column(np.asarray(table[name])[rows], name, path) for name in wanted}


def _whole_rows(content: bytes, begin: int, count: int) -> bytes:
    """Drop the last row if the crash of a computer cut it."""
    end = len(content)
    while end > begin and content[end - 1] in b"\r\n":
        end -= 1
    last = max(content.rfind(b"\n", begin, end) + 1, begin)
    row = content[last:end].rstrip(b"\t\r ")
    return content if row.count(b"\t") + 1 == count else content[:last]


def _column(values: NDArray[Any], name: str, path: Path) -> FloatArray:
    """Make numbers of one column; a date in each row counts from the first."""
    if values.dtype.kind in "fiu":
        return values.astype(float)
    if name == "time/s" and re.match(r"\d+[./]\d+[./]\d{4} ", str(values[0])):
        dates = [local_date(str(text), str(path)) for text in values]
        return np.array([(date - dates[0]).total_seconds() for date in dates])
    return np.array([_number(str(value)) for value in values])


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float("nan")


def _first(columns: Mapping[str, FloatArray], names: Sequence[str]) -> FloatArray | None:
    return next((columns[name] for name in names if name in columns), None)


def _current_a(columns: Mapping[str, FloatArray], time_s: FloatArray, path: Path) -> FloatArray:
    """Take the measured current or, without one, charge increments over time."""
    measured = _first(columns, CURRENT_COLUMNS)
    if measured is not None:
        return measured / 1000
    increments = _first(columns, CHARGE_COLUMNS)
    if increments is None:
        raise ValueError(
            f"{path}: neither current ({', '.join(CURRENT_COLUMNS)}) nor dq/mA.h: export one of them"
        )
    step = np.diff(time_s, prepend=time_s[0])
    current = np.zeros_like(step)
    np.divide(increments * 3.6, step, out=current, where=step > 0)
    return current
