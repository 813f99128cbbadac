"""A run of `ptycho_scan` as PtyPy reads it: the points of its good rows, each with place, beam and frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.mapping.frame_place import frame_places
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

BOX = "trigger_box"
ENCODER, I0_COUNTS, OPEN_S = "fine_x", "i0_counts", "open_s"
"""What the box latches in each gate: mean place of the fast axis (um), counts of I0, and for how long (s)."""
ENCODER_ENDS = "fine_x_min", "fine_x_max"
"""Least and largest place of the fast axis in a gate, um."""


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
        return _flown(source, start, good)
    pixels = source.stream(uid, "primary")
    keys = ["map_row", "map_attempt", "map_first_frame"]
    renamed = {"map_row": "pixel_row", "map_attempt": "pixel_attempt"}
    joined = pixels.merge(good[keys].rename(columns=renamed), on=list(renamed.values()), how="inner")
    joined["place"] = joined["map_first_frame"] + joined["pixel_frame"]
    return joined.sort_values(by="place", ignore_index=True)


def _flown(source: RunSource, start: Mapping[str, Any], good: pd.DataFrame) -> pd.DataFrame:
    """Points of rows on the fly, each with the mean place of its frame and the beam counted in its gate."""
    rows = [_flown_row(source, start, row) for row in good.to_dict("records")]
    return pd.concat(rows, ignore_index=True)


def _flown_row(source: RunSource, start: Mapping[str, Any], row: Mapping[Any, Any]) -> pd.DataFrame:
    """Points of a row; where no encoder was latched they are where the box was told to open its gates."""
    slow, fast = start["motors"]
    asked_um, first = np.asarray(start["map"]["x_um"], float), int(row["map_first_frame"])
    keys = ENCODER, *ENCODER_ENDS, I0_COUNTS, OPEN_S
    latched = [_latched(source, start, key, first, len(asked_um)) for key in keys]
    place_um, low_um, high_um, counts, open_s = latched
    snakes = bool(start["snaking"][1]) and bool(int(row["map_row"]) % 2)
    if place_um is None:
        place_um = asked_um[::-1] if snakes else asked_um
    elif low_um is not None and high_um is not None and open_s is not None:
        exposed = float(start["map"].get("exposure_s", math.nan)) / open_s
        place_um = frame_places(place_um, low_um, high_um, exposed, backwards=snakes)
    return pd.DataFrame(
        {
            fast: place_um,
            slow: float(row.get(slow, row["map_y_um"])),
            "mono_energy": float(row["mono_energy"]),
            "i0": _counted_a(start, row, counts, open_s),
            "place": first + np.arange(len(asked_um)),
        }
    )


def _latched(
    source: RunSource, start: Mapping[str, Any], key: str, first: int, count: int
) -> NDArray[np.float64] | None:
    """Read what the trigger box has latched in gates from the first one on; None where it has not."""
    read = source.frames(start["uid"], BOX, f"{BOX}_{key}")
    return None if read is None else np.asarray(read(first, first + count), float)


def _counted_a(
    start: Mapping[str, Any],
    row: Mapping[Any, Any],
    counts: NDArray[np.float64] | None,
    open_s: NDArray[np.float64] | None,
) -> NDArray[np.float64] | float:
    """Tell the current of I0 in each gate, without its dark, A; NaN where nobody counted."""
    if counts is None or open_s is None or not start.get("i0_hz_per_a"):
        return math.nan
    dark_a = float(row.get("i0_raw", math.nan)) - float(row.get("i0", math.nan))
    return counts / open_s / float(start["i0_hz_per_a"]) - dark_a


def _i0(points: pd.DataFrame) -> NDArray[np.float64] | None:
    """Beam at each point, A, where every point has one."""
    values = points["i0"].to_numpy(float) if "i0" in points.columns else np.zeros(0)
    return values if len(values) and np.isfinite(values).all() and (values > 0).all() else None
