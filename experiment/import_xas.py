"""A folder of measured spectra and its cycler files become an experiment like any other."""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..callbacks.analysis.clock_offset import ClockOffset
from ..callbacks.analysis.spectra_io import MeasuredSpectrum, read_spectrum_file
from ..callbacks.live.result import ResultRun
from ..callbacks.tiled.frame import SUFFIX
from ..callbacks.tiled.journal import Journal, runs
from .cycler_clock import clock_document
from .import_documents import (
    ImportDocuments,
    cell_columns,
    cell_states,
    ledger_entry,
    ledger_miss,
    trigger_of,
)
from .import_fit import fit, fit_parameters
from .import_settings import ImportSettings, content_digest, experiment_uid
from .measured_cycler import declared_mass_mg, read_cycler
from .measured_folder import MeasuredFolder, Unreadable, edge_of, named, read_folder, spectrum_files, start_s

logger = logging.getLogger(__name__)

OUTSIDE = "outside of the cycler's record"
"""Reason in the ledger of a spectrum for which the state of the cell is not known."""

T = TypeVar("T")
Track = Callable[[Sequence[Any], str], Iterable[Any]]
"""Iterates over items and shows how far it is; called with the items and what is being done."""


class AlreadyImportedError(RuntimeError):
    """The same files are in the journal under the same name, but were understood otherwise."""


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes
    ----------
    uid, name
        Of the experiment.
    element, edge
        What was fitted.
    spectra
        Number of spectra.
    outside
        How many of them the cycler's record does not cover.
    unreadable
        Files that are not in the experiment, and why.
    is_new
        False if the journal held this very import already.
    clock
        Of the cycler.
    remark
        Why the beamline's log did not tell it; empty if it did, or there is none.
    """

    uid: str
    name: str
    element: str
    edge: str
    spectra: int
    outside: int
    unreadable: tuple[Unreadable, ...]
    is_new: bool
    clock: ClockOffset
    remark: str


@dataclass(frozen=True)
class _Job:
    """All that is read and decided, ready to be written."""

    uid: str
    settings: ImportSettings
    measured: MeasuredFolder
    cycler: pd.DataFrame
    edge: tuple[str, str]
    about: Mapping[str, Any]
    references: Sequence[tuple[MeasuredSpectrum, float]]
    middle: Mapping[str, NDArray[np.float64]]


def untracked(items: Sequence[T], _what: str) -> Iterable[T]:
    """Iterate without showing anything."""
    return items


def import_xas(
    folder: Path | str,
    cycler_files: Sequence[Path | str],
    journal: Path | str,
    settings: ImportSettings,
    *,
    track: Track = untracked,
) -> Imported:
    """Turn measured spectra and the cycler's record into an experiment in a journal.

    The same files under the same settings always get the same uids, so that importing again changes nothing;
    an import that was killed leaves nothing behind and can be repeated.

    Parameters
    ----------
    folder
        Holds the spectra: XDI, Athena projects, extranormal, or columns with a mapping in the settings.
    cycler_files
        EC-Lab text files of the cell, continuations included, in any order.
    journal
        Folder of the journal.
    settings
        What the files do not say.
    track
        Shows progress.

    Returns
    -------
    Imported
        Uid and counts.

    Raises
    ------
    ValueError, FileNotFoundError
        If the files do not make an experiment; the message names file and remedy.
    AlreadyImportedError
        If the same files are there under this name with other settings.
    """
    journal = Path(journal)
    echem = [Path(path) for path in cycler_files]
    files = spectrum_files(Path(folder), settings.pattern, echem)
    others = [Path(path) for path in settings.references]
    others += [path for path in (settings.times, settings.log) if path is not None]
    digest = content_digest([*files, *echem, *others])
    uid = experiment_uid(settings, digest)
    is_new = not _is_there(journal, uid, digest, settings)
    cycler, clock, remark = read_cycler(echem, settings)
    measured = read_folder(track(files, "reading spectra"), settings)
    job = _Job(
        uid=uid,
        settings=settings,
        measured=measured,
        cycler=cycler,
        edge=(settings.element, settings.edge) if settings.element else edge_of(measured.spectra[0]),
        about=_about(settings, clock, digest, echem),
        references=_references(measured.spectra, settings),
        middle=_middle_states(measured.spectra, cycler, settings),
    )
    if is_new:
        _write(journal, job, track)
    outside = int(np.count_nonzero(~np.isfinite(job.middle["cell_voltage"])))
    return Imported(
        uid,
        settings.name,
        *job.edge,
        spectra=len(measured.spectra),
        outside=outside,
        unreadable=measured.unreadable,
        is_new=is_new,
        clock=clock,
        remark=remark,
    )


def _about(
    settings: ImportSettings, clock: ClockOffset, digest: str, echem: Sequence[Path]
) -> dict[str, Any]:
    """Describe the import, for every start document."""
    return {
        **clock_document(clock),
        "import": {
            "digest": digest,
            "settings": settings.document(),
            "edge_from": "settings" if settings.element else "steepest rise of the first spectrum",
            "cycler_files": [path.name for path in echem],
            "declared_mass_mg": [declared_mass_mg(path) for path in echem],
            "point_times": "spread evenly over the scan",
        },
    }


def _is_there(journal: Path, uid: str, digest: str, settings: ImportSettings) -> bool:
    """Tell whether this import is complete in the journal."""
    if not journal.is_dir():
        return False
    for run in runs(journal):
        start = run.start
        if start.get("purpose") != "cycling" or "import" not in start:
            continue
        if start["experiment"]["uid"] == uid:
            return True
        if start["import"]["digest"] == digest and start["experiment"]["name"] == settings.name:
            raise AlreadyImportedError(
                f"these files are experiment {settings.name!r} ({start['experiment']['uid']}) already, "
                "imported with other settings: give another --name to keep both"
            )
    return False


def _write(journal: Path, job: _Job, track: Track) -> None:
    """Write all runs aside, then move them into the journal, the cycling run last: it says 'complete'."""
    aside = journal / f".import-{job.uid[:8]}"
    shutil.rmtree(aside, ignore_errors=True)
    with Journal(aside) as publish:
        documents = ImportDocuments(publish, job.settings, job.uid, job.about)
        records = [documents.reference(item, value, job.edge) for item, value in job.references]
        ledger: list[dict[str, Any]] = []
        for number, spectrum in enumerate(track(job.measured.spectra, "writing documents")):
            values = {key.removeprefix("cell_"): float(column[number]) for key, column in job.middle.items()}
            trigger = trigger_of(number + 1, values)
            head = {"element": job.edge[0], "edge": job.edge[1], "trigger": trigger}
            records.append(documents.measurement(spectrum, job.cycler, head))
            reason = "" if np.isfinite(values["voltage"]) else OUTSIDE
            ledger.append(ledger_entry(records[-1].start["uid"], spectrum.label, trigger, reason))
        for item in job.measured.unreadable:
            ledger.append(ledger_miss(item, len(ledger) + 1))
        documents.cycling(job.cycler, ledger)
        parameters = fit_parameters(job.measured.spectra, job.settings, job.edge)
        results = ResultRun(
            publish, documents.experiment, job.settings.cell, documents.cycling_run, parameters
        )
        fit(track(records, "fitting edges"), results, parameters, use_foil=job.settings.foil)
        results.close()
    for path in sorted(aside.glob(f"*{SUFFIX}"), key=lambda path: documents.cycling_run in path.name):
        path.replace(journal / path.name)
    shutil.rmtree(aside)


def _references(
    spectra: Sequence[MeasuredSpectrum], settings: ImportSettings
) -> list[tuple[MeasuredSpectrum, float]]:
    """Spectra of known valence: members of the series, and those of other files."""
    found = [(named(spectra, key), value) for key, value in settings.valences.items()]
    for path, value in settings.references.items():
        read = read_spectrum_file(path, time_zone=settings.time_zone, mapping=settings.mapping)
        if len(read) != 1:
            labels = ", ".join(item.label for item in read)
            raise ValueError(f"{path}: a reference is one spectrum, this file holds {len(read)}: {labels}")
        found.append((read[0], value))
    if len({value for _, value in found}) == 1:
        raise ValueError(
            "one known valence makes no scale: give two different ones with --valence or --reference, or none"
        )
    return found


def _middle_states(
    spectra: Sequence[MeasuredSpectrum], cycler: pd.DataFrame, settings: ImportSettings
) -> dict[str, Any]:
    """State of the cell in the middle of each scan."""
    middle = [start_s(item) + (np.nan_to_num(item.duration_s) / 2) for item in spectra]
    return cell_columns(cell_states(np.array(middle), cycler, settings))
