"""The file that a camera's server has written: are all frames in it, each once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .order import OrderWithdrawnError

ATTRIBUTES = "/entry/instrument/NDAttributes"
"""Group of an areaDetector file with one number per frame for each attribute."""

PIXEL_MASK = "/entry/instrument/detector/pixel_mask"
"""Where a file says which pixels never count, after NeXus (NXdetector); 0 is good."""

_LOOK_S = 0.1


def uri_of(path: Path) -> str:
    """Give the URI of a file of this machine, links resolved."""
    return f"file://localhost{path.resolve().as_uri().removeprefix('file://')}"


class FramesMissingError(RuntimeError):
    """A file does not hold each frame that was asked for once.

    Parameters
    ----------
    device
        Name of the camera.
    expected, written
        Frames that were asked for, and good ones that are there.
    reason
        What is wrong, and what to do about it.
    """

    def __init__(self, device: str, expected: int, written: int, reason: str) -> None:
        super().__init__(f"{device}: {expected} frames expected, {written} written: {reason}")
        self.device, self.expected, self.written, self.reason = device, expected, written, reason


class FrameAbsentError(FramesMissingError, OrderWithdrawnError):
    """A trigger gave no frame: its file is open as before, and the trigger can be given again."""


@dataclass(frozen=True)
class FoundFrames:
    """What a file holds.

    Attributes
    ----------
    shape
        Of the data set: (frames, rows, columns).
    dtype
        Of a pixel, as numpy writes it.
    unique_id
        Shape (frames,), the driver's number of each frame; None if the file has none.
    time_stamp
        Shape (frames,), when each was taken by the driver's clock, s; None if the file has none.
    """

    shape: tuple[int, ...]
    dtype: str
    unique_id: NDArray[np.int64] | None = None
    time_stamp: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class StoredFrames:
    """All frames of a closed file.

    Attributes
    ----------
    frames
        Counts, shape (frames, rows, columns), in the type of the file.
    masked
        Shape (rows, columns), True for pixels that never count by what the file says.
    """

    frames: NDArray[Any]
    masked: NDArray[np.bool_]


def read_frames(path: Path, dataset: str) -> StoredFrames:
    """Read all frames of a closed file, for series that fit into memory.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        stored: Any = file[dataset]
        frames = np.asarray(stored[()])
        masked = np.asarray(file[PIXEL_MASK]) != 0 if PIXEL_MASK in file else np.zeros(frames.shape[1:], bool)
        return StoredFrames(frames, masked)


def find_frames(path: Path, dataset: str, limit_s: float, *, left_open: bool = False) -> FoundFrames:
    """Read what a closed file holds; one that a network shows late is waited for.

    Parameters
    ----------
    path
        HDF5 file.
    dataset
        Where the frames are in it.
    limit_s
        Longest wait for a file that is not there or not yet readable, s of wall time.
    left_open
        Whether its writer died: what it has shown to readers of a growing file is there.

    Raises
    ------
    OSError
        If there is no readable file by then.
    KeyError
        If it has no such data set.
    """
    deadline, pause = time.monotonic() + limit_s, threading.Event()
    while True:
        try:
            return _read(path, dataset, left_open=left_open)
        except OSError:
            if time.monotonic() >= deadline:
                raise
        pause.wait(_LOOK_S)


def readable_frames(path: Path, dataset: str) -> int:
    """Count the frames that can be read by now in a file that its server still writes, in SWMR mode.

    Parameters
    ----------
    path
        HDF5 file.
    dataset
        Where the frames are in it.

    Returns
    -------
    int
        0 where the file is not there, or cannot be read yet.
    """
    import h5py

    try:
        with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as file:
            frames: Any = file[dataset]
            return int(frames.shape[0])
    except (OSError, KeyError, RuntimeError, ValueError, AttributeError, IndexError):
        # Whatever a half-written file looks like: it is looked at again, and judged when it is closed.
        return 0


def _read(path: Path, dataset: str, *, left_open: bool) -> FoundFrames:
    import h5py

    with h5py.File(path, "r", libver="latest", swmr=left_open, locking=False) as file:
        frames: Any = file[dataset]
        unique_id, time_stamp = (
            np.asarray(file[f"{ATTRIBUTES}/{name}"]) if f"{ATTRIBUTES}/{name}" in file else None
            for name in ("NDArrayUniqueId", "NDArrayTimeStamp")
        )
        return FoundFrames(tuple(frames.shape), frames.dtype.str, unique_id, time_stamp)


def check_frames(
    device: str, found: FoundFrames, expected: tuple[int, int, int], dtype: str, *, per_trigger: int
) -> None:
    """Insist that a file holds each frame once, in order, of the size that was announced.

    Drivers number their frames on, or anew at each trigger: within a trigger the numbers must rise by one,
    and no two frames may have both number and time in common.

    Parameters
    ----------
    device
        Name of the camera.
    found
        What the file holds.
    expected
        Number of frames, rows and columns.
    dtype
        Of a pixel, as announced.
    per_trigger
        Frames of one trigger.

    Raises
    ------
    FramesMissingError
        If a frame is missing, repeated, too many, of another size, or has no number.
    """
    count = found.shape[0] if found.shape else 0

    def refuse(written: int, reason: str) -> FramesMissingError:
        return FramesMissingError(device, expected[0], written, reason)

    if found.shape[1:] != expected[1:] or np.dtype(found.dtype) != np.dtype(dtype):
        announced = f"{expected[1]} x {expected[2]} {np.dtype(dtype)}"
        raise refuse(
            0,
            f"the file holds {found.shape} {np.dtype(found.dtype)} and not {announced}: changed in between?",
        )
    if count != expected[0]:
        raise refuse(count, "the file was cut short or goes on; look at HDF1:WriteMessage and the disk")
    for name, values in (("NDArrayUniqueId", found.unique_id), ("NDArrayTimeStamp", found.time_stamp)):
        if values is not None and len(values) != count:
            raise refuse(len(values), f"{name} was written for these only: the file is cut short")
    if found.unique_id is None:
        return
    _check_numbers(refuse, found.unique_id, found.time_stamp, per_trigger)


def _check_numbers(
    refuse: Callable[[int, str], FramesMissingError],
    unique_id: NDArray[np.int64],
    time_stamp: NDArray[np.float64] | None,
    per_trigger: int,
) -> None:
    numbers = np.asarray(unique_id, dtype=np.int64).reshape(-1, per_trigger)
    # Where a driver may begin anew at each trigger, only the time tells a frame from that of another trigger.
    told_apart = np.repeat(np.arange(len(numbers)), per_trigger) if time_stamp is None else time_stamp
    counted = (numbers - numbers[:, :1]).ravel()
    pairs = zip(counted.tolist(), numbers.ravel().tolist(), told_apart.tolist(), strict=True)
    good = {(number, apart) for place, number, apart in pairs if 0 <= place < per_trigger}
    if len(good) < numbers.size:
        lost = numbers.size - len(good)
        raise refuse(
            len(good),
            f"in place of {lost} the file has others or repeats; lengthen period_s or HDF1:QueueSize",
        )
    if (np.diff(numbers, axis=1) != 1).any():
        raise refuse(len(good), "they are out of order; restart the camera's server")
