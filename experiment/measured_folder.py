"""A folder of measured spectra: which files could be read, when each scan was, which edge it shows."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import xraydb

from ..callbacks.analysis.local_time import absolute_time
from ..callbacks.analysis.spectra_io import MeasuredSpectrum, read_spectrum_file
from ..callbacks.analysis.xas.grid import edge_energy
from .import_settings import ImportSettings

EDGE_REACH_EV = 60.0
"""How far the steepest rise may lie from a tabulated edge that it is taken for, eV."""


@dataclass(frozen=True)
class Unreadable:
    """A file that is not a spectrum, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class MeasuredFolder:
    """Spectra of a folder by time, and what could not be read."""

    spectra: tuple[MeasuredSpectrum, ...]
    unreadable: tuple[Unreadable, ...]


def spectrum_files(folder: Path, pattern: str, leave_out: Iterable[Path]) -> list[Path]:
    """List the files of a folder that match, cycler files and hidden ones left out.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist or nothing matches.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder: give the one that holds the spectra")
    others = {path.resolve() for path in leave_out}
    found = [path for path in sorted(folder.glob(pattern)) if path.is_file() and path.name[0] != "."]
    found = [path for path in found if path.resolve() not in others]
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no file that matches {pattern!r}: check folder and --pattern"
        )
    return found


def read_folder(files: Iterable[Path], settings: ImportSettings) -> MeasuredFolder:
    """Read spectra; a file that cannot be read is noted and the others are read.

    Raises
    ------
    ValueError
        If nothing could be read, or a spectrum has no time.
    """
    spectra: list[MeasuredSpectrum] = []
    unreadable: list[Unreadable] = []
    for path in files:
        try:
            spectra += read_spectrum_file(path, time_zone=settings.time_zone, mapping=settings.mapping)
        except (ValueError, OSError, ImportError) as error:
            unreadable.append(Unreadable(path, str(error)))
    if not spectra:
        reasons = "\n".join(item.reason for item in unreadable[:3])
        raise ValueError(f"none of {len(unreadable)} files holds a spectrum; the first reasons:\n{reasons}")
    timed = sorted(_timed(spectra, settings), key=start_s)
    return MeasuredFolder(tuple(timed), tuple(unreadable))


def start_s(spectrum: MeasuredSpectrum) -> float:
    """Start of a scan, UNIX s; NaN if the file has none."""
    return spectrum.start_time.timestamp() if spectrum.start_time is not None else float("nan")


def _timed(spectra: Sequence[MeasuredSpectrum], settings: ImportSettings) -> list[MeasuredSpectrum]:
    """Complete start and duration from what the user states; refuse scans without start."""
    stated = {} if settings.times is None else _read_times(settings.times, settings.time_zone)
    timed: list[MeasuredSpectrum] = []
    for spectrum in spectra:
        entry = stated.get(spectrum.label) or stated.get(Path(spectrum.source).name)
        start, duration_s = entry if entry is not None else (spectrum.start_time, spectrum.duration_s)
        if not np.isfinite(duration_s):
            duration_s = settings.scan_duration_s or float("nan")
        timed.append(replace(spectrum, start_time=start, duration_s=duration_s))
    lost = [spectrum for spectrum in timed if spectrum.start_time is None]
    if lost:
        raise ValueError(
            f"{len(lost)} of {len(timed)} spectra have no time, the first is {lost[0].label} of "
            f"{lost[0].source}: give --times FILE, a csv with columns file,start and perhaps duration_s"
        )
    return timed


def _read_times(path: Path, time_zone: str) -> dict[str, tuple[datetime | None, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"file", "start"} <= set(rows[0]):
        raise ValueError(f"{path}: needs a first line with the columns file,start and perhaps duration_s")
    try:
        return {
            row["file"].strip(): (
                absolute_time(datetime.fromisoformat(row["start"].strip()), time_zone, str(path)),
                float(row.get("duration_s") or "nan"),
            )
            for row in rows
        }
    except ValueError as error:
        raise ValueError(f"{path}: {error}: write starts as 2022-07-26 23:01:58") from error


def named(spectra: Sequence[MeasuredSpectrum], key: str) -> MeasuredSpectrum:
    """Find the spectrum with a label, a file name, or a number that is a part of its label.

    Raises
    ------
    ValueError
        If none or several have it.
    """
    exact = [item for item in spectra if key in (item.label, Path(item.source).name)]
    found = exact or [item for item in spectra if key in re.split(r"[^0-9A-Za-z]+", item.label)]
    if len(found) != 1:
        labels = ", ".join(item.label for item in (found or spectra)[:4])
        raise ValueError(f"valence of {key!r}: {len(found)} spectra are called so; labels are: {labels}, ...")
    return found[0]


def edge_of(spectrum: MeasuredSpectrum) -> tuple[str, str]:
    """Tell element and edge from the steepest rise of a spectrum.

    Raises
    ------
    ValueError
        If no K or L3 edge is tabulated nearby.
    """
    finite = np.isfinite(spectrum.mu) & np.isfinite(spectrum.energy_ev)
    energy, first = np.unique(spectrum.energy_ev[finite], return_index=True)
    if energy.size < 5:
        raise ValueError(f"{spectrum.source} holds {energy.size} points: give --element")
    steepest = float(energy[int(np.argmax(np.gradient(spectrum.mu[finite][first], energy)))])
    element, edge = (str(part or "") for part in xraydb.guess_edge(steepest, edges=["K", "L3"]) or ("", ""))
    if not element or abs(edge_energy(element, edge) - steepest) > EDGE_REACH_EV:
        raise ValueError(
            f"{spectrum.source}: the steepest rise at {steepest:.1f} eV is at no tabulated edge: "
            "give --element"
        )
    return element, edge
