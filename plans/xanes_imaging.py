"""Full-field XANES: an image of the specimen at each energy of an edge, at one magnification."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan

from ..devices.frame_file import FramesMissingError
from ..devices.image_report import ImagePlace
from .beam_guard import BeamGuard, BeamLostError
from .brightness import scale_metadata
from .camera_frames import store_frames
from .duration import Timing
from .grids import EnergyGrid
from .image_options import ImageOptions, image_times
from .image_taking import (
    ImageTaking,
    Unfinished,
    await_beam,
    chamber_of,
    read_cell,
    remembering,
    take_set,
    tell_outcome,
)
from .lithium_change import announced
from .refocus import check_focus, refocus
from .series_options import experiment_folder, file_name
from .single_run import naming_frames, single_run
from .station import require_devices
from .tomogram_references import DARK, FLAT, check_flat_place
from .tomogram_taking import PROJECTIONS
from .tomography import NoMicroscopeError
from .waiting import WAIT_S, close_shutter, each_in_turn, read_event, said, set_all, stopped

logger = logging.getLogger(__name__)


@plan
def xanes_imaging(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope
    *,
    grid: EnergyGrid,
    element: str,
    edge: str = "K",
    options: ImageOptions | None = None,
    first: int = 0,
    resumes: str | None = None,
    unfinished: Unfinished | None = None,
    guard: BeamGuard | None = None,
    timing: Timing | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take images of the specimen at the energies of an edge, in one run.

    At each energy monochromator and optic move together, so that the magnification stays; then come flats,
    beside the specimen, where they are due, and frames of the specimen. Darks are taken once. Frames are in
    the streams `projections`, `flat` and `dark`, each set in a file of its own, and documents tell of a set
    only if its file is whole and the beam was there throughout: an energy that lost its beam or a frame is
    taken again, `options.redo` times, and nothing is there twice. Stream `primary` has an event for each
    energy: which frames and flats are its own, pixel size, and the state of the cell; `outcome` one of all,
    also of a run that fails, with the energy at which a later call goes on. Drift of the specimen is left to
    the analysis (`absorption_stack`). On every way out the shutter closes, the specimen returns to where it
    was, and the file is closed.

    Parameters
    ----------
    station : Beamline
        Devices, with `microscope` and `microscope_camera`.
    grid : EnergyGrid
        Energies, and the exposure of one frame at each.
    element, edge : str
        What is scanned, for the metadata.
    options : ImageOptions, optional
        Frames, flats and darks.
    first : int
        Index in the grid of the first energy: where a run that was cut short goes on (`images_next`).
    resumes : str, optional
        Uid of that run.
    unfinished : Unfinished, optional
        Remembers where a run was cut short: a later call with the same goes on there, whatever `first` and
        `resumes` are, so that who calls again after a failure has no energy twice.
    guard : BeamGuard, optional
        Limits below which an energy was taken without beam; it is then waited for. None: no check, but a run
        that was suspended or paused while it exposed takes that energy again all the same.
    timing : Timing, optional
        Dead times, for the duration announced in the metadata.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    NoMicroscopeError
        If the beamline lacks a device.
    ValueError
        If `first` is not in the grid, or flats are to be taken where the specimen stands.
    LimitError
        If zone plate or detector cannot follow to an energy.
    FramesMissingError
        If frames of one energy are missing time and again, as on a full disk.
    BeamLostError
        If one energy loses its beam time and again, or the beam does not return.
    TimeoutError
        If a device is not there in time.
    """
    check_microscope(station, "xanes_imaging")
    options, begun = options or ImageOptions(), unfinished or Unfinished()
    if begun.uid:
        first, resumes = begun.next, begun.uid
    if not 0 <= first < len(grid):
        raise ValueError(
            f"xanes_imaging: first is {first}, the grid has {len(grid)} energies; give 0 to {len(grid) - 1}"
        )
    yield from check_focus(station, grid.energy_ev.tolist())
    _md = {
        **images_metadata(grid, options, timing or Timing(), element=element, edge=edge, first=first),
        **scale_metadata(station.microscope_camera),
        **({"resumes": resumes} if resumes else {}),
        **(md or {}),
    }
    what, smear_s = f"images at these {len(grid) - first} energies", float(_md["estimated_duration_s"])
    _md = {**(yield from announced(station, _md, options.max_lithium_change, what, smear_s)), **_md}
    home_x_um = float((yield from bps.rd(station.microscope.sample_x, default_value=0.0)))
    check_flat_place("xanes_imaging", options.flats, options.flat_x_um, home_x_um)
    chamber = (yield from chamber_of(station)) if guard else None
    name, folder = file_name(_md, "images"), experiment_folder(_md)
    taking = ImageTaking(station, grid, options, folder, name, home_x_um, guard, chamber, first)
    devices = [station.mono, station.microscope, taking.camera, *taking.chambers]
    run = single_run(lambda: _telling_outcome(taking), devices, md=_md, leave=lambda: _leave(taking))
    return (yield from remembering(begun, taking, run))


def images_metadata(
    grid: EnergyGrid, options: ImageOptions, timing: Timing, *, element: str, edge: str, first: int = 0
) -> dict[str, Any]:
    """Start document of images before the caller's metadata."""
    left = EnergyGrid(grid.energy_ev[first:], grid.dwell_s[first:], grid.e0_ev)
    times = image_times(left, options, timing)
    return {
        "plan_name": "xanes_imaging",
        "purpose": "measurement",
        "technique": "xanes_imaging",
        "element": element,
        "edge": edge,
        "attempt": 1,
        "num_points": len(grid),
        "grid": {
            "e0_ev": grid.e0_ev,
            "energy_ev": [round(energy, 4) for energy in grid.energy_ev.tolist()],
            "dwell_s": [round(dwell, 6) for dwell in grid.dwell_s.tolist()],
        },
        "images": options.metadata(first),
        "estimated_duration_s": times.duration_s,
        "dead_time_s": times.dead_s,
        "detector_live_fraction": times.live_fraction,
        "hints": {"dimensions": [(["mono_energy"], "primary")]},
    }


def check_microscope(station: Any, who: str) -> None:  # noqa: ANN401 - a station
    """Refuse a beamline without a microscope or its camera.

    Raises
    ------
    NoMicroscopeError
        Naming what is missing, and the remedy.
    """
    require_devices(station, ("microscope", "microscope_camera"), who, NoMicroscopeError)


def _telling_outcome(taking: ImageTaking) -> MsgGenerator[None]:
    try:
        yield from naming_frames(_take_all(taking))
    except Exception as error:
        yield from tell_outcome(taking, said(error))
        raise
    yield from tell_outcome(taking)


def _take_all(taking: ImageTaking) -> MsgGenerator[None]:
    """Take darks, then each energy until it is there."""
    station, options = taking.station, taking.options
    if options.darks:
        yield from close_shutter(station.photon_shutter)
        series = taking.series(DARK, options.darks, float(taking.grid.dwell_s.max()))
        yield from store_frames(taking.camera, series, stream=DARK)
    yield from refocus(station, float(taking.grid.energy_ev[taking.first]))
    yield from await_beam(taking)
    while taking.next < len(taking.grid):
        yield from _take_energy(taking, taking.next)
        taking.next += 1


def _take_energy(taking: ImageTaking, index: int) -> MsgGenerator[None]:
    """Take flats if they are due, frames of the specimen, and make the event of an energy."""
    before = taking.tried if index == taking.first else 0
    for attempt in range(1, taking.options.redo + 2):
        taking.attempt = before + attempt
        try:
            yield from naming_frames(_try_energy(taking, index, taking.attempt))
            return
        except (FramesMissingError, BeamLostError) as error:
            if attempt > taking.options.redo:
                raise
            logger.warning("%.2f eV is taken again: %s", taking.grid.energy_ev[index], error)
            if isinstance(error, BeamLostError):
                # The light after a loss is another one: flats of before do not fit.
                taking.flat = None
            yield from await_beam(taking)


def _try_energy(taking: ImageTaking, index: int, attempt: int) -> MsgGenerator[None]:
    station, options = taking.station, taking.options
    yield from bps.checkpoint()
    yield from refocus(station, float(taking.grid.energy_ev[index]))
    if taking.flat is None or index - taking.flat.energy_index >= options.flat_every:
        yield from set_all({station.microscope.sample_x: options.flat_x_um})
        taking.flat = yield from take_set(taking, FLAT, index, options.flats)
    yield from set_all({station.microscope.sample_x: taking.home_x_um})
    before = yield from read_cell(taking)
    found = yield from take_set(taking, PROJECTIONS, index, options.frames)
    place = ImagePlace(
        energy_index=index,
        attempt=attempt,
        first_frame=found.first,
        frames=found.frames,
        first_flat=taking.flat.first,
        flats=taking.flat.frames,
        exposure_s=float(taking.grid.dwell_s[index]),
        light_ratio=found.light / taking.flat.light if taking.flat.light > 0.0 else math.nan,
        lithium_content_before=before,
    )
    yield Msg("set", taking.image, place)
    devices = [taking.image, station.microscope, station.mono, station.ring, station.cell, *taking.chambers]
    readings = yield from read_event(devices, trigger=[], stream="primary", timeout_s=WAIT_S)
    yield from bps.checkpoint()
    taking.note_cell(readings)


def _leave(taking: ImageTaking) -> MsgGenerator[None]:
    """Close the shutter, stop the camera, and bring the specimen back."""
    station = taking.station
    yield from each_in_turn(
        lambda: close_shutter(station.photon_shutter),
        lambda: stopped(taking.camera),
        lambda: set_all({station.microscope.sample_x: taking.home_x_um}),
    )
