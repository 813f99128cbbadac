"""Where in a toml file a key stands, so that a refusal can name the line."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root of a document, e.g. ``("measurements", 0, "grid")``."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*)\s*=")


class ExperimentFileError(ValueError):
    """An experiment or settings file that cannot be used; the message names file, line, key and remedy."""


class NamedSourceError(ValueError):
    """A further file that cannot be used; `keys` lead to where the experiment file names it."""

    def __init__(self, keys: KeyPath, message: str) -> None:
        super().__init__(message)
        self.keys = keys


@dataclass(frozen=True)
class TomlSource:
    """A parsed toml file that remembers where its keys stand.

    Attributes
    ----------
    path
        The file.
    data
        Its content.
    lines
        Line number (from 1) of each key path.
    """

    path: Path
    data: dict[str, Any]
    lines: dict[KeyPath, int] = field(repr=False)

    def line(self, keys: Sequence[str | int]) -> int | None:
        """Line of a key, or of the nearest table around it that stands on a line of its own."""
        for length in range(len(keys), 0, -1):
            found = self.lines.get(tuple(keys[:length]))
            if found is not None:
                return found
        return None

    def where(self, keys: Sequence[str | int]) -> str:
        """Text such as ``nmc811.toml:12: protocol.steps[0].rate``."""
        line = self.line(keys)
        place = f"{self.path}:{line}" if line is not None else str(self.path)
        return f"{place}: {spell(keys)}" if keys else place


def spell(keys: Sequence[str | int]) -> str:
    """Write a key path as people read it.

    Examples
    --------
    >>> spell(("protocol", "steps", 0, "rate"))
    'protocol.steps[0].rate'
    """
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def read_toml(path: Path) -> TomlSource:
    """Read a toml file together with the lines of its keys.

    Raises
    ------
    ExperimentFileError
        When the file is absent, unreadable or not toml; the message has file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExperimentFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ExperimentFileError(f"{path}: is no text in UTF-8; give a toml file") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentFileError(f"{path}: not valid toml: {error}") from error
    return TomlSource(path, data, key_lines(text))


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line number of every table header and key that begins a line.

    Parameters
    ----------
    text
        A valid toml document.

    Returns
    -------
    dict
        Line (from 1) by key path; keys inside inline tables belong to the line of the key around them.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    open_text = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if open_text:
            open_text = "" if open_text in line else open_text
            continue
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header is not None and "=" not in header[2]:
            table = _enter(_split(header[2]), is_array=header[1] == "[[", counts=counts)
            lines.setdefault(table, number)
        elif key is not None:
            lines[table + _split(key[1])] = number
            open_text = _unclosed(line)
    return lines


def _enter(names: KeyPath, *, is_array: bool, counts: dict[KeyPath, int]) -> KeyPath:
    """Key path of a header: each array of tables on the way is followed by the position of its last entry."""
    path: KeyPath = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_array and position == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _split(dotted: str) -> KeyPath:
    return tuple(part.strip().strip('"') for part in dotted.split("."))


def _unclosed(line: str) -> str:
    """Delimiter of a multi-line text that this line leaves open, or nothing."""
    for delimiter in ('"""', "'''"):
        if line.count(delimiter) % 2:
            return delimiter
    return ""
