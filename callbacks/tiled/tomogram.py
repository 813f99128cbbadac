"""Tomograms of an experiment: projections, slices, volumes and particles, with the state of the cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .cell_state import STATE_UNITS
from .external_frame import Frames
from .lazy import lazy_rows
from .run_source import RunSource, analyses, latest_analyses

TECHNIQUE = "tomography"
SLICES, VOLUME = "slices", "volume"
IMAGE, ATTENUATION = "microscope_camera_image", "attenuation_per_um"
PLACES = ("z_px", "y_px", "x_px")
PARTICLE_INDEX = ["measurement_run", "label"]
TOLD = {"stage": str, "projections": int, "covered": float, "centre_px": float, "centre_px_sigma": float}
TOLD |= {"verdict": str, "reason": str, "joined_side": int, "pixel_um": float, "latency_s": float}
TOLD |= {"lithium_content_start": float, "lithium_content_end": float, "frames_waiting": int}

PARTICLES = (
    "measurement",
    "z_um",
    "y_um",
    "x_um",
    "volume_um3",
    "diameter_um",
    "diameter_um_sigma",
    "at_border",
)
PARTICLES += ("crack_fraction", "crack_fraction_sigma", "crack_fraction_bias", "crack_fraction_bias_sigma")
PARTICLES += ("calibrated", "core_fraction", "core_fraction_sigma", "porosity", "void_fraction", "contact")
PARTICLES += ("contact_sigma", "detached", *STATE_UNITS)
"""Columns that a table has before its first particle: what chooses among them works from the start."""


def tomogram_list(source: RunSource, starts: list[dict[str, Any]]) -> list[xr.Dataset]:
    """Arrange the tomograms of an experiment that have ended, each with what was made of it.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : list of dict
        Start documents of the experiment.

    Returns
    -------
    list of xarray.Dataset
        By time. ``projections`` (counts) over ``projection`` (good ones in the order of the turn), ``row``,
        ``column``, and ``attenuation`` (1/um) over ``z``, ``y``, ``x`` where a volume was made: dask arrays,
        of which what is looked at is read. ``flats`` and ``darks`` (counts) over ``flat`` or ``dark``.
        Coordinates along ``projection``: ``angle`` (degree), ``time`` (s, of its middle), ``light`` (over
        full beam), ``lithium_content``; ``z``, ``y``, ``x`` are in um. In the attributes ``run``,
        ``measurement``, ``position`` (name of the place of the specimen; empty where there is but one),
        ``status`` and ``reason`` of the run, ``energy_ev``, ``pixel_um``, and with a volume ``centre_px``.
    """
    runs = {start["uid"]: start for start in starts if start.get("technique") == TECHNIQUE}
    volumes = latest_analyses(starts, VOLUME)
    parts = (_tomogram(source, runs, start, volumes.get(uid)) for uid, start in runs.items())
    return [part for part in parts if part is not None]


def _position(start: Mapping[str, Any]) -> str:
    """Name of the place of the specimen, of `multi_position`."""
    return str((start.get("position") or {}).get("name", ""))


def _tomogram(
    source: RunSource, runs: dict[str, dict[str, Any]], start: dict[str, Any], volume: dict[str, Any] | None
) -> xr.Dataset | None:
    uid = start["uid"]
    outcome = source.stream(uid, "outcome")
    images = source.frames(uid, "projections", IMAGE)
    if outcome.empty or images is None:
        return None
    told = _good_projections(source, uid)
    frame = told["frame"].astype(int)
    if not frame.size:
        return None
    data = _counts(source, runs, start, _picked(images, frame))
    coordinates: dict[str, Any] = {
        "angle": ("projection", told["angle_deg"], {"units": "degree"}),
        "time": ("projection", told["time_s"], {"units": "s"}),
        "light": ("projection", told["light"]),
        "lithium_content": ("projection", told["lithium_content"]),
    }
    attributes = _facts(source, start, outcome.iloc[-1])
    if volume is not None and (made := _volume(source, volume)) is not None:
        values, axes, facts = made
        data["attenuation"] = ("z", "y", "x"), values, {"units": "1/um"}
        coordinates |= axes
        attributes |= facts
    found = xr.Dataset(data, coords=coordinates)
    found.attrs = attributes
    return found


def _counts(
    source: RunSource,
    runs: dict[str, dict[str, Any]],
    start: dict[str, Any],
    projections: Any,  # noqa: ANN401 - dask's array
) -> dict[str, Any]:
    """Give projections, flats and darks as variables."""
    units = {"units": "counts"}
    data: dict[str, Any] = {"projections": (("projection", "row", "column"), projections, units)}
    for name, kind in (("flats", "flat"), ("darks", "dark")):
        if (taken := _references(source, runs, start, kind)) is not None:
            data[name] = (kind, "row", "column"), taken, units
    return data


def _facts(source: RunSource, start: dict[str, Any], outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is told of a tomogram as a whole."""
    binning = (start.get("turn") or {}).get("binning", 1)
    return {
        "run": start["uid"],
        "measurement": str(start.get("measurement", TECHNIQUE)),
        "position": _position(start),
        "status": str(outcome["tomogram_status"]),
        "reason": str(outcome["tomogram_reason"]),
        "energy_ev": _first(source, start, "mono_energy"),
        "pixel_um": _first(source, start, "microscope_pixel_um") * binning,
    }


def _first(source: RunSource, start: dict[str, Any] | None, key: str) -> float:
    """Value in the first event of a run; nan where it was not read."""
    rows = pd.DataFrame() if start is None else source.stream(start["uid"], "primary")
    return float(rows[key].iloc[0]) if key in rows else float("nan")


def _good_projections(source: RunSource, uid: str) -> dict[str, np.ndarray]:
    """Give what the outcome of a tomogram tells of its good projections, a value of each by key."""
    told = {
        key: np.asarray(source.array(uid, "outcome", f"tomogram_{key}")[-1], float)
        for key in ("frame", "verdict", "angle_deg", "time_s", "light", "lithium_content")
    }
    good = told["verdict"] == 0
    return {key: values[good] for key, values in told.items()}


def _picked(images: Frames, frame: np.ndarray) -> Any:  # noqa: ANN401 - dask's array
    """Frames in the order of the turn; those that follow each other already are not sorted again."""
    rows = lazy_rows(images)
    return rows if np.array_equal(frame, np.arange(len(rows))) else rows[frame]


def _references(source: RunSource, runs: dict[str, dict[str, Any]], start: dict[str, Any], kind: str) -> Any:  # noqa: ANN401 - dask's array
    """Flats or darks that a run has, else those of the run that it names; None without."""
    for owner in (start, runs.get(str(start.get(f"{kind}_run", "")))):
        if owner is None:
            continue
        if (taken := source.frames(owner["uid"], kind, IMAGE)) is not None:
            return lazy_rows(taken)
    return None


def _volume(source: RunSource, start: dict[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]] | None:
    """Volume, its axes in um, and what it was made with."""
    rows = source.stream(start["uid"], "primary")
    slabs = source.frames(start["uid"], VOLUME, ATTENUATION)
    if rows.empty or slabs is None:
        return None
    shape = start["analysis"]["parameters"]["shape"]
    pixel_um = float(rows["pixel_um"].iloc[-1])
    axes = {
        axis: (axis, pixel_um * np.arange(size), {"units": "um"})
        for axis, size in zip("zyx", shape, strict=True)
    }
    return (
        lazy_rows(slabs),
        axes,
        {"pixel_um": pixel_um, "centre_px": float(rows["centre_px"].iloc[-1])},
    )


def slice_dataset(source: RunSource, starts: list[dict[str, Any]]) -> xr.Dataset:
    """Arrange three orthogonal slices of each tomogram: the final ones, or the latest while it turns.

    Parameters
    ----------
    source : RunSource
        Where the runs are.
    starts : list of dict
        Start documents of the experiment.

    Returns
    -------
    xarray.Dataset
        ``xy``, ``xz``, ``yz`` (attenuation, 1/um), dask arrays, over ``tomogram`` (by time) and two of ``z``,
        ``y``, ``x`` (numbers of pixels of the camera); NaN beyond a tomogram that is smaller than others.
        Coordinates along ``tomogram``: ``run``, ``measurement``, ``position``, ``energy_ev``, the state of
        the cell in its middle (``time`` in s, ``voltage`` in V, ``current`` in A, ``capacity`` in mA h,
        ``lithium_content``, and at both ends ``lithium_content_start``, ``_end``), ``stage`` (``growing``,
        ``last projection``, ``final``), ``projections``, ``covered``, ``pixel_um``, ``joined_side`` (pixels
        that were joined for speed), ``z_px``, ``y_px``, ``x_px`` (the pixel that is in all three),
        ``centre_px``, ``centre_px_sigma``, ``verdict``, ``reason``, ``latency_s``. Empty if there is none.
    """
    runs = {start["uid"]: start for start in starts}
    parts = (_slices(source, start, runs.get(uid)) for uid, start in latest_analyses(starts, SLICES).items())
    found = [part for part in parts if part is not None]
    return xr.concat(found, dim="tomogram", join="outer").sortby("time") if found else xr.Dataset()


def _slices(source: RunSource, start: dict[str, Any], raw: dict[str, Any] | None) -> xr.Dataset | None:
    uid = start["uid"]
    rows = source.stream(uid, "primary")
    if rows.empty:
        return None
    last = rows.sort_values(by="seq_num").iloc[-1]
    stream, side = ("slices" if last["stage"] == "final" else "looks"), int(last["joined_side"])
    planes: dict[str, Any] = {}
    for key in ("xy", "xz", "yz"):
        if (stored := source.frames(uid, stream, key)) is None:
            return None
        latest = lazy_rows(stored)[-1:]
        plane = np.repeat(np.repeat(latest, side, axis=1), side, axis=2)
        planes[key] = ("tomogram", key[1], key[0]), plane, {"units": "1/um"}
    told = start["analysis"]["parameters"]
    coordinates: dict[str, Any] = {
        "run": ("tomogram", [told["measurement_run"]]),
        "measurement": ("tomogram", [told["measurement"]]),
        "position": ("tomogram", [_position(raw or {})]),
        "energy_ev": ("tomogram", [_first(source, raw, "mono_energy")], {"units": "eV"}),
        **{key: ("tomogram", [float(last[key])], {"units": unit}) for key, unit in STATE_UNITS.items()},
        **{key: ("tomogram", [kind(last[key])]) for key, kind in TOLD.items()},
        **{key: ("tomogram", [int(last[key]) * side + side // 2]) for key in PLACES},
    }
    sizes = {"y": planes["xy"][1].shape[1], "x": planes["xy"][1].shape[2], "z": planes["xz"][1].shape[1]}
    coordinates |= {axis: (axis, np.arange(size)) for axis, size in sizes.items()}
    coordinates["pixel_um"] = "tomogram", [float(last["pixel_um"]) / side], {"units": "um"}
    return xr.Dataset(planes, coords=coordinates)


def particle_rows(source: RunSource, starts: list[dict[str, Any]]) -> pd.DataFrame:
    """Join the particles of all volumes, the latest analysis of a tomogram winning.

    Returns
    -------
    pandas.DataFrame
        Index ``measurement_run`` and ``label``; columns of `particle_table` and the state of the cell in the
        middle of the tomogram. No rows if none was looked for. ``attrs["crack_calibration"]`` has, by run,
        the electrode that was made to calibrate the crack fractions and the line that it gave; see
        `crack_calibration`.
    """
    latest: dict[str, pd.DataFrame] = {}
    calibrations: dict[str, Any] = {}
    for start in analyses(starts, VOLUME):
        rows = source.stream(start["uid"], "particles")
        if not rows.empty:
            of, parameters = start["analysis"]["of"], start["analysis"]["parameters"]
            latest[of], calibrations[of] = rows, parameters.get("crack_calibration", {})
    tables = [rows.drop(columns="seq_num") for rows in latest.values()]
    if not tables:
        return pd.DataFrame(columns=PARTICLES, index=pd.MultiIndex.from_tuples([], names=PARTICLE_INDEX))
    joined = pd.concat(tables, ignore_index=True).sort_values(by=["time", "label"], kind="stable")
    table = joined.set_index(PARTICLE_INDEX)
    table.attrs["crack_calibration"] = calibrations
    return table


def with_cycle(particles: pd.DataFrame, record: pd.DataFrame) -> pd.DataFrame:
    """Add the ``cycle`` in which each tomogram was taken, by its time.

    Parameters
    ----------
    particles : pandas.DataFrame
        From `particle_rows`.
    record : pandas.DataFrame
        Samples of the cell by ``time`` (s), with ``cycle``.

    Returns
    -------
    pandas.DataFrame
        NaN before the first sample, and where the record counts no cycles.
    """
    cycle = np.full(len(particles), np.nan)
    if "cycle" in record.columns:
        last = np.searchsorted(record["time"].to_numpy(float), particles["time"].to_numpy(float), "right") - 1
        cycle = np.where(last >= 0, record["cycle"].to_numpy(float)[last], np.nan)
    return particles.assign(cycle=cycle)
