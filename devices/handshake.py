"""Steps by which cell and beamline wait for each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from .refusal import check_positive, refuse

Waiting = Literal["rest", "hold_voltage", "hold_current"]
OnTimeout = Literal["continue", "stop"]


@dataclass(frozen=True)
class WaitForTrigger:
    """The cell waits for the beamline's trigger, at most `timeout_s` (s); then goes on or stops.

    Parameters
    ----------
    timeout_s
        Longest time, s.
    waiting
        What the cell does meanwhile: rest, or hold the voltage or the current it had.
    on_timeout
        Go on with the next step, or stop the protocol.
    """

    timeout_s: float
    waiting: Waiting = "rest"
    on_timeout: OnTimeout = "continue"
    id: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"step {self.id or 'wait for trigger'!r}"
        check_positive(owner, "timeout_s", self.timeout_s, "s")
        if self.waiting not in get_args(Waiting):
            raise refuse(owner, "waiting", self.waiting, f"use one of {', '.join(get_args(Waiting))}")
        if self.on_timeout not in get_args(OnTimeout):
            raise refuse(owner, "on_timeout", self.on_timeout, f"use one of {', '.join(get_args(OnTimeout))}")

    @property
    def longest_s(self) -> float:
        """Longest time the step can take, s."""
        return self.timeout_s

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V: a held current goes up to the limit."""
        return limit_v if self.waiting == "hold_current" else -math.inf


@dataclass(frozen=True)
class TriggerOut:
    """The cycler gives out one more trigger, for which the beamline waits, and goes on at once."""

    id: str = ""
    tags: tuple[str, ...] = ()

    @property
    def longest_s(self) -> float:
        """Longest time the step can take, s."""
        return 0.0

    def highest_voltage_v(self, limit_v: float) -> float:
        """Highest voltage the step can drive the cell to, V: none of its own."""
        del limit_v
        return -math.inf
