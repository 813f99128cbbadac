"""Projections step by step: one lost to a beam dump is taken again once there is beam."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import Msg, MsgGenerator, short_uid

from ..callbacks.analysis.frame_match import match_frames
from ..devices.tomogram_report import ProjectionPlace
from .beam_guard import BeamLostError, Readings
from .chamber_count import count_beside
from .collecting import tell
from .tomogram_taking import (
    PROJECTIONS,
    SLOWNESS,
    Taking,
    await_beam,
    declare,
    read_state,
)
from .waiting import WAIT_S, close_shutter, order, set_all, tried, wait_bounded

logger = logging.getLogger(__name__)
MOST_LOSSES = 16
"""Beam losses in one scan that have room in its file."""


@dataclass
class _Shot:
    """A frame that was ordered: of which projection, how long (s), where in the file, whether it is dark."""

    number: int
    exposure_s: float
    frame: int = -1
    dark: bool = False


def take_steps(taking: Taking) -> MsgGenerator[None]:
    """Take each projection by itself, in the order of the turn.

    Raises
    ------
    BeamLostError
        If a projection is lost more often than it is taken again.
    FramesMissingError
        If the file takes no more frames.
    """
    shots: list[_Shot] = []
    try:
        yield from _take_all(taking, shots)
    except Exception:
        yield from _close(taking, shots)
        raise
    yield from _close(taking, shots)


def _take_all(taking: Taking, shots: list[_Shot]) -> MsgGenerator[None]:
    """Go through the turn, until each projection is there."""
    station, turn = taking.station, taking.turn
    if _chambers(taking):
        yield from count_beside(station, turn.exposure_s)
    room = len(turn.angles_deg) + (MOST_LOSSES if taking.guard else 0)
    yield from order("prepare", taking.series, 3 * WAIT_S, taking.frames("turn", room, images_per_trigger=1))
    yield from declare(taking.series, PROJECTIONS)
    yield from await_beam(taking)
    pending, tries, readings = deque(range(len(turn.angles_deg))), Counter[int](), None
    while pending:
        number = pending[0]
        tries[number] += 1
        readings = yield from _take_one(taking, number, tries[number], shots, readings)
        try:
            _check_beam(taking, readings)
        except BeamLostError as error:
            shots[-1].dark = True
            if tries[number] > taking.tolerance.redo or len(shots) == room:
                raise
            logger.warning("projection %d is taken again: %s", number, error)
            yield from await_beam(taking)
            continue
        pending.popleft()


def _chambers(taking: Taking) -> list[Any]:
    """Ion chambers, where they are needed: to see beam, or to follow it."""
    follows = taking.dose is not None and taking.dose.key == "i0"
    return [taking.station.ion_chambers] if taking.guard or follows else []


def _take_one(
    taking: Taking, number: int, attempt: int, shots: list[_Shot], before: Readings | None
) -> MsgGenerator[Readings]:
    """Turn to an angle, take a frame, and make its event."""
    series, chambers, group = taking.series, _chambers(taking), short_uid("expose")
    exposure_s = yield from _set_exposure(taking, before)
    yield from set_all({taking.station.microscope.rotation: taking.turn.angles_deg[number]})
    shots.append(_Shot(number, exposure_s))
    for device in (series, *chambers):
        yield from bps.checkpoint()
        yield Msg("trigger", device, group=group)
    yield from bps.checkpoint()
    yield from wait_bounded(group, SLOWNESS * exposure_s + WAIT_S, [series, *chambers])
    shots[-1].frame = series.frame
    yield Msg("set", taking.projection, ProjectionPlace(number, attempt, series.frame, exposure_s))
    readings = yield from read_state(taking, also=[taking.projection, *chambers])
    yield from tell(series, PROJECTIONS)
    return readings


def _set_exposure(taking: Taking, before: Readings | None) -> MsgGenerator[float]:
    """Set the exposure of the next projection where it follows the beam; gives it, s."""
    dose, camera = taking.dose, taking.camera
    if dose is None or not dose.each or not before:
        return taking.turn.exposure_s
    exposure_s = taking.nominal_s * dose.factor(float(before[dose.key]["value"]))
    yield from set_all({camera.cam.exposure: exposure_s, camera.cam.period: exposure_s})
    return exposure_s


def _check_beam(taking: Taking, readings: Readings) -> None:
    if taking.guard and readings:
        taking.first = taking.first or readings
        taking.guard.check(taking.first, readings, 0.0)


def _close(taking: Taking, shots: list[_Shot]) -> MsgGenerator[None]:
    """Close the file, and find the frame of each projection by its number."""
    series = taking.series
    open_still = yield from tried(close_shutter(taking.station.photon_shutter))
    if shots:
        yield from set_all({series.due: len(shots)})
        yield from order("complete", series, 2 * WAIT_S)
        _enter(taking, shots)
        yield from tell(series, PROJECTIONS)
    if open_still is not None:
        raise open_still


def _enter(taking: Taking, shots: list[_Shot]) -> None:
    """Enter which frame is which projection, as the numbers in the file say where they tell frames apart."""
    found = taking.series.found
    frames = np.array([shot.frame for shot in shots])
    if found is not None and len(set(found.unique_id.tolist())) == len(found):
        frames = match_frames(found.unique_id, first_id=found.first_id, count=len(shots))
    for shot, frame in zip(shots, frames.tolist(), strict=True):
        begun_s = found.time_s[frame] if found is not None and 0 <= frame < len(found) else np.nan
        taking.table.put(
            np.array([shot.number]),
            np.array([frame]),
            time_s=np.array([begun_s + 0.5 * shot.exposure_s]),
            light=np.array([0.0 if shot.dark else np.nan]),
            least_light=0.5,
        )
