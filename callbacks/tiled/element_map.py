"""Maps of an experiment: elements over x and y, each row with the state of the cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .cell_state import STATE_UNITS
from .run_source import RunSource, analyses

ANALYSIS = "map_fit"
LIGHT = {"i0_a": "A", "i0_photons_per_s": "1/s"}
LATER = {**LIGHT, "place_um": "um"}
"""What maps of earlier versions do not know."""
PIXELS = {"elastic": "counts", "misfit": "", "verdict_code": "", "real_s": "s", "live": "", **LATER}
"""Results per pixel, besides those per element, with their units."""


def map_names(runs: list[dict[str, Any]]) -> list[str]:
    """Names of the measurements that made maps, from start documents of analyses."""
    return list(dict.fromkeys(_parameters(start)["measurement"] for start in analyses(runs, ANALYSIS)))


def element_maps(source: RunSource, runs: list[dict[str, Any]], name: str, *, see: str = "") -> xr.Dataset:
    """Arrange the maps of a measurement, later ones along ``map``.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    runs : list of dict
        Start documents of the experiment's analyses.
    name : str
        Of the measurement, or the uid of one map's run (its first six or more characters).
    see : str
        Where else there is something of this name, for `attrs["see"]` and the error; empty for nowhere.

    Returns
    -------
    xarray.Dataset
        ``counts`` (corrected for dead time), ``rate`` (1/s), ``per_photon`` (counts per photon that left the
        first ion chamber for the specimen; NaN where its gas or the energy is unknown), ``per_i0`` (counts
        per charge in that chamber, 1/nC, to be compared at one energy only) and their ``_sigma`` over
        ``map`` (by time), ``element``, ``y_um``, ``x_um``; NaN where nothing is measured yet. Per pixel
        ``i0_a`` (without its dark), ``i0_photons_per_s``, ``elastic``, ``misfit``, ``live``, ``real_s``,
        ``verdict_code`` (place in ``attrs["verdicts"]``) and ``place_um``: where its frame was taken along x,
        by the interferometer, while ``x_um`` is what was asked for. Each row has ``time``
        (s), ``voltage`` (V), ``current`` (A), ``capacity`` (mA h), ``lithium_content``, ``begin_s`` and
        ``end_s`` by the detector's clock, and ``attempt``, the one that was good. Each map has its
        ``live_fraction``: part of the time from its first to its last exposure in which it counted.

    Raises
    ------
    KeyError
        If there is no map of this name; the message lists those there are.
    """
    chosen = [start for start in analyses(runs, ANALYSIS) if _is_called(start, name)]
    by_map: dict[str, list[dict[str, Any]]] = {}
    for start in chosen:
        by_map.setdefault(_parameters(start)["measurement_run"], []).append(start)
    parts = [part for starts in by_map.values() if (part := _part(source, starts)) is not None]
    if not parts:
        further = f"; see {see}" if see else ""
        raise KeyError(f"there is no element map {name!r}; there are {map_names(runs) or 'none'}{further}")
    found = xr.concat(parts, dim="map", join="outer").sortby("begun")
    return found.assign_attrs(see=see) if see else found


def _parameters(start: dict[str, Any]) -> dict[str, Any]:
    return start["analysis"]["parameters"]


def _is_called(start: dict[str, Any], name: str) -> bool:
    told = _parameters(start)
    return told["measurement"] == name or (len(name) >= 6 and told["measurement_run"].startswith(name))


def _part(source: RunSource, starts: list[dict[str, Any]]) -> xr.Dataset | None:
    """One map of all its result runs: NaN where it was not measured, the last attempt of a row winning."""
    told = _parameters(starts[0])
    rows, columns, count = len(told["y_um"]), len(told["x_um"]), len(told["elements"])
    values = {key: np.full((count, rows, columns), np.nan) for key in ("counts", "counts_sigma")}
    pixels = {key: np.full((rows, columns), np.nan) for key in PIXELS}
    states = {key: np.full(rows, np.nan) for key in (*STATE_UNITS, "begin_s", "end_s", "attempt")}
    seen = False
    for start in starts:
        table = source.stream(start["uid"], "primary")
        if table.empty:
            continue
        seen = True
        table = table.sort_values(by="seq_num", ignore_index=True)
        _fill(values | pixels, states, source, start["uid"], table)
    if not seen:
        return None
    return _dataset(told, values, pixels, states)


def _fill(
    arrays: dict[str, np.ndarray],
    states: dict[str, np.ndarray],
    source: RunSource,
    uid: str,
    table: pd.DataFrame,
) -> None:
    stacked = {key: source.array(uid, "primary", key) for key in arrays}
    stacked = {key: array for key, array in stacked.items() if key not in LATER or len(array)}
    # While the run goes on, rows and arrays may be read a moment apart.
    count = min(len(table), *(len(array) for array in stacked.values()))
    order = np.argsort(table["attempt"].to_numpy(int)[:count], kind="stable")
    for event in order:
        row = int(table["row"].iloc[event])
        for key, array in stacked.items():
            arrays[key][..., row, :] = array[event]
        for key, state in states.items():
            state[row] = float(table[key].iloc[event])


def _live_fraction(pixels: dict[str, np.ndarray], states: dict[str, np.ndarray]) -> float:
    if not np.isfinite(states["end_s"]).any():
        return float("nan")
    counted_s = np.nansum(pixels["real_s"] * pixels["live"])
    return float(counted_s / (np.nanmax(states["end_s"]) - np.nanmin(states["begin_s"])))


def _light(pixels: dict[str, np.ndarray], key: str) -> np.ndarray:
    """Sum what came while a pixel counted: charge or photons, nan where there was none or nobody knows."""
    return np.where(pixels[key] > 0.0, pixels[key], np.nan) * pixels["real_s"]


def _dataset(
    told: dict[str, Any],
    values: dict[str, np.ndarray],
    pixels: dict[str, np.ndarray],
    states: dict[str, np.ndarray],
) -> xr.Dataset:
    space, per_second = ("map", "element", "y_um", "x_um"), pixels["real_s"]
    data: dict[str, Any] = {key: (space, array[None], {"units": "counts"}) for key, array in values.items()}
    for key, of in (("rate", "counts"), ("rate_sigma", "counts_sigma")):
        data[key] = space, (values[of] / per_second)[None], {"units": "1/s"}
    charge_c, photons = (_light(pixels, key) for key in LIGHT)
    for key, light, unit in (("per_i0", 1e9 * charge_c, "1/nC"), ("per_photon", photons, "")):
        for suffix in ("", "_sigma"):
            data[key + suffix] = (
                space,
                (values[f"counts{suffix}"] / light)[None],
                {"units": unit} if unit else {},
            )
    for key, unit in PIXELS.items():
        data[key] = ("map", "y_um", "x_um"), pixels[key][None], {"units": unit} if unit else {}
    units = {**STATE_UNITS, "begin_s": "s", "end_s": "s", "attempt": ""}
    row_wise = {
        key: (("map", "y_um"), array[None], {"units": units[key]} if units[key] else {})
        for key, array in states.items()
    }
    begun = np.nanmin(states["time"]) if np.isfinite(states["time"]).any() else np.nan
    coordinates = {
        "element": list(told["elements"]),
        "x_um": ("x_um", np.asarray(told["x_um"], float), {"units": "um"}),
        "y_um": ("y_um", np.asarray(told["y_um"], float), {"units": "um"}),
        "run": ("map", [told["measurement_run"]]),
        "begun": ("map", [begun], {"units": "s"}),
        "live_fraction": ("map", [_live_fraction(pixels, states)]),
        **row_wise,
    }
    found = xr.Dataset(data, coords=coordinates)
    found.attrs = {"measurement": told["measurement"], "verdicts": list(told["verdicts"])}
    return found
