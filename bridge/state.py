"""Who carries out the techniques of a bridged channel, and why a start is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from .instrument import SafetyLimits, Sample, rate_refusal, voltage_refusal
from .step import ParameterValue, Step


class TechniqueRunner(Protocol):
    """What carries out one technique: the driver."""

    async def begin(self, technique: str, parameters: dict[str, ParameterValue]) -> None: ...  # noqa: D102
    async def stop(self) -> None: ...  # noqa: D102
    async def open(self) -> None: ...  # noqa: D102


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
    for one in program:
        if refusal := sweep_refusal(one, safety):
            return refusal
    step = max(program, key=_current_a)
    return voltage_refusal(sample.voltage, *safety.start_window_v()) or rate_refusal(
        step.id, _current_a(step), capacity_mah=capacity_mah, rate_max_per_h=safety.cratemax
    )


def sweep_refusal(step: Step, safety: SafetyLimits) -> str:
    """Why a step may not sweep the voltage so far; empty when it may, or does not sweep."""
    if step.technique != "VSCAN":
        return ""
    for name, voltage_v in (("VINIT", step.start_v), ("VFINAL", step.level)):
        if voltage_v is not None and not safety.vmin <= voltage_v <= safety.vmax:
            return (
                f"step {step.id} sweeps to {name} {voltage_v:.6g} V, beyond SAFETY:VMIN {safety.vmin:.6g} to "
                f"VMAX {safety.vmax:.6g} V, and the driver's sweep knows no limit: correct the step or them"
            )
    return ""


def _current_a(step: Step) -> float:
    return abs(step.level) if step.technique == "CPLIMIT" else 0.0
