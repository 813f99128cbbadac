"""Steps of a loaded protocol, as the words of EC-Lab give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ParameterValue = float | str | Sequence[float]
INSTANCES = 10
ARRAY_LENGTH = 20
NO_UNTIL = "none"
PRESENT_VOLTAGE = -1e9
"""Where a sweep begins that goes on from the voltage of the cell."""
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
    "VSCAN": {"VINIT": PRESENT_VOLTAGE, "VFINAL": 0.0, "RATE": 0.0} | _RECORDING,
    "PEIS": {"IVSTEP": 0.0, "AMPV": 0.0} | _SPECTRUM,
    "GEIS": {"IISTEP": 0.0, "AMPI": 0.0} | _SPECTRUM,
}
REFUSED: Mapping[str, str] = {
    "CPOWER": "the driver has no technique of constant power, a current (CPLIMIT) it has",
    "PEIS": "the driver measures spectra, but no variable of its gives them, only files on its own computer",
    "GEIS": "the driver has no galvanostatic spectra",
}
"""Techniques that are served, so that loading one is refused with the reason."""

WAITING = ("rest", "hold_voltage", "hold_current")
_ACTIVE, _VARIABLE_BIT = 1, 5
_VARIABLES = {0: "until_voltage_v", 3: "until_current_a", 31: "until_capacity_mah"}


class StepError(ValueError):
    """A list of techniques that the bridge cannot carry out."""


@dataclass(frozen=True)
class Step:
    """One step: a technique of the driver with its level and its ends, or a jump back.

    Attributes
    ----------
    id, technique : str
        Name for people; OCV, CPLIMIT, CALIMIT, VSCAN (sweeps the voltage), LOOP, TI (waits for a trigger) or
        TO (gives one).
    level : float
        A (positive charges) or V; of a sweep where it ends.
    duration_s : float
        Longest time; of a sweep it follows from where the cell is.
    start_v, rate_v_s : float
        Of a sweep: where it begins (None: where the cell is), and V/s without sign.
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
    start_v: float | None = None
    rate_v_s: float = 0.0
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
    if name == "VSCAN":
        return _sweep(step_id, values, recording)
    if int(_first(values["STEPN"])):
        raise StepError(f"{name} {step_id}: STEPN must be 0; write one technique for each step")
    level = _first(values["ISTEP" if name == "CPLIMIT" else "VSTEP"])
    recording |= _ends(f"{name} {step_id}", values)
    return Step(step_id, name, level, _first(values["DURSTEP"]), **recording)


def _sweep(step_id: str, values: Mapping[str, Any], recording: Mapping[str, Any]) -> Step:
    start_v, rate_v_s = _first(values["VINIT"]), _first(values["RATE"])
    if not rate_v_s > 0:
        raise StepError(f"VSCAN {step_id}: RATE {rate_v_s} V/s must be positive")
    begin_v = None if start_v <= PRESENT_VOLTAGE else start_v
    return Step(step_id, "VSCAN", _first(values["VFINAL"]), start_v=begin_v, rate_v_s=rate_v_s, **recording)


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
