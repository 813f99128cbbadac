"""One sample of a cycler: what it measured of the cell at one instant."""

from __future__ import annotations

from dataclasses import dataclass, replace

COLUMNS = (
    "sample",
    "time",
    "voltage",
    "current",
    "capacity",
    "lithium_content",
    "state_of_charge",
    "temperature",
    "step",
    "cycle",
    "half_cycle",
)


_LINEAR = (*COLUMNS[1:8], "protocol_time", "step_time")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the instrument measured at one instant.

    Parameters
    ----------
    time
        Simulated UNIX time, s.
    voltage, current
        V and A, positive charges.
    capacity
        Net charge since the protocol was started, mA h.
    lithium_content, state_of_charge
        From coulometry, per formula unit; state of charge is 1 - lithium content.
    temperature
        degC.
    step, cycle, half_cycle
        Counts from 0.
    protocol_time, step_time
        Time since the start of the protocol, and time spent in the step without pauses, s.
    step_id
        Name of the step; empty where none is carried out.
    ttl
        Whether the external line is high.
    at_rest
        Whether the cell was ordered to rest, or its protocol has ended: open circuit outside of any step.
    swing_v, swing_a
        Amplitudes of a sinus about voltage and current, V and A.
    """

    time: float
    voltage: float
    current: float
    capacity: float
    lithium_content: float
    state_of_charge: float
    temperature: float
    step: int = 0
    cycle: int = 0
    half_cycle: int = 0
    protocol_time: float = 0.0
    step_time: float = 0.0
    step_id: str = ""
    ttl: bool = False
    at_rest: bool = False
    swing_v: float = 0.0
    swing_a: float = 0.0

    def value(self, quantity: str) -> float:
        """Value of a quantity by its name."""
        return float(getattr(self, quantity))

    def row(self, number: int) -> tuple[float, ...]:
        """Row of the record, in the order of `COLUMNS`."""
        return (float(number), *(self.value(name) for name in COLUMNS[1:]))

    def towards(self, later: Sample, fraction: float) -> Sample:
        """Sample on the straight line to a later one; what has no values between is of this sample."""
        if fraction >= 1.0:
            return later
        mixed = {
            name: self.value(name) + fraction * (later.value(name) - self.value(name)) for name in _LINEAR
        }
        return replace(self, **mixed)
