"""Text files as comments and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .spectrum import FloatArray


@dataclass(frozen=True)
class Table:
    """Header and numbers of a text file."""

    path: Path
    header: tuple[str, ...]
    values: FloatArray
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


def read_table(path: str | Path) -> Table:
    """Split a text file into comments and numbers; rows cut short, as by a crash, are left out."""
    path = Path(path)
    lines = path.read_text(encoding="latin-1").splitlines()
    header = tuple(line for line in lines if line.startswith("#"))
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    width = max((len(row) for row in rows), default=0)
    try:
        values = np.array([[float(cell) for cell in row] for row in rows if len(row) == width], dtype=float)
    except ValueError as error:
        raise ValueError(
            f"{path}: a row is not made of numbers ({error}): comments start with '#'"
        ) from error
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(f"{path}: holds no table of at least two columns: is it a spectrum?")
    fields: dict[str, str] = {}
    for line in header:
        key, found, text = line.lstrip("# ").partition(":")
        if found:
            fields[key.strip().lower()] = text.strip()
    return Table(path, header, values, fields)


def log_ratio(before: FloatArray, after: FloatArray) -> FloatArray:
    """Absorption ln(before / after), NaN where either is not positive."""
    good = (before > 0) & (after > 0)
    return np.log(np.divide(before, after, out=np.full_like(before, np.nan), where=good))


def to_ev(energy: FloatArray, unit: str) -> FloatArray:
    """Energies in eV from energies in eV or keV."""
    return energy * 1000 if unit.lower() == "kev" else energy
