"""Projections in files of other programs too: NXtomo with its image keys, and DataExchange."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .angle import FloatArray
from .slab import imaging_module


class ImageKey(IntEnum):
    """What a frame of an NXtomo file is (NeXus definition NXtomo, `image_key`)."""

    PROJECTION = 0
    FLAT = 1
    DARK = 2
    INVALID = 3


@dataclass(frozen=True)
class ProjectionFrames:
    """Frames of some detector rows.

    Attributes
    ----------
    projections
        Counts, or transmission where there are no flats, shape (angles, rows, columns).
    flats, flats_after, darks
        Counts, shape (n, rows, columns), or none.
    full_scale_counts
        Largest count of the camera; None: what the type of its pixels holds.
    """

    projections: NDArray[np.generic]
    flats: NDArray[np.generic] | None = None
    flats_after: NDArray[np.generic] | None = None
    darks: NDArray[np.generic] | None = None
    full_scale_counts: float | None = None


class ProjectionSource(Protocol):
    """What slabs of detector rows are read from; pickled where the work is spread over machines."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Angles, rows, columns."""
        ...

    @property
    def angle_deg(self) -> FloatArray:
        """Angle of each projection, degrees."""
        ...

    def rows(self, first: int, last: int) -> ProjectionFrames:
        """Frames of the rows from `first` to before `last`."""
        ...


@dataclass(frozen=True, eq=False)
class HeldProjections:
    """Projections in memory.

    Parameters
    ----------
    frames
        All rows.
    angle_deg
        Degrees, shape (angles,).
    """

    frames: ProjectionFrames
    angle_deg: FloatArray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Angles, rows, columns."""
        angles, rows, columns = self.frames.projections.shape
        return angles, rows, columns

    def rows(self, first: int, last: int) -> ProjectionFrames:
        """Frames of the rows from `first` to before `last`."""
        parts = {name: getattr(self.frames, name) for name in ("flats", "flats_after", "darks")}
        cut = {name: None if part is None else part[:, first:last] for name, part in parts.items()}
        return replace(self.frames, projections=self.frames.projections[:, first:last], **cut)


@dataclass(frozen=True, eq=False)
class ProjectionFile:
    """Projections in an HDF5 file, of which nothing is read before it is asked for.

    Attributes
    ----------
    path
        The file.
    frames
        HDF5 path of the frames, with flats and darks among them where `image_key` says so.
    frame_angle_deg
        Angle at each frame, degrees.
    image_key
        `ImageKey` of each frame.
    flats, darks
        HDF5 paths of frames kept apart (DataExchange); empty if there are none.
    """

    path: Path
    frames: str
    frame_angle_deg: FloatArray
    image_key: NDArray[np.int64]
    flats: str = ""
    darks: str = ""

    @property
    def angle_deg(self) -> FloatArray:
        """Angle of each projection, degrees."""
        return self.frame_angle_deg[self.image_key == ImageKey.PROJECTION]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Angles, rows, columns."""
        with _opened(self.path) as file:
            rows, columns = _dataset(file, self.frames, self.path).shape[1:]
        return int(np.sum(self.image_key == ImageKey.PROJECTION)), rows, columns

    def rows(self, first: int, last: int) -> ProjectionFrames:
        """Read the rows from `first` to before `last` of all frames.

        Raises
        ------
        FileNotFoundError
            If the frames are in another file that is not there.
        """
        with _opened(self.path) as file:
            stack = np.asarray(_dataset(file, self.frames, self.path)[:, first:last])
            apart = [
                np.asarray(_dataset(file, name, self.path)[:, first:last]) if name else None
                for name in (self.flats, self.darks)
            ]
        key = self.image_key
        if apart[0] is not None:
            return ProjectionFrames(stack[key == ImageKey.PROJECTION], apart[0], None, apart[1])
        before, after = self.flats_around()
        early, late = stack[before], stack[after]
        flats = early if len(early) else late
        darks = stack[key == ImageKey.DARK]
        return ProjectionFrames(
            stack[key == ImageKey.PROJECTION],
            flats if len(flats) else None,
            late if len(early) and len(late) else None,
            darks if len(darks) else None,
        )

    def flats_around(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the flats before the last projection, and of those after it."""
        flat = np.flatnonzero(self.image_key == ImageKey.FLAT)
        last = int(np.max(np.flatnonzero(self.image_key == ImageKey.PROJECTION), initial=-1))
        return flat[flat < last], flat[flat > last]


def _opened(path: Path) -> Any:  # noqa: ANN401
    return imaging_module("h5py").File(path, "r")


def _dataset(file: Any, name: str, path: Path) -> Any:  # noqa: ANN401
    """Return a dataset, or say which file it is a link to."""
    try:
        return file[name]
    except (KeyError, OSError) as error:
        link = file.get(name, getlink=True)
        aim = f"{getattr(link, 'filename', path)} at {getattr(link, 'path', name)}"
        raise FileNotFoundError(
            f"projections {path}: {name} is in {aim}, which cannot be read; bring that file beside this one"
        ) from error


def _detectors(file: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    """HDF5 paths of entry and detector, of those with image keys; links are followed, as by name."""
    entries = [name for name in file if hasattr(file.get(name), "keys")]
    entries += [f"{one}/{two}" for one in entries for two in file[one] if hasattr(file[one].get(two), "keys")]
    return [
        (entry, f"{entry}/instrument/{detector}")
        for entry in entries
        if f"{entry}/instrument" in file and f"{entry}/sample/rotation_angle" in file
        for detector in file[f"{entry}/instrument"]
        if f"{entry}/instrument/{detector}/image_key" in file
    ]


def open_projections(path: str | Path) -> ProjectionFile:
    """Find projections, flats, darks and angles in an NXtomo or DataExchange file.

    Parameters
    ----------
    path
        HDF5 file. Of a file that is both, the image keys count.

    Returns
    -------
    ProjectionFile
        Invalid frames (key 3) are left out.

    Raises
    ------
    ValueError
        If the file is neither.
    """
    where = Path(path)
    with _opened(where) as file:
        for entry, detector in _detectors(file):
            keys: NDArray[np.int64] = np.asarray(file[f"{detector}/image_key"]).astype(np.int64)
            angles = _numbers(file[f"{entry}/sample/rotation_angle"])
            return ProjectionFile(where, f"{detector}/data", angles, keys)
        if "exchange/data" in file and "exchange/theta" in file:
            angles = _numbers(file["exchange/theta"])
            flats, darks = (
                name if name in file else "" for name in ("exchange/data_white", "exchange/data_dark")
            )
            keys = np.zeros(angles.size, dtype=np.int64)
            return ProjectionFile(where, "exchange/data", angles, keys, flats, darks)
    raise ValueError(
        f"projections {where}: neither an image_key with sample/rotation_angle (NXtomo) nor exchange/data "
        "with exchange/theta (DataExchange); write one with `write_tomogram`"
    )


def _numbers(dataset: ArrayLike) -> FloatArray:
    return np.asarray(dataset, dtype=np.float64).ravel()
