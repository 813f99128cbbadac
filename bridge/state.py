"""State of a bridged channel, who carries out its techniques, and why a start is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from .instrument import SafetyLimits, Sample, rate_refusal, voltage_refusal
from .step import ParameterValue, Step


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


def cell_refusal(
    program: Sequence[Step], sample: Sample, safety: SafetyLimits, *, capacity_mah: float
) -> str:
    """Why a protocol may not begin on this cell; empty when it may.

    Parameters
    ----------
    program
        What was loaded.
    sample
        The last one, at open circuit.
    safety
        Limits.
    capacity_mah
        Of the cell, mA h.
    """
    refusal = safety.refusal()
    if refusal:
        return refusal
    if math.isnan(sample.voltage):
        return "the driver has given no value yet; is it running and reachable?"
    step = max(program, key=_current_a)
    return voltage_refusal(sample.voltage, *safety.start_window_v()) or rate_refusal(
        step.id, _current_a(step), capacity_mah=capacity_mah, rate_max_per_h=safety.cratemax
    )


def _current_a(step: Step) -> float:
    return abs(step.level) if step.technique == "CPLIMIT" else 0.0
