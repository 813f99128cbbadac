"""Binary files of EC-Lab (.mpr).

The format is not published. A file is a row of modules, each with a name, a length and a version. The
module of the data tells the numbers of its columns, then rows without gaps; numbers mean what the same files
exported as text show, and the width of a row, which follows from the module's length, checks them.
"""
# pyright: standard

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .eclab_columns import COLUMNS, FLAGS
from .eclab_text import WANTED, declared_capacity_ah, eclab_record, start_in
from .record import CyclerRecord, FloatArray

MAGIC = b"BIO-LOGIC MODULAR FILE\x1a"
FIRST_MODULE = 52
SIGNATURE = b"MODULE"
SHORT_NAME, LONG_HEADER = slice(6, 16), 0xFFFFFFFF
# Length of what precedes the rows, by version of the data module.
ROWS_BEGIN = {0: 100, 2: 405, 3: 406, 10: 1007, 11: 1007}
START_OFFSETS = (465, 469, 473, 585)
OLE_EPOCH = datetime(1899, 12, 30)
OLE_DAYS = (25_000.0, 75_000.0)  # 1968 to 2105: anything else is no date

UNKNOWN_TYPES = {1: "u1", 2: "<u2", 4: "<f4", 8: "<f8"}
WIDEST = max(UNKNOWN_TYPES)


@dataclass(frozen=True)
class _Module:
    name: str
    version: int
    body: memoryview


def read_eclab_binary(path: Path) -> CyclerRecord:
    """Read an EC-Lab binary file.

    The start is in the file's log, or in the .mpl beside it if the run did not end in order.

    Raises
    ------
    ValueError
        If the file is not of this kind, is cut short, has columns of unknown width before one that is needed,
        or lacks time, voltage, or current and charge.
    """
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise ValueError(f"{path}: does not begin with {MAGIC[:-1].decode()!r}, so this is no .mpr of EC-Lab")
    modules = {module.name: module for module in _modules(content, path)}
    if "VMP data" not in modules:
        raise ValueError(f"{path}: has no module 'VMP data': nothing was recorded, or the copy is cut short")
    columns = _columns(modules["VMP data"], path)
    header = _log_text(path)
    start = _start(modules.get("VMP LOG")) or start_in(header, f"{path.with_suffix('.mpl')}")
    return eclab_record(columns, start, declared_capacity_ah(header), path)


def _modules(content: bytes, path: Path) -> Iterator[_Module]:
    position, whole = FIRST_MODULE, memoryview(content)
    while position < len(content):
        if content[position : position + len(SIGNATURE)] != SIGNATURE:
            raise ValueError(f"{path}: byte {position} begins no module: the copy is damaged; copy it again")
        name = content[position:][SHORT_NAME].decode("latin-1").strip()
        first, second, _, fourth = struct.unpack_from("<4I", content, position + 41)
        length, version, header = (second, fourth, 65) if first == LONG_HEADER else (first, second, 57)
        begin = position + header
        if begin + length > len(content):
            raise ValueError(
                f"{path}: module {name!r} should have {length} bytes, the file ends after "
                f"{len(content) - begin}: copy it again"
            )
        yield _Module(name, version, whole[begin : begin + length])
        position = begin + length


def _columns(module: _Module, path: Path) -> dict[str, FloatArray]:
    """Columns by EC-Lab's name."""
    if module.version not in ROWS_BEGIN:
        raise ValueError(f"{path}: data of version {module.version} are unknown: export it as .mpt")
    begin, wide = ROWS_BEGIN[module.version], module.version >= 10
    (rows,) = struct.unpack_from("<I", module.body)
    (count,) = struct.unpack_from("<H" if wide else "<B", module.body, 4)
    kind = "<u2" if module.version else "u1"
    numbers = np.frombuffer(module.body, kind, count, 6 if wide else 5).tolist()
    if rows == 0:
        raise ValueError(f"{path}: has no rows: nothing was recorded")
    width, rest = divmod(len(module.body) - begin, rows)
    if rest:
        raise ValueError(f"{path}: its {rows} rows are not of one width: export it as .mpt")
    layout = _layout(numbers, width, path)
    table: NDArray[Any] = np.frombuffer(module.body, layout, rows, begin)
    wanted = (name for name in layout.names or () if name in WANTED)
    return {name: np.ascontiguousarray(table[name], dtype=float) for name in wanted}


def _layout(numbers: Sequence[int], width: int, path: Path) -> np.dtype[Any]:
    """Layout of one row, in which no column of unknown width may move one that is needed.

    A single one has the width that is left. Several after the last column that is needed are skipped as one.
    """
    unknown = [number for number in numbers if number not in FLAGS and number not in COLUMNS]
    left = width - _known_width(numbers)
    last = max((place for place, n in enumerate(numbers) if COLUMNS.get(n, ("",))[0] in WANTED), default=-1)
    moving = [number for number in numbers[: last + 1] if number in unknown]
    if len(unknown) > 1 and not moving and len(unknown) <= left <= WIDEST * len(unknown):
        head = _fields(numbers[: last + 1], "")
        rest = width - np.dtype(head).itemsize
        return np.dtype([*head, ("rest", f"V{rest}")])
    if len(unknown) > 1 or (unknown and left not in UNKNOWN_TYPES) or (not unknown and left):
        raise ValueError(
            f"{path}: columns {', '.join(map(str, unknown)) or 'without number'} have no known meaning, "
            f"{left} of {width} bytes of a row remain{_before(moving)}: export it from EC-Lab as .mpt"
        )
    return np.dtype(_fields(numbers, UNKNOWN_TYPES.get(left, "")))


def _before(moving: Sequence[int]) -> str:
    return f", and {', '.join(map(str, moving))} come before one that is needed" if moving else ""


def _known_width(numbers: Sequence[int]) -> int:
    """Bytes of the columns whose width is known."""
    widths = [np.dtype(COLUMNS[number][1]).itemsize for number in numbers if number in COLUMNS]
    return sum(widths) + bool(FLAGS & set(numbers))


def _fields(numbers: Sequence[int], unknown_type: str) -> list[tuple[str, str]]:
    """Name and kind of each column in its order; the flags share the place of the first."""
    fields: dict[str, str] = {}
    for number in numbers:
        if number in FLAGS:
            fields.setdefault("flags", "u1")
            continue
        name, kind = COLUMNS.get(number, (f"unknown {number}", unknown_type))
        fields[name if name not in fields else f"{name} {number}"] = kind
    return list(fields.items())


def _start(log: _Module | None) -> datetime | None:
    """Instant at which the first of linked techniques began, from days since 1899-12-30."""
    if log is None:
        return None
    for offset in START_OFFSETS:
        if offset + 8 > len(log.body):
            break
        (days,) = struct.unpack_from("<d", log.body, offset)
        if OLE_DAYS[0] < days < OLE_DAYS[1]:
            return OLE_EPOCH + timedelta(milliseconds=round(days * 86_400_000))
    return None


def _log_text(path: Path) -> list[str]:
    """Lines of the .mpl beside the file, if there is one."""
    beside = path.with_suffix(".mpl")
    return beside.read_text(encoding="latin-1").splitlines() if beside.is_file() else []
