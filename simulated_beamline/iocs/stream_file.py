"""The file of a fast camera: its room on the disk is reserved beforehand, and its frames have attributes."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from .frame_file import ATTRIBUTES, ROWS_PER_CHUNK, FrameFile

MARGIN_BYTES = 1 << 20
"""For what a file holds besides its frames, and twice the bytes of each frame's row."""
ROW_BYTES = 128


class StreamFile(FrameFile):
    """Frames with attributes; the disk is asked for all of its room first, so that it is not full in between.

    Parameters
    ----------
    path, shape, dtype, most, pixel_mask
        As of `FrameFile`.
    names
        Of the attributes of each frame.

    Raises
    ------
    OSError
        If the disk has no room for `most` frames.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int],
        dtype: np.dtype[np.unsignedinteger],
        *,
        most: int = 0,
        pixel_mask: NDArray[np.uint32] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        self._names = tuple(names)
        self._columns: list[h5py.Dataset] = []
        self._reserved = False
        super().__init__(path, shape, dtype, most=most, pixel_mask=pixel_mask)
        frame_bytes = int(np.prod(shape)) * dtype.itemsize + ROW_BYTES
        try:
            self._reserve(most * frame_bytes + MARGIN_BYTES if most else 0)
        except OSError:
            self.close()
            path.unlink()
            raise

    def add(
        self,
        frames: NDArray[np.generic],
        time_stamps_s: NDArray[np.float64],
        unique_ids: NDArray[np.int32],
        attributes: Sequence[Sequence[float]],
    ) -> None:
        """Write n frames as `extend` does, each with the values of its attributes in their order."""
        first = self.count
        for index, column in enumerate(self._columns):
            column.resize(first + len(frames), axis=0)
            column[first:] = [values[index] for values in attributes]
        self.extend(frames, time_stamps_s, unique_ids)

    def flush(self) -> None:
        """Show readers all frames so far: attributes first, no frame is without its own."""
        for column in self._columns:
            column.flush()
        super().flush()

    def close(self) -> None:
        """Finish the file, and give back the room that it does not need."""
        super().close()
        if self._reserved:
            # Who opens a file to write in it cuts off, when closing it, what is behind its contents.
            h5py.File(self.path, "r+").close()
            self._reserved = False

    def _reserve(self, size: int) -> None:
        if not size or not hasattr(os, "posix_fallocate"):
            return
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            os.posix_fallocate(descriptor, 0, size)
            self._reserved = True
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OSError(
                    errno.ENOSPC, f"no room for {size / 1e9:.2f} GB of frames: make room, or ask for fewer"
                ) from error
        finally:
            os.close(descriptor)

    def _lay_out(
        self, shape: tuple[int, int], dtype: np.dtype[np.unsignedinteger], most: int | None
    ) -> tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset]:
        laid_out = super()._lay_out(shape, dtype, most)
        self._columns = [
            self._file.create_dataset(
                f"{ATTRIBUTES}/{name}", (0,), "f8", maxshape=(None,), chunks=(ROWS_PER_CHUNK,)
            )
            for name in self._names
        ]
        return laid_out
