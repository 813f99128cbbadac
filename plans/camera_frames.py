"""Frames that correct a camera: darks with the shutter closed, a flat from an even scatterer."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.frame_series import FrameSeries
from .pdf_scan import StagePlace
from .references import place
from .series_taking import SLOWNESS
from .single_run import single_run
from .station import Camera, Stage, XrdStation
from .waiting import WAIT_S, close_shutter, each_in_turn, set_all, wait_bounded
from .xrd_series import NoCameraError, experiment_folder, file_name

MOST_DARKS = 4
"""Darks of unlike exposures that later series name."""


@plan
def take_camera_darks(
    station: XrdStation, *, exposure_s: float, frames: int = 10, md: Mapping[str, Any] | None = None
) -> MsgGenerator[str]:
    """Take frames with the shutter closed, and let later series name them as their `dark_run`.

    Parameters
    ----------
    station : XrdStation
        Devices.
    exposure_s : float
        That of the frames which they are to correct, in s. Darks of two exposures, taken one after the other,
        tell offset and rate of each pixel apart, so that they correct frames of any exposure.
    frames : int
        How many: the variance of their mean falls with it.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run; its frames are in stream `dark`.

    Raises
    ------
    NoCameraError
        If the station has no camera.
    FramesMissingError
        If a frame is missing.
    TimeoutError
        If a device is not there in time.
    """
    camera = _camera(station, "take_camera_darks")
    series = _series(exposure_s, frames, md, "dark")

    def work() -> MsgGenerator[None]:
        yield from close_shutter(station.photon_shutter)
        yield from store_frames(camera, series, stream="dark")

    told = _told("take_camera_darks", "camera_dark", series)
    uid = yield from single_run(work, [camera], md={**told, **(md or {})})
    before = dict((yield from bps.rd(camera.reference_runs)) or {}).get("dark_runs") or []
    others = [each for each in before if each["exposure_s"] != exposure_s][1 - MOST_DARKS :]
    darks = [*others, {"run": uid, "exposure_s": exposure_s}]
    yield from _correct_by(camera, {"dark_run": uid, "dark_exposure_s": exposure_s, "dark_runs": darks})
    return uid


@plan
def take_camera_flat(
    station: XrdStation,
    stage: Stage,
    even: StagePlace,
    *,
    exposure_s: float,
    frames: int = 10,
    energy_ev: float | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take frames of an even scatterer, such as glassy carbon, and let later series name them as `flat_run`.

    Parameters
    ----------
    station, stage : XrdStation, Stage
        Devices.
    even : StagePlace
        Where the scatterer is: without lines, and strong enough for 10,000 counts in a pixel (1 %).
    exposure_s, frames, energy_ev
        As for `xrd_series`.
    md : dict, optional
        Metadata; what is given here wins.

    Returns
    -------
    str
        Uid of the run; its frames are in stream `flat`. The stage goes back on every way out.

    Raises
    ------
    NoCameraError, FramesMissingError, TimeoutError
        As of `take_camera_darks`.
    """
    camera = _camera(station, "take_camera_flat")
    series = _series(exposure_s, frames, md, "flat")
    home_x = yield from bps.rd(stage.x)
    home_y = yield from bps.rd(stage.y)

    def work() -> MsgGenerator[None]:
        yield from place(stage, even.stage_x_mm, even.stage_y_mm)
        if energy_ev is not None:
            yield from set_all({station.mono.energy: energy_ev})
        yield from set_all({station.photon_shutter: "open"})
        yield from store_frames(camera, series, stream="flat")

    def back() -> MsgGenerator[None]:
        yield from each_in_turn(
            lambda: close_shutter(station.photon_shutter), lambda: place(stage, home_x, home_y)
        )

    known = {"geometry": dict(camera.geometry)} if camera.geometry else {}
    dark = dict((yield from bps.rd(camera.reference_runs)) or {})
    told = {**_told("take_camera_flat", "camera_flat", series), **known, **dark}
    uid = yield from single_run(work, [station.mono, camera], md={**told, **(md or {})}, leave=back)
    yield from _correct_by(camera, {"flat_run": uid})
    return uid


def store_frames(
    camera: Camera,
    series: FrameSeries,
    *,
    stream: str,
    accept: Callable[[], MsgGenerator[None]] | None = None,
) -> MsgGenerator[None]:
    """Inside an open run: take a series by the camera's own clock, and tell of its frames.

    Parameters
    ----------
    camera : Camera
        That takes them.
    series : FrameSeries
        Frames and their file.
    stream : str
        Where documents tell of them.
    accept : callable, optional
        Gives messages that come once the file is closed; if it raises, no document tells of the frames.

    Raises
    ------
    FailedStatus
        If frames are missing.
    TimeoutError
        If the camera takes far longer than its frames do.
    """
    device: Any = camera
    limit_s = SLOWNESS * series.frames * series.interval_s + 10 * WAIT_S
    group = short_uid("prepare")
    yield Msg("prepare", device, series, group=group)
    yield from wait_bounded(group, series.exposure_s + 2 * WAIT_S, [device])
    yield from bps.declare_stream(device, name=stream, collect=True)
    for verb, waits_s in (("trigger", limit_s), ("complete", 2 * WAIT_S)):
        group = short_uid(verb)
        # A pause in between must not order the frames a second time.
        yield from bps.checkpoint()
        yield Msg(verb, device, group=group)
        yield from bps.checkpoint()
        yield from wait_bounded(group, waits_s, [device])
    if accept is not None:
        yield from accept()
    yield from bps.collect(device, name=stream, return_payload=False)
    yield from bps.checkpoint()


def _camera(station: XrdStation, who: str) -> Camera:
    if station.camera is None:
        raise NoCameraError(f"{who}: this beamline has no camera; add [devices.camera] to its settings")
    return station.camera


def _series(exposure_s: float, frames: int, md: Mapping[str, Any] | None, what: str) -> FrameSeries:
    if not (math.isfinite(exposure_s) and exposure_s > 0 and frames >= 2):
        raise ValueError(
            f"camera {what}: {frames} frames of {exposure_s:g} s; give 2 or more, which tell the noise"
        )
    named = {**(md or {}), "measurement": what}
    return FrameSeries(
        exposure_s=exposure_s, frames=frames, folder=experiment_folder(named), name=file_name(named, "xrd")
    )


def _told(plan_name: str, purpose: str, series: FrameSeries) -> dict[str, Any]:
    return {
        "plan_name": plan_name,
        "purpose": purpose,
        "technique": "xrd",
        "num_points": series.frames,
        "series": {"exposure_s": series.exposure_s, "frames": series.frames},
    }


def _correct_by(camera: Camera, runs: Mapping[str, Any]) -> MsgGenerator[None]:
    """Let the series that come name these runs."""
    yield from set_all(
        {camera.reference_runs: {**dict((yield from bps.rd(camera.reference_runs)) or {}), **runs}}
    )
