"""From a step of the experiment file to what the cycler carries out."""

from ..devices.cut_off import Until, until_from_text
from ..devices.handshake import TriggerOut, WaitForTrigger
from ..devices.protocol import Step
from ..devices.step import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Rest
from ..devices.sweep import VoltageRamp
from .impedance_file import GalvanostaticImpedanceStep, PotentiostaticImpedanceStep
from .step_file import (
    ConstantCurrentStep,
    ConstantPowerStep,
    ConstantVoltageStep,
    LoopStep,
    RestStep,
    TriggerOutStep,
    VoltageRampStep,
    WaitForTriggerStep,
)
from .step_file import Step as StepSection


def device_step(step: StepSection, step_id: str, capacity_mah: float | None) -> Step:
    """Convert a step.

    Parameters
    ----------
    step
        As written.
    step_id
        Its identity in the protocol.
    capacity_mah
        Declared capacity for C-rates, mA h.

    Raises
    ------
    ValueError
        If a C-rate is asked for and no capacity is declared.
    """
    tags = tuple(step.tags)
    match step:
        case RestStep():
            return Rest(step.until_time_s, id=step_id, until=until_of(step), tags=tags)
        case WaitForTriggerStep():
            return WaitForTrigger(step.timeout_s, step.waiting, step.on_timeout, id=step_id, tags=tags)
        case TriggerOutStep():
            return TriggerOut(id=step_id, tags=tags)
        case LoopStep():
            return Loop(step.to_step, step.repeat, id=step_id, tags=tags)
        case PotentiostaticImpedanceStep() | GalvanostaticImpedanceStep():
            return step.device_step(step_id)
        case VoltageRampStep():
            return VoltageRamp(
                step.to_voltage_v,
                step.scan_rate_mv_s * 1e-3,
                step.from_voltage_v,
                id=step_id,
                until=until_of(step),
                tags=tags,
            )
        case ConstantVoltageStep():
            return ConstantVoltage(
                step.voltage_v,
                until_current_a=step.until_current_a(capacity_mah),
                until_time_s=step.until_time_s,
                id=step_id,
                until=until_of(step),
                tags=tags,
            )
        case ConstantCurrentStep() | ConstantPowerStep():
            return _flow(step, step_id, capacity_mah)


def until_of(
    step: RestStep | ConstantCurrentStep | ConstantPowerStep | ConstantVoltageStep | VoltageRampStep,
) -> Until | None:
    """Return the joined ends of a step, if it has some."""
    return None if step.until is None else until_from_text(step.until)


def _flow(step: ConstantCurrentStep | ConstantPowerStep, step_id: str, capacity_mah: float | None) -> Step:
    until, tags = until_of(step), tuple(step.tags)
    ends = (step.until_voltage_v, step.until_time_s, step.until_capacity_mah)
    if isinstance(step, ConstantPowerStep):
        return ConstantPower(step.power_w, *ends, id=step_id, until=until, tags=tags)
    return ConstantCurrent(step.current_a(capacity_mah), *ends, id=step_id, until=until, tags=tags)


def voltages_of(step: StepSection) -> list[tuple[str, float]]:
    """List the voltages (V) that a step drives the cell to, or ends at, each with its key."""
    if isinstance(step, PotentiostaticImpedanceStep):
        return [("voltage_v", peak_v) for peak_v in step.peaks_v]
    names = ("until_voltage_v", "voltage_v", "from_voltage_v", "to_voltage_v")
    found = [(name, getattr(step, name, None)) for name in names]
    if isinstance(step, TriggerOutStep | WaitForTriggerStep | LoopStep | GalvanostaticImpedanceStep):
        return []
    until = until_of(step)
    levels = [] if until is None else [leaf.level for leaf in until.leaves() if leaf.quantity == "voltage"]
    return [(name, value) for name, value in found if value is not None] + [("until", v) for v in levels]


def directions_of(step: StepSection) -> tuple[str, ...]:
    """Ways that a step is meant to move the cell: charge, discharge, both for a voltage ramp, or none."""
    if isinstance(step, ConstantCurrentStep | ConstantPowerStep):
        return (step.direction,)
    return ("charge", "discharge") if isinstance(step, VoltageRampStep) else ()
