"""State of a bridged channel, what is refused in it, and what carries out its techniques."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from .step import ParameterValue


class State(IntEnum):
    """State of the channel, as EC-Lab gives it."""

    STOPPED = 0
    RUNNING = 1
    PAUSED = 2


class RefusedError(RuntimeError):
    """An order that is not carried out."""


class TechniqueRunner(Protocol):
    """What carries out one technique: the driver."""

    async def begin(self, technique: str, parameters: dict[str, ParameterValue]) -> None: ...  # noqa: D102
    async def stop(self) -> None: ...  # noqa: D102
