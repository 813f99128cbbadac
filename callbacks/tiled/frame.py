"""Records of a journal: length, checksum and one document in msgpack, numpy carried."""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgpack
import numpy as np

MAGIC = b"operando journal 1\n"
SUFFIX = ".journal"
_HEADER = struct.Struct(">II")
_ARRAY, _SCALAR = 1, 2
Record = tuple[str, dict[str, Any]]


def _pack(value: list[Any]) -> bytes:
    return cast("bytes", msgpack.packb(value, default=_default))


def _numpy_payload(array: np.ndarray) -> bytes:
    if array.dtype.hasobject:
        raise TypeError(
            f"an array of dtype {array.dtype} and shape {array.shape} cannot be journalled: it holds Python "
            "objects; convert it to numbers or fixed-width strings"
        )
    dtype = array.dtype.str if array.dtype.names is None else [list(field) for field in array.dtype.descr]
    return _pack([dtype, array.shape, array.tobytes()])


def _default(value: object) -> object:
    if isinstance(value, np.ndarray):
        return msgpack.ExtType(_ARRAY, _numpy_payload(value))
    if isinstance(value, np.generic):
        return msgpack.ExtType(_SCALAR, _numpy_payload(np.asarray(value)))
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(
        f"{value!r} of type {type(value).__name__} cannot be journalled; use numbers, text, lists, "
        "dictionaries or numpy arrays"
    )


def _field(item: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(part) if isinstance(part, list) else part for part in item)


def _ext_hook(code: int, data: bytes) -> object:
    if code not in (_ARRAY, _SCALAR):
        return msgpack.ExtType(code, data)
    dtype, shape, raw = msgpack.unpackb(data)
    described = np.dtype(dtype if isinstance(dtype, str) else [_field(item) for item in dtype])
    array = np.frombuffer(raw, dtype=described).reshape(shape).copy()
    return array if code == _ARRAY else array[()]


def encode(name: str, doc: dict[str, Any]) -> bytes:
    """Frame one document.

    Parameters
    ----------
    name : str
        Kind of the document (``"start"``, ``"event"``, ...).
    doc : dict
        The document; numpy arrays and scalars keep dtype and shape.

    Returns
    -------
    bytes
        Length and CRC-32 (big endian, 4 bytes each), then the msgpack record.

    Raises
    ------
    TypeError
        If the document holds something that cannot be carried without pickling.

    Examples
    --------
    >>> len(encode("stop", {"run_start": "a"}))
    27
    """
    try:
        payload = _pack([name, doc])
    except (TypeError, OverflowError, ValueError) as error:
        raise TypeError(f"a {name} document cannot be journalled: {error}") from error
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def decode(payload: bytes) -> Record:
    """Undo `encode` for the part behind length and checksum."""
    name, doc = msgpack.unpackb(payload, ext_hook=_ext_hook, strict_map_key=False)
    return name, doc


def read_payload(file: BinaryIO) -> bytes | None:
    """Read the next record of an open journal.

    Returns
    -------
    bytes or None
        The record; None at the end or at a torn or damaged record, with the file's position left as it was.
    """
    begin = file.tell()
    header = file.read(_HEADER.size)
    if len(header) == _HEADER.size:
        length, checksum = _HEADER.unpack(header)
        payload = file.read(length)
        if len(payload) == length and zlib.crc32(payload) == checksum:
            return payload
    file.seek(begin)
    return None


def begin_reading(file: BinaryIO) -> bool:
    """Read the magic line; tell whether it was there (a file just made may still be empty)."""
    file.seek(0)
    return file.read(len(MAGIC)) == MAGIC


def skim(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the position of every whole record of a journal of ``size`` bytes, contents unread."""
    position = len(MAGIC)
    while position + _HEADER.size <= size:
        file.seek(position)
        length, _ = _HEADER.unpack(file.read(_HEADER.size))
        end = position + _HEADER.size + length
        if end > size:
            return
        yield position
        position = end
