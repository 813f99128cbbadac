"""A file of frames in the layout of areaDetector's HDF5 plugin, readable while it grows and after a crash."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from numpy.typing import NDArray

FRAMES = "/entry/data/data"
ATTRIBUTES = "/entry/instrument/NDAttributes"
TIME_STAMP, UNIQUE_ID = f"{ATTRIBUTES}/NDArrayTimeStamp", f"{ATTRIBUTES}/NDArrayUniqueId"
PIXEL_MASK = "/entry/instrument/detector/pixel_mask"
ROWS_PER_CHUNK = 1024


class FrameFile:
    """Frames (n, rows, columns), one per chunk and uncompressed, each with time stamp and number.

    Written in SWMR mode: readers open it with ``h5py.File(path, swmr=True)`` while it grows, and after its
    writer was killed.

    Parameters
    ----------
    path
        New file.
    shape
        Rows and columns.
    dtype
        Of the pixels.
    most
        Frames at most, for the index that is laid down ahead; 0 if nobody knows.
    pixel_mask
        0 for a pixel that counts, as NXdetector defines it, (rows, columns).
    epoch
        Instant from which time stamps count, for their attribute `epoch`.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int],
        dtype: np.dtype[np.unsignedinteger],
        *,
        most: int = 0,
        pixel_mask: NDArray[np.uint32] | None = None,
        epoch: str = "1990-01-01T00:00:00Z",
    ) -> None:
        self.path = path
        self.count = 0
        self._file = h5py.File(path, "w", libver="latest")
        try:
            self._frames, self._times, self._numbers = self._lay_out(shape, dtype, most or None)
            self._times.attrs["units"], self._times.attrs["epoch"] = "s", epoch
            if pixel_mask is not None:
                self._file.create_dataset(PIXEL_MASK, data=pixel_mask)
            self._file.swmr_mode = True
        except BaseException:
            self._file.close()
            raise

    def append(self, frame: NDArray[np.generic], time_stamp_s: float, unique_id: int) -> None:
        """Write a frame, seen by readers from the next `flush` on.

        Parameters
        ----------
        frame
            Contiguous, of the shape and type of the file.
        time_stamp_s
            Since the epoch of the file.
        unique_id
            Number that the camera gave it.
        """
        index = self.count
        self._frames.resize(index + 1, axis=0)
        self._frames.id.write_direct_chunk((index, 0, 0), frame)
        self._times.resize(index + 1, axis=0)
        self._times[index] = time_stamp_s
        self._numbers.resize(index + 1, axis=0)
        self._numbers[index] = unique_id
        self.count = index + 1

    def extend(
        self,
        frames: NDArray[np.generic],
        time_stamps_s: NDArray[np.float64],
        unique_ids: NDArray[np.int32],
    ) -> None:
        """Write frames together, which costs less for each than `append`; parameters as there, n of each."""
        first = self.count
        last = first + len(frames)
        for dataset in (self._frames, self._times, self._numbers):
            dataset.resize(last, axis=0)
        for index, frame in enumerate(frames, start=first):
            self._frames.id.write_direct_chunk((index, 0, 0), frame)
        self._times[first:], self._numbers[first:] = time_stamps_s, unique_ids
        self.count = last

    def flush(self) -> None:
        """Show readers all frames so far, safe from a crash: stamps first, no frame is without its own."""
        for dataset in (self._times, self._numbers, self._frames):
            dataset.flush()

    def close(self) -> None:
        """Finish the file."""
        if self._file:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lay_out(
        self, shape: tuple[int, int], dtype: np.dtype[np.unsignedinteger], most: int | None
    ) -> tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset]:
        entry = self._file.create_group("entry")
        entry.attrs["NX_class"], entry.attrs["default"] = "NXentry", "data"
        data, instrument = entry.create_group("data"), entry.create_group("instrument")
        data.attrs["NX_class"], data.attrs["signal"] = "NXdata", "data"
        instrument.attrs["NX_class"] = "NXinstrument"
        instrument.create_group("detector").attrs["NX_class"] = "NXdetector"
        instrument.create_group("NDAttributes").attrs["NX_class"] = "NXcollection"
        frames = self._file.create_dataset(
            FRAMES,
            (0, *shape),
            dtype,
            maxshape=(most, *shape),
            chunks=(1, *shape),
            fillvalue=0,
            fill_time="never",
        )
        per_frame = {"shape": (0,), "maxshape": (None,), "chunks": (ROWS_PER_CHUNK,)}
        times = self._file.create_dataset(TIME_STAMP, dtype="f8", **per_frame)
        numbers = self._file.create_dataset(UNIQUE_ID, dtype="i4", **per_frame)
        return frames, times, numbers
