"""From a protocol to aurora-unicycler's model, from which its exports are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...devices.impedance import FrequencySweep, GalvanostaticImpedance, PotentiostaticImpedance
from ...devices.protocol import Limits, Protocol, Step
from ...devices.step import ConstantCurrent, ConstantVoltage, Loop, Rest
from ...devices.sweep import VoltageRamp
from .safety import Safety
from .unicycler import library

if TYPE_CHECKING:
    from aurora_unicycler import CyclingProtocol


def to_unicycler(
    protocol: Protocol,
    *,
    name: str = "",
    capacity_mah: float | None = None,
    limits: Limits | Safety | None = None,
) -> CyclingProtocol:
    """Make aurora-unicycler's model of a protocol, with absolute currents and a tag at each loop's begin.

    Parameters
    ----------
    protocol
        The protocol.
    name
        Of the sample.
    capacity_mah
        Of the cell, mA h: the end of a hold is then a C-rate, as tomato wants it.
    limits
        Kept by the cycler; what unicycler has no field for is left out (see `inexpressible`).

    Raises
    ------
    ValueError
        Naming the first step that unicycler cannot say.
    ImportError
        Without the extra ``protocols``.
    """
    record = protocol.record
    sample: dict[str, Any] = {"capacity_mAh": capacity_mah} | ({"name": name} if name else {})
    return library().CyclingProtocol.from_dict(
        {
            "sample": sample,
            "record": {
                "time_s": record.dt_s,
                "voltage_V": record.de_v,
                "current_mA": None if record.di_a is None else record.di_a * 1e3,
            },
            "safety": {} if limits is None else _safety(limits),
            "method": _method(protocol, capacity_mah),
        }
    )


def _safety(limits: Limits | Safety) -> dict[str, float | None]:
    current_max_ma = None if limits.current_max_a is None else limits.current_max_a * 1e3
    return {
        "max_voltage_V": limits.voltage_max_v,
        "min_voltage_V": limits.voltage_min_v,
        "max_current_mA": current_max_ma,
        "min_current_mA": None if current_max_ma is None else -current_max_ma,
        "max_capacity_mAh": limits.capacity_max_mah,
        "delay_s": limits.delay_s,
    }


def _method(protocol: Protocol, capacity_mah: float | None) -> list[dict[str, Any]]:
    targets = {
        protocol.steps[protocol.index_of(step.to_step)].id
        for step in protocol.steps
        if isinstance(step, Loop)
    }
    method: list[dict[str, Any]] = []
    direction = 1
    for step in protocol.steps:
        if step.id in targets:
            method.append({"step": "tag", "tag": step.id})
        if isinstance(step, ConstantCurrent):
            direction = 1 if step.current_a > 0 else -1
        method.append(_row(step, protocol, direction, capacity_mah) | {"id": step.id})
    return method


def _row(step: Step, protocol: Protocol, direction: int, capacity_mah: float | None) -> dict[str, Any]:
    """Fields of a step; the end of a hold has the sign of the current before it, as Neware wants it."""
    match step:
        case Rest(until=None):
            return {"step": "open_circuit_voltage", "until_time_s": step.duration_s}
        case ConstantCurrent(until_capacity_mah=None, until=None):
            return {
                "step": "constant_current",
                "current_mA": step.current_a * 1e3,
                "until_voltage_V": step.until_voltage_v,
                "until_time_s": step.until_time_s,
            }
        case ConstantVoltage(until=None):
            row: dict[str, Any] = {"step": "constant_voltage", "voltage_V": step.voltage_v}
            row["until_time_s"] = step.until_time_s
            if step.until_current_a is not None and capacity_mah is not None:
                row["until_rate_C"] = direction * step.until_current_a * 1e3 / capacity_mah
            elif step.until_current_a is not None:
                row["until_current_mA"] = direction * step.until_current_a * 1e3
            return row
        case VoltageRamp(until=None) if step.from_voltage_v is not None:
            return {
                "step": "voltage_scan",
                "start_voltage_V": step.from_voltage_v,
                "end_voltage_V": step.to_voltage_v,
                "scan_rate_mV_per_s": step.scan_rate_v_s * 1e3,
            }
        case PotentiostaticImpedance(voltage_v=None):
            return _spectrum(step) | {"amplitude_V": step.amplitude_v}
        case GalvanostaticImpedance(current_a=0.0):
            return _spectrum(step) | {"amplitude_mA": step.amplitude_a * 1e3}
        case Loop():
            target = protocol.steps[protocol.index_of(step.to_step)].id
            return {"step": "loop", "loop_to": target, "cycle_count": step.repeat + 1}
        case _:
            raise ValueError(f"step {step.id!r}: unicycler cannot say {type(step).__name__} with its ends")


def _spectrum(step: FrequencySweep) -> dict[str, Any]:
    return {
        "step": "impedance_spectroscopy",
        "start_frequency_Hz": step.start_frequency_hz,
        "end_frequency_Hz": step.end_frequency_hz,
        "points_per_decade": step.points_per_decade,
        "measures_per_point": step.measures_per_point,
        "drift_correction": step.drift_correction,
    }
