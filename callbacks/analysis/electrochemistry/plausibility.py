"""Tables whose units, time or counters are wrong, told with a remedy."""
# pyright: standard

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .half_cycle import half_cycles
from .record import (
    CHARGING_CAPACITY,
    CURRENT,
    CYCLE,
    DISCHARGING_CAPACITY,
    LOCAL_TIME,
    NET_CAPACITY,
    TEST_TIME,
    UNIX_TIME,
    VOLTAGE,
    CyclerRecord,
    FloatArray,
    net_capacity_ah,
)

VOLTAGE_MAX_V = 10.0
DURATION_MAX_S = 10 * 365.25 * 86400
CHARGE_TOLERANCE = 0.1
LEAST_CYCLED = 0.05  # less is impedance or a pulse, which tells nothing of the cell's capacity
LEAST_CHARGE_AH = 1e-7
GAP_FACTOR = 20.0  # rows further apart than this times the median: something is missing between
DECLARED_TOLERANCE = 0.2


@dataclass(frozen=True)
class Defect:
    """Something in a table that cannot be true.

    Attributes
    ----------
    column, finding, remedy
        Where, what with value and limit, and what to do.
    fatal
        False for what does not touch the table itself.
    """

    column: str
    finding: str
    remedy: str
    fatal: bool = True

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.column}: {self.finding}: {self.remedy}"


def defects(record: CyclerRecord) -> list[Defect]:
    """Find what cannot be true in a record.

    Parameters
    ----------
    record
        As read, rows in the order of the file.

    Returns
    -------
    list of Defect
        Of time, voltage, counters and charge; empty if all is well.
    """
    return [
        *_time(record),
        *_clock(record),
        *_voltage(record),
        *_cycles(record),
        *_contradictions(record),
        *_charge(record),
        *_declared(record),
    ]


def _time(record: CyclerRecord) -> Iterator[Defect]:
    step = np.diff(record.columns[TEST_TIME])
    back = int(np.count_nonzero(step < 0))
    if back:
        first = int(np.argmax(step < 0))
        yield Defect(
            TEST_TIME,
            f"goes back {back} times, first by {-step[first]:.3f} s after row {first + 1}",
            "the clock or the export was wrong; export it from the cycler again",
        )
    duration = float(np.ptp(record.columns[TEST_TIME]))
    if duration > DURATION_MAX_S:
        yield Defect(
            TEST_TIME,
            f"lasts {duration / 86400 / 365.25:.1f} years, more than {DURATION_MAX_S / 86400 / 365.25:.0f}",
            "its unit is not the second; give a scale, 1/3600 if hours were taken for seconds twice",
        )


def _clock(record: CyclerRecord) -> Iterator[Defect]:
    for name in (UNIX_TIME, LOCAL_TIME):
        step = np.diff(record.columns.get(name, np.zeros(1)))
        if (step < 0).any():
            row = int(np.argmin(step))
            yield Defect(
                name,
                f"goes back by {-step[row]:.3f} s after row {row + 1}",
                "the clock was set meanwhile; the clock is not known better than that",
                fatal=False,
            )


def _voltage(record: CyclerRecord) -> Iterator[Defect]:
    highest = float(np.nanmax(np.abs(record.columns[VOLTAGE])))
    if highest >= VOLTAGE_MAX_V:
        yield Defect(
            VOLTAGE,
            f"reaches {highest:.6g} V, a cell stays below {VOLTAGE_MAX_V:g} V",
            "give a scale, 0.001 if it is in millivolt",
        )


def _cycles(record: CyclerRecord) -> Iterator[Defect]:
    cycle = record.columns.get(CYCLE)
    if cycle is None:
        return
    wrong = cycle[np.isfinite(cycle) & (np.abs(cycle - np.round(cycle)) > 1e-6)]
    if wrong.size:
        yield Defect(
            CYCLE,
            f"{wrong.size} rows have {wrong[0]:.6f}, which is no whole number",
            "ignore the column, or export it again",
        )


def _contradictions(record: CyclerRecord) -> Iterator[Defect]:
    for name, (other, theirs) in record.same_quantity.items():
        ours = record.columns[name]
        largest = float(np.nanmax(np.abs(theirs)))
        ratio = float(np.nanmax(np.abs(ours))) / largest if largest else 1.0
        if abs(ratio - 1) > 0.01:
            yield Defect(
                name,
                f"is {ratio:.4g} times the column {other!r} of the same file",
                f"one has a wrong unit; if {other!r} is right, scale this by {1 / ratio:.4g}, else ignore it",
            )


def _charge(record: CyclerRecord) -> Iterator[Defect]:
    names = [n for n in (NET_CAPACITY, CHARGING_CAPACITY, DISCHARGING_CAPACITY) if n in record.columns]
    if not record.current_measured or (NET_CAPACITY not in names and len(names) < 2):
        return
    step_s = np.diff(record.columns[TEST_TIME])
    whole = step_s <= GAP_FACTOR * np.median(step_s)
    told = float(np.nansum(np.abs(np.diff(net_capacity_ah(record.columns)))[whole]))
    current = np.abs(record.columns[CURRENT])
    rounding = _rounding(current)
    lower = np.maximum(np.fmin(current[1:], current[:-1]) - rounding, 0)
    upper = np.fmax(current[1:], current[:-1]) + rounding
    least, most = (float(np.nansum((step_s * bound)[whole])) / 3600 for bound in (lower, upper))
    if max(told, most) < LEAST_CHARGE_AH:
        return
    if not least * (1 - CHARGE_TOLERANCE) <= told <= most * (1 + CHARGE_TOLERANCE):
        yield Defect(
            names[0],
            f"{told:.6g} Ah passed, but the integral of |I| dt is {(least + most) / 2:.6g} Ah",
            "a unit is wrong or rows are missing; give a scale, or ignore the capacity",
        )


def _rounding(current_a: FloatArray) -> float:
    """Half of the last digit with which the currents were written, A."""
    steps = np.diff(np.sort(current_a[np.isfinite(current_a)]))
    return float(np.min(steps[steps > 0], initial=np.inf)) / 2 if steps.any() else 0.0


def _declared(record: CyclerRecord) -> Iterator[Defect]:
    declared = record.declared_capacity_ah
    if declared is None:
        return
    ways = [abs(way.charge_ah) for way in half_cycles(net_capacity_ah(record.columns))]
    if not ways:
        return
    delivered, cycled = max(ways), len(ways) > 1
    if delivered > declared * (1 + DECLARED_TOLERANCE) or (
        cycled and LEAST_CYCLED * declared < delivered < declared * (1 - DECLARED_TOLERANCE)
    ):
        yield Defect(
            "declared capacity",
            f"{declared * 1000:.4g} mA h, but the longest half cycle is of {delivered * 1000:.4g} mA h",
            f"true C-rates are {declared / delivered:.3g} times those of the cycler",
            fatal=False,
        )
