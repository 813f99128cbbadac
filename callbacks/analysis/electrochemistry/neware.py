"""Binary files of Neware (.nda, .ndax), through the optional reader fastnda."""
# pyright: standard

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        from fastnda.dicts import CHARGE_DISCHARGE_MAP
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path}: {EXTRA}", name="fastnda") from error
    try:
        # Names of steps go unused, and cycles are counted below: each would cost a tenth of a small file.
        table: Any = fastnda.read(path, "raw", raw_categories=True)
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
        CYCLE: _cycles(table["step_type"].to_numpy(), CHARGE_DISCHARGE_MAP),
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


def _cycles(step_type: NDArray[np.integer[Any]], charging: Mapping[int, int]) -> FloatArray:
    """Count cycles as Neware does: another one begins where a charge follows a discharge.

    Parameters
    ----------
    step_type
        Number of the kind of step, shape (n,).
    charging
        1 for kinds of step that charge, 0 for those that discharge; rests and others are left out.
    """
    kinds = np.full(256, -1, np.int8)
    kinds[list(charging)] = list(charging.values())
    way = kinds[step_type]
    rows = np.flatnonzero(way >= 0)
    begins = np.zeros(way.shape)
    begins[rows[1:][np.diff(way[rows]) == 1]] = 1.0
    return 1.0 + np.cumsum(begins)


def _local(path: Path, first_s: float) -> bool:
    """Whether times are those of the wall clock beside the cycler, so that a zone is needed."""
    if path.suffix.lower() == ".nda":
        with path.open("rb") as file:
            return file.read(VERSION_BYTE + 1)[VERSION_BYTE] < ABSOLUTE_NDA
    with zipfile.ZipFile(path) as archive:
        info = next((name for name in archive.namelist() if name.endswith("TestInfo.xml")), None)
        text = archive.read(info) if info else b""
    found = re.search(rb'StartTime="(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"', text)
    if found is None:
        return True
    start = datetime.strptime(found.group(1).decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return abs(first_s - start.timestamp()) < SAME_CLOCK_S
