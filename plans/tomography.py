"""Tomograms: projections of a specimen that turns, with flats and darks in streams of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, plan, short_uid

from ..devices.frame_series import FrameSeries
from ..devices.gate_rows import GateRows
from ..devices.gate_series import GateSeries, PositionPass
from ..devices.motor_sweep import MotorSweep, Stretch
from .camera_frames import store_frames
from .series_options import experiment_folder, file_name
from .single_run import single_run
from .turn import Turn
from .waiting import WAIT_S, close_shutter, read_event, set_all, wait_bounded

PROJECTIONS, ANGLES = "projections", "angles"
SLOWNESS = 10.0
"""Factor by which server and disk may be slower than the camera."""
RUN_UP_DEG = 0.1
Mode = Literal["step", "fly"]


class NoMicroscopeError(ValueError):
    """A tomogram was asked of a beamline that lacks what it needs."""


@dataclass
class Taking:
    """A tomogram under way: devices, what is taken, and how its files are called."""

    station: Any
    turn: Turn
    folder: str
    name: str
    home_x_um: float = 0.0
    box: Any = None
    sweep: Any = None
    camera: Any = field(init=False)

    def __post_init__(self) -> None:
        self.camera = self.station.microscope_camera

    def series(self, what: str, frames: int, **options: Any) -> FrameSeries:  # noqa: ANN401
        """Frames that go into one file."""
        exposure_s = self.turn.exposure_s
        return FrameSeries(
            exposure_s=exposure_s,
            frames=frames,
            binning=self.turn.binning,
            folder=self.folder,
            name=f"{self.name}_{what}",
            **options,
        )

    @property
    def limit_s(self) -> float:
        """Longest wait for the projections, s of wall time."""
        return SLOWNESS * len(self.turn.angles_deg) * self.turn.period_s + 10 * WAIT_S


@plan
def tomography(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope
    turn: Turn,
    *,
    mode: Mode = "step",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take the projections of a tomogram.

    Frames are in stream `projections`, those without specimen and without light in `flat` and `dark`. Step by
    step each projection has an event in `primary` with angle and state of the cell; on the fly the trigger
    box latches the encoder in each frame, stream `angles` (frame n is gate n), and `primary` has the state
    before and after. On every way out the shutter closes, the specimen returns to where it was, the rotation
    has its speed again, and the files are closed.

    Parameters
    ----------
    station : Beamline
        Devices, with `microscope` and `microscope_camera`; on the fly also `trigger_box` with an encoder
        `rotation`.
    turn : Turn
        Angles, exposure, flats and darks.
    mode : str
        "step", or "fly" for even angles.
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
        If the angles are not even and `mode` is "fly".
    FramesMissingError, GatesMissingError
        If a frame or a gate is missing.
    TimeoutError
        If a device is not there in time.
    """
    _check(station, mode)
    angles = list(turn.angles_deg)
    _md = {
        "plan_name": "tomography",
        "purpose": "measurement",
        "technique": "tomography",
        "mode": mode,
        "num_points": len(angles),
        "turn": {
            "angles_deg": angles,
            "exposure_s": turn.exposure_s,
            "flats": turn.flats,
            "darks": turn.darks,
            "binning": turn.binning,
        },
        **(md or {}),
    }
    if mode == "fly":
        _md = {"detector_live_fraction": turn.live_part, "speed_deg_s": turn.speed_deg_s, **_md}
    named = file_name({"measurement": "tomo", **_md})
    home_x_um = yield from bps.rd(station.microscope.sample_x)
    taking = Taking(station, turn, experiment_folder(_md), named, float(home_x_um))
    if mode == "fly":
        taking.box, taking.sweep = GateRows(station.trigger_box), MotorSweep(station.microscope.rotation)

    def work() -> MsgGenerator[None]:
        yield from _take_references(taking)
        yield from (_fly(taking) if mode == "fly" else _step(taking))

    devices = [station.microscope, taking.camera]
    return (yield from single_run(work, devices, md=_md, leave=lambda: _leave(taking)))


def _check(station: Any, mode: str) -> None:  # noqa: ANN401 - a station
    if mode not in ("step", "fly"):
        raise ValueError(f"tomography: mode {mode!r} is unknown; use step or fly")
    needed = ["microscope", "microscope_camera", *(["trigger_box"] if mode == "fly" else [])]
    missing = [name for name in needed if getattr(station, name, None) is None]
    if missing:
        raise NoMicroscopeError(
            f"tomography: this beamline lacks {', '.join(missing)}; add [devices.{missing[0]}] to its "
            "settings"
        )
    if mode == "fly" and "rotation" not in station.trigger_box.encoders:
        raise NoMicroscopeError(
            f'tomography: {station.trigger_box.name} has no encoder "rotation"; name the input to which it '
            "is wired in encoders of [devices.trigger_box], or use mode step"
        )


def _take_references(taking: Taking) -> MsgGenerator[None]:
    """Take darks and flats, and bring the specimen back."""
    station, turn = taking.station, taking.turn
    if turn.darks:
        yield from close_shutter(station.photon_shutter)
        yield from store_frames(taking.camera, taking.series("dark", turn.darks), stream="dark")
    if turn.flats:
        yield from set_all({station.microscope.sample_x: turn.flat_x_um})
        yield from set_all({station.photon_shutter: "open"})
        yield from store_frames(taking.camera, taking.series("flat", turn.flats), stream="flat")
        yield from set_all({station.microscope.sample_x: taking.home_x_um})


def _step(taking: Taking) -> MsgGenerator[None]:
    station, turn, camera = taking.station, taking.turn, taking.camera
    yield from set_all({station.photon_shutter: "open"})
    count = len(turn.angles_deg)
    yield from _once("prepare", camera, 3 * WAIT_S, taking.series("turn", count, images_per_trigger=1))
    yield from bps.declare_stream(camera, name=PROJECTIONS, collect=True)
    for angle_deg in turn.angles_deg:
        yield from bps.checkpoint()
        yield from set_all({station.microscope.rotation: angle_deg})
        yield from _once("trigger", camera, SLOWNESS * turn.exposure_s + WAIT_S)
        yield from _read(taking)
    yield from _once("complete", camera, 2 * WAIT_S)
    yield from bps.collect(camera, name=PROJECTIONS, return_payload=False)


def _fly(taking: Taking) -> MsgGenerator[None]:
    station, turn, camera = taking.station, taking.turn, taking.camera
    box, sweep, count = taking.box, taking.sweep, len(turn.angles_deg)
    start, step = turn.angles_deg[0], turn.step_deg
    offset_deg = yield from bps.rd(station.microscope.rotation.offset, default_value=0.0)
    frames = taking.series("turn", count, period_s=turn.period_s, trigger_mode="External")
    gates = GateSeries(
        gates=count,
        offsets={"rotation": float(offset_deg)},
        folder=taking.folder,
        name=f"{taking.name}_gates",
    )
    yield from _once("prepare", camera, 3 * WAIT_S, frames)
    yield from _once("prepare", box, 2 * WAIT_S, gates)
    for device, stream in ((camera, PROJECTIONS), (box, ANGLES)):
        yield from bps.declare_stream(device, name=stream, collect=True)
    # Half of a gate earlier: an angle is that of the middle of its frame.
    first = start - 0.5 * turn.live_part * step
    stretch = Stretch(first, first + count * step, turn.speed_deg_s, RUN_UP_DEG)
    yield from _once("prepare", sweep, WAIT_S, stretch)
    pass_ = PositionPass(
        encoder="rotation", start=first, step=step, gates=count, open_fraction=turn.live_part
    )
    yield from set_all({station.photon_shutter: "open"})
    yield from _read(taking)
    exposing = short_uid("exposing")
    yield Msg("trigger", camera, group=exposing)
    yield from _once("set", box, WAIT_S, pass_)
    yield from _once("trigger", sweep, taking.limit_s)
    yield from _once("trigger", box, WAIT_S)
    yield from wait_bounded(exposing, taking.limit_s, [camera])
    yield from _read(taking)
    for device, stream in ((box, ANGLES), (camera, PROJECTIONS)):
        yield from _once("complete", device, 2 * WAIT_S)
        yield from bps.collect(device, name=stream, return_payload=False)


def _once(command: str, device: Any, timeout_s: float, *args: object) -> MsgGenerator[None]:  # noqa: ANN401
    """Order something of a device, and wait for it, no longer than this."""
    group = short_uid(command)
    yield Msg(command, device, *args, group=group)
    yield from wait_bounded(group, timeout_s, [device])


def _read(taking: Taking) -> MsgGenerator[None]:
    """Make an event of angle, pixel size, energy, ring and cell."""
    station = taking.station
    devices = [station.microscope, station.mono, station.ring, station.cell]
    yield from read_event(devices, trigger=[], stream="primary", timeout_s=WAIT_S)


def _leave(taking: Taking) -> MsgGenerator[None]:
    """Close the shutter, stop what runs, and bring specimen and speed back."""
    yield from close_shutter(taking.station.photon_shutter)
    for device in (taking.camera, taking.box, taking.sweep):
        if device is not None:
            yield Msg("stop", device)
    yield from set_all({taking.station.microscope.sample_x: taking.home_x_um})
