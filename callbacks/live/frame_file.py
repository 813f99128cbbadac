"""Frames of a detector's HDF5 file, read while the server still writes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TIME_STAMPS = "/entry/instrument/NDAttributes/NDArrayTimeStamp"
"""Where areaDetector's file plugin keeps the instant of each frame, in s since the epoch of EPICS."""


UNIQUE_IDS = "/entry/instrument/NDAttributes/NDArrayUniqueId"
"""Where it keeps the driver's number of each frame."""

PIXEL_MASK = "/entry/instrument/detector/pixel_mask"
"""Where a file says which pixels never count, after NeXus (NXdetector)."""

EPICS_EPOCH_S = 631152000.0
"""UNIX time at which EPICS begins to count, 1 January 1990, s."""

LOOK_AGAIN_S = 0.05
"""Wall time between two looks at a file that lacks a frame, s."""


class FrameUnreadableError(ValueError):
    """A frame that was announced cannot be read from its file."""


class FrameFile:
    """One file of frames; opened when asked first, looked at anew where a frame is not there yet.

    Parameters
    ----------
    path
        The file.
    dataset
        Name of the data set, shape (n_frames, rows, columns).
    patience_s
        Wall time to wait for a frame that was announced, s: documents may overtake the disk.
    """

    def __init__(self, path: Path, dataset: str, patience_s: float = 2.0) -> None:
        self.path = path
        self.dataset = dataset
        self._patience_s = patience_s
        self._file: Any = None
        self._buffer: NDArray[Any] = np.empty(0)

    def read(self, index: int) -> NDArray[Any]:
        """Read one frame.

        Parameters
        ----------
        index
            Number of the frame, from 0.

        Returns
        -------
        numpy.ndarray
            Shape (rows, columns), counts; overwritten by the next call.

        Raises
        ------
        FrameUnreadableError
            If the file or the frame is not there, or is damaged.
        """
        return self._patiently(self.dataset, index, self._into_buffer)

    def time_s(self, index: int) -> float:
        """Instant of a frame by the detector's clock, UNIX s; NaN where the file does not say."""
        # What a file holds of each frame is laid out before its first one: it is not waited for.
        if self._file is not None and TIME_STAMPS not in self._file:
            return float("nan")
        try:
            return float(self._patiently(TIME_STAMPS, index, lambda values, at: values[at])) + EPICS_EPOCH_S
        except FrameUnreadableError:
            return float("nan")

    def unique_id(self, index: int) -> int:
        """Give the driver's number of a frame; the frame's own where the file does not say."""
        if self._file is not None and UNIQUE_IDS not in self._file:
            return index
        try:
            return int(self._patiently(UNIQUE_IDS, index, lambda values, at: values[at]))
        except FrameUnreadableError:
            return index

    def pixel_mask(self) -> NDArray[Any] | None:
        """Read the mask of the pixels (NeXus: 0 is good), shape (rows, columns); None where there is none."""
        import h5py

        with h5py.File(self.path, "r", libver="latest", swmr=True, locking=False) as file:
            return np.asarray(file[PIXEL_MASK]) if PIXEL_MASK in file else None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _into_buffer(self, values: Any, index: int) -> NDArray[Any]:  # noqa: ANN401  h5py's data set
        """Read into memory that is in use already, which takes half the time."""
        if self._buffer.shape != values.shape[1:] or self._buffer.dtype != values.dtype:
            self._buffer = np.empty(values.shape[1:], values.dtype)
        values.read_direct(self._buffer, np.s_[index])
        return self._buffer

    def _patiently(self, dataset: str, index: int, read: Callable[[Any, int], Any]) -> Any:  # noqa: ANN401
        deadline, pause = time.monotonic() + self._patience_s, threading.Event()
        while True:
            try:
                return read(self._values(dataset, index), index)
            except (OSError, KeyError, IndexError, ValueError) as error:
                self.close()
                if time.monotonic() > deadline:
                    raise FrameUnreadableError(
                        f"frame {index} of {dataset} in {self.path} is announced, but cannot be read: {error}"
                    ) from error
                pause.wait(LOOK_AGAIN_S)

    def _values(self, dataset: str, index: int) -> Any:  # noqa: ANN401  h5py's data set
        import h5py

        if self._file is None:
            self._file = h5py.File(self.path, "r", libver="latest", swmr=True, locking=False)
        values = self._file[dataset]
        if index >= values.shape[0]:
            values.refresh()
        if index >= values.shape[0]:
            raise IndexError(f"it holds {values.shape[0]} frames")
        return values
