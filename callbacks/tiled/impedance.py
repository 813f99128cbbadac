"""Impedance spectra of an experiment on one axis of frequencies, with the state of the cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

UNITS = {
    "time": "s",
    "voltage": "V",
    "current": "A",
    "capacity": "mA h",
    "lithium_content": "",
    "state_of_charge": "",
    "temperature": "degC",
}
_COUNTS = ("step", "cycle", "half_cycle")


def impedance_dataset(points: pd.DataFrame) -> xr.Dataset:
    """Arrange the points of spectra.

    Parameters
    ----------
    points : DataFrame
        One row per point, in any order, the same one perhaps twice; columns as of the stream `impedance`
        without the name of the device.

    Returns
    -------
    xarray.Dataset
        Over ``spectrum`` (from 0, by time) and ``frequency`` (Hz, falling): complex ``impedance`` (ohm,
        capacitive where its imaginary part is negative), ``voltage_amplitude`` (V), ``current_amplitude`` (A)
        and ``measured`` (s), the end of each measurement; NaN where a spectrum lacks a frequency.
        Coordinates along ``spectrum``: ``time`` (s), ``voltage`` (V), ``current`` (A), ``capacity`` (mA h),
        ``lithium_content``, ``state_of_charge`` and ``temperature`` (degC) as means over the spectrum; with
        ``_start`` and ``_end`` of its first and last point; ``step``, ``cycle`` and ``half_cycle``.
    """
    rows = points.drop_duplicates(["point", "time"], keep="last")
    rows = rows.sort_values(by=["time", "point"], kind="stable", ignore_index=True)
    number = _numbered(rows)
    frequency, column = np.unique(-rows["frequency"].to_numpy(), return_inverse=True)
    place = (number, column)

    def arranged(values: Any, unit: str) -> tuple[tuple[str, str], np.ndarray, dict[str, str]]:  # noqa: ANN401
        values = np.asarray(values)
        filled = np.full((int(number[-1]) + 1, len(frequency)), np.nan, dtype=values.dtype)
        filled[place] = values
        return ("spectrum", "frequency"), filled, {"units": unit}

    return xr.Dataset(
        {
            "impedance": arranged(rows["real"] + 1j * rows["imaginary"], "ohm"),
            "voltage_amplitude": arranged(rows["voltage_amplitude"], "V"),
            "current_amplitude": arranged(rows["current_amplitude"], "A"),
            "measured": arranged(rows["time"], "s"),
        },
        coords={
            "spectrum": np.arange(int(number[-1]) + 1),
            "frequency": ("frequency", -frequency, {"units": "Hz"}),
            **_states(rows.groupby(number)),
        },
    )


def _numbered(rows: pd.DataFrame) -> np.ndarray:
    """Count the spectrum of each row; an instrument that was restarted counts anew."""
    changed = np.diff(rows["spectrum"].to_numpy()) != 0
    anew = np.diff(rows["point"].to_numpy()) <= 0
    return np.concatenate([[0], np.cumsum(changed | anew)])


def _states(spectra: Any) -> dict[str, Any]:  # noqa: ANN401 - a DataFrameGroupBy
    coordinates: dict[str, Any] = {}
    for key, unit in UNITS.items():
        attributes = {"units": unit} if unit else {}
        for suffix, values in (
            ("", spectra[key].mean()),
            ("_start", spectra[key].first()),
            ("_end", spectra[key].last()),
        ):
            coordinates[key + suffix] = ("spectrum", values.to_numpy(), attributes)
    for key in _COUNTS:
        coordinates[key] = ("spectrum", spectra[key].first().to_numpy())
    return coordinates
