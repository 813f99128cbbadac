"""The cycler's own record of a measured experiment."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..callbacks.analysis.electrochemistry import join_cycler_tables, read_cycler_file
from .import_settings import ImportSettings


def read_cycler(files: Sequence[Path], settings: ImportSettings) -> pd.DataFrame:
    """Read and join the files of the cycler, moved to the beamline's clock."""
    if not files:
        raise ValueError("no cycler file: give --echem FILE, an EC-Lab text file (.mpt)")
    unknown = float("nan")
    uncertainty_s = unknown if settings.clock_uncertainty_s is None else settings.clock_uncertainty_s
    return join_cycler_tables(
        [
            read_cycler_file(
                path,
                time_zone=settings.time_zone,
                clock_offset_s=settings.clock_offset_s,
                clock_uncertainty_s=uncertainty_s,
            )
            for path in files
        ]
    )


def declared_mass_mg(path: Path) -> float | None:
    """Mass that the operator typed into EC-Lab, mg; kept for the record, never used."""
    head = path.read_bytes()[:8192].decode("latin-1")
    found = re.search(r"Mass of active material : ([\d.,]+) mg", head)
    return float(found.group(1).replace(",", ".")) if found else None
