"""Frames in files of their detectors, by the documents that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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


@dataclass(frozen=True)
class Frames:
    """Frames of a stream in the order in which documents told of them; called, it reads some: (n, ...).

    Attributes
    ----------
    read
        Gives frames from one number to before another.
    count
        How many there are.
    look
        Tells the shape of a frame and the type of its values, without reading one.
    """

    read: Callable[[int, int], np.ndarray]
    count: int
    look: Callable[[], tuple[tuple[int, ...], np.dtype[Any]]]

    def __call__(self, start: int, stop: int) -> np.ndarray:
        """Read frames from one number to before another."""
        return self.read(start, stop)


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

    def reader(self, run: str, stream: str, key: str) -> Frames | None:
        """Frames of a data key, None if documents tell of none.

        Raises
        ------
        ExternalFileRefusedError
            If one of their files, or what it links to, lies outside of the roots.
        """
        parts = self.parts(run, stream, key)
        if not parts:
            return None
        count = sum(part.stop - part.start for part in parts)
        return Frames(lambda start, stop: read_parts(parts, start, stop), count, lambda: _look(parts[0]))

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
        frames = self.reader(run, stream, key)
        return np.empty(0) if frames is None else frames(0, frames.count)

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


def _look(part: FramePart) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with _dataset(part) as frames:
        return tuple(frames.shape[1:]), frames.dtype


def _read(part: FramePart, start: int, stop: int) -> np.ndarray:
    with _dataset(part) as frames:
        found = np.asarray(frames[start:stop])
    if len(found) != stop - start:
        raise FramesUnreadableError(
            f"frames {start} to {stop - 1} of {part.path} are missing, it holds {start + len(found)}"
        )
    return found


@contextmanager
def _dataset(part: FramePart) -> Iterator[Any]:
    """Open the frames of a file, which may still grow."""
    import h5py

    try:
        with h5py.File(part.path, "r", libver="latest", swmr=True, locking=False) as file:
            yield file[part.dataset]
    except (OSError, KeyError) as error:
        raise FramesUnreadableError(f"{part.dataset} of {part.path} cannot be read: {error}") from error
