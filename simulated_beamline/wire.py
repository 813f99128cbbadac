"""The trigger line of a simulated beamline: the gates of the trigger box, seen by every detector."""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .board import ALL_SLOTS, Board, create_whole
from .motion import SLOT_MOTORS

POSITIONS = tuple(SLOT_MOTORS)
"""Slots of the board whose values at both ends of a gate are known."""
KEPT = 16384
"""Pulses that the line remembers: more than a detector falls behind."""
_COUNT = struct.Struct("<q")
READERS = ("camera", "fluorescence_detector", "microscope_camera")
"""Detectors at the line."""
_FOLLOWED = struct.Struct(f"<d{len(READERS)}q")
_HEAD_BYTES = _COUNT.size + _FOLLOWED.size
NOTHING_DUE = 2**62
_WIDTH = 3 + 2 * len(POSITIONS) + len(ALL_SLOTS)
_ROW_BYTES = 8 * _WIDTH


class WireLostError(RuntimeError):
    """A detector fell so far behind that the line has forgotten pulses."""


@dataclass(frozen=True)
class Pulse:
    """One gate, and what of the beamline was true then.

    Attributes
    ----------
    number : int
        Counted by the line, from 0.
    begin_s, end_s : float
        Simulated UNIX times at which the gate went high and low.
    begin, end : Mapping
        Values of the `POSITIONS` then.
    middle : Mapping
        Values of all slots of the board in the middle of the gate.
    """

    number: int
    begin_s: float
    end_s: float
    begin: Mapping[str, float] = field(repr=False)
    middle: Mapping[str, float] = field(repr=False)
    end: Mapping[str, float] = field(repr=False)

    @property
    def length_s(self) -> float:
        """How long the gate was high."""
        return self.end_s - self.begin_s


class Wire:
    """Ring of the last `KEPT` pulses; written by the trigger box alone, read by whom it is wired to.

    Parameters
    ----------
    path
        File in the run folder; made when absent.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> wire = Wire(Path(mkdtemp()) / "wire")
    >>> wire.count, wire.since(0)
    (0, [])
    """

    def __init__(self, path: Path) -> None:
        size = _HEAD_BYTES + KEPT * _ROW_BYTES
        at_rest = _FOLLOWED.pack(math.inf, *[NOTHING_DUE] * len(READERS))
        create_whole(Path(path), bytes(_COUNT.size) + at_rest + bytes(size - _HEAD_BYTES))
        with Path(path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    @property
    def count(self) -> int:
        """Pulses that were sent since the beamline was started."""
        return int(_COUNT.unpack_from(self._map, 0)[0])

    def send(self, pulses: Sequence[Pulse]) -> None:
        """Send pulses in the order of time; they are numbered here."""
        count = self.count
        for pulse in pulses:
            ends = [pulse.begin[name] for name in POSITIONS] + [pulse.end[name] for name in POSITIONS]
            middle = [pulse.middle[name] for name in ALL_SLOTS]
            row = np.array([count, pulse.begin_s, pulse.end_s, *ends, *middle], dtype="<f8")
            place = _place(count)
            self._map[place : place + _ROW_BYTES] = row.tobytes()
            count += 1
            # The count last, so that nobody reads half a pulse.
            _COUNT.pack_into(self._map, 0, count)

    def since(self, number: int, most: int = 256) -> list[Pulse]:
        """Pulses from a number on, oldest first, at most so many.

        Raises
        ------
        WireLostError
            If the line has forgotten the first of them.
        """
        count = self.count
        if count - number >= KEPT:
            raise WireLostError(
                f"{count - number} pulses were not read in time, the line remembers {KEPT}: the detector is "
                "too slow, or stands still"
            )
        return [self._read(one) for one in range(number, min(count, number + most))]

    def followed(self, time_s: float) -> None:
        """Tell up to which simulated UNIX time (s) gates were sent; infinite while none is waited for."""
        struct.pack_into("<d", self._map, _COUNT.size, time_s)

    def drawn(self, reader: str, count: int = NOTHING_DUE) -> None:
        """Tell up to which pulse one of the `READERS` has drawn its frames; all while it waits for none."""
        struct.pack_into("<q", self._map, _COUNT.size + 8 * (1 + READERS.index(reader)), count)

    def behind(self, time_s: float) -> bool:
        """Whether gates up to a simulated UNIX time (s) are still to be sent, or frames to be drawn."""
        followed_s, *drawn = _FOLLOWED.unpack_from(self._map, _COUNT.size)
        return followed_s < time_s or min(drawn) < self.count

    def progress(self) -> tuple[float, ...]:
        """Give what changes as long as gates are sent or frames are drawn."""
        return *_FOLLOWED.unpack_from(self._map, _COUNT.size), float(self.count)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _read(self, number: int) -> Pulse:
        place = _place(number)
        row = np.frombuffer(self._map[place : place + _ROW_BYTES], dtype="<f8").tolist()
        ends = 3 + len(POSITIONS)
        return Pulse(
            number,
            row[1],
            row[2],
            begin=dict(zip(POSITIONS, row[3:ends], strict=True)),
            end=dict(zip(POSITIONS, row[ends : ends + len(POSITIONS)], strict=True)),
            middle=dict(zip(ALL_SLOTS, row[ends + len(POSITIONS) :], strict=True)),
        )


class Sight(Board):
    """The board as an instrument sees it: as it is now, or, within a block, as it was in a pulse."""

    _then: Mapping[str, float] | None = None

    @contextmanager
    def of(self, pulse: Pulse) -> Iterator[None]:
        """See the middle of a pulse within a block."""
        self._then = pulse.middle
        try:
            yield
        finally:
            self._then = None

    def __getitem__(self, name: str) -> float:
        """Value of a slot now or then."""
        return super().__getitem__(name) if self._then is None else self._then[name]


def _place(number: int) -> int:
    return _HEAD_BYTES + (number % KEPT) * _ROW_BYTES
