"""Spectra in the XAFS Data Interchange format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from ..local_time import absolute_time
from .spectrum import FloatArray, MeasuredSpectrum
from .table import log_ratio, read_table, to_ev

XDI_MU = ("mu", "mutrans", "xmu", "norm", "normtrans", "mufluor")
XDI_I0 = ("i0",)
XDI_IT = ("itrans", "i1", "it")
XDI_IF = ("ifluor", "if")
XDI_IR = ("irefer", "i2", "ir")


def read_xdi(path: str | Path, *, time_zone: str | None = None) -> MeasuredSpectrum:
    """Read a spectrum in the XAFS Data Interchange format.

    Absorption is taken from a column of absorption, else from i0 and itrans, else from i0 and ifluor.

    Parameters
    ----------
    path
        The file.
    time_zone
        Zone of ``Scan.start_time``, if that has none; without a zone the start stays unknown.

    Returns
    -------
    MeasuredSpectrum
        With reference ln(itrans / irefer) where the file holds it.

    Raises
    ------
    ValueError
        If the file holds no table, or its columns are not named as XDI wants.
    """
    text = read_table(path)
    named: dict[str, FloatArray] = {}
    unit = "eV"
    for key, value in text.fields.items():
        number = re.fullmatch(r"column\.(\d+)", key)
        words = value.split()
        if number is None or not words or int(number.group(1)) > text.values.shape[1]:
            continue
        named[words[0].lower()] = text.values[:, int(number.group(1)) - 1]
        if words[0].lower() == "energy" and len(words) > 1:
            unit = words[1]
    mu, reference, i0 = _xdi_absorption(named, text.path)
    started = text.fields.get("scan.start_time", "")
    zoned = re.search(r"(Z|[+-]\d\d:?\d\d)$", started) is not None
    start = None
    if started and (time_zone or zoned):
        start = absolute_time(datetime.fromisoformat(started), time_zone, str(path))
    return MeasuredSpectrum(
        energy_ev=to_ev(named["energy"], unit),
        mu=mu,
        reference_mu=reference,
        i0=i0,
        start_time=start,
        duration_s=float("nan"),
        label=text.fields.get("sample.name", text.path.stem),
        source=str(path),
    )


def _xdi_absorption(
    named: Mapping[str, FloatArray], path: Path
) -> tuple[FloatArray, FloatArray | None, FloatArray | None]:
    """Find absorption, reference and incident intensity among the columns of an XDI file."""

    def pick(names: tuple[str, ...]) -> FloatArray | None:
        return next((named[name] for name in names if name in named), None)

    mu, i0, it = pick(XDI_MU), pick(XDI_I0), pick(XDI_IT)
    fluorescence, behind = pick(XDI_IF), pick(XDI_IR)
    if mu is None and i0 is not None and it is not None:
        mu = log_ratio(i0, it)
    elif mu is None and i0 is not None and fluorescence is not None:
        mu = np.divide(fluorescence, i0, out=np.full_like(i0, np.nan), where=i0 > 0)
    if mu is None or "energy" not in named:
        raise ValueError(
            f"{path}: columns {sorted(named)} hold no energy with absorption or i0 and itrans: name them in "
            "lines such as '# Column.1: energy eV', or read the file with a declared mapping (read_columns)"
        )
    reference = None if behind is None or it is None else log_ratio(it, behind)
    return mu, reference, i0
