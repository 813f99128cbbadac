"""Binary files of Neware (.nda, .ndax), through the optional reader fastnda."""
# pyright: standard

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from .record import (
    CURRENT,
    CYCLE,
    LOCAL_TIME,
    NET_CAPACITY,
    STEP,
    TEST_TIME,
    UNIX_TIME,
    VOLTAGE,
    CyclerRecord,
    FloatArray,
)

EXTRA = "reading Neware's .nda and .ndax needs fastnda: pip install 'operando[neware]'"
# From this version on rows hold absolute time, before it the local time of the cycler's computer.
ABSOLUTE_NDA = 130
VERSION_BYTE = 14
SAME_CLOCK_S = 600.0


def read_neware(path: Path) -> CyclerRecord:
    """Read a binary file of Neware.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``neware``.
    ValueError
        If the file is none, or is damaged.
    """
    try:
        import fastnda
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path}: {EXTRA}", name="fastnda") from error
    try:
        table: Any = fastnda.read(path, raw_categories=True)  # types of steps by name cost, and go unused
    except (ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: is no file of Neware, or damaged: {error}; copy it again") from error

    def column(name: str, factor: float = 1.0) -> FloatArray:
        return np.asarray(table[name].to_numpy(), dtype=float) * factor

    unix = column("unix_time_s")
    columns = {
        TEST_TIME: column("total_time_s"),
        VOLTAGE: column("voltage_V"),
        CURRENT: column("current_mA", 1e-3),
        NET_CAPACITY: _net(column("capacity_mAh", 1e-3), column("step_count")),
        CYCLE: column("cycle_count"),
        STEP: column("step_index"),
        "Step Count / 1": column("step_count"),
        "Step Time / s": column("step_time_s"),
    }
    columns[LOCAL_TIME if _local(path, float(unix[0])) else UNIX_TIME] = unix
    return CyclerRecord(columns)


def _net(step_capacity_ah: FloatArray, step: FloatArray) -> FloatArray:
    """Net charge from one that begins anew at each step."""
    change = np.diff(step_capacity_ah, prepend=0.0)
    fresh = np.diff(step, prepend=step[:1]) != 0
    return np.cumsum(np.where(fresh, step_capacity_ah, change))


def _local(path: Path, first_s: float) -> bool:
    """Whether times are those of the wall clock beside the cycler, so that a zone is needed."""
    if path.suffix.lower() == ".nda":
        return path.read_bytes()[VERSION_BYTE] < ABSOLUTE_NDA
    with zipfile.ZipFile(path) as archive:
        info = next((name for name in archive.namelist() if name.endswith("TestInfo.xml")), None)
        text = archive.read(info) if info else b""
    found = re.search(rb'StartTime="(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"', text)
    if found is None:
        return True
    start = datetime.strptime(found.group(1).decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return abs(first_s - start.timestamp()) < SAME_CLOCK_S
