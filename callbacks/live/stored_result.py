"""Results too large for documents: written to files of their own, of which the documents of a run tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 8e6
"""Bytes that a reader is given at once, about."""


@dataclass(frozen=True)
class StoredArray:
    """An array in an HDF5 file: rows of a stream.

    Attributes
    ----------
    path
        The file.
    dataset
        In it, shape (rows, ...).
    shape
        Of one row.
    dtype
        As numpy writes it.
    rows
        How many there are.
    units
        Empty for none.
    dims
        Names of the dimensions of one row.
    """

    path: Path
    dataset: str
    shape: tuple[int, ...]
    dtype: str
    rows: int = 1
    units: str = ""
    dims: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"file://localhost{self.path.resolve().as_uri().removeprefix('file://')}"

    @property
    def parameters(self) -> dict[str, object]:
        """For its reader."""
        row_bytes = max(int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize, 1)
        at_once = min(max(int(CHUNK_BYTES / row_bytes), 1), self.rows)
        chunk = [at_once, *self.shape]
        return {"dataset": self.dataset, "chunk_shape": chunk, "swmr": False, "locking": False}


def store_arrays(
    path: Path,
    arrays: Mapping[str, NDArray[np.generic]],
    units: Mapping[str, str],
    dims: Mapping[str, tuple[str, ...]],
) -> dict[str, StoredArray]:
    """Write arrays, each as one row, into a new file that is there whole or not at all.

    Parameters
    ----------
    path
        HDF5 file; its folder is made.
    arrays
        By data key.
    units
        Of each.
    dims
        Names of the dimensions of each.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk.
    """
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    unborn = path.with_name(path.name + ".new")
    with h5py.File(unborn, "w") as file:
        for key, values in arrays.items():
            file.create_dataset(f"entry/{key}", data=values[None])
            file[f"entry/{key}"].attrs["units"] = units[key]
    unborn.replace(path)
    return {
        key: StoredArray(path, f"/entry/{key}", values.shape, values.dtype.str, 1, units[key], dims[key])
        for key, values in arrays.items()
    }
