"""Records of a cycler that was not under control, as merged into an experiment afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .run_source import RunSource

STATES = "states"
"""Stream with the state of the cell in the middle of each scan."""

PREFIX = "state_"
UNITS = {
    "time": "s",
    "voltage": "V",
    "voltage_sigma": "V",
    "current": "A",
    "capacity": "mA h",
    "capacity_sigma": "mA h",
    "lithium_content": "",
    "lithium_content_sigma": "",
}
"""Columns of the states, with units."""


def scan_middles(source: RunSource, starts: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Middles of finished scans.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : sequence of dict
        Start documents of measurements.

    Returns
    -------
    DataFrame
        Columns ``measurement``, ``element`` and ``time`` (UNIX s: that of the cell where a scan has it, else
        the host's); index: uid of the run.
    """
    rows = {}
    for start in starts:
        points = source.stream(start["uid"], "primary")
        if points.empty or source.stop(start["uid"]) is None:
            continue
        time_s = points["time"].to_numpy(dtype=float)
        if "cell_time" in points and np.isfinite(points["cell_time"].to_numpy(dtype=float)).all():
            time_s = points["cell_time"].to_numpy(dtype=float)
        middle_s = 0.5 * (time_s.min() + time_s.max())
        rows[start["uid"]] = (start.get("measurement", ""), start.get("element", ""), middle_s)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["measurement", "element", "time"])
    return frame.rename_axis("measurement_run")


def in_force(source: RunSource, starts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Start documents of merged records that count: of the same files, the last merge.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : sequence of dict
        Start documents of merged records by time.
    """
    whole = [start for start in starts if source.stop(start["uid"]) is not None]
    return list({start["digest"]: start for start in whole}.values())


def merged_record(source: RunSource, starts: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of merged records by time, on the beamline's clock; see `Experiment.merged_record`."""
    frames = []
    for start in in_force(source, starts):
        rows = source.stream(start["uid"], "electrochemistry")
        columns = {key: key.removeprefix("cell_") for key in rows.columns if key.startswith("cell_")}
        frames.append(rows.loc[:, list(columns)].rename(columns=columns).assign(source=start["source"]))
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).sort_values(by="time", kind="stable", ignore_index=True)


def merged_states(source: RunSource, starts: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """State at each scan, from the last merged record that has one; see `Experiment.merged_states`."""
    frames = []
    for start in in_force(source, starts):
        rows = source.stream(start["uid"], STATES)
        columns = {key: key.removeprefix(PREFIX) for key in rows.columns if key.startswith(PREFIX)}
        about = {key: start[key] for key in ("source", "clock_offset_s", "clock_uncertainty_s")}
        frames.append(rows.loc[:, list(columns)].rename(columns=columns).assign(**about))
    frames = [frame for frame in frames if not frame.empty]
    if not frames:
        return pd.DataFrame()
    states = pd.concat(frames, ignore_index=True)
    states = states.iloc[np.argsort(np.isfinite(states["voltage"].to_numpy()), kind="stable")]
    states = states.drop_duplicates("measurement_run", keep="last").sort_values(by="time")
    return states.set_index("measurement_run")


def merged_coordinates(states: pd.DataFrame, uids: Sequence[str]) -> dict[str, Any]:
    """Coordinates ``merged_voltage`` and so on along the dimension ``measurement`` of a data set.

    Parameters
    ----------
    states : DataFrame
        From `merged_states`.
    uids : sequence of str
        Runs of the measurements, in order; those without a state are NaN.
    """
    if states.empty:
        return {}
    chosen = states.reindex(list(uids))
    return {
        f"merged_{key}": ("measurement", chosen[key].to_numpy(dtype=float), {"units": unit})
        for key, unit in UNITS.items()
        if key != "time"
    }
