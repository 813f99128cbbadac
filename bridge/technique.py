"""The one technique with which the EC-Lab driver carries out a step, and what it is told."""

from __future__ import annotations

from dataclasses import replace

from .instrument import Sample
from .step import ParameterValue, Step

_ACTIVE, _AT_LEAST = 1, 4
_ACTIVE_CURRENT = _ACTIVE + 96
_NEXT_TECHNIQUE = 1
_VERTICES = 5
_MV = 1e3
_AVERAGED_FROM, _AVERAGED_TO = 0.5, 1.0
"""Part of each stair of a sweep over which the current is averaged, as EC-Lab's own default (50 %)."""
SHORTEST_S = 0.1
"""No technique is shorter, s."""
SWEEP_RECORD_V = 1e-3


def driver_parameters(
    step: Step, duration_s: float, *, voltage_limits_v: tuple[float, float], current_limit_a: float
) -> dict[str, ParameterValue]:
    """Values that make the driver carry out a step, by `T:<TECH>:0:<PARAM>:SP`.

    The driver's own tests keep a limit even when the bridge is gone: a constant current ends at the limit of
    the voltage on its side, a constant voltage at the limit of the current, of either sign. A sweep has no
    tests: it goes no further than its end, and takes no longer than it must.
    """
    values: dict[str, ParameterValue]
    if step.technique == "OCV":
        values = {"RTT": duration_s, "REDT": step.record_dt_s, "REDE": step.record_de_v}
        return {f"T:OCV:0:{name}:SP": value for name, value in values.items()}
    if step.technique == "VSCAN":
        return _sweep_parameters(step)
    values = {"VSINIT": [0], "DURSTEP": [duration_s], "STEPN": 0, "NCYCLES": 0, "REDT": step.record_dt_s}
    values |= {"EXITCOND": [_NEXT_TECHNIQUE], "TEST2CONF": [0], "TEST3CONF": [0]}
    if step.technique == "CPLIMIT":
        upward = _AT_LEAST if step.level > 0 else 0
        guard = voltage_limits_v[1 if step.level > 0 else 0]
        values |= {"ISTEP": [step.level], "REDE": step.record_de_v}
        values |= _test(1, step.until_voltage_v, _ACTIVE + upward)
        values |= _test(3, guard, _ACTIVE + upward)
    else:
        values |= {"VSTEP": [step.level], "REDI": step.record_di_a}
        values |= _test(1, step.until_current_a, _ACTIVE_CURRENT)
        values |= _test(2, current_limit_a, _ACTIVE_CURRENT + _AT_LEAST)
        values |= _test(3, -current_limit_a, _ACTIVE_CURRENT)
    return {f"T:{step.technique}:0:{name}:SP": value for name, value in values.items()}


def driver_technique(step: Step) -> str:
    """Name that the driver has for the technique of a step."""
    return "CV" if step.technique == "VSCAN" else step.technique


def _sweep_parameters(step: Step) -> dict[str, ParameterValue]:
    # A cyclic voltammogram whose vertices are all where the sweep ends; the database has the rate in mV/s.
    begin_v = step.level if step.start_v is None else step.start_v
    values: dict[str, ParameterValue] = {
        "VSINIT": [0] * _VERTICES,
        "VSTEP": [begin_v, *[step.level] * (_VERTICES - 1)],
        "SCANRATE": [step.rate_v_s * _MV] * _VERTICES,
        "SNUM": 2,
        "NCYCLES": 0,
        "REDE": step.record_de_v or SWEEP_RECORD_V,
        "ADE": 0,
        "BMI": _AVERAGED_FROM,
        "EMI": _AVERAGED_TO,
    }
    return {f"T:CV:0:{name}:SP": value for name, value in values.items()}


def as_begun(step: Step, sample: Sample, spent_s: float) -> tuple[Step, float]:
    """Return what the driver carries out of a step at this sample, and how long (s) that takes.

    Parameters
    ----------
    step
        Of the protocol.
    sample
        The last one.
    spent_s
        In the step already, before an interruption; a sweep goes on from the voltage of the cell.
    """
    if step.technique == "VSCAN":
        begin_v = sample.voltage if step.start_v is None or spent_s else step.start_v
        sweep_s = abs(step.level - begin_v) / step.rate_v_s
        return replace(step, start_v=begin_v), max(sweep_s, SHORTEST_S)
    driven = waiting(step, sample.voltage, sample.current) if step.waiting else step
    return driven, max(step.duration_s - spent_s, SHORTEST_S)


def direction(step: Step, voltage_v: float) -> int:
    """Whether a step charges (1) or discharges (-1) a cell of this voltage (V) by design; 0: not known."""
    if step.technique == "CPLIMIT":
        way = step.level
    elif step.technique == "VSCAN":
        way = step.level - (voltage_v if step.start_v is None else step.start_v)
    else:
        way = 0.0
    return (way > 0) - (way < 0)


def holding(word: str, voltage_v: float, current_a: float) -> Step:
    """Return the step that keeps voltage (V) or current (A) as they are."""
    if word == "hold_voltage":
        return Step(word, "CALIMIT", voltage_v)
    return Step(word, "CPLIMIT", current_a)


def waiting(step: Step, voltage_v: float, current_a: float) -> Step:
    """Return the step with which the driver waits for a trigger: a rest, or the present level kept (V, A)."""
    if step.waiting == "rest" or (step.waiting == "hold_current" and not current_a):
        return replace(step, technique="OCV")
    held = holding(step.waiting, voltage_v, current_a)
    return replace(step, technique=held.technique, level=held.level)


def _test(number: int, value: float | None, configuration: int) -> dict[str, ParameterValue]:
    return {
        f"TEST{number}CONF": [0 if value is None else configuration],
        f"TEST{number}VAL": [value or 0.0],
    }
