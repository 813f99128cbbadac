"""Gates that a trigger box is asked for: what goes into one file, and one pass over encoder or clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .refusal import check_file, check_finite, check_positive, refuse


@dataclass(frozen=True, kw_only=True)
class GateSeries:
    """Gates of one or more passes that go into one file.

    Parameters
    ----------
    gates
        How many, over all passes.
    offsets
        By encoder of the box: what is added to what it shows, such as the user offset of its motor; each of
        these encoders is captured.
    folder
        Below the folder of the box's files, such as that of an experiment.
    name
        Of the file, different for each series; without ending.
    """

    gates: int
    offsets: Mapping[str, float] = field(default_factory=dict)
    folder: str = ""
    name: str

    def __post_init__(self) -> None:
        owner = f"series {self.name!r}"
        if self.gates < 1:
            raise refuse(owner, "gates", self.gates, "give a count of at least 1")
        check_file(owner, self.folder, self.name)


@dataclass(frozen=True, kw_only=True)
class PositionPass:
    """Gates at equal steps of an encoder, in one direction.

    Parameters
    ----------
    encoder
        Of the box, such as "bragg".
    start
        Where the first gate begins, in the unit of the encoder, offset included.
    step
        From the begin of one gate to that of the next; its sign is the direction.
    gates
        How many.
    open_fraction
        Part of a step (0..1) for which the gate is high: detectors need a gap between gates.
    """

    encoder: str
    start: float
    step: float
    gates: int
    open_fraction: float = 1.0

    def __post_init__(self) -> None:
        owner = f"pass over {self.encoder}"
        check_finite(owner, "start", self.start, "the encoder's unit")
        check_positive(owner, "step without its sign", abs(self.step), "the encoder's unit")
        check_positive(owner, "gates", self.gates, "gates")
        if not 0.0 < self.open_fraction <= 1.0:
            raise refuse(owner, "open_fraction", self.open_fraction, "give a part of a step, above 0 to 1")

    @property
    def stop(self) -> float:
        """Where the last gate ends, in the unit of the encoder."""
        return self.start + self.step * (self.gates - 1 + self.open_fraction)


@dataclass(frozen=True, kw_only=True)
class TimePass:
    """Gates at equal times, from now or from where an encoder passes a position.

    Parameters
    ----------
    gates
        How many.
    period_s, open_s
        From the begin of one gate to that of the next, and how long each is high, s.
    encoder, position
        The first gate begins when this encoder passes this position (its unit, offset included); at once
        unless given.
    rising
        In which direction it passes.
    """

    gates: int
    period_s: float
    open_s: float
    encoder: str = ""
    position: float = math.nan
    rising: bool = True

    def __post_init__(self) -> None:
        check_positive("timed pass", "gates", self.gates, "gates")
        check_positive("timed pass", "open_s", self.open_s, "s")
        if not self.period_s > self.open_s:
            raise refuse(
                "timed pass", "period_s", self.period_s, f"give more than open_s = {self.open_s:g} s"
            )
        if self.encoder and not math.isfinite(self.position):
            raise refuse(f"timed pass over {self.encoder}", "position", self.position, "give a number")


GatePass = PositionPass | TimePass
