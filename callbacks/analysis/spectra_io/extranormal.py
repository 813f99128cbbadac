"""Normalised spectra of SOLEIL's ROCK beamline."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from ..local_time import absolute_time
from .spectrum import MeasuredSpectrum
from .table import read_table


def read_extranormal(path: str | Path, *, time_zone: str) -> MeasuredSpectrum:
    """Read a normalised quick-EXAFS spectrum as written by extranormal at SOLEIL's ROCK beamline.

    Columns are energy, normalised absorption, reference foil, its derivative, I0. 'Time from start' is taken
    as the duration over which scans were averaged; the windows of the normalisation are kept, since the file
    does not hold the absorption before it.

    Parameters
    ----------
    path
        The file.
    time_zone
        Zone of the beamline's clock, such as ``"Europe/Paris"``.

    Returns
    -------
    MeasuredSpectrum
        With start, duration and the absolute windows of its normalisation.

    Raises
    ------
    ValueError
        If the file was not written by extranormal, or the zone is unknown.
    """
    text = read_table(path)
    header = "\n".join(text.header)
    started = re.search(r"#Time at start=(\S+ \S+)", header)
    if "extranormal" not in header or started is None or text.values.shape[1] < 5:
        raise ValueError(f"{path}: not written by extranormal (no such header, start or five columns)")
    lasted = re.search(r"#Time from start \(seconds\)=(\S+)", header)

    def window(name: str) -> tuple[float, float] | None:
        found = re.search(rf"# {name}-edge range: \[(\S+), (\S+)\]", header)
        return (float(found.group(1)), float(found.group(2))) if found else None

    return MeasuredSpectrum(
        energy_ev=text.values[:, 0],
        mu=text.values[:, 1],
        reference_mu=text.values[:, 2],
        i0=text.values[:, 4],
        start_time=absolute_time(datetime.fromisoformat(started.group(1)), time_zone, str(path)),
        duration_s=float(lasted.group(1)) if lasted else float("nan"),
        label=text.path.stem,
        source=str(path),
        pre_range_ev=window("pre"),
        post_range_ev=window("post"),
    )
