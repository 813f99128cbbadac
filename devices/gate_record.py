"""What a trigger box captured: read from its file, and found to hold each gate once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_LOOK_S = 0.1


class GatesMissingError(RuntimeError):
    """A trigger box did not capture each gate that was asked for once.

    Parameters
    ----------
    device
        Name of the box.
    expected, captured
        Gates that were asked for, and that are there.
    reason
        What is wrong, and what to do about it.
    """

    def __init__(self, device: str, expected: int, captured: int, reason: str) -> None:
        super().__init__(f"{device}: {expected} gates expected, {captured} captured: {reason}")
        self.device, self.expected, self.captured = device, expected, captured


@dataclass(frozen=True)
class GateRecord:
    """Values of all gates of a file.

    Attributes
    ----------
    file : Path
        Where they came from.
    time_s, open_s : numpy.ndarray
        Shape (n,), begin of each gate since the box was armed, and how long it was high, s.
    low, middle, high : Mapping of numpy.ndarray
        By encoder: shape (n,), least, mean and largest position in the gate, offset included.
    counts : numpy.ndarray
        Shape (n, k), counts of the k currents: I0, It, Ir, and the fluorescence diode where there is one.
    """

    file: Path
    time_s: Values
    open_s: Values
    low: Mapping[str, Values]
    middle: Mapping[str, Values]
    high: Mapping[str, Values]
    counts: Values

    def __len__(self) -> int:
        return len(self.time_s)


def find_columns(file: Path, names: Mapping[str, str], limit_s: float) -> dict[str, Values]:
    """Read data sets (n,) of a closed file; one that a network shows late is waited for.

    Parameters
    ----------
    file
        HDF5 file.
    names
        Of the data sets, by what they are called here.
    limit_s
        Longest wait for a file that is not there or not yet readable, s of wall time.

    Raises
    ------
    OSError
        If there is no readable file by then.
    KeyError
        If it lacks a data set.
    """
    deadline, pause = time.monotonic() + limit_s, threading.Event()
    while True:
        try:
            return _read(file, names)
        except OSError:
            if time.monotonic() >= deadline:
                raise
        pause.wait(_LOOK_S)


def _read(file: Path, names: Mapping[str, str]) -> dict[str, Values]:
    import h5py

    with h5py.File(file, "r", locking=False) as opened:
        columns: dict[str, Any] = {key: opened[name] for key, name in names.items()}
        return {key: np.asarray(column, dtype=np.float64) for key, column in columns.items()}


def gate_record(
    file: Path, columns: Mapping[str, Values], encoders: Sequence[str], currents: Sequence[str]
) -> GateRecord:
    """Put the columns of a file into a record; least and largest are told anew where counts run backwards."""
    ends = {name: np.stack([columns[f"{name}_min"], columns[f"{name}_max"]]) for name in encoders}
    return GateRecord(
        file,
        columns["time_s"],
        columns["open_s"],
        low={name: both.min(axis=0) for name, both in ends.items()},
        middle={name: columns[name] for name in encoders},
        high={name: both.max(axis=0) for name, both in ends.items()},
        counts=np.stack([columns[f"{name}_counts"] for name in currents], axis=1),
    )


def check_gates(device: str, columns: Mapping[str, Values], expected: int) -> None:
    """Insist that a file holds as many rows of every value as gates were asked for, each once.

    Raises
    ------
    GatesMissingError
        If a gate is missing, repeated or cut short.
    """
    counts = {key: len(values) for key, values in columns.items()}
    least, most = min(counts.values()), max(counts.values())
    if least != most:
        short = min(counts, key=lambda key: counts[key])
        raise GatesMissingError(device, expected, least, f"{short} was written for these only: cut short")
    if least != expected:
        told = "the sweep stalled, or the box lost triggers; look at PCOMP1:PRODUCED and PCAP:HEALTH"
        raise GatesMissingError(device, expected, least, told)
    steps_s = np.diff(columns["time_s"])
    if not (steps_s > 0.0).all():
        good = int((steps_s > 0.0).sum()) + 1
        raise GatesMissingError(device, expected, good, "others are there twice or out of order")
    if not all(np.isfinite(values).all() for values in columns.values()):
        whole = np.all([np.isfinite(values) for values in columns.values()], axis=0)
        raise GatesMissingError(device, expected, int(whole.sum()), "others have no values: cut short")
