"""Diffraction patterns of an experiment with lattices and phases, each frame with the state of the cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .run_source import RunSource

ANALYSIS = "pattern_fit"
STATE_UNITS = {"time": "s", "voltage": "V", "current": "A", "capacity": "mA h", "lithium_content": ""}


def result_rows(source: RunSource, runs: list[dict[str, Any]], stream: str = "primary") -> pd.DataFrame:
    """Rows of a stream of all result runs of patterns, in order of time; empty if there are none."""
    frames = [source.stream(start["uid"], stream) for start in _results(runs)]
    frames = [frame for frame in frames if not frame.empty]
    if not frames:
        return pd.DataFrame()
    rows = pd.concat(frames, ignore_index=True).drop(columns="seq_num")
    return rows.sort_values(by=["time", "frame"], kind="stable", ignore_index=True)


def lattice_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per frame, the latest result winning; index: uid of its run and number of the frame."""
    if rows.empty:
        return rows
    kept = rows.drop_duplicates(["measurement_run", "frame"], keep="last")
    return kept.set_index(["measurement_run", "frame"])


def pattern_dataset(source: RunSource, runs: list[dict[str, Any]]) -> xr.Dataset:
    """Arrange integrated patterns on their axis.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    runs : list of dict
        Start documents of the experiment's analyses.

    Returns
    -------
    xarray.Dataset
        ``intensity`` and ``intensity_sigma`` (counts per pixel, corrected) over ``pattern`` (by time) and
        ``q`` (1/angstrom); patterns of another axis are interpolated linearly on the first one's.
        Coordinates along ``pattern``: ``run``, ``frame``, ``measurement`` and the state of the cell at the
        frame: ``time`` (s), ``voltage`` (V), ``current`` (A), ``capacity`` (mA h), ``lithium_content``.
        Empty Dataset if no frame is integrated yet.
    """
    parts = [part for start in _results(runs) if (part := _part(source, start["uid"])) is not None]
    if not parts:
        return xr.Dataset()
    axis = parts[0]["q"]
    joined = xr.concat([part.interp(q=axis) for part in parts], dim="pattern", join="override")
    keys = pd.MultiIndex.from_arrays([joined["run"].values, joined["frame"].values])
    kept = joined.isel(pattern=np.flatnonzero(~keys.duplicated(keep="last")))
    return kept.sortby(["time", "frame"])


def _results(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [start for start in runs if start["analysis"]["name"] == ANALYSIS]


def _part(source: RunSource, uid: str) -> xr.Dataset | None:
    """Patterns of one result run, in the order in which they were analysed."""
    rows, axis = source.stream(uid, "primary"), source.array(uid, "axis", "q_per_angstrom")
    if rows.empty or not axis.size:
        return None
    rows = rows.sort_values(by="seq_num", ignore_index=True)
    values = {
        name: source.array(uid, "primary", key)
        for name, key in (("intensity", "intensity"), ("intensity_sigma", "intensity_sigma"))
    }
    # While the run goes on, rows and arrays may be read a moment apart.
    count = min(len(rows), *(len(array) for array in values.values()))
    rows = rows.iloc[:count]
    units = {"units": "counts"}
    data = {name: (("pattern", "q"), array[:count], units) for name, array in values.items()}
    state = {
        name: ("pattern", rows[name].to_numpy(float), {"units": unit} if unit else {})
        for name, unit in STATE_UNITS.items()
    }
    coordinates = {
        "q": ("q", axis[-1], {"units": "1/angstrom"}),
        "run": ("pattern", rows["measurement_run"].to_numpy(str)),
        "frame": ("pattern", rows["frame"].to_numpy(int)),
        "measurement": ("pattern", rows["measurement"].to_numpy(str)),
        **state,
    }
    return xr.Dataset(data, coords=coordinates)
