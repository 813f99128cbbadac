"""Raw frames of a fast camera written anew, compressed: the same values at the same place, in less room."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .raw_file import open_raw

FRAMES = "/entry/data/data"
FRAMES_AT_ONCE = 64


class CompressionError(RuntimeError):
    """A compressed file does not hold what the raw one does; the raw one is untouched."""


@dataclass(frozen=True)
class CompressedFile:
    """What compressing a file has brought.

    Attributes
    ----------
    path : Path
        Of the compressed file.
    frames : int
        In it.
    raw_bytes, bytes : int
        Of the file before and after.
    """

    path: Path
    frames: int
    raw_bytes: int
    bytes: int

    @property
    def ratio(self) -> float:
        """How many times smaller the file is."""
        return self.raw_bytes / max(self.bytes, 1)


def compress_frames(
    path: Path,
    *,
    target: Path | None = None,
    dataset: str = FRAMES,
    level: int = 1,
    left_open: bool = False,
) -> CompressedFile:
    """Write a file of frames anew with its frames compressed, and put it in place once it was found equal.

    The values, their data set and all else in the file stay what they are, so that documents which refer to
    the file stay true. Deflate with byte shuffle, which every HDF5 library reads; one frame per chunk.

    Parameters
    ----------
    path
        Closed HDF5 file with a data set of frames, shape (n, rows, columns).
    target
        Where the compressed file goes; unless given it takes the place of the raw one, in one step.
    dataset
        Where the frames are.
    level
        Of deflate, 1 (fast) to 9.
    left_open
        Whether the file may be one that its writer, which has died, did not close: what had reached the disk
        is compressed, into a file that is closed. Frames that a writer adds later would be lost.

    Returns
    -------
    CompressedFile

    Raises
    ------
    LeftOpenError
        If its writer has not closed it, and `left_open` is false.
    OSError
        If the file cannot be read, or there is no room.
    FileExistsError
        If there is a file at `target`.
    KeyError
        If it has no such data set.
    CompressionError
        If a frame is another than before, or the file was written meanwhile.
    """
    import h5py

    if not 1 <= level <= 9:
        raise ValueError(f"compress_frames: level {level}; give 1 to 9")
    if target is not None and target.exists():
        raise FileExistsError(f"{target} exists already: give another target")
    final = path if target is None else target
    draft, before = final.with_name(f".{final.name}.part"), path.stat()
    try:
        with open_raw(path, left_open=left_open) as raw, h5py.File(draft, "w", libver="latest") as packed:
            if dataset not in raw:
                raise KeyError(f"{path} has no data set {dataset}")
            _copy(raw, packed, _address(raw[dataset]), {}, level)
        frames = _verify(path, draft, dataset, left_open=left_open)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        after, size = path.stat(), draft.stat().st_size
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise CompressionError(f"{path} was written meanwhile: wait until its writer has closed it")
        draft.replace(final)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return CompressedFile(final, frames, before.st_size, size)


def _copy(source: Any, target: Any, frames: int, seen: dict[int, str], level: int) -> None:  # noqa: ANN401
    """Copy a group; what has two names there has both here."""
    import h5py

    target.attrs.update(source.attrs)
    for name in source:
        link = source.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            target[name] = link
            continue
        item = source[name]
        address = _address(item)
        if address in seen:
            target[name] = target.file[seen[address]]
            continue
        seen[address] = item.name
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name), frames, seen, level)
        elif address == frames:
            _pack(item, target, name, level)
        else:
            source.copy(item, target, name=name)


def _pack(source: Any, target: Any, name: str, level: int) -> None:  # noqa: ANN401
    packed = target.create_dataset(
        name,
        source.shape,
        source.dtype,
        chunks=(1, *source.shape[1:]),
        maxshape=source.maxshape,
        shuffle=True,
        compression="gzip",
        compression_opts=level,
        fletcher32=True,
    )
    packed.attrs.update(source.attrs)
    for first in range(0, len(source), FRAMES_AT_ONCE):
        packed[first : first + FRAMES_AT_ONCE] = source[first : first + FRAMES_AT_ONCE]


def _verify(path: Path, draft: Path, dataset: str, *, left_open: bool) -> int:
    """Compare bit by bit; gives the number of frames."""
    import h5py

    with open_raw(path, left_open=left_open) as raw, h5py.File(draft, "r") as packed:
        before: Any = raw[dataset]
        after: Any = packed[dataset]
        if before.shape != after.shape or before.dtype != after.dtype:
            raise CompressionError(
                f"{path}: {before.shape} {before.dtype} became {after.shape} {after.dtype}"
            )
        for first in range(0, len(before), FRAMES_AT_ONCE):
            last = first + FRAMES_AT_ONCE
            if not np.array_equal(before[first:last].view(np.uint8), after[first:last].view(np.uint8)):
                raise CompressionError(f"{path}: frames {first} to {last - 1} differ once compressed")
        return len(before)


def _address(item: Any) -> int:  # noqa: ANN401
    from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

    return int(h5o.get_info(item.id).addr)
