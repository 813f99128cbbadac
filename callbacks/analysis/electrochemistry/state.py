"""State of the cell at any instant, from a cycler's table."""
# pyright: standard

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .record import FloatArray


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
