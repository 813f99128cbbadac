"""Diffraction patterns of an experiment with lattices and phases, each frame with the state of the cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .cell_state import STATE_UNITS
from .run_source import RunSource, analyses

ANALYSIS = "pattern_fit"

FRAME = ["measurement_run", "frame"]
ORDER = ("time", "frame")
LATTICE = ("measurement", "phase", "a_angstrom", "a_angstrom_sigma", "c_angstrom", "c_angstrom_sigma")
LATTICE += ("verdict", "reason", *STATE_UNITS, "run_status")
"""Columns that `lattice_table` has before the first frame."""
PHASES = (*FRAME, "measurement", "phase", "fraction", "fraction_sigma", "a_angstrom", "a_angstrom_sigma")
PHASES += ("c_angstrom", "c_angstrom_sigma", "significance", "first_frame", "frames_seen", *STATE_UNITS)
"""Columns that `phase_table` has before the first phase."""

LEFT_OUT = "frames_left_out"
PENDING = "analysis_pending"
"""Verdict of a frame that is integrated and waits for its lattice and phases."""


def result_rows(
    source: RunSource, runs: list[dict[str, Any]], stream: str = "primary", order: tuple[str, ...] = ORDER
) -> pd.DataFrame:
    """Rows of a stream of all result runs of patterns, ordered; empty if there are none."""
    if not (tables := _tables(source, runs, stream)):
        return pd.DataFrame()
    rows = pd.concat(tables, ignore_index=True).drop(columns="seq_num")
    return rows.sort_values(by=list(order), kind="stable", ignore_index=True) if order else rows


def _tables(source: RunSource, runs: list[dict[str, Any]], stream: str) -> list[pd.DataFrame]:
    tables = (source.stream(start["uid"], stream) for start in analyses(runs, ANALYSIS))
    return [table for table in tables if not table.empty]


def phase_table(source: RunSource, runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Arrange the phases of all frames by time; of a frame analysed twice, those of the last time."""
    tables = _tables(source, runs, "phases")
    if not tables:
        return pd.DataFrame(columns=PHASES)
    rows = pd.concat(tables, keys=range(len(tables)), names=["result"]).reset_index("result")
    last = rows.groupby(FRAME)["result"].transform("max") == rows["result"]
    kept = rows.loc[last].drop(columns=["result", "seq_num"])
    return kept.sort_values(by=list(ORDER), kind="stable", ignore_index=True)


def lattice_table(source: RunSource, runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Arrange the verdicts on frames, the latest winning; index: uid of the run and number of the frame.

    A frame that has its pattern but not yet its lattice has the verdict ``analysis_pending``. ``run_status``
    is how the run of a frame ended (``success``, ``fail``, ``abort``), empty while it goes on or where the
    analysis did not tell. ``attrs["frames_left_out"]`` counts the frames of ended runs that could not be read
    or integrated, which have no row.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    runs : list of dict
        Start documents of the experiment's analyses.
    """
    rows, patterns = (result_rows(source, runs, stream) for stream in ("primary", "patterns"))
    ended = result_rows(source, runs, "runs", order=())
    ended = ended if ended.empty else ended.drop_duplicates("measurement_run", keep="last")
    parts = [part for part in (rows, _pending(patterns, rows)) if not part.empty]
    found = _judged(parts, ended) if parts else pd.DataFrame(columns=LATTICE)
    found.attrs[LEFT_OUT] = int(ended[LEFT_OUT].to_numpy(int).sum()) if LEFT_OUT in ended else 0
    return found


def _judged(parts: list[pd.DataFrame], ended: pd.DataFrame) -> pd.DataFrame:
    """Verdicts by run and frame, the latest of each, with how their runs ended."""
    joined = pd.concat(parts, ignore_index=True).sort_values(by=["time", "frame"], kind="stable")
    kept = joined.drop_duplicates(FRAME, keep="last")
    status = {} if ended.empty else dict(zip(ended["measurement_run"], ended["exit_status"], strict=True))
    kept = kept.assign(run_status=[status.get(run, "") for run in kept["measurement_run"]])
    return kept.set_index(FRAME)


def _pending(patterns: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the frames that have a pattern and no verdict."""
    if patterns.empty:
        return patterns
    done = set() if rows.empty else set(zip(rows["measurement_run"], rows["frame"], strict=True))
    waits = [key not in done for key in zip(patterns["measurement_run"], patterns["frame"], strict=True)]
    kept = patterns.loc[waits, [key for key in (*FRAME, "measurement", *STATE_UNITS) if key in patterns]]
    unknown = {f"{name}_angstrom{sigma}": np.nan for name in ("a", "c") for sigma in ("", "_sigma")}
    return kept.assign(verdict=PENDING, reason="", phase="", **unknown)


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
    parts = [part for start in analyses(runs, ANALYSIS) if (part := _part(source, start["uid"])) is not None]
    if not parts:
        return xr.Dataset()
    axis = parts[0]["q"]
    joined = xr.concat([part.interp(q=axis) for part in parts], dim="pattern", join="override")
    keys = pd.MultiIndex.from_arrays([joined["run"].values, joined["frame"].values])
    kept = joined.isel(pattern=np.flatnonzero(~keys.duplicated(keep="last")))
    return kept.sortby(["time", "frame"])


def _part(source: RunSource, uid: str) -> xr.Dataset | None:
    """Patterns of one result run, in the order in which they were integrated."""
    # Older results have patterns and verdicts in one stream.
    stream = "patterns" if "patterns" in source.streams(uid) else "primary"
    rows, axis = source.stream(uid, stream), source.array(uid, "axis", "q_per_angstrom")
    if rows.empty or not axis.size:
        return None
    rows = rows.sort_values(by="seq_num", ignore_index=True)
    values = {key: source.array(uid, stream, key) for key in ("intensity", "intensity_sigma")}
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
