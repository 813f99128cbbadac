"""Frames that are read block by block from wherever they are, for exports that hold none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.saturation import full_scale

MOST_BYTES = 64_000_000
"""Read at once, if it is more than one frame."""


@dataclass(frozen=True, eq=False)
class FrameStack:
    """Frames of a stream in an order of their own, of which none is held.

    Attributes
    ----------
    read
        Gives frames of the stream from one number to before another, shape (n, rows, columns).
    first
        Place in the stream of each frame, or of the first of those that are added up to one, shape (n,).
    whole
        Rows and columns of a stored frame.
    dtype
        Of a pixel as it is stored.
    added
        How many that follow each other are added up to one.
    rows, columns
        What is kept of a stored frame.
    upside_down
        Whether the last row comes first.
    """

    read: Callable[[int, int], NDArray[Any]]
    first: NDArray[np.int64]
    whole: tuple[int, int]
    dtype: np.dtype[Any]
    added: int = 1
    rows: slice = field(default_factory=lambda: slice(None))
    columns: slice = field(default_factory=lambda: slice(None))
    upside_down: bool = False

    def __len__(self) -> int:
        return len(self.first)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows, columns, as they are given."""
        rows, columns = (
            len(range(*part.indices(size)))
            for part, size in zip((self.rows, self.columns), self.whole, strict=True)
        )
        return len(self.first), rows, columns

    def cut(self, rows: slice, columns: slice) -> FrameStack:
        """Keep a part of each frame; a stack that is not cut yet, and not upside down."""
        return replace(self, rows=rows, columns=columns)

    def blocks(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Give the frames in their order, some at a time.

        Yields
        ------
        counts : numpy.ndarray
            Shape (n, rows, columns), 0 where a pixel never counts.
        masked : numpy.ndarray
            Shape (rows, columns), True where a stored pixel shows the largest number of its type.
        """
        bytes_each = max(int(np.prod(self.whole)) * self.dtype.itemsize * self.added, 1)
        most = max(MOST_BYTES // bytes_each, 1)
        largest = full_scale(self.dtype)
        place = 0
        while place < len(self.first):
            count = 1
            follows = self.first[place : place + most]
            while count < len(follows) and follows[count] == follows[count - 1] + self.added:
                count += 1
            begin = int(follows[0])
            stored = self.read(begin, begin + count * self.added)[:, self.rows, self.columns]
            stored = stored[:, ::-1] if self.upside_down else stored
            bad = np.zeros(stored.shape, bool) if largest is None else stored == largest
            counts = np.where(bad, 0, stored).reshape(count, self.added, *stored.shape[1:]).sum(axis=1)
            yield counts.astype(np.float32), np.asarray(bad.any(axis=0), dtype=bool)
            place += count


def stack_of(frames: NDArray[Any] | FrameStack) -> FrameStack:
    """Take frames in memory, shape (n, rows, columns), like those of a stream."""
    if isinstance(frames, FrameStack):
        return frames
    _, rows, columns = frames.shape
    return FrameStack(
        lambda begin, end: frames[begin:end], np.arange(len(frames)), (rows, columns), frames.dtype
    )


def store_frames(
    file: Any,  # noqa: ANN401 - a group of h5py
    key: str,
    frames: NDArray[Any] | FrameStack,
    room: tuple[int, int] | None = None,
) -> NDArray[np.bool_]:
    """Write frames into an HDF5 file, one per chunk, and tell which pixels never count.

    Parameters
    ----------
    file
        Group of h5py.
    key
        Of the new data set, single precision: programs that scale counts in place would cut off integers.
    frames
        Shape (n, rows, columns).
    room
        Rows and columns of the data set, 0 beyond those of the frames; as many unless given.

    Returns
    -------
    numpy.ndarray
        Shape as of the data set, True where a stored pixel shows the largest number of its type, or is none.
    """
    stack = stack_of(frames)
    _, rows, columns = stack.shape
    room = room or (rows, columns)
    packed: dict[str, Any] = {"chunks": (1, *room), "compression": "gzip", "compression_opts": 1}
    data = file.create_dataset(key, (len(stack), *room), np.float32, shuffle=True, **packed)
    masked, place = np.ones(room, bool), 0
    masked[:rows, :columns] = False
    for counts, bad in stack.blocks():
        data[place : place + len(counts), :rows, :columns] = counts
        masked[:rows, :columns] |= bad
        place += len(counts)
    return masked
