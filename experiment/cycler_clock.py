"""The clock of a cycler that was not under control: stated, else from logged steps, else from its stamps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..callbacks.analysis.clock_drift import FASTEST_DRIFT, with_drift
from ..callbacks.analysis.clock_offset import (
    LONGEST_OFFSET_S,
    AmbiguousClockError,
    ClockOffset,
    estimate_clock_offset,
)
from ..callbacks.analysis.electrochemistry import join_cycler_tables, read_cycler_file

FloatArray = NDArray[np.float64]
Quantity = Literal["voltage", "current"]

COLUMNS: dict[Quantity, str] = {"voltage": "Voltage / V", "current": "Current / A"}
"""What a beamline may have logged, and the column of the cycler that it is compared with."""


@dataclass(frozen=True)
class ClockStatement:
    """What the user states about a cycler's clock.

    Attributes
    ----------
    offset_s
        Seconds to add to it; None: from steps that the beamline logged, else 0.
    uncertainty_s
        Standard deviation of a stated offset, or of the time stamps; None: nobody knows.
    longest_offset_s
        Larger offsets are not looked for.
    drift
        What a stated offset grows by per second.
    reference_s
        Instant of the cycler's clock at which a stated offset with a drift is as given, UNIX s; None: the
        first row.
    inverted
        Whether the monitors are of opposite sign; None: told from the records.
    """

    offset_s: float | None = None
    uncertainty_s: float | None = None
    longest_offset_s: float = LONGEST_OFFSET_S
    drift: float = 0.0
    reference_s: float | None = None
    inverted: bool | None = None


@dataclass(frozen=True)
class MonitorLog:
    """What the beamline logged of the cell.

    Attributes
    ----------
    name
        Of the monitor, for messages.
    quantity
        What it follows, in any unit.
    time_s, value : array of shape (n,)
        UNIX s on the beamline's clock, and the values.
    """

    name: str
    quantity: Quantity
    time_s: FloatArray
    value: FloatArray


def cycler_record(files: Sequence[Path], time_zone: str) -> pd.DataFrame:
    """Read and join the files of a cell, on the cycler's own clock.

    Parameters
    ----------
    files
        Continuations included, in any order.
    time_zone
        Zone of the clock of the cycler's computer.

    Raises
    ------
    ValueError
        If the files do not make one record; the message names file and remedy.
    """
    return join_cycler_tables([read_cycler_file(path, time_zone=time_zone) for path in files])


def clock_of(
    table: pd.DataFrame, logs: Sequence[MonitorLog], stated: ClockStatement
) -> tuple[ClockOffset, str]:
    """Tell the cycler's clock.

    Parameters
    ----------
    table
        The cycler's record on its own clock.
    logs
        Of the beamline; empty if there are none.
    stated
        By the user.

    Returns
    -------
    ClockOffset
        The most certain one, with its drift where the records are long and tell one; no more certain than
        what the clock was set back meanwhile.
    str
        Why it is not from steps; empty if it is, or was stated.
    """
    clock, remark = _clock(table, logs, stated)
    set_back_s = float(table["clock_uncertainty_s"].to_numpy(float).max())
    return replace(clock, uncertainty_s=float(np.fmax(clock.uncertainty_s, set_back_s))), remark


def _clock(
    table: pd.DataFrame, logs: Sequence[MonitorLog], stated: ClockStatement
) -> tuple[ClockOffset, str]:
    stated_s = float("nan") if stated.uncertainty_s is None else stated.uncertainty_s
    if stated.offset_s is not None:
        return _stated(table, stated, stated.offset_s, stated_s), ""
    if stated.drift:
        raise ValueError(f"drift of {stated.drift * 1e6:g} ppm is stated without an offset: state both")
    found, reasons = [], []
    for log in logs:
        try:
            found.append((_estimate(table, log, stated), log))
        except AmbiguousClockError as error:
            reasons.append(f"{log.name}: {error}")
    if not found:
        reason = "; ".join(reasons) or "the beamline logged neither voltage nor current of the cell"
        return ClockOffset(0.0, stated_s, "time stamps"), reason
    best, log = min(found, key=lambda pair: pair[0].uncertainty_s)
    return with_drift(best, *_compared(table, log)), ""


def _stated(table: pd.DataFrame, stated: ClockStatement, offset_s: float, sigma_s: float) -> ClockOffset:
    """Take the user's word for a clock."""
    if not stated.drift:
        return ClockOffset(offset_s, sigma_s, "stated")
    if abs(stated.drift) > FASTEST_DRIFT:
        raise ValueError(
            f"drift of {stated.drift * 1e6:g} ppm is more than {FASTEST_DRIFT * 1e6:g} ppm, which no "
            "clock of a computer does: give parts per million"
        )
    first_s = float(table["Unix Time / s"].to_numpy(float).min())
    reference_s = first_s if stated.reference_s is None else stated.reference_s
    return ClockOffset(offset_s, sigma_s, "stated", stated.drift, reference_s=reference_s)


def on_beamline_clock(table: pd.DataFrame, clock: ClockOffset) -> pd.DataFrame:
    """Move a record to the beamline's clock, and let it say how.

    Parameters
    ----------
    table
        From `cycler_record`; not changed.
    clock
        From `clock_of`.
    """
    time_s = clock.beamline_time_s(table["Unix Time / s"].to_numpy(float))
    said = {"clock_offset_s": clock.offset_s, "clock_uncertainty_s": clock.uncertainty_at_s(time_s)}
    return table.assign(**{"Unix Time / s": time_s}, **said)


def clock_document(clock: ClockOffset) -> dict[str, float | str | bool | None]:
    """Say in a start document what is known of a clock; None: nobody knows."""
    numbers = {
        "clock_offset_s": clock.offset_s,
        "clock_uncertainty_s": clock.uncertainty_s,
        "clock_drift": clock.drift,
        "clock_drift_uncertainty": clock.drift_uncertainty,
        "clock_reference_s": clock.reference_s,
    }
    known = {name: value if np.isfinite(value) else None for name, value in numbers.items()}
    inverted = {"monitor_inverted": True} if clock.inverted else {}
    return {**known, "clock_method": clock.method, **inverted}


def clock_sentence(clock: ClockOffset) -> str:
    """Tell offset and drift, each with its uncertainty, for people."""
    sigma = f"+-{clock.uncertainty_s:.3g} s" if np.isfinite(clock.uncertainty_s) else "nobody knows how well"
    sentence = f"{clock.offset_s:+.7g} s ({sigma}), from {clock.method}"
    if clock.inverted:
        sentence += " of an inverted monitor"
    if not np.isfinite(clock.drift_uncertainty):
        return sentence
    ppm = f"{clock.drift * 1e6:+.1f} ppm" if clock.drift else "none seen"
    return f"{sentence}, drift {ppm} (+-{clock.drift_uncertainty * 1e6:.1f} ppm)"


def _estimate(table: pd.DataFrame, log: MonitorLog, stated: ClockStatement) -> ClockOffset:
    method: Literal["voltage steps", "current steps"] = (
        "voltage steps" if log.quantity == "voltage" else "current steps"
    )
    return estimate_clock_offset(
        *_compared(table, log),
        longest_offset_s=stated.longest_offset_s,
        method=method,
        inverted=stated.inverted,
    )


def _compared(table: pd.DataFrame, log: MonitorLog) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Give times and values of cycler and log."""
    time_s, value = (table[name].to_numpy(float) for name in ("Unix Time / s", COLUMNS[log.quantity]))
    return time_s, value, log.time_s, log.value
