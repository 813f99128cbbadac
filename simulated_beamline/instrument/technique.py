"""Techniques as they are loaded, EC-Lab's parameters, made into the steps that the cycler carries out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .frequency import FrequencySweep, frequencies
from .until import Level, Until, UntilError, any_of, parse_until

Value = float | str | Sequence[float]
INSTANCES = 100
ARRAY_LENGTH = 20
# Numbers of the techniques as EC-Lab's TECHID gives them; VSCAN stands for its scan with limits.
TECHNIQUE_IDS = {
    "OCV": 100,
    "CA": 101,
    "CP": 102,
    "PEIS": 104,
    "GEIS": 107,
    "CPOWER": 110,
    "LOOP": 150,
    "TO": 151,
    "TI": 152,
    "CPLIMIT": 155,
    "CALIMIT": 157,
    "VSCAN": 158,
}
TECHNIQUES = tuple(TECHNIQUE_IDS)
PRESENT_VOLTAGE = -1e9
_RECORDING = {"REDT": 10.0, "REDE": 0.0, "REDI": 0.0, "ID": ""}
_STEPS = {"VSINIT": [0.0], "DURSTEP": [1.0], "STEPN": 0, "NCYCLES": 0}
_TESTS = {f"TEST{number}{part}": [0.0] for number in (1, 2, 3) for part in ("CONF", "VAL")}
_LIMITED = {"EXITCOND": [0.0], "UNTIL": ""} | _STEPS | _TESTS | _RECORDING
# Those of a spectrum: whether its direct level is counted from the present one, the time it is held before,
# frequencies (NFREQ of them, linear where SWEEP is 1), averages, drift correction, periods to wait.
_SPECTRUM = {"VSINIT": 1, "DURSTEP": 0.0, "INIFREQ": 1e5, "FINFREQ": 0.1, "NFREQ": 37, "SWEEP": 0}
_SPECTRUM |= {"NAVRG": 1, "CORR": 0, "WFS": 0.1} | _RECORDING
PARAMETERS: Mapping[str, Mapping[str, Value]] = {
    "OCV": {"RTT": 1.0, "UNTIL": ""} | _RECORDING,
    "CP": {"ISTEP": [0.0]} | _STEPS | _RECORDING,
    "CPLIMIT": {"ISTEP": [0.0]} | _LIMITED,
    "CPOWER": {"PSTEP": [0.0]} | _LIMITED,
    "CA": {"VSTEP": [0.0]} | _STEPS | _RECORDING,
    "CALIMIT": {"VSTEP": [0.0]} | _LIMITED,
    "PEIS": {"IVSTEP": 0.0, "AMPV": 0.01} | _SPECTRUM,
    "GEIS": {"IISTEP": 0.0, "AMPI": 1e-4} | _SPECTRUM,
    "VSCAN": {"VINIT": PRESENT_VOLTAGE, "VFINAL": 0.0, "RATE": 1e-3, "UNTIL": ""} | _RECORDING,
    "TI": {"TIMEOUT": 1.0, "WAITING": "rest", "ONTIMEOUT": "continue"} | _RECORDING,
    "TO": {"ID": ""},
    "LOOP": {"NLOOP": 1, "PROT": 0, "ID": ""},
}
_LEVELS = {"ISTEP": "current_a", "VSTEP": "voltage_v", "PSTEP": "power_w"}
_SPECTRA = {"PEIS": ("IVSTEP", "AMPV", "voltage_v"), "GEIS": ("IISTEP", "AMPI", "current_a")}
_WAITING = ("rest", "hold_voltage", "hold_current")
_ACTIVE, _AT_LEAST, _VARIABLE_BIT = 1, 4, 5
_VARIABLES = {0: "voltage", 3: "current", 31: "capacity"}


class ProgramError(ValueError):
    """A list of techniques that cannot be loaded."""


@dataclass(frozen=True)
class EngineStep:
    """What the cycler does next: one control, its ends, what is recorded; or a jump back.

    Attributes
    ----------
    step_id, technique : str
        Its name for people, and the technique it came from.
    technique_index : int
        Place of that technique in the list that was loaded.
    current_a, voltage_v, power_w : float or None
        The control: one of them; none is open circuit.
    sweep_to_v, sweep_rate_v_s : float
        The voltage moves there from `voltage_v` (None: from where the cell is), V and V/s.
    is_relative : bool
        The control is counted from what the cell has when the step begins.
    impedance : FrequencySweep or None
        A sinus swings about the control.
    duration_s : float
        Longest time.
    until : Until or None
        Ends the step before that.
    waiting : str
        The step waits for a trigger: rest, hold_voltage or hold_current meanwhile.
    stops_at_end : bool
        The protocol stops when the time is over.
    gives_trigger : bool
        The step gives out a trigger and takes no time.
    record_dt_s, record_de_v, record_di_a : float
        A sample is kept after such a change; 0 switches a criterion off.
    jump_to, repeat : int
        For a loop: index of the step to go back to, and how often.
    """

    step_id: str
    technique: str
    technique_index: int
    current_a: float | None = None
    voltage_v: float | None = None
    power_w: float | None = None
    sweep_to_v: float | None = None
    sweep_rate_v_s: float = 0.0
    is_relative: bool = False
    impedance: FrequencySweep | None = None
    duration_s: float = math.inf
    until: Until | None = None
    waiting: str = ""
    stops_at_end: bool = False
    gives_trigger: bool = False
    record_dt_s: float = 0.0
    record_de_v: float = 0.0
    record_di_a: float = 0.0
    jump_to: int | None = None
    repeat: int = 0


def compile_program(load_list: str, parameters: Mapping[str, Value]) -> tuple[EngineStep, ...]:
    """Make the steps of a list of techniques.

    Parameters
    ----------
    load_list
        Techniques by commas, such as `ocv,cplimit,loop`.
    parameters
        Values by name, such as `CPLIMIT:0:ISTEP`; absent ones have their defaults.

    Raises
    ------
    ProgramError
        Naming the technique and the parameter.
    """
    names = [word.strip().upper() for word in load_list.split(",") if word.strip()]
    if not names:
        raise ProgramError("the list of techniques is empty; write some such as ocv,cplimit")
    used: Counter[str] = Counter()
    steps: list[EngineStep] = []
    first: list[int] = []
    for index, name in enumerate(names):
        if name not in TECHNIQUES or used[name] >= INSTANCES:
            raise ProgramError(
                f"technique {name!r} number {used[name]}: use {', '.join(TECHNIQUES)}, "
                f"each at most {INSTANCES} times"
            )
        values = {
            key: parameters.get(f"{name}:{used[name]}:{key}", PARAMETERS[name][key])
            for key in PARAMETERS[name]
        }
        used[name] += 1
        first.append(len(steps))
        try:
            steps.extend(_steps_of(name, index, values, first))
        except UntilError as error:
            raise ProgramError(f"{name} number {used[name] - 1}: {error}") from error
    return tuple(steps)


def _steps_of(name: str, index: int, values: Mapping[str, Value], first: list[int]) -> list[EngineStep]:
    step_id = str(values["ID"]) or f"{name.lower()}-{index}"
    if name == "LOOP":
        return [_loop(step_id, index, values, first)]
    blank = EngineStep(step_id, name, index)
    if name == "TO":
        return [replace(blank, gives_trigger=True)]
    blank = replace(
        blank,
        record_dt_s=_at(values["REDT"], 0),
        record_de_v=_at(values["REDE"], 0),
        record_di_a=_at(values["REDI"], 0),
        until=parse_until(str(values.get("UNTIL", ""))),
    )
    if name == "OCV":
        return [replace(blank, duration_s=_positive(_at(values["RTT"], 0), f"{name} RTT"))]
    if name == "TI":
        return [_wait(blank, values)]
    if name == "VSCAN":
        return [_scan(blank, values)]
    if name in _SPECTRA:
        return [_spectrum(blank, values)]
    return [_level(blank, number, values) for number in range(int(_at(values["STEPN"], 0)) + 1)]


def _level(blank: EngineStep, number: int, values: Mapping[str, Value]) -> EngineStep:
    key = next(key for key in _LEVELS if key in values)
    ends = _tests(values, number) + ((blank.until,) if blank.until else ())
    control: dict[str, Any] = {_LEVELS[key]: _at(values[key], number)}
    return replace(
        blank,
        step_id=blank.step_id if number == 0 else f"{blank.step_id}.{number}",
        duration_s=_positive(_at(values["DURSTEP"], number), f"{blank.technique} DURSTEP"),
        until=any_of(ends),
        **control,
    )


def _wait(blank: EngineStep, values: Mapping[str, Value]) -> EngineStep:
    waiting, after = str(values["WAITING"]), str(values["ONTIMEOUT"])
    if waiting not in _WAITING or after not in ("continue", "stop"):
        raise ProgramError(
            f"TI {blank.step_id}: WAITING {waiting!r} must be one of {', '.join(_WAITING)}, "
            f"ONTIMEOUT {after!r} continue or stop"
        )
    timeout_s = _positive(_at(values["TIMEOUT"], 0), "TI TIMEOUT")
    return replace(blank, waiting=waiting, duration_s=timeout_s, stops_at_end=after == "stop")


def _scan(blank: EngineStep, values: Mapping[str, Value]) -> EngineStep:
    start_v = _at(values["VINIT"], 0)
    return replace(
        blank,
        voltage_v=None if start_v <= PRESENT_VOLTAGE else start_v,
        sweep_to_v=_at(values["VFINAL"], 0),
        sweep_rate_v_s=_positive(_at(values["RATE"], 0), "VSCAN RATE"),
    )


def _spectrum(blank: EngineStep, values: Mapping[str, Value]) -> EngineStep:
    level, amplitude, control = _SPECTRA[blank.technique]
    number = {key: _at(values[key], 0) for key in (*_SPECTRUM, level, amplitude) if key != "ID"}
    for key in ("INIFREQ", "FINFREQ", amplitude):
        _positive(number[key], f"{blank.technique} {key}")
    for key, least in (("DURSTEP", 0), ("WFS", 0), ("NFREQ", 1), ("NAVRG", 1)):
        if not number[key] >= least:
            raise ProgramError(f"{blank.technique} {key} is {number[key]}; give {least} or more")
    sweep = FrequencySweep(
        frequencies(number["INIFREQ"], number["FINFREQ"], int(number["NFREQ"]), linear=number["SWEEP"] > 0),
        number[amplitude],
        galvanostatic=control == "current_a",
        hold_s=number["DURSTEP"],
        settling_periods=number["WFS"],
        # The drift is told from a second measurement.
        measured_periods=int(number["NAVRG"]) * (2 if number["CORR"] else 1),
    )
    direct: dict[str, Any] = {control: number[level]}
    return replace(
        blank,
        is_relative=bool(number["VSINIT"]),
        impedance=sweep,
        duration_s=sweep.ends_s[-1],
        **direct,
    )


def _loop(step_id: str, index: int, values: Mapping[str, Value], first: list[int]) -> EngineStep:
    target, repeat = int(_at(values["PROT"], 0)), int(_at(values["NLOOP"], 0))
    if not 0 <= target < index or repeat < 1:
        raise ProgramError(
            f"LOOP {step_id}: PROT {target} must be 0 to {index - 1}, NLOOP {repeat} at least 1"
        )
    return EngineStep(step_id, "LOOP", index, jump_to=first[target], repeat=repeat)


def _tests(values: Mapping[str, Value], number: int) -> tuple[Until, ...]:
    found: list[Until] = []
    for test in (1, 2, 3):
        configuration = int(_at(values.get(f"TEST{test}CONF", 0.0), number))
        if not configuration & _ACTIVE:
            continue
        variable = _VARIABLES.get(configuration >> _VARIABLE_BIT)
        if variable is None:
            raise ProgramError(
                f"TEST{test}CONF {configuration}: the variable is unknown; use +0 (E), +96 (I), +992 (Q)"
            )
        value = _at(values[f"TEST{test}VAL"], number)
        found.append(Level(variable, bool(configuration & _AT_LEAST), value))
    return tuple(found)


def _at(value: Value, number: int) -> float:
    if isinstance(value, str):
        raise ProgramError(f"a number was expected, not {value!r}")
    if isinstance(value, float | int):
        return float(value)
    return float(value[number]) if number < len(value) else float(value[-1])


def _positive(value: float, what: str) -> float:
    if not value > 0:
        raise ProgramError(f"{what} is {value}; give a positive number")
    return value
