"""A volume in an HDF5 file that grows slab by slab, valid whenever its writer dies."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ramp import FloatImage
from .reconstruction import SLAB_ROWS
from .slab import imaging_module

VOLUME = "attenuation_per_um"
FINISHED = "finished_slabs"


class OtherVolumeError(ValueError):
    """A file holds the volume of another reconstruction: other projections, centre, recipe or slabs."""


def begin_volume(
    path: Path, shape: tuple[int, int, int], slabs: int, mark: str, centre_px: float
) -> NDArray[np.bool_]:
    """Make the file, or find what is finished in it.

    All space is taken at once and each dataset is one block, so that a writer that dies leaves a valid file.

    Parameters
    ----------
    path
        HDF5 file.
    shape
        Of the volume, (z, y, x).
    slabs
        How many.
    mark
        Fingerprint of projections and rules: a file goes on under the same one only.
    centre_px
        Column of the rotation axis, pixels.

    Returns
    -------
    ndarray
        Whether each slab is finished, shape (slabs,).

    Raises
    ------
    OtherVolumeError
        If the file holds another reconstruction.
    OSError
        If the disk has no room for all of it.
    """
    h5py = imaging_module("h5py")
    if not path.exists():
        unborn = path.with_name(path.name + ".new")
        # Before HDF5 as well, which leaves open what it cannot close.
        _take_space(unborn, math.prod(shape) * np.dtype(np.float32).itemsize, path)
        with h5py.File(unborn, "w") as file:
            layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            file.create_dataset(VOLUME, shape, np.float32, dcpl=layout)
            file.create_dataset(FINISHED, data=np.zeros(slabs, np.uint8))
            file[VOLUME].attrs["units"] = "1/um"
            file.attrs["fingerprint"], file.attrs["centre_px"] = mark, centre_px
        _take_space(unborn, unborn.stat().st_size, path)
        unborn.replace(path)
    with h5py.File(path, "r") as file:
        if file.attrs.get("fingerprint") != mark:
            raise OtherVolumeError(
                f"reconstruct volume: {path} holds another reconstruction (other projections, centre, recipe "
                "or slabs); name another file, or remove it"
            )
        return np.asarray(file[FINISHED], dtype=np.bool_)


def _take_space(unborn: Path, size: int, path: Path) -> None:
    """Let the disk reserve so many bytes: HDF5 leaves holes, which may find it full slabs later.

    Raises
    ------
    OSError
        If it has not so many; the file is then removed.
    """
    try:
        with unborn.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        unborn.unlink(missing_ok=True)
        told = f"reconstruct volume: {path} takes {size / 1e6:.3g} MB, more than its disk gives; make room"
        raise OSError(error.errno, told) from error


def write_slab(path: Path, number: int, first: int, slab: FloatImage) -> None:
    """Write a slab, and only then that it is there.

    Parameters
    ----------
    path
        File of `begin_volume`.
    number, first
        Of the slab, and its first row.
    slab
        Attenuation, 1/um, shape (rows, y, x).
    """
    with imaging_module("h5py").File(path, "r+") as file:
        file[VOLUME][first : first + len(slab)] = slab
        file.flush()
        file[FINISHED][number] = 1


def lazy_volume(path: str | Path, *, slab_rows: int = SLAB_ROWS) -> Any:  # noqa: ANN401
    """Open a finished volume as a dask array, of which only what is looked at is read.

    Parameters
    ----------
    path
        File of `reconstruct_volume`.
    slab_rows
        Rows of a chunk.

    Returns
    -------
    dask.array.Array
        Attenuation, 1/um, shape (z, y, x).

    Raises
    ------
    ValueError
        If slabs are missing.
    """
    h5py, array = imaging_module("h5py"), imaging_module("dask.array")
    with h5py.File(path, "r") as file:
        finished = np.asarray(file[FINISHED], dtype=np.bool_)
    if not finished.all():
        raise ValueError(
            f"volume {path}: {np.sum(~finished)} of {finished.size} slabs are missing; call "
            "reconstruct_volume with the same arguments to finish it"
        )
    return array.from_array(_Rows(Path(path)), chunks=(slab_rows, -1, -1))


class _Rows:
    """A dataset that is opened at each look, so that it may be sent to other processes."""

    dtype, ndim = np.dtype(np.float32), 3

    def __init__(self, path: Path) -> None:
        self.path = path
        with imaging_module("h5py").File(path, "r") as file:
            self.shape = tuple(file[VOLUME].shape)

    def __getitem__(self, place: Any) -> FloatImage:  # noqa: ANN401
        with imaging_module("h5py").File(self.path, "r") as file:
            return file[VOLUME][place]
