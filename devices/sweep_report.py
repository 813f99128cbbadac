"""What a fly scan tells of each of its sweeps, as a device that can be read into events."""

from __future__ import annotations

from dataclasses import dataclass

from .told import Told


@dataclass(frozen=True)
class SweepOutcome:
    """How a sweep went.

    Attributes
    ----------
    number
        Of the sweep, from 0.
    attempt
        1 for the first time.
    direction
        "up" or "down" in energy.
    status
        "good", "redone" (bad, and taken again), or "failed" (bad, and the scan with it).
    reason
        What was wrong; empty for a good one.
    first_gate
        Place of its first gate in stream `fly`, -1 if it has none there.
    gates
        How many were asked for.
    span_s
        From the begin of its first to the end of its last gate, s; 0 for a bad one.
    live_fraction
        Part of that time in which the counters counted (0..1).
    """

    number: int
    attempt: int
    direction: str
    status: str
    reason: str
    first_gate: int
    gates: int
    span_s: float
    live_fraction: float


class SweepReport(Told, of=SweepOutcome):
    """The sweep that has ended last; see `SweepOutcome`."""
