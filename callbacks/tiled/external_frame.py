"""Frames in files of their detectors, by the documents that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .external_file import require_inner_links, resolve_external


@dataclass(frozen=True)
class FramePart:
    """Frames of one file: from a number in it to before another."""

    path: Path
    dataset: str
    start: int
    stop: int


class FramesUnreadableError(ValueError):
    """Frames were asked for that documents did not tell of, or that their file does not hold."""


class ExternalFrames:
    """Where the frames of all runs of a journal are.

    Parameters
    ----------
    roots
        Folders in which detectors may have their files.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots
        self._resources: dict[str, Mapping[str, Any]] = {}
        self._told: dict[tuple[str, str, str], list[tuple[int, int, str]]] = {}

    def add_resource(self, doc: Mapping[str, Any]) -> None:
        """Take the document of a file."""
        self._resources[doc["uid"]] = doc

    def add_datum(self, doc: Mapping[str, Any], stream: tuple[str, str]) -> None:
        """Take the document of frames of a stream, given as (run, name)."""
        resource = self._resources.get(doc["stream_resource"])
        if resource is not None:
            part = int(doc["indices"]["start"]), int(doc["indices"]["stop"]), doc["stream_resource"]
            self._told.setdefault((*stream, resource["data_key"]), []).append(part)

    def reader(self, run: str, stream: str, key: str) -> Callable[[int, int], np.ndarray] | None:
        """Reader of a data key's frames, None if documents tell of none.

        Raises
        ------
        ExternalFileRefusedError
            If one of their files, or what it links to, lies outside of the roots.
        """
        parts = self.parts(run, stream, key)
        return (lambda start, stop: read_parts(parts, start, stop)) if parts else None

    def parts(self, run: str, stream: str, key: str) -> list[FramePart]:
        """List where the frames of a data key are, in their order; none if documents tell of none.

        Raises
        ------
        ExternalFileRefusedError
            As of `reader`.
        """
        told = self._told.get((run, stream, key), [])
        paths = {name: self._resolved(name) for name in dict.fromkeys(name for *_, name in told)}
        parts: list[FramePart] = []
        for start, stop, name in told:
            part = FramePart(paths[name], self._resources[name]["parameters"]["dataset"], start, stop)
            last = parts[-1] if parts else None
            if last is not None and (last.path, last.dataset, last.stop) == (part.path, part.dataset, start):
                part = FramePart(part.path, part.dataset, parts.pop().start, stop)
            parts.append(part)
        return parts

    def whole(self, run: str, stream: str, key: str) -> np.ndarray:
        """All frames of a data key; of shape (0,) if documents tell of none.

        Raises
        ------
        ExternalFileRefusedError
            As of `reader`.
        """
        read = self.reader(run, stream, key)
        told = self._told.get((run, stream, key), [])
        return np.empty(0) if read is None else read(0, sum(stop - start for start, stop, _ in told))

    def _resolved(self, name: str) -> Path:
        path = resolve_external(self._resources[name]["uri"], self._roots)
        require_inner_links(path, self._roots)
        return path


def read_parts(parts: list[FramePart], start: int, stop: int) -> np.ndarray:
    """Read frames of a stream that is spread over files.

    Parameters
    ----------
    parts
        In the order of the stream.
    start, stop
        Numbers in the stream, from 0.

    Returns
    -------
    numpy.ndarray
        Shape (stop - start, ...).

    Raises
    ------
    FramesUnreadableError
        If the stream or a file is shorter, or a file cannot be read.
    """
    found: list[np.ndarray] = []
    begin = 0
    for part in parts:
        count = part.stop - part.start
        first, last = max(start - begin, 0), min(stop - begin, count)
        if first < last:
            found.append(_read(part, part.start + first, part.start + last))
        begin += count
    if sum(map(len, found)) != stop - start or not found:
        raise FramesUnreadableError(
            f"frames {start} to {stop - 1} were asked for, documents tell of {begin}: is the run complete?"
        )
    return found[0] if len(found) == 1 else np.concatenate(found)


def _read(part: FramePart, start: int, stop: int) -> np.ndarray:
    import h5py

    try:
        with h5py.File(part.path, "r", libver="latest", swmr=True, locking=False) as file:
            frames: Any = file[part.dataset]
            found = np.asarray(frames[start:stop])
    except (OSError, KeyError) as error:
        raise FramesUnreadableError(f"{part.dataset} of {part.path} cannot be read: {error}") from error
    if len(found) != stop - start:
        raise FramesUnreadableError(
            f"frames {start} to {stop - 1} of {part.path} are missing, it holds {start + len(found)}"
        )
    return found
