"""One X-ray measurement read back: its points, and the state of the cell in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..analysis.mid_scan import mid_scan
from .cell_state import STATE_UNITS

TECHNIQUE = "xanes"


@dataclass(frozen=True, repr=False)
class Spectrum:
    """One X-ray measurement.

    Parameters
    ----------
    start : dict
        Start document of its run.
    points : DataFrame
        Its points in order of energy, with the columns ``energy_ev``, ``mu``, ``mu_reference``, ``i0``,
        ``it``, ``ir``, where there is a diode ``ifluor`` and ``mu_fluorescence``, and the state of the cell
        (``time``, ``voltage``, ``current``, ``capacity``, ``lithium_content``).
    complete : bool
        Whether the run ended with success.
    foil_shift_ev : float
        To be added to the energies so that its reference foil is that of the first scan, eV; NaN where the
        foil does not tell.
    """

    start: dict[str, Any]
    points: pd.DataFrame
    complete: bool
    foil_shift_ev: float = float("nan")

    def __repr__(self) -> str:
        start, energy_ev = self.start, self.points["energy_ev"]
        what = f"{start.get('measurement') or start.get('reference') or start.get('purpose')!s}"
        grid = f"{len(energy_ev)} points from {energy_ev.min():.1f} to {energy_ev.max():.1f} eV"
        whole = "complete" if self.complete else "not complete"
        return f"<Spectrum {what!r} {start['uid'][:8]} of {start['element']}, {grid}, {whole}>"


def of_spectra(starts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose the start documents of spectra: images at the energies of an edge have an element as well."""
    return [each for each in starts if "element" in each and each.get("technique", TECHNIQUE) == TECHNIQUE]


COLUMNS = ("mu", "mu_reference", "mu_fluorescence", "i0", "it", "ir", "ifluor")


def measured(points: pd.DataFrame) -> pd.DataFrame:
    """Rename columns, add mu and sort by energy."""
    names = {"mono_energy": "energy_ev", **{f"cell_{key}": key for key in STATE_UNITS}}
    frame = points.drop(columns="time", errors="ignore").rename(columns=names)
    with np.errstate(divide="ignore", invalid="ignore"):
        if {"i0", "it"} <= set(frame.columns):
            frame["mu"] = np.log(frame["i0"] / frame["it"])
        if {"it", "ir"} <= set(frame.columns):
            frame["mu_reference"] = np.log(frame["it"] / frame["ir"])
        if {"i0", "ifluor"} <= set(frame.columns):
            frame["mu_fluorescence"] = frame["ifluor"] / frame["i0"].where(frame["i0"] > 0.0)
    return frame.sort_values(by="energy_ev", kind="stable", ignore_index=True)


def on_axis(spectrum: Spectrum, own_ev: np.ndarray, column: str, energy_ev: np.ndarray) -> np.ndarray:
    """Give a column at the energies of an axis, eV; NaN beyond those of the spectrum, `own_ev`."""
    values = spectrum.points[column].to_numpy(dtype=float)
    if np.array_equal(own_ev, energy_ev):
        return values
    return np.interp(energy_ev, own_ev, values, left=np.nan, right=np.nan)


def state_coordinates(spectra: list[Spectrum]) -> dict[str, Any]:
    """Give run and state of the cell of each spectrum: at the middle of the scan, its start and its end."""
    coordinates: dict[str, Any] = {"run": ("measurement", [item.start["uid"] for item in spectra])}
    for key, unit in STATE_UNITS.items():
        if not all(key in item.points for item in spectra):
            continue
        in_time = [item.points.sort_values(by="seq_num") for item in spectra]
        for suffix, row in (("_start", 0), ("_end", -1)):
            value = [float(points[key].iloc[row]) for points in in_time]
            coordinates[key + suffix] = ("measurement", value, {"units": unit})
        clock = "time" if all("time" in points for points in in_time) else "seq_num"
        middle = [mid_scan(points[clock], points[key]) for points in in_time]
        coordinates[key] = ("measurement", middle, {"units": unit})
    return coordinates


def spectra_dataset(chosen: list[Spectrum], merged: dict[str, Any], *, aligned: bool) -> xr.Dataset:
    """Arrange spectra on the energies of the longest whole one; `merged` are further coordinates."""
    own_ev = [
        item.points["energy_ev"].to_numpy() + (np.nan_to_num(item.foil_shift_ev) if aligned else 0.0)
        for item in chosen
    ]
    pairs = list(zip(chosen, own_ev, strict=True))
    energy = max(pairs, key=lambda pair: (pair[0].complete, len(pair[1])))[1]
    data = {
        column: (
            ("measurement", "energy"),
            np.stack([on_axis(*pair, column, energy) for pair in pairs]),
        )
        for column in COLUMNS
        if all(column in item.points for item in chosen)
    }
    axis = {
        "energy": ("energy", energy, {"units": "eV"}),
        "foil_shift": ("measurement", [item.foil_shift_ev for item in chosen], {"units": "eV"}),
        "signal": ("measurement", [item.start.get("signal", "transmission") for item in chosen]),
    }
    return xr.Dataset(data, coords={**axis, **state_coordinates(chosen), **merged})
