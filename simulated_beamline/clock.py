"""One simulated time for all servers of a simulated beamline: a mapped file guarded by a file lock."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import struct
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from .board import create_whole

_STATE = struct.Struct("<qddddd")
OVERLAP_S = 0.002
LINGER_S = 0.5
CREDIT_S = 0.1
HOLD_S = 0.5


class ClockMode(IntEnum):
    """How simulated time follows wall time."""

    ELASTIC = 0
    CONSTANT = 1
    REAL = 2


@dataclass(frozen=True)
class ClockState:
    """What the file holds: an anchor on both times, and until when instruments are at work.

    `anchor_wall_s`, `busy_until_s` and `held_until_s`, until when time stands, are readings of the machine's
    monotonic clock, `anchor_s` is simulated UNIX time.
    """

    mode: ClockMode
    factor: float
    anchor_s: float
    anchor_wall_s: float
    busy_until_s: float
    held_until_s: float = 0.0

    @property
    def speed(self) -> float:
        """Simulated seconds per wall second in the constant and real modes."""
        return 1.0 if self.mode is ClockMode.REAL else self.factor

    def at(self, wall_s: float) -> float:
        """Give the simulated time at a reading of the monotonic clock, s."""
        if self.mode is not ClockMode.ELASTIC:
            return self.anchor_s + self.speed * max(0.0, wall_s - self.anchor_wall_s)
        begun_s = max(self.anchor_wall_s, self.held_until_s)
        return self.anchor_s + max(0.0, min(wall_s, self.busy_until_s) - begun_s)

    def idle_s(self, wall_s: float) -> float:
        """Wall seconds that nobody has turned into simulated time yet, because only the cell is at work."""
        if self.mode is not ClockMode.ELASTIC:
            return 0.0
        return max(0.0, wall_s - max(self.anchor_wall_s, self.busy_until_s))

    def moved(self, to_s: float, wall_s: float) -> ClockState:
        """Give the same clock, anchored now and not earlier than `to_s` nor than the present."""
        return replace(self, anchor_s=max(to_s, self.at(wall_s)), anchor_wall_s=wall_s)


class SharedClock:
    """Simulated UNIX time, monotonic over all processes that opened the same file.

    *elastic*: at factor 1 while instruments work and `LINGER_S` wall seconds after, plus the nominal duration
    of each work, which itself completes at once; else time stands until the pacemaker (the cell's server)
    asks `proposed` and grants. *constant*: `factor` times wall time. *real*: constant with factor 1.

    Parameters
    ----------
    path
        File in the run folder; made when absent, in elastic mode with factor 1.
    start_s
        Simulated UNIX time at which a new clock starts; default: the machine's time.
    """

    def __init__(self, path: Path, *, start_s: float | None = None) -> None:
        self.path = Path(path)
        start = time.time() if start_s is None else start_s
        first = _packed(ClockState(ClockMode.ELASTIC, 1.0, start, time.monotonic(), 0.0))
        create_whole(self.path, first)
        # The descriptor stays open for the life of the clock: the lock belongs to it.
        self._descriptor = os.open(self.path, os.O_RDWR)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._map = mmap.mmap(self._descriptor, _STATE.size)
        self._thread_lock = threading.Lock()

    def now(self) -> float:
        """Read the simulated UNIX time, s."""
        with self._locked():
            return self._read().at(time.monotonic())

    @property
    def mode(self) -> ClockMode:
        """How time passes."""
        with self._locked():
            return self._read().mode

    @property
    def factor(self) -> float:
        """Simulated seconds per wall second (elastic: while only the cell is at work)."""
        with self._locked():
            return self._read().speed

    def busy(self) -> bool:
        """Whether an instrument is at work, or was `LINGER_S` ago (elastic mode)."""
        with self._locked():
            return time.monotonic() < self._read().busy_until_s

    def only_cell_at_work(self) -> bool:
        """Whether no instrument is at work and time leaps with the cell (elastic mode): nobody waits then."""
        with self._locked():
            state = self._read()
            return state.mode is ClockMode.ELASTIC and time.monotonic() >= state.busy_until_s

    def set_mode(self, mode: ClockMode | str, factor: float = 1.0) -> None:
        """Change how time passes, from the present simulated time on.

        Parameters
        ----------
        mode
            A `ClockMode` or its name in lower case.
        factor
            Simulated seconds per wall second; without meaning in real mode.

        Raises
        ------
        ValueError
            If the mode is unknown or the factor is not positive.
        """
        if isinstance(mode, str):
            mode = mode_named(mode)
        if not 0.0 < factor < 1e6:
            raise ValueError(f"clock factor {factor} is outside 0..1e6 simulated s per wall s")
        with self._locked():
            wall = time.monotonic()
            state = self._read()
            self._write(replace(state.moved(0.0, wall), mode=mode, factor=factor))

    async def work(self, duration_s: float) -> float:
        """Let an instrument that was commanded now be busy for its nominal time; returns when it is done.

        In elastic mode the call first yields for `OVERLAP_S`, so that instruments commanded together work at
        the same time, then time moves on to start + duration.

        Returns
        -------
        float
            Simulated UNIX time at which the work began, s.

        Raises
        ------
        ValueError
            If the duration is negative or not a number.
        """
        if not duration_s >= 0.0:
            raise ValueError(f"an instrument cannot work for {duration_s} s")
        start = self._begin()
        state = self._state()
        if state.mode is not ClockMode.ELASTIC:
            await asyncio.sleep(duration_s / state.speed)
            return start
        await asyncio.sleep(OVERLAP_S)
        self._finish(start + duration_s)
        return start

    def notice(self) -> None:
        """Count the coming `LINGER_S` as an instrument at work: somebody will react to what happened."""
        self._begin()

    def hold(self, at_s: float, wall_s: float = HOLD_S) -> None:
        """Bring time to `at_s` and let it stand there for some wall seconds (elastic mode): see `pace`."""
        with self._locked():
            wall = time.monotonic()
            state = self._read()
            if state.mode is ClockMode.ELASTIC:
                held = wall + wall_s
                self._write(replace(state.moved(at_s, wall), held_until_s=held, busy_until_s=held + LINGER_S))

    def proposed(self) -> float:
        """Time up to which the pacemaker may bring the cell now, s: never before `now`.

        At most `CREDIT_S` of wall time is made up for, so that a pause of the machine does not become a leap.
        """
        with self._locked():
            wall = time.monotonic()
            state = self._read()
            return state.at(wall) + state.factor * min(CREDIT_S, state.idle_s(wall))

    def grant(self, time_s: float) -> None:
        """Move time to where the pacemaker has brought the cell (elastic mode); never backwards.

        Wall time that the pacemaker needed on top of what it grants stays to its credit.
        """
        with self._locked():
            wall = time.monotonic()
            state = self._read()
            advance = time_s - state.at(wall)
            if state.mode is not ClockMode.ELASTIC or advance <= 0.0:
                return
            credit = max(0.0, min(CREDIT_S, state.idle_s(wall)) - advance / state.factor)
            self._write(replace(state, anchor_s=time_s, anchor_wall_s=wall - credit))

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        self._close()

    def _begin(self) -> float:
        with self._locked():
            wall = time.monotonic()
            state = self._read().moved(0.0, wall)
            self._write(replace(state, busy_until_s=wall + LINGER_S))
            return state.anchor_s

    def _finish(self, end_s: float) -> None:
        with self._locked():
            wall = time.monotonic()
            state = self._read()
            if state.mode is ClockMode.ELASTIC:
                state = state.moved(end_s, wall)
            self._write(replace(state, busy_until_s=wall + LINGER_S))

    def _state(self) -> ClockState:
        with self._locked():
            return self._read()

    def _read(self) -> ClockState:
        mode, factor, anchor, wall, busy, held = _STATE.unpack(self._map[: _STATE.size])
        return ClockState(ClockMode(mode), factor, anchor, wall, busy, held)

    def _write(self, state: ClockState) -> None:
        self._map[: _STATE.size] = _packed(state)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._thread_lock:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def mode_named(name: str) -> ClockMode:
    """Mode of a name as written in commands: elastic, constant, real.

    Raises
    ------
    ValueError
        If there is no such mode.
    """
    try:
        return ClockMode[name.upper()]
    except KeyError:
        known = ", ".join(mode.name.lower() for mode in ClockMode)
        raise ValueError(f"clock mode {name!r} is unknown; the modes are {known}") from None


def _packed(state: ClockState) -> bytes:
    walls = state.anchor_wall_s, state.busy_until_s, state.held_until_s
    return _STATE.pack(int(state.mode), state.factor, state.anchor_s, *walls)
