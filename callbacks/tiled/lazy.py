"""Frames and volumes as dask arrays: what is looked at is read, nothing else."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from .run_source import Frames

CHUNK_BYTES = 32e6
"""Of a chunk, about."""


class _Rows:
    """Frames of a reader, as dask asks for them."""

    def __init__(self, read: Frames, count: int) -> None:
        first = read(0, 1)
        self._read = read
        self.dtype, self.shape = first.dtype, (count, *first.shape[1:])
        self.ndim = len(self.shape)

    def __getitem__(self, place: Any) -> np.ndarray:  # noqa: ANN401 - numbers or slices
        first, *others = place if isinstance(place, tuple) else (place,)
        if not isinstance(first, slice):
            return self._read(int(first), int(first) + 1)[(0, *others)]
        start, stop, step = first.indices(self.shape[0])
        return self._read(start, stop)[(slice(None, None, step), *others)]


def lazy_rows(read: Frames, count: int) -> Any:  # noqa: ANN401 - dask's array
    """Give rows of a reader as a dask array.

    Parameters
    ----------
    read
        Gives rows from one number to before another.
    count
        How many there are.

    Returns
    -------
    dask.array.Array
        Shape (count, ...); the first row is read at once, for its shape and type.

    Raises
    ------
    ModuleNotFoundError
        Without dask.
    """
    try:
        array = import_module("dask.array")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "frames and volumes need dask: pip install 'operando[imaging]'", name="dask"
        ) from error
    rows = _Rows(read, count)
    each = max(int(np.prod(rows.shape[1:])) * rows.dtype.itemsize, 1)
    at_once = min(max(int(CHUNK_BYTES / each), 1), count)
    # Without a name dask would read all of it to make one.
    return array.from_array(rows, chunks=(at_once, *rows.shape[1:]), name=False)
