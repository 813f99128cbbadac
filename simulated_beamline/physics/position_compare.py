"""Gates of a trigger box: when positions are crossed, and what delays and sequences make of that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .array import FloatArray


@dataclass(frozen=True)
class Gate:
    """A line that was high from `begin_s` to `end_s` (simulated UNIX s)."""

    begin_s: float
    end_s: float


@dataclass(frozen=True)
class Compare:
    """Positions at which a position compare goes high and low, in counts of an encoder.

    Attributes
    ----------
    start, step, width : float
        The first gate begins at start and is as long as width, the next begins a step later.
    pulses : int
        How many gates.
    direction : int
        1 for a rising position, -1 for a falling one.
    pre_start : float
        How far before start the encoder must have been.
    """

    start: float
    step: float
    width: float
    pulses: int
    direction: int
    pre_start: float = 0.0

    def edges(self) -> FloatArray:
        """Positions of all edges (2 pulses,), along the direction."""
        begins = np.arange(self.pulses, dtype=np.float64) * self.step
        edges = np.stack([begins, begins + self.width], axis=1).ravel()
        return self.direction * self.start + edges


@dataclass
class PositionCompare:
    """Follows an encoder through windows of time, and tells the gates that were completed.

    Attributes
    ----------
    compare : Compare
        What it waits for.
    """

    compare: Compare
    _edges: FloatArray = field(init=False)
    _times: list[float] = field(init=False, default_factory=list[float])
    _ready: bool = field(init=False, default=False)
    jumped: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._edges = self.compare.edges()

    @property
    def produced(self) -> int:
        """Gates that were completed."""
        return len(self._times) // 2

    @property
    def done(self) -> bool:
        """Whether all gates were completed, or can no longer be."""
        return self.jumped or self.produced >= self.compare.pulses

    def follow(self, time_s: FloatArray, counts: FloatArray) -> list[Gate]:
        """Go through a window.

        Parameters
        ----------
        time_s
            Shape (n,), rising, s; begins where the window before has ended.
        counts
            Shape (n,), position of the encoder then.

        Returns
        -------
        list of Gate
            Completed in this window.
        """
        along = self.compare.direction * counts
        if not self._ready:
            if along[0] >= self._edges[0] - self.compare.pre_start and not self.compare.pre_start:
                self.jumped = True
                return []
            before = np.flatnonzero(along < self._edges[0] - self.compare.pre_start)
            if not before.size:
                return []
            self._ready = True
            time_s, along = time_s[before[0] :], along[before[0] :]
        known = len(self._times)
        furthest: FloatArray = np.maximum.accumulate(along)
        reached = int(np.searchsorted(self._edges, float(along.max()), side="right"))
        if reached > known:
            crossed = np.interp(self._edges[known:reached], furthest, time_s)
            self._times.extend(crossed.tolist())
        first, last = known // 2, len(self._times) // 2
        return [Gate(self._times[2 * n], self._times[2 * n + 1]) for n in range(first, last)]


@dataclass
class PulseMaker:
    """Makes of each gate one of fixed length, after a delay; what comes while it is at work is dropped.

    Attributes
    ----------
    delay_s, width_s : float
        From the begin of the gate, s.
    """

    delay_s: float
    width_s: float
    dropped: int = 0
    _busy_until_s: float = field(init=False, default=-np.inf)

    def follow(self, gates: Sequence[Gate]) -> list[Gate]:
        """Turn gates into pulses."""
        made: list[Gate] = []
        for gate in gates:
            begin_s = gate.begin_s + self.delay_s
            if begin_s < self._busy_until_s:
                self.dropped += 1
                continue
            self._busy_until_s = begin_s + self.width_s
            made.append(Gate(begin_s, self._busy_until_s))
        return made


IMMEDIATE, RISING, FALLING = "Immediate", "POSA>=POSITION", "POSA<=POSITION"


@dataclass(frozen=True)
class SequenceRow:
    """One row of a sequence: wait for the trigger, then a first and a second phase; so many times.

    Attributes
    ----------
    repeats : int
        How often.
    trigger : str
        Of `IMMEDIATE`, `RISING`, `FALLING`.
    position : float
        With which the encoder is compared, counts.
    time1_s, time2_s : float
        Lengths of the phases, s.
    high1, high2 : bool
        Whether the output is high in them.
    """

    repeats: int
    trigger: str
    position: float
    time1_s: float
    high1: bool
    time2_s: float
    high2: bool


@dataclass
class Sequencer:
    """Runs a table of rows against an encoder and the clock.

    Attributes
    ----------
    rows : sequence of SequenceRow
        The table.
    enabled_s : float
        When it was enabled, simulated UNIX s.
    free_s : float
        When the last repeat was over, simulated UNIX s.
    """

    rows: Sequence[SequenceRow]
    enabled_s: float
    _row: int = field(init=False, default=0)
    _repeat: int = field(init=False, default=0)
    free_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.free_s = self.enabled_s

    @property
    def done(self) -> bool:
        """Whether the table is over."""
        return self._row >= len(self.rows)

    @property
    def timed_s(self) -> float:
        """Time that the rows ahead take by themselves, up to the next wait for a position, s."""
        total = 0.0
        for number, row in enumerate(self.rows[self._row :]):
            if row.trigger != IMMEDIATE:
                break
            left = row.repeats - (0 if number else self._repeat)
            total += left * (row.time1_s + row.time2_s)
        return total

    def follow(self, time_s: FloatArray, counts: FloatArray) -> list[Gate]:
        """Go through a window, parameters as of `PositionCompare.follow`; tells gates that ended in it."""
        gates: list[Gate] = []
        end_s = float(time_s[-1])
        while not self.done:
            row = self.rows[self._row]
            begun_s = self._begin(row, time_s, counts)
            over_s = begun_s + row.time1_s + row.time2_s
            if not over_s <= end_s:
                break
            if row.high1:
                gates.append(Gate(begun_s, begun_s + row.time1_s))
            if row.high2:
                gates.append(Gate(begun_s + row.time1_s, over_s))
            self.free_s = over_s
            self._repeat += 1
            if self._repeat >= row.repeats:
                self._row, self._repeat = self._row + 1, 0
        return gates

    def _begin(self, row: SequenceRow, time_s: FloatArray, counts: FloatArray) -> float:
        """When the present repeat begins; infinite if not within the window."""
        if row.trigger == IMMEDIATE:
            return self.free_s
        sign = 1.0 if row.trigger == RISING else -1.0
        along, target = sign * counts, sign * row.position
        inside = time_s >= self.free_s
        if np.interp(self.free_s, time_s, along) >= target:
            return max(self.free_s, float(time_s[0]))
        later = np.flatnonzero(inside & (along >= target))
        if not later.size:
            return float("inf")
        after = int(later[0])
        before = max(after - 1, 0)
        pair = np.array([along[before], along[after]])
        return float(np.interp(target, pair, time_s[[before, after]]))
