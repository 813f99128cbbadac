"""Steps of a loaded protocol, and the one technique with which the EC-Lab driver carries each out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

ParameterValue = float | str | Sequence[float]
INSTANCES = 10
ARRAY_LENGTH = 20
NO_UNTIL = "none"
_RECORDING = {"REDT": 10.0, "REDE": 0.0, "REDI": 0.0, "ID": "", "UNTIL": NO_UNTIL}
_STEPS = {"VSINIT": [0.0], "DURSTEP": [1.0], "STEPN": 0, "NCYCLES": 0, "EXITCOND": [0.0]}
_TESTS = {f"TEST{number}{part}": [0.0] for number in (1, 2, 3) for part in ("CONF", "VAL")}
_SWEPT = ("VSINIT", "DURSTEP", "INIFREQ", "FINFREQ", "NFREQ", "SWEEP", "NAVRG", "CORR", "WFS")
_SPECTRUM = dict.fromkeys(_SWEPT, 0.0) | _RECORDING
PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "OCV": {"RTT": 1.0} | _RECORDING,
    "CPLIMIT": {"ISTEP": [0.0]} | _STEPS | _TESTS | _RECORDING,
    "CALIMIT": {"VSTEP": [0.0]} | _STEPS | _TESTS | _RECORDING,
    "LOOP": {"NLOOP": 1, "PROT": 0, "ID": ""},
    "TI": {"TIMEOUT": 1.0, "WAITING": "rest", "ONTIMEOUT": "continue"} | _RECORDING,
    "TO": {"ID": ""},
    "CPOWER": {"PSTEP": [0.0]} | _STEPS | _TESTS | _RECORDING,
    "VSCAN": {"VINIT": 0.0, "VFINAL": 0.0, "RATE": 0.0} | _RECORDING,
    "PEIS": {"IVSTEP": 0.0, "AMPV": 0.0} | _SPECTRUM,
    "GEIS": {"IISTEP": 0.0, "AMPI": 0.0} | _SPECTRUM,
}
REFUSED: Mapping[str, str] = {
    "CPOWER": "the driver has no technique of constant power",
    "VSCAN": "the driver's sweep (CV) has no tests, nothing would keep the limits if the bridge died",
    "PEIS": "the driver's spectra cannot be given on with their frequencies",
    "GEIS": "the driver has no galvanostatic spectra",
}
"""Techniques that are served, so that loading one is refused with the reason."""

WAITING = ("rest", "hold_voltage", "hold_current")
_ACTIVE, _AT_LEAST, _VARIABLE_BIT = 1, 4, 5
_ACTIVE_CURRENT = _ACTIVE + 96
_VARIABLES = {0: "until_voltage_v", 3: "until_current_a", 31: "until_capacity_mah"}
_NEXT_TECHNIQUE = 1


class StepError(ValueError):
    """A list of techniques that the bridge cannot carry out."""


@dataclass(frozen=True)
class Step:
    """One step: a technique of the driver with its level and its ends, or a jump back.

    Attributes
    ----------
    id, technique : str
        Name for people; OCV, CPLIMIT, CALIMIT, LOOP, TI (waits for a trigger) or TO (gives one).
    level : float
        A (positive charges) or V.
    duration_s : float
        Longest time.
    until_voltage_v, until_current_a : float or None
        Ends that the driver looks for.
    until_capacity_mah : float or None
        End that the bridge looks for, the driver knows none by charge.
    record_dt_s, record_de_v, record_di_a : float
        For the driver's own files.
    jump_to, repeat : int
        Of a loop.
    waiting : str
        What the cell does while it waits for a trigger: rest, hold_voltage or hold_current.
    stops_at_end : bool
        Whether the protocol stops if no trigger comes.
    """

    id: str
    technique: str
    level: float = 0.0
    duration_s: float = 0.0
    until_voltage_v: float | None = None
    until_current_a: float | None = None
    until_capacity_mah: float | None = None
    record_dt_s: float = 10.0
    record_de_v: float = 0.0
    record_di_a: float = 0.0
    jump_to: int = 0
    repeat: int = 0
    waiting: str = ""
    stops_at_end: bool = False


def steps_of(load_list: str, parameters: Mapping[str, ParameterValue]) -> tuple[Step, ...]:
    """Make the steps of a list of techniques.

    Parameters
    ----------
    load_list
        Techniques by commas, such as `ocv,cplimit,loop`.
    parameters
        Values by name, such as `CPLIMIT:0:ISTEP`; absent ones have their defaults.

    Raises
    ------
    StepError
        Naming technique, parameter and remedy.

    Examples
    --------
    >>> steps_of("ocv", {"OCV:0:RTT": 60.0})[0].duration_s
    60.0
    """
    names = [name.strip().upper() for name in load_list.split(",") if name.strip()]
    if not names:
        raise StepError("the list of techniques is empty; write some such as ocv,cplimit")
    used: Counter[str] = Counter()
    steps: list[Step] = []
    for index, name in enumerate(names):
        if name in REFUSED:
            raise StepError(f"technique {name!r} number {used[name]}: {REFUSED[name]}; leave the step out")
        if name not in PARAMETERS or used[name] >= INSTANCES:
            known = ", ".join(one for one in PARAMETERS if one not in REFUSED)
            raise StepError(
                f"technique {name!r} number {used[name]}: use {known}, each at most {INSTANCES} times"
            )
        values = {
            key: parameters.get(f"{name}:{used[name]}:{key}", default)
            for key, default in PARAMETERS[name].items()
        }
        used[name] += 1
        steps.append(_step(name, index, values))
    return tuple(steps)


def driver_parameters(
    step: Step, duration_s: float, *, voltage_limits_v: tuple[float, float], current_limit_a: float
) -> dict[str, ParameterValue]:
    """Values that make the driver carry out a step, by `T:<TECH>:0:<PARAM>:SP`.

    The driver's own tests keep a limit even when the bridge is gone: a constant current ends at the limit of
    the voltage on its side, a constant voltage at the limit of the current, of either sign.
    """
    values: dict[str, ParameterValue]
    if step.technique == "OCV":
        values = {"RTT": duration_s, "REDT": step.record_dt_s, "REDE": step.record_de_v}
        return {f"T:OCV:0:{name}:SP": value for name, value in values.items()}
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


def _step(name: str, index: int, values: Mapping[str, Any]) -> Step:
    step_id = str(values["ID"]) or f"{name.lower()}-{index}"
    if name == "LOOP":
        target, repeat = int(_first(values["PROT"])), int(_first(values["NLOOP"]))
        if not 0 <= target < index or repeat < 1:
            raise StepError(
                f"LOOP {step_id}: PROT {target} must be 0 to {index - 1}, NLOOP {repeat} at least 1"
            )
        return Step(step_id, name, jump_to=target, repeat=repeat)
    if name == "TO":
        return Step(step_id, name)
    if values["UNTIL"] not in ("", NO_UNTIL):
        raise StepError(
            f"{name} {step_id}: the driver and its bridge have no end such as {values['UNTIL']!r}; "
            "end the step by voltage, current, time or capacity"
        )
    recording: dict[str, Any] = {
        "record_dt_s": _first(values["REDT"]),
        "record_de_v": _first(values["REDE"]),
        "record_di_a": _first(values["REDI"]),
    }
    if name == "TI":
        return _wait(step_id, values, recording)
    if name == "OCV":
        return Step(step_id, name, duration_s=_first(values["RTT"]), **recording)
    if int(_first(values["STEPN"])):
        raise StepError(f"{name} {step_id}: STEPN must be 0; write one technique for each step")
    level = _first(values["ISTEP" if name == "CPLIMIT" else "VSTEP"])
    recording |= _ends(f"{name} {step_id}", values)
    return Step(step_id, name, level, _first(values["DURSTEP"]), **recording)


def _wait(step_id: str, values: Mapping[str, Any], recording: Mapping[str, Any]) -> Step:
    waiting = str(values["WAITING"])
    if waiting not in WAITING:
        raise StepError(f"TI {step_id}: WAITING {waiting!r} is unknown; use one of {', '.join(WAITING)}")
    timeout_s, stops = _first(values["TIMEOUT"]), str(values["ONTIMEOUT"]) == "stop"
    return Step(step_id, "TI", duration_s=timeout_s, waiting=waiting, stops_at_end=stops, **recording)


def _ends(owner: str, values: Mapping[str, Any]) -> dict[str, float]:
    ends: dict[str, float] = {}
    for number in (1, 2, 3):
        configuration = int(_first(values[f"TEST{number}CONF"]))
        if not configuration & _ACTIVE:
            continue
        end = _VARIABLES.get(configuration >> _VARIABLE_BIT)
        if end is None or end in ends:
            raise StepError(
                f"{owner}: TEST{number}CONF {configuration} is unknown or given twice; "
                "use one each of +0 (E), +96 (I), +992 (Q)"
            )
        ends[end] = _first(values[f"TEST{number}VAL"])
    return ends


def _first(value: Any) -> float:  # noqa: ANN401
    return float(value if isinstance(value, int | float | str) else value[0])
