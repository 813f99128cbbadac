"""Tomograms: projections of a specimen that turns, with flats and darks in streams of their own."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator, plan

from ..devices.map_gates import MapGates
from ..devices.motor_sweep import MotorSweep
from .beam_guard import BeamGuard
from .brightness import scale_metadata
from .dose_option import ConstantDose
from .duration import Timing
from .lithium_change import announced
from .series_options import experiment_folder, file_name
from .single_run import naming_frames, single_run
from .station import require_devices
from .tomogram_passes import ENCODER, take_passes
from .tomogram_references import (
    References,
    check_flat_place,
    plan_references,
    remember_references,
    take_references,
)
from .tomogram_steps import take_steps
from .tomogram_taking import Taking, Tolerance, tell_outcome
from .turn import Turn
from .turn_time import TurnTimes, rotation_of, turn_times
from .waiting import PassedError, close_shutter, each_in_turn, said, set_all, stopped

logger = logging.getLogger(__name__)
Mode = Literal["step", "fly"]


class NoMicroscopeError(ValueError):
    """A tomogram was asked of a beamline that lacks what it needs."""


class TooFastError(ValueError, PassedError):
    """A turn is faster than the rotation: no further attempt is slower."""


@plan
def tomography(
    station: Any,  # noqa: ANN401 - a `Beamline` with a microscope
    turn: Turn,
    *,
    mode: Mode = "step",
    guard: BeamGuard | None = None,
    tolerance: Tolerance | None = None,
    dose: ConstantDose | None = None,
    timing: Timing | None = None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take the projections of a tomogram.

    Frames are in stream `projections`, those without specimen and without light in `flat` and `dark`. Step by
    step each projection has an event in `primary` with angle and state of the cell; on the fly the trigger
    box latches the encoder in each frame, stream `angles`, `passes` has an event for each turn, and `primary`
    the state before and after. Frames are matched to angles by the number that the camera gives them, so that
    a lost frame costs its angle and no other: the event of stream `outcome` tells frame, angle, light and
    state of the cell of each projection. What was taken without beam is taken again, if there is a guard. On
    every way out the shutter closes, the specimen returns to where it was, the rotation has its speed again,
    and the files are closed.

    Parameters
    ----------
    station : Beamline
        Devices, with `microscope` and `microscope_camera`; on the fly also `trigger_box` with an encoder
        `rotation`.
    turn : Turn
        Angles, exposure, flats and darks.
    mode : str
        "step", or "fly" for angles in turns of even steps.
    guard : BeamGuard, optional
        Limits below which a projection was taken without beam; None: no check.
    tolerance : Tolerance, optional
        How much may be missing, and how far lithium may move.
    dose : ConstantDose, optional
        Lets the exposure follow the beam.
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
    TooFastError
        If the rotation does not turn as fast.
    TooBrightError
        If more than a fifth of the flats before or after the turn is at full scale.
    ValueError
        If the angles are in no turns of even steps and `mode` is "fly", or flats are to be taken where the
        specimen stands.
    TomogramPartialError
        If more projections are missing or dark than accepted.
    BeamLostError
        If a projection of a step scan loses its beam time and again.
    FramesMissingError
        If the camera's file takes no more frames, as on a full disk.
    FailedStatus
        If a device fails, such as a rotation that stalls.
    TimeoutError
        If a device is not there in time.
    """
    _check(station, turn, mode)
    nominal_s = turn.exposure_s
    turn = yield from _dosed(station, turn, dose)
    if mode == "fly":
        yield from _check_speed(station.microscope.rotation, turn)
    rotation = yield from rotation_of(station.microscope.rotation)
    times = turn_times(turn, mode, timing or Timing(), rotation)
    _md = {
        **turn_metadata(turn, mode, times),
        **_dose_metadata(dose, nominal_s, turn),
        **scale_metadata(station.microscope_camera),
        **(md or {}),
    }
    place_um = yield from _sample_um(station.microscope)
    check_flat_place("tomography", turn.flats, turn.flat_x_um, place_um[-1])
    _md = {"sample_um": place_um, **_md}
    name, folder, tolerance = file_name(_md, "tomo"), experiment_folder(_md), tolerance or Tolerance()
    taking = Taking(station, turn, folder, name, place_um[-1], nominal_s, guard, tolerance, dose)
    if mode == "fly":
        taking.box, taking.sweep = MapGates(station.trigger_box), MotorSweep(station.microscope.rotation)
    what = f"these {len(turn.angles_deg)} projections"
    told = yield from announced(station, _md, tolerance.max_lithium_change, what, times.turning_s)
    _md = {**told, **_md}
    references = yield from plan_references(taking)
    uid = yield from single_run(
        lambda: naming_frames(_work(taking, mode, references)),
        [station.microscope, taking.camera],
        md={**references.metadata(), **_md},
        leave=lambda: _leave(taking),
    )
    yield from remember_references(taking, references, uid)
    return uid


def _check_speed(rotation: Any, turn: Turn) -> MsgGenerator[None]:  # noqa: ANN401 - a motor
    """Refuse a turn on the fly that the rotation cannot make, before anything is lit."""
    most = float((yield from bps.rd(rotation.max_velocity, default_value=0.0)))
    most = most or float((yield from bps.rd(rotation.velocity, default_value=math.inf)))
    if turn.speed_deg_s > most:
        exposure_s = turn.exposure_s * turn.speed_deg_s / most
        raise TooFastError(
            f"tomography: {turn.speed_deg_s:.4g} degree/s asked, {rotation.name} does {most:g}; expose for "
            f"{exposure_s:.3g} s or longer ({turn.exposure_s:.3g} s now), or take more projections"
        )


def _sample_um(microscope: Any) -> MsgGenerator[list[float]]:  # noqa: ANN401 - a microscope
    """Where the stages under the specimen stand, um, in the order z, y, x of volumes."""
    found: list[float] = []
    for axis in (microscope.sample_z, microscope.sample_y, microscope.sample_x):
        found.append(float((yield from bps.rd(axis, default_value=0.0))))
    return found


def turn_metadata(turn: Turn, mode: Mode, times: TurnTimes) -> dict[str, Any]:
    """Start document of a tomogram before the caller's metadata."""
    angles = list(turn.angles_deg)
    return {
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
            "references": turn.references,
            "binning": turn.binning,
        },
        "estimated_duration_s": times.duration_s,
        **(_fly_metadata(turn) if mode == "fly" else {}),
    }


def _fly_metadata(turn: Turn) -> dict[str, Any]:
    return {
        "detector_live_fraction": turn.live_part,
        "speed_deg_s": turn.speed_deg_s,
        "passes": [[one.first, one.count, one.start_deg, one.step_deg] for one in turn.passes],
    }


def _dosed(station: Any, turn: Turn, dose: ConstantDose | None) -> MsgGenerator[Turn]:  # noqa: ANN401
    """Give the turn the exposure that the ring current asks for."""
    if dose is None or dose.ring_current_ma is None:
        return turn
    reading = yield Msg("read", station.ring)
    if not reading:
        return turn
    return turn.exposed_for(turn.exposure_s * dose.factor(float(reading[dose.key]["value"])))


def _dose_metadata(dose: ConstantDose | None, nominal_s: float, turn: Turn) -> dict[str, Any]:
    if dose is None:
        return {}
    wanted = dose.ring_current_ma if dose.ring_current_ma is not None else dose.i0_a
    return {
        "constant_dose": {
            "follows": dose.key,
            "reference": wanted,
            "each": dose.each,
            "nominal_exposure_s": nominal_s,
            "factor_at_start": turn.exposure_s / nominal_s,
        }
    }


def _work(taking: Taking, mode: Mode, references: References) -> MsgGenerator[None]:
    yield from take_references(taking, references.before)
    try:
        yield from _take_turn(taking, mode, references)
    except Exception as error:
        yield from tell_outcome(taking, said(error))
        raise
    yield from tell_outcome(taking)


def _take_turn(taking: Taking, mode: Mode, references: References) -> MsgGenerator[None]:
    """Take the projections, then what references are due: without any, a part of a turn is worth nothing."""
    try:
        yield from (take_passes if mode == "fly" else take_steps)(taking)
    except (FailedStatus, TimeoutError):
        try:
            yield from take_references(taking, references.after)
        except (FailedStatus, RuntimeError, TimeoutError) as further:
            logger.warning("tomography: no references after the turn that failed: %s", said(further))
        raise
    yield from take_references(taking, references.after)


def _check(station: Any, turn: Turn, mode: str) -> None:  # noqa: ANN401 - a station
    if mode not in ("step", "fly"):
        raise ValueError(f"tomography: mode {mode!r} is unknown; use step or fly")
    needed = ["microscope", "microscope_camera", *(["trigger_box"] if mode == "fly" else [])]
    require_devices(station, needed, "tomography", NoMicroscopeError)
    if mode == "fly" and ENCODER not in station.trigger_box.encoders:
        raise NoMicroscopeError(
            f'tomography: {station.trigger_box.name} has no encoder "rotation"; name the input to which it '
            "is wired in encoders of [devices.trigger_box], or use mode step"
        )
    if mode == "fly":
        _ = turn.passes  # refuses uneven steps before anything moves


def _leave(taking: Taking) -> MsgGenerator[None]:
    """Close the shutter, stop what runs, and bring specimen and speed back."""
    station = taking.station
    running = [one for one in (taking.camera, taking.box, taking.sweep) if one is not None]
    yield from each_in_turn(
        lambda: close_shutter(station.photon_shutter),
        *(partial(stopped, device) for device in running),
        lambda: set_all({station.microscope.sample_x: taking.home_x_um}),
    )
