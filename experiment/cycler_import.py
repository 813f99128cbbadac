"""Files of a cycler made Battery Data Format, with what was found in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ..callbacks.analysis.electrochemistry import Corrections, Defect, HalfCycle, defects, half_cycles
from ..callbacks.analysis.electrochemistry.reading import read_record, table_of, unix_time_s
from ..callbacks.analysis.electrochemistry.record import TEST_TIME, corrected, net_capacity_ah

Ending = Literal["parquet", "csv"]


@dataclass(frozen=True)
class CyclerImport:
    """How files of a cycler are read.

    Attributes
    ----------
    time_zone
        Zone of the cycler's computer; None if the files hold absolute time.
    corrections
        What the user knows better than the files.
    clock_offset_s, clock_uncertainty_s
        Seconds to add to the cycler's clock, and how well that is known (NaN: nobody knows).
    relative
        Leave Unix time out, for files that do not say when they began.
    ending
        Of the files written.
    """

    time_zone: str | None = None
    corrections: Corrections = field(default_factory=Corrections)
    clock_offset_s: float = 0.0
    clock_uncertainty_s: float = float("nan")
    relative: bool = False
    ending: Ending = "parquet"


@dataclass(frozen=True)
class CyclerFile:
    """One file of a cycler as read.

    Attributes
    ----------
    path
        The file.
    table
        As `read_cycler_file` gives it.
    half_cycles
        Between turning points of the net charge.
    defects
        What cannot be true; a fatal one keeps the file from being written.
    """

    path: Path
    table: pd.DataFrame
    half_cycles: list[HalfCycle]
    defects: list[Defect]

    @property
    def is_sound(self) -> bool:
        """Whether nothing fatal was found."""
        return not any(defect.fatal for defect in self.defects)


def read_for_import(path: Path, settings: CyclerImport) -> CyclerFile:
    """Read one file and look for what cannot be true in it.

    Raises
    ------
    ValueError
        If it cannot be read, or its absolute time is not known; with the remedy.
    FileNotFoundError
        If it does not exist.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give a file of a cycler")
    try:
        record = read_record(path)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error
    record = corrected(record, settings.corrections, str(path))
    found = defects(record)
    unix_s = (
        np.full(record.columns[TEST_TIME].shape, np.nan)
        if settings.relative
        else unix_time_s(record, settings.time_zone, str(path))
    )
    table = table_of(record, path.name, unix_s, settings.clock_offset_s, settings.clock_uncertainty_s)
    return CyclerFile(path, table, half_cycles(net_capacity_ah(record.columns)), found)


def write_bdf(file: CyclerFile, folder: Path, ending: Ending) -> Path:
    """Write a file as Battery Data Format, whole or not at all.

    Returns
    -------
    Path
        ``<name>.bdf.parquet`` or ``.bdf.csv`` in the folder; one of the same name is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = file.path.stem.removesuffix(".bdf")
    target = folder / f"{name}.bdf.{ending}"
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    known = file.table.dropna(axis="columns", how="all")
    try:
        if ending == "parquet":
            known.to_parquet(unfinished, index=False)
        else:
            known.to_csv(unfinished, index=False)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def refuse_equal_names(paths: Sequence[Path]) -> None:
    """Refuse files that would be written to one.

    Raises
    ------
    ValueError
        If two have the same name.
    """
    stems = [path.stem.removesuffix(".bdf") for path in paths]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(f"several files are called {', '.join(twice)}: import them one at a time, renamed")


def corrections_from_texts(
    start: datetime | None, scales: Iterable[str], ignored: Iterable[str]
) -> Corrections:
    """Read corrections as the command line has them: ``Test Time / s=0.001``.

    Raises
    ------
    ValueError
        If a scale is not a name, an equals sign and a positive number.
    """
    factors: dict[str, float] = {}
    for text in scales:
        name, _, factor = text.rpartition("=")
        try:
            factors[name.strip()] = float(factor)
        except ValueError:
            factors[name.strip()] = float("nan")
        if not (name.strip() and np.isfinite(factors[name.strip()]) and factors[name.strip()] > 0):
            raise ValueError(f"--scale {text!r}: give a column and a factor, as in 'Test Time / s=0.001'")
    return Corrections(start, factors, tuple(ignored))
