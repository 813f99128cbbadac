"""Spectra as XDI 1.0 files (XAS Data Interchange) with the state of the cell in the header.

Format: B. Ravel and M. Newville, J. Phys. Conf. Ser. 712, 012148 (2016).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.mid_scan import mid_scan
from ..tiled.cell_state import STATE_UNITS

if TYPE_CHECKING:
    from ..tiled.experiment import Experiment
    from ..tiled.spectrum import Spectrum

COLUMNS = {
    "energy_ev": "energy eV",
    "i0": "i0 A",
    "it": "itrans A",
    "ir": "irefer A",
    "ifluor": "ifluor A",
    "mu": "mutrans",
    "mu_fluorescence": "mufluor",
    "mu_reference": "murefer",
}
FORMULAS = {
    "mu": "mutrans = ln(i0 / itrans)",
    "mu_fluorescence": "mufluor = ifluor / i0",
    "mu_reference": "murefer = ln(itrans / irefer)",
}


def _printable(value: object) -> str:
    return re.sub(r"\s+", " ", str(value))


def _cell_lines(spectrum: Spectrum) -> list[str]:
    """Describe the cell at start, middle and end of the scan."""
    in_time = spectrum.points.sort_values(by="seq_num")
    time_s = in_time["time"] if "time" in in_time else range(len(in_time))
    lines = [
        f"Cell.{key}: {_printable(value)}" for key, value in sorted(spectrum.start.get("cell", {}).items())
    ]
    for key, unit in STATE_UNITS.items():
        if key not in in_time:
            continue
        values = in_time[key].to_numpy(dtype=float)
        places = {"start": values[0], "mid": mid_scan(time_s, values), "end": values[-1]}
        for place, value in places.items():
            lines.append(f"Cell.{key}_{place}: {value:.15g} {unit}".rstrip())
    return lines


def _mono_lines(spectrum: Spectrum) -> list[str]:
    """Describe the energy scale as far as it is known; energies are those of the monochromator."""
    known = {
        "Mono.d_spacing": spectrum.start.get("d_spacing_angstrom"),
        "Operando.foil_shift_ev": None if np.isnan(spectrum.foil_shift_ev) else spectrum.foil_shift_ev,
    }
    return [f"{key}: {value:.9g}" for key, value in known.items() if value is not None]


def format_xdi(spectrum: Spectrum) -> str:
    """Render a spectrum as the text of an XDI 1.0 file.

    Parameters
    ----------
    spectrum : Spectrum
        The measurement; energies in eV, currents in A.

    Returns
    -------
    str
        Header and data. Times are host time in UTC; ``Cell.time_*`` is the clock of the potentiostat.
    """
    start, points = spectrum.start, spectrum.points
    columns = {key: label for key, label in COLUMNS.items() if key in points}
    trigger = sorted((start.get("trigger") or {}).items())
    began = datetime.fromtimestamp(start["time"], UTC).isoformat(timespec="seconds")
    lines = [
        "XDI/1.0 operando/1.0",
        *(f"Column.{number}: {label}" for number, label in enumerate(columns.values(), 1)),
        f"Element.symbol: {start['element']}",
        f"Element.edge: {start.get('edge', 'K')}",
        *_mono_lines(spectrum),
        f"Scan.start_time: {began}",
        f"Sample.name: {_printable(start.get('experiment', {}).get('name', ''))}",
        f"Operando.measurement: {_printable(start.get('measurement', ''))}",
        f"Operando.signal: {start.get('signal', 'transmission')}",
        f"Operando.run: {start['uid']}",
        f"Operando.experiment: {start.get('experiment', {}).get('uid', '')}",
        *(f"Trigger.{key}: {_printable(value)}" for key, value in trigger),
        *_cell_lines(spectrum),
        "///",
        ", ".join([*(told for key, told in FORMULAS.items() if key in columns), "dark currents subtracted"]),
        "-" * 60,
        "  ".join(label.split()[0] for label in columns.values()),
    ]
    rows = ("  ".join(f"{value:.9g}" for value in row) for row in points[list(columns)].to_numpy())
    return "\n".join([*(f"# {line}" for line in lines), *rows]) + "\n"


def write_experiment(experiment: Experiment, folder: Path) -> list[Path]:
    """Write every complete spectrum of an experiment into a folder.

    Parameters
    ----------
    experiment : Experiment
        What to export.
    folder : Path
        Made if absent; files of the same name are replaced.

    Returns
    -------
    list of Path
        The files, ``<element>_<edge>_<number>_<first 8 characters of the run's uid>.xdi`` in order of time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for element in sorted(experiment.elements):
        complete = [item for item in experiment.measurements(element) if item.complete]
        for number, item in enumerate(complete, 1):
            name = f"{element}_{item.start.get('edge', 'K')}_{number:04d}_{item.start['uid'][:8]}.xdi"
            (folder / name).write_text(format_xdi(item), encoding="utf-8")
            written.append(folder / name)
    return written
