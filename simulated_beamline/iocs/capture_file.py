"""A file of what a trigger box captured: one HDF5 data set per value, one row per gate, in SWMR mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

ROWS_PER_CHUNK = 1024


class CaptureFile:
    """Columns of numbers that grow together, named as PandABlocks names them (``INENC1.VAL.Mean``).

    Parameters
    ----------
    path
        New file.
    names
        Of the data sets.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.count = 0
        self._file = h5py.File(path, "w", libver="latest")
        self._columns = {
            name: self._file.create_dataset(
                name, (0,), "f8", maxshape=(None,), chunks=(ROWS_PER_CHUNK,), fillvalue=np.nan
            )
            for name in names
        }
        self._file.swmr_mode = True

    def append(self, columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Write rows, safe from a crash when this returns.

        Parameters
        ----------
        columns
            For every data set as many values, (n,).
        """
        added = len(next(iter(columns.values()))) if columns else 0
        for name, dataset in self._columns.items():
            dataset.resize((self.count + added,))
            dataset[self.count :] = columns[name]
            dataset.flush()
        self.count += added

    def close(self) -> None:
        """Finish the file."""
        if self._file:
            self._file.close()
