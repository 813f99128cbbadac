"""State of a cycler's channel, and the refusal of an order."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """State of the channel, as EC-Lab gives it."""

    STOPPED = 0
    RUNNING = 1
    PAUSED = 2


class RefusedError(RuntimeError):
    """An order that the cycler does not carry out."""
