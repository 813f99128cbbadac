"""Rocking maps of an experiment: strain and tilts from the frames of all angles, drift put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..analysis.mapping import (
    MapDrift,
    RockingGeometry,
    RockingMoments,
    StrainTilt,
    map_drift,
    orientation_colours,
    smooth_drift,
    standing_detector,
)
from .external_frame import Frames
from .rocking_fluorescence import fluorescence_of, mean_where_it_was
from .run_source import RunSource

IMAGE = "_image"
SAMPLE_ROWS = 8
"""Rows of the first angle from which the background is taken."""
DARK_PART = 0.5
"""Part of their frames, the darkest, that hold background alone: nothing reflects at an end of the scan."""
LEAST_PIXELS = 16
"""Rows and columns from which on maps can be registered."""
STATE = ("voltage", "capacity", "lithium_content")


class RockingIncompleteError(ValueError):
    """A rocking map lacks something without which strain and tilts cannot be told."""


@dataclass(frozen=True)
class AngleMap:
    """The run of one angle.

    Attributes
    ----------
    start
        Start document.
    rows
        Events of its good rows.
    frames
        Reader of its frames.
    fluorescence
        Counts, shape (rows, columns); nan where unknown.
    """

    start: Mapping[str, Any]
    rows: pd.DataFrame
    frames: Frames
    fluorescence: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the map."""
        return tuple(self.start["shape"])

    def row(self, number: int) -> np.ndarray:
        """Frames of a row by column, shape (columns, rows, columns of the camera)."""
        place = np.flatnonzero(self.rows.index == number)[-1]
        columns = (self.rows[f"map_{key}"].to_numpy(int) for key in ("first_frame", "frames"))
        first, count = (int(column[place]) for column in columns)
        frames = self.frames(first, first + count)
        return frames[::-1] if self.start["snaking"][1] and number % 2 else frames


def rocking_names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the measurements that are rocking maps, from start documents."""
    return list(dict.fromkeys(str(start.get("measurement", "")) for start in runs if "rocking" in start))


def whole_rocking_names(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the rocking maps of which each angle was begun, from start documents."""
    found = {name: rocking_runs(runs, name) for name in rocking_names(runs)}
    return [name for name, angles in found.items() if len(angles) == len(angles[0]["rocking"]["angles_deg"])]


def rocking_runs(runs: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Choose the runs of the latest rocking map of a name, or of one by its uid, by angle.

    Raises
    ------
    KeyError
        If there is none; the message lists those there are.
    """
    called = [
        start
        for start in runs
        if "rocking" in start
        and (
            start.get("measurement") == name or (len(name) >= 6 and start["rocking"]["uid"].startswith(name))
        )
    ]
    if not called:
        raise KeyError(f"there is no rocking map {name!r}; there are {rocking_names(runs) or 'none'}")
    latest = called[-1]["rocking"]["uid"]
    by_angle = {start["rocking"]["index"]: start for start in called if start["rocking"]["uid"] == latest}
    return [by_angle[index] for index in sorted(by_angle)]


def rocking_dataset(
    source: RunSource, runs: Sequence[dict[str, Any]], analyses: list[dict[str, Any]]
) -> xr.Dataset:
    """Turn the frames of a rocking map into strain and tilts.

    Frames are read row by row and summed, one angle after another. The background is the mean of the darker
    half of some frames of the first angle. Drift is found on the maps of fluorescence, on top of what the
    plan followed.

    Parameters
    ----------
    source
        Where the runs are.
    runs
        From `rocking_runs`.
    analyses
        Start documents of analyses: fitted fluorescence is taken from there where no counts were read.

    Returns
    -------
    xarray.Dataset
        Over ``y_um`` and ``x_um``, places on the specimen as the stage had them at the first angle (at the
        mean drift, hence between its steps): ``strain``, ``tilt_rocking`` and ``tilt_across``
        (degree) with their ``_sigma``, ``counts``, ``fluorescence`` (counts, mean of all angles),
        ``verdict``, ``reason`` and ``colour`` (red, green, blue of the orientation). Over ``angle``:
        ``run``, ``drift_x_um`` and ``drift_y_um`` (of the specimen since the first angle),
        ``drift_verdict``, and the state of the cell. See `RockingMoments` and `StrainTilt`.

    Raises
    ------
    RockingIncompleteError
        If an angle, a row, frames or the place of the camera is missing.
    """
    angles = [_angle_map(source, start, analyses) for start in runs]
    asked = runs[0]["rocking"]["angles_deg"]
    if len(angles) != len(asked):
        raise RockingIncompleteError(
            f"rocking map {runs[0]['rocking']['uid'][:8]}: {len(angles)} of {len(asked)} angles are measured"
        )
    drift = _smoothed(_drift(angles), angles)
    moments = _moments(angles, _around_mean(drift))
    return _dataset(angles, drift, moments.strain_tilt())


def _angle_map(source: RunSource, start: dict[str, Any], analyses: list[dict[str, Any]]) -> AngleMap:
    uid, told = start["uid"], f"map {start['uid'][:8]} at {start['angle_deg']:g} degree"
    events = {name: source.stream(uid, name) for name in ("rows", "primary")}
    rows = next((table for table in events.values() if "map_status" in table.columns), pd.DataFrame())
    bad = 0 if rows.empty else np.count_nonzero(rows["map_status"].to_numpy(str) != "good")
    good = rows.loc[rows["map_status"] == "good"].set_index("map_row") if not rows.empty else rows
    lacking = start["shape"][0] - len(good)
    if lacking:
        raise RockingIncompleteError(f"{told}: {lacking} of {start['shape'][0]} rows are not there")
    if bad and not source.tells_of_parts:
        raise RockingIncompleteError(
            f"{told}: {bad} rows were taken again, and what was bad is in its files too; open the experiment "
            "from its journal (experiment_from_journal), which tells them apart"
        )
    cameras = [name for name in source.streams(uid) if name in start["map"]["detectors"]]
    readers = (source.frames(uid, name, f"{name}{IMAGE}") for name in cameras)
    frames = next((reader for reader in readers if reader is not None), None)
    if frames is None:
        raise RockingIncompleteError(f"{told}: it has no frames of a camera")
    return AngleMap(start, good, frames, fluorescence_of(source, start, events["primary"], analyses))


def _drift(angles: Sequence[AngleMap]) -> MapDrift:
    """How far the maps are moved against the first, on top of what their regions were; pixels."""
    maps = [each.fluorescence for each in angles]
    if min(maps[0].shape) >= LEAST_PIXELS and all(np.isfinite(one).any() for one in maps):
        return map_drift(maps)
    nothing, unknown = np.zeros((len(angles), 2)), np.full((len(angles), 2), np.nan)
    reason = "the maps are too small or have no fluorescence: only the regions that the plan chose count"
    return MapDrift(
        nothing,
        unknown,
        np.array(["unknown"] * len(angles)),
        np.array([reason] * len(angles), dtype=object),
    )


def _smoothed(drift: MapDrift, angles: Sequence[AngleMap]) -> MapDrift:
    """Drift without the noise of registration, which is on top of what the plan followed."""
    if not drift.shift_px.any():
        return drift
    step_um = float(angles[0].start["map"]["step_um"])
    followed = np.array([each.start["drift_um"] for each in angles], dtype=float)[:, ::-1] / step_um
    smooth = smooth_drift(followed + drift.shift_px, drift.sigma_px)
    return replace(drift, shift_px=smooth - smooth[0] - followed + followed[0])


def _around_mean(drift: MapDrift) -> np.ndarray:
    """Shifts (n, 2) back to the mean place, to which maps are moved the least and the same way on both sides.

    Moved to the first angle, those of one end of the rocking curve are interpolated otherwise than those of
    the other, and a boundary of grains makes a tilt of that, two to four times as large.
    """
    return drift.shift_px - drift.shift_px.mean(axis=0)


def _moments(angles: Sequence[AngleMap], shift_px: np.ndarray) -> RockingMoments:
    geometry = geometry_of(angles[0])
    background, mask = _background(angles[0])
    moments = RockingMoments(geometry.masked(mask), angles[0].shape, background)
    for each, shift in zip(angles, shift_px, strict=True):
        frames = map(each.row, range(each.shape[0]))
        moments.add_rows(float(each.start["angle_deg"]), frames, (float(shift[0]), float(shift[1])))
    return moments


def geometry_of(angle: AngleMap) -> RockingGeometry:
    """Give wave vectors of the pixels of a run.

    Raises
    ------
    RockingIncompleteError
        If its start document does not say where the camera stands.
    """
    start = angle.start
    given = dict(start.get("geometry") or {})
    if not given:
        raise RockingIncompleteError(
            f"run {start['uid']} does not say where its camera stands: add [devices.camera.geometry] to the "
            "beamline's settings"
        )
    given.pop("detector", None)
    energy_ev = float(start.get("energy_ev") or angle.rows["mono_energy"].iloc[0])
    return standing_detector(
        tuple(given.pop("shape")), energy_ev=energy_ev, axis=tuple(start["rocking"]["axis"]), **given
    )


def _background(angle: AngleMap) -> tuple[np.ndarray, np.ndarray]:
    """Mean counts of a pixel without signal, and pixels that show the largest number of their type."""
    rows = np.unique(np.linspace(0, angle.shape[0] - 1, SAMPLE_ROWS).astype(int))
    frames = np.concatenate([angle.row(int(number)) for number in rows])
    mask = (frames == np.iinfo(frames.dtype).max).any(axis=0)
    totals = np.where(mask, 0, frames).sum(axis=(1, 2))
    dark = np.argsort(totals, kind="stable")[: max(int(DARK_PART * len(frames)), 1)]
    return np.where(mask, 0.0, frames[dark].mean(axis=0)), mask


def _dataset(angles: Sequence[AngleMap], drift: MapDrift, found: StrainTilt) -> xr.Dataset:
    space, first = ("y_um", "x_um"), angles[0].start
    fluorescence = mean_where_it_was([each.fluorescence for each in angles], _around_mean(drift))
    trusted = found.verdict == "good"
    rocking, across = (
        np.where(trusted, one, np.nan) for one in (found.tilt_rocking_deg, found.tilt_across_deg)
    )
    data: dict[str, Any] = {
        "strain": (space, found.strain),
        "strain_sigma": (space, found.strain_sigma),
        "tilt_rocking": (space, found.tilt_rocking_deg, {"units": "degree"}),
        "tilt_rocking_sigma": (space, found.tilt_rocking_sigma_deg, {"units": "degree"}),
        "tilt_across": (space, found.tilt_across_deg, {"units": "degree"}),
        "tilt_across_sigma": (space, found.tilt_across_sigma_deg, {"units": "degree"}),
        "counts": (space, found.counts, {"units": "counts"}),
        "fluorescence": (space, fluorescence, {"units": "counts"}),
        "verdict": (space, found.verdict.astype(str)),
        "reason": (space, found.reason.astype(str)),
        "colour": ((*space, "rgb"), orientation_colours(rocking, across)),
    }
    dataset = xr.Dataset(data, coords=_coordinates(angles, drift))
    dataset.attrs = {
        "measurement": str(first.get("measurement", "")),
        "rocking": first["rocking"]["uid"],
        "reference_q_per_angstrom": found.reference.tolist(),
    }
    return dataset


def _coordinates(angles: Sequence[AngleMap], drift: MapDrift) -> dict[str, Any]:
    """Where the pixels were at the mean drift, and of each angle its drift and the state of the cell."""
    space, first = ("y_um", "x_um"), angles[0].start
    step_um, moved = float(first["map"]["step_um"]), drift.shift_px
    place_um = {
        key: np.asarray(first["map"][key], float) - step_um * by
        for key, by in zip(space, moved.mean(axis=0), strict=True)
    }
    followed = np.array([each.start["drift_um"] for each in angles], dtype=float)
    coordinates: dict[str, Any] = {
        "x_um": ("x_um", place_um["x_um"], {"units": "um"}),
        "y_um": ("y_um", place_um["y_um"], {"units": "um"}),
        "angle": ("angle", [each.start["angle_deg"] for each in angles], {"units": "degree"}),
        "run": ("angle", [each.start["uid"] for each in angles]),
        "drift_x_um": ("angle", followed[:, 0] + step_um * moved[:, 1], {"units": "um"}),
        "drift_y_um": ("angle", followed[:, 1] + step_um * moved[:, 0], {"units": "um"}),
        "drift_verdict": ("angle", drift.verdict.astype(str)),
    }
    for name in STATE:
        key = f"cell_{name}"
        values = [each.rows[key].mean() if key in each.rows.columns else np.nan for each in angles]
        coordinates[name] = "angle", np.asarray(values, float)
    return coordinates
