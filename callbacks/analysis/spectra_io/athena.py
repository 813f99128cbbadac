"""Athena projects, read by xraylarch where it is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .spectrum import MeasuredSpectrum


def read_athena_project(path: str | Path) -> list[MeasuredSpectrum]:
    """Read the spectra of an Athena project; a group 'Ref X' becomes the reference of group 'X'.

    Parameters
    ----------
    path
        The .prj file.

    Returns
    -------
    list of MeasuredSpectrum
        Raw absorption on the raw energies, in the order of the project; Athena's own shift is not applied.

    Raises
    ------
    ModuleNotFoundError
        If xraylarch is not installed.
    """
    try:
        larch_io: Any = import_module("larch.io")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path}: Athena projects are read by xraylarch, which is not installed: "
            "pip install 'operando[athena]'"
        ) from error
    groups = {str(group.label).strip(): group for group in larch_io.read_athena(str(path)).groups.values()}
    spectra: list[MeasuredSpectrum] = []
    for label, group in groups.items():
        if label.startswith("Ref ") and label[4:] in groups:
            continue
        energy = np.asarray(group.energy, dtype=float)
        foil = groups.get(f"Ref {label}")
        reference = None
        if foil is not None:
            reference = np.interp(
                energy, np.asarray(foil.energy), np.asarray(foil.mu), left=np.nan, right=np.nan
            )
        i0 = getattr(group, "i0", None)
        spectra.append(
            MeasuredSpectrum(
                energy_ev=energy,
                mu=np.asarray(group.mu, dtype=float),
                reference_mu=reference,
                i0=None if i0 is None else np.asarray(i0, dtype=float),
                start_time=None,
                duration_s=float("nan"),
                label=label,
                source=str(path),
            )
        )
    return spectra
