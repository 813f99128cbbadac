"""Where the motors of a simulated beamline were, are and will be: profiles of moves in a mapped file."""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .board import create_whole
from .physics.array import FloatArray

MOTORS = (
    "MONO:BRAGG",
    "MONO:PERP",
    "STAGE:X",
    "STAGE:Y",
    "CAM1:Z",
    "NANO:X",
    "NANO:Y",
    "NANO:Z",
    "NANO:FX",
    "NANO:FY",
    "NANO:FZ",
    "NANO:RX",
    "NANO:ZP",
    "TXM:ROTATION",
    "TXM:SAMPLE_X",
    "TXM:SAMPLE_Y",
    "TXM:SAMPLE_Z",
    "TXM:ZONE_PLATE_Z",
    "TXM:DETECTOR_Z",
    "TXM:CONDENSER_Z",
    "FES",
    "PSS",
)
SLOT_MOTORS = {
    "bragg_true_deg": ("MONO:BRAGG",),
    "perp_mm": ("MONO:PERP",),
    "stage_x_mm": ("STAGE:X",),
    "stage_y_mm": ("STAGE:Y",),
    "camera_z_mm": ("CAM1:Z",),
    "nano_x_um": ("NANO:X", "NANO:FX"),
    "nano_y_um": ("NANO:Y", "NANO:FY"),
    "nano_z_um": ("NANO:Z", "NANO:FZ"),
    "nano_rx_deg": ("NANO:RX",),
    "txm_rotation_deg": ("TXM:ROTATION",),
    "txm_x_um": ("TXM:SAMPLE_X",),
    "txm_y_um": ("TXM:SAMPLE_Y",),
    "txm_z_um": ("TXM:SAMPLE_Z",),
    "front_end_open": ("FES",),
    "photon_open": ("PSS",),
}
"""Slots of the board that hold a position, and the motors (or shutters) whose positions add up to it."""
KNOTS = 33
KEPT = 64
"""Moves of each motor that are remembered."""
Truth = Callable[[FloatArray], FloatArray]
"""True positions for dial positions of a motor that are passed one after the other."""


@dataclass(frozen=True)
class Move:
    """One move of a motor with a trapezoidal profile of velocity.

    Attributes
    ----------
    begun_s : float
        Simulated UNIX time.
    begin, target : float
        Dial positions.
    velocity, acceleration_s : float
        Units per s, and s to reach it.
    halted_s : float
        Simulated UNIX time at which it was stopped; infinite if it was not.
    truth : tuple of float
        True positions at `KNOTS` places, equally far apart, from begin to target.
    """

    begun_s: float
    begin: float
    target: float
    velocity: float
    acceleration_s: float
    halted_s: float
    truth: tuple[float, ...]

    def share(self, time_s: FloatArray | float) -> FloatArray:
        """Part of the way (0..1) that is behind the motor at simulated UNIX times, s."""
        passed_s = np.clip(np.minimum(time_s, self.halted_s) - self.begun_s, 0.0, None)
        distance = abs(self.target - self.begin)
        if not distance:
            return np.ones_like(passed_s)
        ramp_s, speed = self.acceleration_s, self.velocity
        if distance < speed * ramp_s:
            speed *= math.sqrt(distance / (speed * ramp_s))
            ramp_s = distance / speed
        whole_s = distance / speed + ramp_s
        up = np.minimum(passed_s, ramp_s)
        down = np.clip(passed_s - (whole_s - ramp_s), 0.0, ramp_s)
        cruise_s = np.clip(passed_s - ramp_s, 0.0, whole_s - 2.0 * ramp_s)
        ramps = (up**2 + 2.0 * ramp_s * down - down**2) / (2.0 * ramp_s) if ramp_s else 0.0
        return np.minimum(speed * (ramps + cruise_s) / distance, 1.0)

    def dial_at(self, time_s: FloatArray | float) -> FloatArray:
        """Give the dial positions at simulated UNIX times, s."""
        return self.begin + self.share(time_s) * (self.target - self.begin)

    def true_at(self, time_s: FloatArray | float) -> FloatArray:
        """Give the true positions at simulated UNIX times, s."""
        return np.interp(self.share(time_s), np.linspace(0.0, 1.0, KNOTS), self.truth)


_MOVE = struct.Struct(f"<{6 + KNOTS}d")
_COUNT = struct.Struct("<q")
_BLOCK = _COUNT.size + KEPT * _MOVE.size


class MoveLog:
    """Last moves of every motor, written by its server as each begins, read by all others.

    Parameters
    ----------
    path
        File in the run folder; made when absent.
    """

    def __init__(self, path: Path) -> None:
        size = _BLOCK * len(MOTORS)
        create_whole(Path(path), bytes(size))
        with Path(path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    def write(self, motor: str, move: Move) -> None:
        """Add a move; the count last, so that nobody reads half of it."""
        block = _block_of(motor)
        count = self._count(block)
        self._put(block, count, move)
        _COUNT.pack_into(self._map, block, count + 1)

    def replace(self, motor: str, move: Move) -> None:
        """Write the last move anew, such as one that was stopped."""
        block = _block_of(motor)
        self._put(block, self._count(block) - 1, move)

    def moves(self, motor: str) -> list[Move]:
        """List the moves of a motor that are remembered, oldest first."""
        block = _block_of(motor)
        count = self._count(block)
        found = [self._get(block, number) for number in range(max(0, count - KEPT + 1), count)]
        return sorted(found, key=lambda move: move.begun_s)

    def dial(self, motor: str, time_s: FloatArray) -> FloatArray:
        """Dial positions (n,) of a motor at rising simulated UNIX times (n,), s; NaN for an unknown motor."""
        return self._along(motor, time_s, Move.dial_at)

    def true(self, slot: str, time_s: FloatArray) -> FloatArray:
        """FloatArray (n,) of a position slot of the board at rising simulated UNIX times (n,), s."""
        return np.sum([self._along(motor, time_s, Move.true_at) for motor in SLOT_MOTORS[slot]], axis=0)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _along(
        self, motor: str, time_s: FloatArray, read: Callable[[Move, FloatArray], FloatArray]
    ) -> FloatArray:
        moves = self.moves(motor)
        values = np.full(time_s.shape, math.nan)
        if moves:
            begun_s = np.array([move.begun_s for move in moves])
            index = np.clip(np.searchsorted(begun_s, time_s, side="right") - 1, 0, None)
            for number in np.unique(index):
                chosen = index == number
                values[chosen] = read(moves[number], time_s[chosen])
        return values

    def _count(self, block: int) -> int:
        return int(_COUNT.unpack_from(self._map, block)[0])

    def _put(self, block: int, number: int, move: Move) -> None:
        numbers = (move.begun_s, move.begin, move.target, move.velocity, move.acceleration_s, move.halted_s)
        _MOVE.pack_into(self._map, _place(block, number), *numbers, *move.truth)

    def _get(self, block: int, number: int) -> Move:
        values = _MOVE.unpack_from(self._map, _place(block, number))
        return Move(*values[:6], truth=tuple(values[6:]))


@dataclass(frozen=True)
class Track:
    """The part of a `MoveLog` that one motor writes.

    Attributes
    ----------
    log : MoveLog
        Of the simulated beamline.
    motor : str
        One of `MOTORS`.
    truth : callable
        Gives the true positions for dial positions that are passed one after the other, without effect.
    """

    log: MoveLog
    motor: str
    truth: Truth

    def stand(self, dial: float, since_s: float = 0.0) -> None:
        """Write that the motor stands there since a simulated UNIX time, s."""
        self.begin(since_s, dial, dial, 1.0, 0.0)

    def begin(
        self,
        begun_s: float,
        begin: float,
        target: float,
        velocity: float,
        acceleration_s: float,
        halted_s: float = math.inf,
    ) -> Move:
        """Write a move that begins now; parameters as the attributes of `Move`."""
        places = self.truth(np.linspace(begin, target, KNOTS))
        truth = tuple(float(place) for place in places)
        move = Move(begun_s, begin, target, velocity, acceleration_s, halted_s, truth)
        self.log.write(self.motor, move)
        return move

    def halt(self, move: Move, time_s: float) -> None:
        """Write that the last move was stopped at a simulated UNIX time, s."""
        self.log.replace(self.motor, replace(move, halted_s=min(time_s, move.halted_s)))


def _block_of(motor: str) -> int:
    return _BLOCK * MOTORS.index(motor)


def _place(block: int, number: int) -> int:
    return block + _COUNT.size + (number % KEPT) * _MOVE.size
