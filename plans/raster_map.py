"""Raster map of one particle: spectra and frames over fine positions, each row with the cell's state."""

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..callbacks.analysis.mapping.region import Region
from ..devices.map_gates import MapGates
from ..devices.nano_axis import Span
from ..devices.nano_sweep import AxisSweep
from ..devices.row_series import RowSeries
from .beam_guard import BeamGuard
from .darks import refresh_darks
from .duration import Timing
from .fly_rows import FlyRows
from .map_rows import take_rows
from .map_taking import Inside, MapTaking, Rows
from .raster import Mode, Raster, raster_metadata
from .redo import check_redo
from .single_run import single_run
from .step_rows import StepRows
from .waiting import WAIT_S, close_shutter, leave_in_order, set_all, stop_device, wait_bounded
from .xrd_series import experiment_folder

COUNT_S = (0.01, 0.5)
"""Shortest and longest counting time of the ion chambers, s; else that of a pixel."""

SWEEP_BEYOND, SWEEP_BEYOND_UM = 0.15, 0.3
"""How far a sweep may lead beyond its region, in parts of its length and um: run-up and hysteresis."""

DETECTORS = ("fluorescence_detector",)


class NoMapError(ValueError):
    """A map was asked of a beamline that lacks what it needs."""


@plan
def raster_map(
    station: Any,  # noqa: ANN401 - a `Beamline` with a nanostage
    *,
    region: Region,
    step_um: float,
    dwell_s: float,
    mode: Mode = "step",
    snake: bool = True,
    energy_ev: float | None = None,
    elements: Sequence[str] = (),
    detectors: Sequence[str] = DETECTORS,
    inside: Inside | None = None,
    timing: Timing | None = None,
    guard: BeamGuard | None = None,
    dark_max_age_s: float | None = None,
    redo: int = 1,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Map a region of a specimen in one run.

    Spectra and frames are in streams of the names of their detectors, in files. In a step scan stream
    `primary` has an event per pixel and stream `rows` one per row, in a fly scan `primary` has that of each
    row: whether it is good, where its frames begin in the streams of the detectors, and the state of the
    cell. A row that is short, stalled or lost its beam is taken again, `redo` times, else marked as failed;
    frames of bad rows are not told of. The shutter opens before the first row and closes on every way out.

    Parameters
    ----------
    station : Beamline
        Devices, with `nanostage`, the detectors, and for a fly scan `trigger_box`.
    region : Region
        Where, in um: from numbers, or from a map measured before, by `region_above`.
    step_um, dwell_s, mode, snake, energy_ev
        As of `Raster`.
    elements : sequence of str
        Symbols that are fitted live; those of the cell's chemistry unless given.
    detectors : sequence of str
        Names of the station's detectors that count at each pixel: "fluorescence_detector", "camera".
    inside : callable, optional
        Called at each pixel of a step scan with its `PixelPlace`, gives a stub: what else is triggered there.
    timing : Timing, optional
        Dead times, for the duration announced in the metadata.
    guard : BeamGuard, optional
        Limits below which a row is bad because the beam was lost; None: no check.
    dark_max_age_s : float, optional
        Darks of the ion chambers older than this (s) are taken anew, into stream `dark`; None: never.
    redo : int
        How often a bad row is taken again.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    NoMapError
        If the station has no nanostage or lacks a detector.
    LimitError
        If the region is wider than the piezo's range.
    ValueError
        If a detector or an element is given twice, `inside` for a fly scan, which stops at no pixel, or
        pixels of a fly scan that are too short for the readout of a detector; if `redo` is negative.
    MapFailedError
        If row after row is bad.
    TimeoutError
        If a device is not there in time.
    """
    check_redo("raster_map", redo)
    raster = Raster(region, step_um, dwell_s, mode, snake, energy_ev)
    _check(raster, elements, detectors, inside)
    series = [RowSeries(each) for each in _devices(station, detectors, raster)]
    given = dict(md or {})
    stage = station.nanostage
    readouts_s = {each.name: each.readout_s for each in series}
    standing = {
        **raster_metadata(raster, timing or Timing(), tuple(readouts_s), max(readouts_s.values())),
        "motors": [stage.y.name, stage.x.name],
        "elements": list(elements),
        **_answers(station),
        **({"i0_hz_per_a": float(getattr(station.trigger_box, "hz_per_a", 1e14))} if mode == "fly" else {}),
        "hints": {"gridding": "rectilinear", "dimensions": [([stage.y.name], "primary")]},
    }
    _md = {**standing, **given}
    taking = MapTaking(
        station,
        raster,
        series,
        name=_file_name(_md),
        folder=experiment_folder(_md),
        guard=guard,
        redo=redo,
        inside=inside,
    )
    raster.require_gates(readouts_s)
    how: Rows = FlyRows(MapGates(station.trigger_box), AxisSweep(stage.x)) if mode == "fly" else StepRows()
    devices = [station.mono, station.ion_chambers]
    return (
        yield from single_run(
            lambda: _measure(taking, how, dark_max_age_s), devices, md=_md, leave=lambda: _leave(taking, how)
        )
    )


def _check(raster: Raster, elements: Sequence[str], detectors: Sequence[str], inside: Inside | None) -> None:
    for name, given in (("elements", elements), ("detectors", detectors)):
        if isinstance(given, str) or len(set(given)) < len(given):
            raise ValueError(f"raster_map: {name} = {given!r}; give a list with each once")
    if inside is not None and raster.mode == "fly":
        raise ValueError(
            'raster_map: inside is run where a scan stops, which none on the fly does; take mode = "step"'
        )


def _devices(station: Any, names: Sequence[str], raster: Raster) -> list[Any]:  # noqa: ANN401 - a station
    """Detectors of a map.

    Raises
    ------
    NoMapError
        Naming what is missing, and the remedy.
    """
    needed = ["nanostage", *names, *(["trigger_box"] if raster.mode == "fly" else [])]
    missing = [name for name in needed if getattr(station, name, None) is None]
    if missing or not names:
        told = " and ".join(f"[devices.{name}]" for name in missing) or "a detector"
        raise NoMapError(f"raster_map: this beamline lacks {told}; add it to the settings, or leave it out")
    return [getattr(station, name) for name in names]


def _answers(station: Any) -> dict[str, Any]:  # noqa: ANN401 - a station
    """Tell what the channels of the fluorescence detector mean, for who fits its spectra."""
    response = getattr(getattr(station, "fluorescence_detector", None), "response", None)
    return {"fluorescence": dict(response)} if response else {}


def _file_name(md: Mapping[str, Any]) -> str:
    """Name that no other map has, with that of the measurement."""
    named = "".join(each for each in str(md.get("measurement", "")) if each.isascii() and each.isalnum())
    return f"{named[:40] or 'map'}_{uuid.uuid4().hex[:12]}"


def _measure(taking: MapTaking, how: Rows, dark_max_age_s: float | None) -> MsgGenerator[None]:
    station, raster = taking.station, taking.raster
    if dark_max_age_s is not None:
        yield from refresh_darks(station, max_age_s=dark_max_age_s)
    yield from set_all(
        {station.ion_chambers.averaging_time: min(max(raster.dwell_s, COUNT_S[0]), COUNT_S[1])}
    )
    if raster.energy_ev is not None:
        yield from set_all({station.mono.energy: raster.energy_ev})
    stage, group = station.nanostage, short_uid("reach")
    low, high = raster.x_um[0], raster.x_um[-1]
    beyond_um = raster.step_um + SWEEP_BEYOND * (high - low) + SWEEP_BEYOND_UM if how.flies else 0.0
    yield Msg("prepare", stage.x, Span(low - beyond_um, high + beyond_um), group=group)
    yield Msg("prepare", stage.y, Span(raster.y_um[0], raster.y_um[-1]), group=group)
    yield from wait_bounded(group, 3 * WAIT_S, [stage.x, stage.y])
    yield from bps.checkpoint()
    yield from take_rows(taking, how)


def _leave(taking: MapTaking, how: Rows) -> MsgGenerator[None]:
    """Close the shutter, and leave the detectors idle, on every way out."""
    yield from leave_in_order(
        lambda: close_shutter(taking.station.photon_shutter),
        *(partial(stop_device, series) for series in taking.series),
        how.leave,
    )
