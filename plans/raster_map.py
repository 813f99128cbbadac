"""Raster map of one particle: spectra and frames over fine positions, each row with the cell's state."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.map_gates import MapGates
from ..devices.nano_axis import Span
from ..devices.nano_sweep import AxisSweep
from ..devices.row_series import RowSeries
from .beam_guard import BeamGuard
from .chamber_count import count_beside
from .darks import refresh_darks
from .duration import Timing
from .fly_rows import FlyRows
from .map_rows import take_rows
from .map_taking import Inside, MapTaking, Rows
from .raster import Raster, raster_metadata
from .redo import check_redo
from .series_options import experiment_folder, file_name
from .single_run import single_run
from .step_rows import StepRows
from .waiting import WAIT_S, close_shutter, each_in_turn, set_all, stopped, wait_bounded

SWEEP_BEYOND, SWEEP_BEYOND_UM = 0.15, 0.3
"""How far a sweep may lead beyond its region, in parts of its length and um: run-up and hysteresis."""

DETECTORS = ("fluorescence_detector",)


class NoMapError(ValueError):
    """A map was asked of a beamline that lacks what it needs."""


@plan
def raster_map(
    station: Any,  # noqa: ANN401 - a `Beamline` with a nanostage
    raster: Raster,
    *,
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
    raster : Raster
        Pixels, in which order, and for how long each.
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
    _check(raster, elements, detectors, inside)
    series = [RowSeries(each) for each in _devices(station, detectors, raster)]
    readouts_s = {each.name: each.readout_s for each in series}
    raster.require_gates(readouts_s)
    _md = {
        **raster_metadata(raster, timing or Timing(), tuple(readouts_s), max(readouts_s.values())),
        "elements": list(elements),
        **_station_metadata(station, raster),
        **(md or {}),
    }
    name, folder = file_name(_md, "map"), experiment_folder(_md)
    taking = MapTaking(station, raster, series, name, folder, guard, redo, inside)
    how = _rows(station, raster)
    return (
        yield from single_run(
            lambda: _measure(taking, how, dark_max_age_s),
            [station.mono, station.ion_chambers],
            md=_md,
            leave=lambda: _leave(taking, how),
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


def _station_metadata(station: Any, raster: Raster) -> dict[str, Any]:  # noqa: ANN401 - a station
    """Tell which motors move, and what channels and counts mean, for who fits the spectra."""
    names = [station.nanostage.y.name, station.nanostage.x.name]
    response = getattr(getattr(station, "fluorescence_detector", None), "response", None)
    return {
        "motors": names,
        "hints": {"gridding": "rectilinear", "dimensions": [(names[:1], "primary")]},
        **({"fluorescence": dict(response)} if response else {}),
        **({"i0_hz_per_a": float(station.trigger_box.hz_per_a)} if raster.mode == "fly" else {}),
    }


def _rows(station: Any, raster: Raster) -> Rows:  # noqa: ANN401 - a station
    if raster.mode == "fly":
        return FlyRows(MapGates(station.trigger_box), AxisSweep(station.nanostage.x))
    return StepRows()


def _measure(taking: MapTaking, how: Rows, dark_max_age_s: float | None) -> MsgGenerator[None]:
    station, raster = taking.station, taking.raster
    if dark_max_age_s is not None:
        yield from refresh_darks(station, max_age_s=dark_max_age_s)
    yield from count_beside(station, raster.dwell_s)
    if raster.energy_ev is not None:
        yield from set_all({station.mono.energy: raster.energy_ev})
    stage, group = station.nanostage, short_uid("reach")
    for axis, span in zip((stage.x, stage.y), spans_of(raster), strict=True):
        yield Msg("prepare", axis, span, group=group)
    yield from wait_bounded(group, 3 * WAIT_S, [stage.x, stage.y])
    yield from bps.checkpoint()
    yield from take_rows(taking, how)


def spans_of(raster: Raster) -> tuple[Span, Span]:
    """Positions along x and y that a map needs, with the run-up of its sweeps, um."""
    low, high = raster.x_um[0], raster.x_um[-1]
    beyond_um = (
        raster.step_um + SWEEP_BEYOND * (high - low) + SWEEP_BEYOND_UM if raster.mode == "fly" else 0.0
    )
    return Span(low - beyond_um, high + beyond_um), Span(raster.y_um[0], raster.y_um[-1])


def _leave(taking: MapTaking, how: Rows) -> MsgGenerator[None]:
    """Close the shutter, and leave the detectors idle, on every way out."""
    yield from each_in_turn(
        lambda: close_shutter(taking.station.photon_shutter),
        *(partial(stopped, series) for series in taking.series),
        how.leave,
    )
