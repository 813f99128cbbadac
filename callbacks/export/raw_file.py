"""A file of frames as its camera has left it: closed, or left open by a writer that has died."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class LeftOpenError(OSError):
    """A file was not closed by its writer, which may still write it."""


def open_raw(path: Path, *, left_open: bool = False) -> Any:  # noqa: ANN401 - of h5py
    """Open a file to read it.

    Parameters
    ----------
    path
        HDF5 file.
    left_open
        Whether it may be one that its writer could be read from while it wrote (SWMR), and did not close:
        what it had flushed can be read.

    Returns
    -------
    h5py.File

    Raises
    ------
    LeftOpenError
        If its writer has not closed it, and `left_open` is false.
    OSError
        If it cannot be read, such as one left open that was no file for readers; its message names `h5clear`.
    """
    import h5py

    if left_open:
        return h5py.File(path, "r", libver="latest", swmr=True, locking=False)
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if not _is_readable(path):
            raise
        raise LeftOpenError(
            f"{path} was not closed by its writer; if that has died, make a closed file of what it left: "
            f"operando compress --left-open {path}"
        ) from error


def _is_readable(path: Path) -> bool:
    """Whether it can be read as a file that was left open."""
    try:
        open_raw(path, left_open=True).close()
    except OSError:
        return False
    return True
