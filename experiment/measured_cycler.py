"""The cycler's own record of a measured experiment."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..callbacks.analysis.clock_offset import ClockOffset
from .cycler_clock import clock_of, cycler_record, on_beamline_clock
from .import_settings import ImportSettings
from .monitor_file import read_monitor_file


def read_cycler(files: Sequence[Path], settings: ImportSettings) -> tuple[pd.DataFrame, ClockOffset, str]:
    """Read and join the files of the cycler, moved to the beamline's clock as `merge` does it.

    Returns
    -------
    DataFrame
        Table of `read_cycler_file`.
    ClockOffset
        By which it was moved.
    str
        Why the offset is not from steps; empty if it is, was stated, or there is no log.

    Raises
    ------
    ValueError
        If no file is given.
    """
    if not files:
        raise ValueError("no cycler file: give --echem FILE, an EC-Lab text file (.mpt)")
    own = cycler_record(files, settings.time_zone)
    logs = [] if settings.log is None else read_monitor_file(settings.log, settings.time_zone)
    clock, remark = clock_of(own, logs, settings.clock)
    return on_beamline_clock(own, clock), clock, remark if logs else ""


def declared_mass_mg(path: Path) -> float | None:
    """Mass that the operator typed into EC-Lab, mg; kept for the record, never used."""
    head = path.read_bytes()[:8192].decode("latin-1")
    found = re.search(r"Mass of active material : ([\d.,]+) mg", head)
    return float(found.group(1).replace(",", ".")) if found else None
