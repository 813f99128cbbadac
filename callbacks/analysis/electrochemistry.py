"""Cycler files as tables on absolute time, and the state of the cell at any instant."""
# pyright: standard

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .local_time import absolute_time

FloatArray = NDArray[np.float64]

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


def _columns(path: Path) -> tuple[list[str], dict[str, FloatArray]]:
    """Read header lines and columns of an EC-Lab text file."""
    lines = path.read_text(encoding="latin-1").splitlines()
    found = re.match(r"\s*Nb header lines\s*:\s*(\d+)", lines[1]) if len(lines) > 1 else None
    if found is None:
        raise ValueError(
            f"{path}: second line is not 'Nb header lines : n', so this is no EC-Lab text file with header: "
            "export it from EC-Lab again as .mpt"
        )
    count = int(found.group(1))
    names = lines[count - 1].rstrip("\t\r ").split("\t")
    rows = [line.rstrip("\t\r ").replace(",", ".").split("\t") for line in lines[count:] if line.strip()]
    whole = [row for row in rows if len(row) == len(names)]
    if not whole:
        raise ValueError(f"{path}: no row below its {count} header lines has all {len(names)} columns")
    table = np.array([[_number(cell) for cell in row] for row in whole])
    return lines[: count - 1], {name: table[:, number] for number, name in enumerate(names)}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _start(header: Sequence[str], path: Path) -> datetime:
    """Find the start of the acquisition, from which the time column of linked techniques counts too."""
    for line in header:
        key, _, text = line.partition(" : ")
        if key.strip() != "Acquisition started on":
            continue
        for pattern in START_FORMATS:
            try:
                return datetime.strptime(text.strip(), pattern)
            except ValueError:
                continue
        raise ValueError(f"{path}: start {text.strip()!r} is not a date such as 07/26/2022 22:38:30.190")
    raise ValueError(
        f"{path}: header has no line 'Acquisition started on': export it from EC-Lab with header"
    )


def _first(columns: dict[str, FloatArray], names: Sequence[str]) -> FloatArray | None:
    return next((columns[name] for name in names if name in columns), None)


def _current_a(columns: dict[str, FloatArray], test_time_s: FloatArray, path: Path) -> FloatArray:
    """Take the measured current or, without one, charge increments over time."""
    measured = _first(columns, CURRENT_COLUMNS)
    if measured is not None:
        return measured / 1000
    if "dq/mA.h" not in columns:
        raise ValueError(
            f"{path}: neither current ({', '.join(CURRENT_COLUMNS)}) nor dq/mA.h: export one of them"
        )
    step = np.diff(test_time_s, prepend=test_time_s[0])
    current = np.zeros_like(step)
    np.divide(columns["dq/mA.h"] * 3.6, step, out=current, where=step > 0)
    return current


def read_cycler_file(
    path: str | Path,
    *,
    time_zone: str,
    clock_offset_s: float = 0.0,
    clock_uncertainty_s: float = float("nan"),
) -> pd.DataFrame:
    """Read an EC-Lab text file (.mpt) into a table on absolute time.

    English and German decimals are understood. The time column counts from 'Acquisition started on', also in
    files of linked techniques, whose own stamp is that of the first technique.

    Parameters
    ----------
    path
        The file.
    time_zone
        Zone of the cycler's computer, such as ``"Europe/Paris"``.
    clock_offset_s
        Seconds to add to the cycler's clock to get the beamline's.
    clock_uncertainty_s
        How well that is known; NaN if nobody knows.

    Returns
    -------
    pandas.DataFrame
        Columns of the Battery Data Format: ``Test Time / s``, ``Unix Time / s``, ``Voltage / V``, ``Current
        / A`` (positive charges), ``Net Capacity / Ah``, ``Cycle Count / 1``, ``Step Index / 1``; and
        ``source``, ``clock_offset_s``, ``clock_uncertainty_s``. Rows are in order of time.

    Raises
    ------
    ValueError
        If the file is not of this kind, lacks start, time, voltage or current, or the zone is unknown.
    """
    path = Path(path)
    header, columns = _columns(path)
    start = absolute_time(_start(header, path), time_zone, str(path)).timestamp()
    voltage = _first(columns, VOLTAGE_COLUMNS)
    if voltage is None or "time/s" not in columns:
        raise ValueError(f"{path}: needs columns time/s and one of {', '.join(VOLTAGE_COLUMNS)}: export them")
    time = columns["time/s"]
    current = _current_a(columns, time, path)
    charge = _first(columns, ("(Q-Qo)/mA.h",))
    if charge is None:
        increments = np.diff(time, prepend=time[0]) * current / 3.6
        charge = np.cumsum(columns.get("dq/mA.h", increments))
    missing = np.full(time.shape, np.nan)
    table = pd.DataFrame(
        {
            "Test Time / s": time,
            "Unix Time / s": start + time + clock_offset_s,
            "Voltage / V": voltage,
            "Current / A": current,
            "Net Capacity / Ah": charge / 1000,
            "Cycle Count / 1": columns.get("cycle number", missing),
            "Step Index / 1": columns.get("Ns", missing),
            "source": path.name,
            "clock_offset_s": clock_offset_s,
            "clock_uncertainty_s": clock_uncertainty_s,
        }
    )
    usable = np.isfinite(time) & np.isfinite(voltage)
    order = np.argsort(table["Unix Time / s"].to_numpy(), kind="stable")
    return table.iloc[order[usable[order]]].reset_index(drop=True)


def join_cycler_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join a file and its continuations: charge and cycle numbers go on where the last file ended.

    Parameters
    ----------
    tables
        From `read_cycler_file`, in any order.

    Returns
    -------
    pandas.DataFrame
        One table in order of time; ``Test Time / s`` counts from its first row.

    Raises
    ------
    ValueError
        If there is no table, or two overlap in time.
    """
    if not tables:
        raise ValueError("no cycler table to join: give at least one")
    ordered = sorted(
        (table.copy() for table in tables), key=lambda table: float(table["Unix Time / s"].iloc[0])
    )
    for before, after in pairwise(ordered):
        overlap = float(before["Unix Time / s"].iloc[-1]) - float(after["Unix Time / s"].iloc[0])
        if overlap > 0:
            raise ValueError(
                f"{before['source'].iloc[0]} and {after['source'].iloc[0]} overlap by {overlap:.1f} s: "
                "they are not one experiment, or their clocks or zones differ"
            )
        after["Net Capacity / Ah"] += float(before["Net Capacity / Ah"].iloc[-1])
        after["Cycle Count / 1"] += float(before["Cycle Count / 1"].iloc[-1])
    joined = pd.concat(ordered, ignore_index=True)
    joined["Test Time / s"] = joined["Unix Time / s"] - float(joined["Unix Time / s"].iloc[0])
    return joined


@dataclass(frozen=True)
class CellState:
    """State of the cell at given instants; NaN where the cycler has no record.

    Attributes
    ----------
    unix_time_s, voltage_v, current_a, capacity_mah, lithium_content
        Arrays of one shape.
    """

    unix_time_s: FloatArray
    voltage_v: FloatArray
    current_a: FloatArray
    capacity_mah: FloatArray
    lithium_content: FloatArray


def _column(table: pd.DataFrame, name: str) -> FloatArray:
    return np.asarray(table[name], dtype=float)


def state_at(
    unix_time_s: ArrayLike,
    cycler: pd.DataFrame,
    *,
    active_mass_mg: float,
    theoretical_capacity_mah_g: float,
    initial_lithium_content: float = 1.0,
    longest_gap_s: float = 600.0,
) -> CellState:
    """State of the cell at instants, such as the middles of scans.

    Parameters
    ----------
    unix_time_s
        Instants on the beamline's clock, any shape.
    cycler
        Table from `read_cycler_file` or `join_cycler_tables`.
    active_mass_mg
        Mass of active material.
    theoretical_capacity_mah_g
        Capacity per lithium and formula unit, such as 274.5 for LiNiO2.
    initial_lithium_content
        x where the net capacity is zero.
    longest_gap_s
        Between rows further apart than this nothing is known.

    Returns
    -------
    CellState
        Voltage, current and net charge by straight lines between rows; current is that of the row before.

    Raises
    ------
    ValueError
        If mass or capacity is not positive.

    Notes
    -----
    ``x = x0 - Q / (m q)``: charge taken out, per mass and theoretical capacity.
    """
    if not (active_mass_mg > 0 and theoretical_capacity_mah_g > 0):
        raise ValueError(
            f"active mass {active_mass_mg} mg and theoretical capacity {theoretical_capacity_mah_g} mA h/g "
            "must be positive: give those of the electrode in the beam"
        )
    wanted: FloatArray = np.asarray(unix_time_s, dtype=float)
    known = _column(cycler, "Unix Time / s")
    after = np.searchsorted(known, wanted, side="right")
    inside = (after > 0) & ((after < known.size) | (wanted <= known[-1]))
    before = np.clip(after - 1, 0, known.size - 1)
    following = np.clip(after, 0, known.size - 1)
    inside &= known[following] - known[before] <= longest_gap_s

    def between(name: str, scale: float = 1.0) -> FloatArray:
        values = np.interp(wanted, known, _column(cycler, name) * scale)
        return np.where(inside, values, np.nan)

    charge = between("Net Capacity / Ah", 1000.0)
    return CellState(
        unix_time_s=wanted,
        voltage_v=between("Voltage / V"),
        current_a=np.where(inside, _column(cycler, "Current / A")[before], np.nan),
        capacity_mah=charge,
        lithium_content=initial_lithium_content
        - charge * 1000 / (active_mass_mg * theoretical_capacity_mah_g),
    )
