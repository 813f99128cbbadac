"""What a cycler file says, under the names of the Battery Data Format."""
# pyright: standard

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TEST_TIME = "Test Time / s"
UNIX_TIME = "Unix Time / s"
LOCAL_TIME = "Local Time / s"
VOLTAGE = "Voltage / V"
CURRENT = "Current / A"
NET_CAPACITY = "Net Capacity / Ah"
CHARGING_CAPACITY = "Charging Capacity / Ah"
DISCHARGING_CAPACITY = "Discharging Capacity / Ah"
CYCLE = "Cycle Count / 1"
STEP = "Step Index / 1"


@dataclass(frozen=True)
class CyclerRecord:
    """One cycler file in SI units, rows as in the file.

    Attributes
    ----------
    columns
        Arrays of one length by name of the Battery Data Format; charging current is positive. ``Local Time
        / s`` is Unix time if the wall clock beside the cycler had shown UTC.
    start
        Instant of test time zero, local and without zone or absolute; None where the file does not say and
        `columns` has no Unix time.
    declared_capacity_ah
        Capacity that the operator typed in.
    current_measured
        False where current is that of the charge increments.
    same_quantity
        Further columns of the file that must agree with a column, by its name, as `(their name, values)`.
    """

    columns: dict[str, FloatArray]
    start: datetime | None = None
    declared_capacity_ah: float | None = None
    current_measured: bool = True
    same_quantity: dict[str, tuple[str, FloatArray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Corrections:
    """What the user knows better than the file.

    Attributes
    ----------
    start
        Instant of test time zero, for a file that does not say.
    scale
        Factors by column name, such as ``{"Test Time / s": 1 / 3600}``.
    ignore
        Columns whose content is wrong.
    """

    start: datetime | None = None
    scale: Mapping[str, float] = field(default_factory=dict)
    ignore: Collection[str] = ()


def corrected(record: CyclerRecord, corrections: Corrections, source: str) -> CyclerRecord:
    """Apply what the user knows better.

    Raises
    ------
    ValueError
        If a column is named that the file has not, or one without which there is no record is ignored.
    """
    for name in (*corrections.scale, *corrections.ignore):
        if name not in record.columns:
            raise ValueError(f"{source}: has no column {name!r}: give one of {', '.join(record.columns)}")
    needed = {TEST_TIME, VOLTAGE, CURRENT} & set(corrections.ignore)
    if needed:
        raise ValueError(
            f"{source}: {', '.join(sorted(needed))} cannot be ignored: scale it, or export it again"
        )
    columns = {
        name: values * corrections.scale.get(name, 1.0)
        for name, values in record.columns.items()
        if name not in corrections.ignore
    }
    touched = {*corrections.scale, *corrections.ignore}
    return replace(
        record,
        columns=columns,
        start=corrections.start or record.start,
        same_quantity={
            name: (other, values)
            for name, (other, values) in record.same_quantity.items()
            if name not in corrections.ignore
        }
        if touched
        else record.same_quantity,
    )


def running_total(capacity: FloatArray) -> FloatArray:
    """Sum up a capacity that some cyclers set back to zero at each step or cycle.

    Examples
    --------
    >>> running_total(np.array([0.0, 1.0, 2.0, 0.0, 0.5])).tolist()
    [0.0, 1.0, 2.0, 2.0, 2.5]
    """
    step = np.diff(capacity, prepend=capacity[:1])
    return np.cumsum(np.where(step < 0, np.maximum(capacity, 0.0), step))


def net_capacity_ah(columns: Mapping[str, FloatArray]) -> FloatArray:
    """Net charge since the first row, Ah: the file's own, else from its capacities, else the integral."""
    if NET_CAPACITY in columns:
        return columns[NET_CAPACITY]
    if CHARGING_CAPACITY in columns and DISCHARGING_CAPACITY in columns:
        return running_total(columns[CHARGING_CAPACITY]) - running_total(columns[DISCHARGING_CAPACITY])
    return integral_ah(columns[TEST_TIME], columns[CURRENT])


def integral_ah(time_s: FloatArray, current_a: FloatArray) -> FloatArray:
    """Integrate current over time by trapezia; shape (n,), Ah."""
    mean = (current_a + np.r_[current_a[:1], current_a[:-1]]) / 2
    return np.nancumsum(np.diff(time_s, prepend=time_s[:1]) * mean) / 3600
