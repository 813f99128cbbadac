"""Bragg coherent diffraction: frames of one crystal while it rocks through a reflection, in fine steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.frame_series import FrameSeries
from .beam_guard import BeamGuard, Readings
from .chamber_count import count_beside
from .raster_map import NoMapError
from .rocking import standing
from .series_options import experiment_folder, file_name
from .single_run import single_run
from .waiting import WAIT_S, close_shutter, each_in_turn, read_event, set_all, stopped, wait_bounded

FRAMES = "frames"
SLOWNESS = 10.0
"""Factor by which a server may be slower than its camera."""
EVEN_PART = 1e-3


@plan
def bcdi_rocking(
    station: Any,  # noqa: ANN401 - a `Beamline` with a nanostage and a camera
    *,
    angles_deg: Sequence[float],
    exposure_s: float,
    frames: int = 1,
    energy_ev: float | None = None,
    guard: BeamGuard | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take frames of one crystal at each angle of a rocking scan; the stages stay where they are.

    All frames are in stream `frames`, `frames` of them at each angle in turn, and `primary` has an event per
    angle: where rotation and stages stand, energy, I0, and the cell's state. The shutter closes and
    the rotation returns on every way out. `callbacks.export.coherent_run.export_run` writes what cdiutils and
    cohere read.

    Parameters
    ----------
    station : Beamline
        Devices, with `nanostage` (and its `rotation`) and `camera`.
    angles_deg : sequence of float
        Of the rotation, three or more in even steps, degree.
    exposure_s : float
        Of each frame, s.
    frames : int
        At each angle.
    energy_ev : float, optional
        Photon energy, eV; as the monochromator stands unless given.
    guard : BeamGuard, optional
        Limits below which the beam counts as lost, by I0 and ring after each angle; None: no check.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run.

    Raises
    ------
    NoMapError
        If the station lacks rotation or camera.
    ValueError
        If the angles are fewer than three or uneven.
    FramesMissingError
        If a frame is missing.
    BeamLostError
        If the guard finds that the beam was lost: the scan has to be taken again as a whole.
    TimeoutError
        If a device is not there in time.
    """
    angles = checked_angles(angles_deg, frames, exposure_s)
    rotation = _rotation(station)
    _md = {
        "plan_name": "bcdi_rocking",
        "purpose": "measurement",
        "technique": "bcdi",
        "num_points": len(angles),
        "rocking_deg": list(angles),
        "series": {"exposure_s": exposure_s, "frames": frames},
        **standing(station),
        **(md or {}),
    }
    series = FrameSeries(
        exposure_s=exposure_s,
        frames=frames * len(angles),
        images_per_trigger=frames,
        folder=experiment_folder(_md),
        name=file_name(_md, "bcdi"),
    )
    home_deg = float((yield from bps.rd(rotation, default_value=0.0)))

    def leave() -> MsgGenerator[None]:
        yield from each_in_turn(
            lambda: close_shutter(station.photon_shutter),
            lambda: stopped(station.camera),
            lambda: set_all({rotation: home_deg}, timeout_s=3 * WAIT_S),
        )

    return (
        yield from single_run(
            lambda: _rock(station, series, angles, energy_ev, guard),
            [station.mono, station.camera, station.ion_chambers],
            md=_md,
            leave=leave,
        )
    )


def _rotation(station: Any) -> Any:  # noqa: ANN401 - a station and its motor
    rotation = getattr(getattr(station, "nanostage", None), "rotation", None)
    if rotation is None or station.camera is None:
        raise NoMapError(
            "bcdi_rocking: this beamline lacks a rotation or a camera; add [devices.nanostage] and "
            "[devices.camera] to its settings"
        )
    return rotation


def checked_angles(angles_deg: Sequence[float], frames: int, exposure_s: float) -> tuple[float, ...]:
    """Give the angles of a rocking scan (degree) as they are asked for.

    Raises
    ------
    ValueError
        If they are fewer than three or uneven, or frames or exposure (s) are none.
    """
    angles = tuple(float(angle) for angle in angles_deg)
    steps = [after - before for before, after in pairwise(angles)]
    mean = sum(steps) / len(steps) if len(angles) > 2 else 0.0
    if not mean or not all(abs(step - mean) <= EVEN_PART * abs(mean) for step in steps):
        raise ValueError(
            f"bcdi_rocking: {len(angles)} angles {angles[:3]}...; give three or more in even steps, degree"
        )
    if frames < 1 or not (math.isfinite(exposure_s) and exposure_s > 0.0):
        raise ValueError(f"bcdi_rocking: {frames} frames of {exposure_s} s; give 1 or more, above 0 s")
    return angles


def _rock(
    station: Any,  # noqa: ANN401 - a station
    series: FrameSeries,
    angles: Sequence[float],
    energy_ev: float | None,
    guard: BeamGuard | None,
) -> MsgGenerator[None]:
    camera, stage = station.camera, station.nanostage
    if energy_ev is not None:
        yield from set_all({station.mono.energy: energy_ev})
    yield from count_beside(station, series.exposure_s)
    first: Readings = {}
    yield from _once("prepare", [camera], 3 * WAIT_S, series)
    yield from bps.declare_stream(camera, name=FRAMES, collect=True)
    yield from set_all({station.photon_shutter: "open"})
    limit_s = SLOWNESS * series.per_trigger * series.interval_s + WAIT_S
    for angle_deg in angles:
        # A pause in between must not order the frames of an angle a second time.
        yield from bps.checkpoint()
        yield from set_all({stage.rotation: angle_deg}, timeout_s=3 * WAIT_S)
        yield from _once("trigger", [camera, station.ion_chambers], limit_s)
        devices = [stage.rotation, stage, station.mono, station.ion_chambers, station.ring, station.cell]
        reading = yield from read_event(devices, trigger=[], stream="primary", timeout_s=WAIT_S)
        first = first or reading
        if guard and reading:
            guard.check(first, reading, 0.0)
        yield from bps.checkpoint()
    yield from close_shutter(station.photon_shutter)
    yield from _once("complete", [camera], 2 * WAIT_S)
    yield from bps.collect(camera, name=FRAMES, return_payload=False)


def _once(command: str, devices: Sequence[Any], timeout_s: float, *args: object) -> MsgGenerator[None]:
    group = short_uid(command)
    for device in devices:
        yield Msg(command, device, *args, group=group)
    yield from wait_bounded(group, timeout_s, devices)
