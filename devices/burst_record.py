"""What a burst has brought: numbers and times of its frames about the trigger, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .burst_series import NEVER, BurstSeries
from .frame_file import ATTRIBUTES

NUMBER, STAMP = "NDArrayUniqueId", "NDArrayTimeStamp"


@dataclass(frozen=True)
class BurstRecord:
    """Frames of a burst as they are in its file.

    Attributes
    ----------
    unique_id : numpy.ndarray
        Number that the camera gave each frame, shape (n,).
    time_s : numpy.ndarray
        When each was taken, s after that of the trigger, shape (n,).
    trigger_id : int
        Number of the first frame that fulfilled the condition, or that came after the order.
    trigger_time_s : float
        When that was taken, by the camera's clock, s.
    missing : tuple of int
        Numbers of frames that the camera took and that are not in the file, for as many as are known.
    expected : int
        Frames that should be there: all that were asked for.
    untaken : int
        Periods of the camera in which it took no frame, by the times of the others.
    attributes : dict
        Name to values of each frame, shape (n,).
    """

    unique_id: NDArray[np.int64]
    time_s: NDArray[np.float64]
    trigger_id: int
    trigger_time_s: float
    missing: tuple[int, ...]
    expected: int
    untaken: int = 0
    attributes: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """How many frames the file holds."""
        return len(self.unique_id)

    @property
    def before(self) -> int:
        """How many frames in the file are from before the trigger."""
        return int((self.unique_id < self.trigger_id).sum())

    @property
    def is_whole(self) -> bool:
        """Whether no frame is missing, and none was left out by the camera."""
        return self.frames == self.expected and not self.missing and not self.untaken


def read_burst(path: Path, series: BurstSeries, held: int | None, *, left_open: bool = False) -> BurstRecord:
    """Read what a closed file of a burst holds.

    Parameters
    ----------
    path
        HDF5 file of areaDetector, with number and time of each frame.
    series
        What was asked for.
    held
        Frames that the ring held at the trigger; None if nobody knows, as where it was not full.
    left_open
        Whether its writer died: as of `find_frames`.

    Returns
    -------
    BurstRecord
        Its trigger is counted from the first frame, if none is missing at either end; else it is where the
        attribute first fulfilled the condition; else it is counted from the first or from the last frame.

    Raises
    ------
    OSError, KeyError
        If it cannot be read, or has no numbers.
    ValueError
        If it holds no frame.
    """
    import h5py

    with h5py.File(path, "r", libver="latest", swmr=left_open, locking=False) as file:
        group: Any = file[ATTRIBUTES]
        columns = {name: np.asarray(group[name]) for name in group if group[name].ndim == 1}
    if NUMBER not in columns or STAMP not in columns:
        raise KeyError(f"{path} has no {NUMBER} and {STAMP} in {ATTRIBUTES}: set StoreAttr of its writer")
    numbers = columns.pop(NUMBER).astype(np.int64)
    stamps_s = columns.pop(STAMP).astype(np.float64)
    if not numbers.size:
        raise ValueError(f"{path} holds no frame")
    first, last = int(numbers[0]), int(numbers[-1])
    trigger_id = _trigger_id(numbers, columns, series, held)
    known = np.arange(first, last + 1)
    missing = tuple(int(number) for number in known[~np.isin(known, numbers)])
    time_s = float(np.interp(trigger_id, numbers, stamps_s))
    untaken = _untaken(numbers, stamps_s)
    return BurstRecord(
        numbers, stamps_s - time_s, trigger_id, time_s, missing, series.frames, untaken, columns
    )


def _untaken(numbers: NDArray[np.int64], stamps_s: NDArray[np.float64]) -> int:
    """Count the periods between frames of successive numbers in which there could have been another."""
    if len(numbers) < 3:
        return 0
    steps, apart_s = np.diff(numbers), np.diff(stamps_s)
    period_s = float(np.median(apart_s / np.maximum(steps, 1)))
    return int(np.maximum(np.round(apart_s / max(period_s, 1e-9)) - steps, 0).sum())


def _trigger_id(
    numbers: NDArray[np.int64], columns: dict[str, NDArray[Any]], series: BurstSeries, held: int | None
) -> int:
    first, last = int(numbers[0]), int(numbers[-1])
    if held is not None and last - first + 1 == held + series.frames_after:
        return first + held
    met = _first_met(numbers, columns, series)
    if met is not None:
        return met
    # The ring passes on a known number of frames after its trigger.
    return first + held if held is not None else max(last - series.frames_after + 1, first)


def _first_met(
    numbers: NDArray[np.int64], columns: dict[str, NDArray[Any]], series: BurstSeries
) -> int | None:
    values = columns.get(series.attribute)
    if values is None or series.condition == NEVER:
        return None
    sign = series.condition[1:3] if series.condition[2] == "=" else series.condition[1]
    limit = float(series.condition[1 + len(sign) :])
    compare = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}[sign]
    met = np.flatnonzero(compare(values, limit))
    return int(numbers[met[0]]) if met.size else None
