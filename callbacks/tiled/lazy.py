"""Frames, slices, maps and volumes as dask arrays: what is looked at is read, nothing else."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from .external_frame import Frames

CHUNK_BYTES = 32e6
"""Of a chunk, about."""


class _Rows:
    """Frames, as dask asks for them."""

    def __init__(self, frames: Frames) -> None:
        shape, self.dtype = frames.look()
        self._frames = frames
        self.shape = frames.count, *shape
        self.ndim = len(self.shape)

    def __getitem__(self, place: Any) -> np.ndarray:  # noqa: ANN401 - numbers or slices
        first, *others = place if isinstance(place, tuple) else (place,)
        if not isinstance(first, slice):
            return self._frames(int(first), int(first) + 1)[(0, *others)]
        start, stop, step = first.indices(self.shape[0])
        return self._frames(start, stop)[(slice(None, None, step), *others)]


def lazy_rows(frames: Frames) -> Any:  # noqa: ANN401 - dask's array
    """Give frames as a dask array.

    Returns
    -------
    dask.array.Array
        Shape (count, ...).
    """
    rows = _Rows(frames)
    each = max(int(np.prod(rows.shape[1:])) * rows.dtype.itemsize, 1)
    at_once = min(max(int(CHUNK_BYTES / each), 1), frames.count)
    # Without a name dask would read all of it to make one.
    return import_module("dask.array").from_array(rows, chunks=(at_once, *rows.shape[1:]), name=False)
