"""A run of `ptycho_scan` as PtyPy reads it: the points of its good rows, each with place, beam and frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .coherent import CoherentDetector, beam_square, write_ptycho, write_ptyd
from .coherent_facts import (
    ScanIncompleteError,
    camera_of,
    direct_beam_px,
    mean_energy_ev,
    run_stack,
    square_pixel_um,
)

if TYPE_CHECKING:
    from ..tiled.run_source import RunSource


def export_ptycho(
    source: RunSource,
    start: Mapping[str, Any],
    target: Path,
    layout: str,
    beam_px: tuple[float, float] | None,
) -> dict[str, Any]:
    """Write a ptychographic run; arguments and result as of `coherent_run.export_run`."""
    points = _points(source, start)
    slow, fast = start["motors"]
    camera = camera_of(start)
    stack = run_stack(source, start, start["map"]["detectors"][0], points["place"].to_numpy(np.int64))
    row, column = beam_px or direct_beam_px(camera)
    detector = CoherentDetector(camera["distance_mm"], square_pixel_um(start, camera), row, column)
    told: dict[str, Any] = {
        "y_um": points[slow].to_numpy(float),
        "x_um": points[fast].to_numpy(float),
        "energy_ev": mean_energy_ev(start, points),
    }
    if layout == "ptypy":
        return write_ptycho(target, stack, detector=detector, i0=_i0(points), **told)
    at_row, at_column, side = beam_square(stack.shape[1:], detector)
    half = side // 2
    cut = stack.cut(slice(at_row - half, at_row + half), slice(at_column - half, at_column + half))
    centred = CoherentDetector(detector.distance_mm, detector.pixel_um, half, half)
    write_ptyd(target, cut, detector=centred, **told)
    return {"name": "PtydScan", "source": "file", "dfile": str(target)}


def _points(source: RunSource, start: Mapping[str, Any]) -> pd.DataFrame:
    """Points of the good rows in the order in which they were measured, with the `place` of their frame."""
    uid, who = start["uid"], f"ptychography {start['uid'][:8]}"
    rows = next(
        (
            table
            for name in ("rows", "primary")
            if "map_status" in (table := source.stream(uid, name)).columns
        ),
        pd.DataFrame({"map_status": []}),
    )
    good = rows.loc[rows["map_status"] == "good"]
    if good.empty:
        raise ScanIncompleteError(f"{who}: no row of it is good")
    if len(good) != len(rows) and not source.tells_of_parts:
        raise ScanIncompleteError(
            f"{who}: {len(rows) - len(good)} rows were taken again, and what was bad is in its files; "
            "open the experiment from its journal (experiment_from_journal), which tells them apart"
        )
    if start["map"]["mode"] == "fly":
        return _flown(start, good)
    pixels = source.stream(uid, "primary")
    keys = ["map_row", "map_attempt", "map_first_frame"]
    renamed = {"map_row": "pixel_row", "map_attempt": "pixel_attempt"}
    joined = pixels.merge(good[keys].rename(columns=renamed), on=list(renamed.values()), how="inner")
    joined["place"] = joined["map_first_frame"] + joined["pixel_frame"]
    return joined.sort_values(by="place", ignore_index=True)


def _flown(start: Mapping[str, Any], good: pd.DataFrame) -> pd.DataFrame:
    """Points of rows on the fly, where the trigger box was told to open its gates."""
    slow, fast = start["motors"]
    x_um = np.asarray(start["map"]["x_um"], float)
    snakes = bool(start["snaking"][1])
    columns = {key: good[f"map_{key}"].to_numpy() for key in ("row", "first_frame", "y_um")}
    energies_ev = good["mono_energy"].to_numpy(float)
    parts = [
        pd.DataFrame(
            {
                fast: x_um[::-1] if snakes and int(row) % 2 else x_um,
                slow: float(y_um),
                "mono_energy": energy_ev,
                "place": int(first) + np.arange(len(x_um)),
            }
        )
        for row, first, y_um, energy_ev in zip(
            columns["row"], columns["first_frame"], columns["y_um"], energies_ev, strict=True
        )
    ]
    return pd.concat(parts, ignore_index=True)


def _i0(points: pd.DataFrame) -> NDArray[np.float64] | None:
    """Beam at each point, A, where every point has one."""
    values = points["i0"].to_numpy(float) if "i0" in points.columns else np.zeros(0)
    return values if len(values) and np.isfinite(values).all() and (values > 0).all() else None
