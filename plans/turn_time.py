"""How long a tomogram takes: its rotation, its flats and darks, and what lies between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from .duration import Timing
from .turn import Turn

FILE_S = 1.0
"""Opening and closing one file of frames, and a move of the specimen out of the picture or back, s."""

READ_S, SWEEP_S = 0.1, 1.5
"""Beside move and exposure at each angle, and beside way and gates of each pass on the fly, s; as
measured on the simulated beamline."""


@dataclass(frozen=True)
class Rotation:
    """How a rotation moves.

    Parameters
    ----------
    speed_deg_s : float
        Usual speed, degree/s; infinite where it is not known: its moves then cost nothing.
    ramp_s : float
        Time in which it gains or loses that speed, s.
    at_deg : float, optional
        Where it stands, degree; None: at the first angle.

    Examples
    --------
    >>> Rotation(30.0, 0.2).move_s(60.0), Rotation(30.0, 0.2).move_s(1.5), Rotation().move_s(60.0)
    (2.2, 0.2, 0.0)
    """

    speed_deg_s: float = math.inf
    ramp_s: float = 0.0
    at_deg: float | None = None

    def move_s(self, way_deg: float) -> float:
        """Time of a move over an angle (degree, either sign), which begins and ends at rest, s."""
        way_deg = abs(way_deg)
        if not way_deg:
            return 0.0
        if way_deg < self.speed_deg_s * self.ramp_s:
            return 2.0 * math.sqrt(way_deg * self.ramp_s / self.speed_deg_s)
        return way_deg / self.speed_deg_s + self.ramp_s


def rotation_by(timing: Timing) -> Rotation:
    """Tell how a rotation moves by the dead times of a beamline."""
    return Rotation(timing.rotation_deg_s or math.inf, timing.rotation_ramp_s)


def rotation_of(motor: Any) -> MsgGenerator[Rotation]:  # noqa: ANN401 - a motor
    """Read how a motor moves and where it stands."""
    speed_deg_s = float((yield from bps.rd(motor.velocity, default_value=0.0))) or math.inf
    ramp_s = float((yield from bps.rd(motor.acceleration_time, default_value=0.0)))
    return Rotation(speed_deg_s, ramp_s, float((yield from bps.rd(motor, default_value=0.0))))


@dataclass(frozen=True)
class TurnTimes:
    """Where the time of a tomogram goes.

    Attributes
    ----------
    turning_s
        From the first projection to the last: the specimen is smeared over it, s.
    reference_s
        Flats and darks are exposed, s.
    dead_s
        The rest: files, moves of the specimen, begin and end, s.
    """

    turning_s: float
    reference_s: float
    dead_s: float

    @property
    def duration_s(self) -> float:
        """All of it, s."""
        return round(self.turning_s + self.reference_s + self.dead_s, 6)


def turn_times(turn: Turn, mode: str, timing: Timing, rotation: Rotation | None = None) -> TurnTimes:
    """Tell how long a tomogram takes.

    Parameters
    ----------
    turn : Turn
        Angles, exposure, flats and darks.
    mode : str
        "step" or "fly".
    timing : Timing
        Dead times of the beamline.
    rotation : Rotation, optional
        How its rotation moves.

    Examples
    --------
    >>> turn = Turn(angles_deg=[0.0, 60.0, 120.0], exposure_s=1.0, flats=2, darks=2)
    >>> times = turn_times(turn, "step", Timing(start_s=2.0), Rotation(30.0, 0.2))
    >>> round(times.turning_s, 3), times.reference_s, times.duration_s
    (7.7, 4.0, 17.7)
    """
    known = rotation or Rotation()
    way_s, turning_s = (_fly_s if mode == "fly" else _step_s)(turn, known)
    sets = 2 if turn.references == "both" else 1
    files = 1 + (turn.darks > 0) + 2 * sets * (turn.flats > 0)
    reference_s = (sets * turn.flats + turn.darks) * turn.exposure_s
    return TurnTimes(round(turning_s, 6), round(reference_s, 6), timing.start_s + files * FILE_S + way_s)


def repeated_times(turn: Turn, mode: str, timing: Timing, rotation: Rotation) -> TurnTimes:
    """Tell how long each of several tomograms takes: the rotation comes from where the last one left it."""
    return turn_times(turn, mode, timing, replace(rotation, at_deg=turn.angles_deg[-1]))


def _step_s(turn: Turn, rotation: Rotation) -> tuple[float, float]:
    """Give the time of the way to the first angle, and that from the first projection to the last, s."""
    angles = turn.angles_deg
    way_deg = 0.0 if rotation.at_deg is None else angles[0] - rotation.at_deg
    moves_s = sum(rotation.move_s(to - at) for at, to in pairwise(angles))
    return rotation.move_s(way_deg), moves_s + len(angles) * (turn.exposure_s + READ_S)


def _fly_s(turn: Turn, rotation: Rotation) -> tuple[float, float]:
    """Give the same on the fly, where the cell is read before the way to the first pass."""
    passes = turn.passes
    ends_deg = [passes[0].start_deg if rotation.at_deg is None else rotation.at_deg]
    ends_deg += [one.start_deg + one.count * one.step_deg for one in passes]
    ways_deg = [one.start_deg - at for at, one in zip(ends_deg, passes, strict=False)]
    moves_s = sum(map(rotation.move_s, ways_deg)) + len(passes) * SWEEP_S
    return 0.0, moves_s + len(turn.angles_deg) * turn.period_s
