"""Spectra in columns whose meaning the user declares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .spectrum import FloatArray, MeasuredSpectrum
from .table import log_ratio, read_table, to_ev

EnergyUnit = Literal["eV", "keV"]


@dataclass(frozen=True)
class ColumnMapping:
    """Which column of a text file holds what, counted from 0.

    Attributes
    ----------
    energy
        Column of energies.
    mu
        Column of absorption; or None, and `i0` and `it` are given.
    i0, it, reference
        Columns of intensities before and after the sample and of the reference.
    reference_is
        Whether `reference` holds absorption of the foil or the intensity behind it.
    energy_unit
        Of the energies.
    """

    energy: int = 0
    mu: int | None = 1
    i0: int | None = None
    it: int | None = None
    reference: int | None = None
    reference_is: Literal["absorption", "intensity"] = "absorption"
    energy_unit: EnergyUnit = "eV"


def read_columns(path: str | Path, mapping: ColumnMapping) -> MeasuredSpectrum:
    """Read a spectrum from columns of numbers by a declared mapping.

    Parameters
    ----------
    path
        Text file; lines that start with '#' are comments.
    mapping
        What the columns hold.

    Returns
    -------
    MeasuredSpectrum
        Without times.

    Raises
    ------
    ValueError
        If a column does not exist, or neither absorption nor both intensities are mapped.
    """
    text = read_table(path)

    def column(number: int | None) -> FloatArray | None:
        if number is None:
            return None
        if not 0 <= number < text.values.shape[1]:
            raise ValueError(
                f"{path}: column {number} does not exist, the file has 0..{text.values.shape[1] - 1}"
            )
        return text.values[:, number]

    energy, mu, i0, it = (column(n) for n in (mapping.energy, mapping.mu, mapping.i0, mapping.it))
    if mu is None and i0 is not None and it is not None:
        mu = log_ratio(i0, it)
    if mu is None or energy is None:
        raise ValueError(f"{path}: the mapping names neither mu nor both i0 and it: name one or the other")
    reference = column(mapping.reference)
    if reference is not None and mapping.reference_is == "intensity":
        if it is None:
            raise ValueError(f"{path}: a reference given as intensity needs the column of it")
        reference = log_ratio(it, reference)
    return MeasuredSpectrum(
        energy_ev=to_ev(energy, mapping.energy_unit),
        mu=mu,
        reference_mu=reference,
        i0=i0,
        start_time=None,
        duration_s=float("nan"),
        label=text.path.stem,
        source=str(path),
    )
