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

from .eclab_text import WANTED, declared_capacity_ah, eclab_record, start_in
from .record import CyclerRecord, FloatArray

MAGIC = b"BIO-LOGIC MODULAR FILE\x1a"
FIRST_MODULE = 52
SIGNATURE = b"MODULE"
SHORT_NAME, LONG_HEADER = slice(6, 16), 0xFFFFFFFF
# Length of what precedes the rows, by version of the data module.
ROWS_BEGIN = {2: 405, 3: 406, 10: 1007, 11: 1007}
START_OFFSETS = (465, 469, 473, 585)
OLE_EPOCH = datetime(1899, 12, 30)
OLE_DAYS = (25_000.0, 75_000.0)  # 1968 to 2105: anything else is no date

FLAGS = {1, 2, 3, 21, 31, 65}  # one byte for all of them, before the other columns
COLUMNS: dict[int, tuple[str, str]] = {
    4: ("time/s", "<f8"),
    5: ("control/V/mA", "<f4"),
    6: ("Ewe/V", "<f4"),
    7: ("dq/mA.h", "<f8"),
    8: ("I/mA", "<f4"),
    9: ("Ece/V", "<f4"),
    11: ("<I>/mA", "<f8"),
    13: ("(Q-Qo)/mA.h", "<f8"),
    16: ("Analog IN 1/V", "<f4"),
    17: ("Analog IN 2/V", "<f4"),
    19: ("control/V", "<f4"),
    20: ("control/mA", "<f4"),
    23: ("dQ/mA.h", "<f8"),
    24: ("cycle number", "<f8"),
    27: ("Ewe-Ece/V", "<f4"),
    32: ("freq/Hz", "<f4"),
    33: ("|Ewe|/V", "<f4"),
    34: ("|I|/A", "<f4"),
    35: ("Phase(Z)/deg", "<f4"),
    36: ("|Z|/Ohm", "<f4"),
    37: ("Re(Z)/Ohm", "<f4"),
    38: ("-Im(Z)/Ohm", "<f4"),
    39: ("I Range", "<u2"),
    69: ("R/Ohm", "<f4"),
    70: ("P/W", "<f4"),
    76: ("<I>/mA", "<f4"),
    77: ("<Ewe>/V", "<f4"),
    131: ("Ns", "<u2"),
    169: ("Cs/µF", "<f4"),
    172: ("Cp/µF", "<f4"),
    467: ("Q charge/discharge/mA.h", "<f8"),
    468: ("half cycle", "<u4"),
}
UNKNOWN_TYPES = {1: "u1", 2: "<u2", 4: "<f4", 8: "<f8"}


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
        If the file is not of this kind, is cut short, has several columns of unknown meaning, or lacks time,
        voltage, or current and charge.
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
    kind = "<u2" if wide or module.version == 3 else "u1"
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
    """Layout of one row; a single column of unknown meaning has the width that is left."""
    fields: dict[str, str] = {"flags": "u1"} if FLAGS & set(numbers) else {}
    unknown = [number for number in numbers if number not in FLAGS and number not in COLUMNS]
    known = len(fields) + sum(np.dtype(COLUMNS[n][1]).itemsize for n in numbers if n in COLUMNS)
    left = width - known
    if len(unknown) > 1 or (unknown and left not in UNKNOWN_TYPES) or (not unknown and left):
        raise ValueError(
            f"{path}: columns {unknown[:9]} have no known meaning, {left} of {width} bytes of a row remain: "
            "export it from EC-Lab as .mpt"
        )
    for number in numbers:
        if number in unknown:
            fields[f"unknown {number}"] = UNKNOWN_TYPES[left]
        elif number in COLUMNS:
            name, kind = COLUMNS[number]
            fields[name if name not in fields else f"{name} {number}"] = kind
    return np.dtype(list(fields.items()))


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
