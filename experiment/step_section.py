"""From what the cycler carries out to a step of the experiment file: the inverse of `step_conversion`."""

from typing import Any

from ..devices.impedance import GalvanostaticImpedance, PotentiostaticImpedance
from ..devices.protocol import Step
from ..devices.step import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Rest
from ..devices.sweep import VoltageRamp
from .impedance_file import impedance_section
from .step_file import (
    ConstantCurrentStep,
    ConstantPowerStep,
    ConstantVoltageStep,
    LoopStep,
    RestStep,
    VoltageRampStep,
)
from .step_file import Step as StepSection


def step_section(step: Step, loops_to: str = "") -> StepSection:
    """Write a step of the cycler as one of the file.

    Parameters
    ----------
    step
        With currents in A.
    loops_to
        Of a loop, the identity of the step that it goes back to.

    Raises
    ------
    ValueError
        If the file has no such step, or the step has joined ends.
    """
    common: dict[str, Any] = {"id": step.id, "tags": list(step.tags)}
    match step:
        case Rest(until=None):
            return RestStep(technique="rest", until_time_s=step.duration_s, **common)
        case ConstantCurrent(until=None) | ConstantPower(until=None):
            return _flow_section(step, common)
        case ConstantVoltage(until=None):
            end_a = step.until_current_a
            return ConstantVoltageStep(
                technique="constant_voltage",
                voltage_v=step.voltage_v,
                until_current_ma=None if end_a is None else end_a * 1e3,
                until_time_s=step.until_time_s,
                **common,
            )
        case VoltageRamp(until=None):
            return VoltageRampStep(
                technique="voltage_ramp",
                from_voltage_v=step.from_voltage_v,
                to_voltage_v=step.to_voltage_v,
                scan_rate_mv_s=step.scan_rate_v_s * 1e3,
                **common,
            )
        case PotentiostaticImpedance() | GalvanostaticImpedance():
            return impedance_section(step)
        case Loop():
            return LoopStep(technique="loop", to_step=loops_to, repeat=step.repeat, **common)
        case _:
            raise ValueError(f"step {step.id!r}: a {type(step).__name__} with these ends cannot be read")


def _flow_section(step: ConstantCurrent | ConstantPower, common: dict[str, Any]) -> StepSection:
    flow = step.current_a if isinstance(step, ConstantCurrent) else step.power_w
    common |= {
        "direction": "charge" if flow > 0 else "discharge",
        "until_voltage_v": step.until_voltage_v,
        "until_time_s": step.until_time_s,
        "until_capacity_mah": step.until_capacity_mah,
    }
    if isinstance(step, ConstantCurrent):
        return ConstantCurrentStep(technique="constant_current", current_ma=abs(flow) * 1e3, **common)
    return ConstantPowerStep(technique="constant_power", power_mw=abs(flow) * 1e3, **common)
