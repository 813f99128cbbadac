"""Techniques as they are loaded, EC-Lab's parameters, made into the steps that the cycler carries out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Value = float | str | Sequence[float]
TECHNIQUES = ("OCV", "CP", "CPLIMIT", "CA", "CALIMIT", "LOOP")
INSTANCES = 10
ARRAY_LENGTH = 20
# Numbers of the techniques as EC-Lab's TECHID gives them.
TECHNIQUE_IDS = {"OCV": 100, "CA": 101, "CP": 102, "CPLIMIT": 155, "CALIMIT": 157, "LOOP": 150}
_RECORDING = {"REDT": 10.0, "REDE": 0.0, "REDI": 0.0, "ID": ""}
_STEPS = {"VSINIT": [0.0], "DURSTEP": [1.0], "STEPN": 0, "NCYCLES": 0}
_TESTS = {f"TEST{number}{part}": [0.0] for number in (1, 2, 3) for part in ("CONF", "VAL")}
PARAMETERS: Mapping[str, Mapping[str, Value]] = {
    "OCV": {"RTT": 1.0} | _RECORDING,
    "CP": {"ISTEP": [0.0]} | _STEPS | _RECORDING,
    "CPLIMIT": {"ISTEP": [0.0], "EXITCOND": [0.0]} | _STEPS | _TESTS | _RECORDING,
    "CA": {"VSTEP": [0.0]} | _STEPS | _RECORDING,
    "CALIMIT": {"VSTEP": [0.0], "EXITCOND": [0.0]} | _STEPS | _TESTS | _RECORDING,
    "LOOP": {"NLOOP": 1, "PROT": 0, "ID": ""},
}
_ACTIVE, _AT_LEAST, _VARIABLE_BIT = 1, 4, 5
_VARIABLES = {0: "voltage", 3: "current", 31: "charge"}


class ProgramError(ValueError):
    """A list of techniques that cannot be loaded."""


@dataclass(frozen=True)
class StepTest:
    """End of a step: a variable (voltage V, current A without sign, step charge mA h) passes a value."""

    variable: str
    at_least: bool
    value: float

    def excess(self, voltage_v: float, current_a: float, charge_mah: float) -> float:
        """How far beyond its end the step is; reached at 0 and above."""
        now = {"voltage": voltage_v, "current": abs(current_a), "charge": abs(charge_mah)}[self.variable]
        return now - self.value if self.at_least else self.value - now


@dataclass(frozen=True)
class EngineStep:
    """What the cycler does next: one control, its ends, what is recorded; or a jump back.

    Attributes
    ----------
    step_id, technique : str
        Its name for people, and the technique it came from.
    technique_index : int
        Place of that technique in the list that was loaded.
    current_a, voltage_v : float or None
        The control: one of the two; neither is open circuit.
    duration_s : float
        Longest time.
    tests : tuple of StepTest
        Any of them ends the step.
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
    duration_s: float = math.inf
    tests: tuple[StepTest, ...] = ()
    record_dt_s: float = 0.0
    record_de_v: float = 0.0
    record_di_a: float = 0.0
    jump_to: int | None = None
    repeat: int = 0


@dataclass
class Progress:
    """Where in the program the cycler is."""

    index: int = -1
    entered_s: float = 0.0
    spent_s: float = 0.0
    entered_charge_mah: float = 0.0
    loops: Counter[int] = field(default_factory=Counter)

    def landing(self, program: Sequence[EngineStep], index: int) -> int:
        """Index of the step after the loops at `index`; the length of the program at its end."""
        while index < len(program) and program[index].jump_to is not None:
            loop = program[index]
            if self.loops[index] < loop.repeat:
                self.loops[index] += 1
                index = loop.jump_to or 0
            else:
                self.loops[index] = 0
                index += 1
        return index


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
        steps.extend(_steps_of(name, index, values, first))
    return tuple(steps)


def _steps_of(name: str, index: int, values: Mapping[str, Value], first: list[int]) -> list[EngineStep]:
    step_id = str(values["ID"]) or f"{name.lower()}-{index}"
    if name == "LOOP":
        return [_loop(step_id, index, values, first)]
    recording: dict[str, Any] = {
        "record_dt_s": _at(values["REDT"], 0),
        "record_de_v": _at(values["REDE"], 0),
        "record_di_a": _at(values["REDI"], 0),
    }
    if name == "OCV":
        duration_s = _positive(_at(values["RTT"], 0), f"{name} RTT")
        return [EngineStep(step_id, name, index, duration_s=duration_s, **recording)]
    made: list[EngineStep] = []
    for number in range(int(_at(values["STEPN"], 0)) + 1):
        galvanic = "ISTEP" in values
        level = _at(values["ISTEP" if galvanic else "VSTEP"], number)
        made.append(
            EngineStep(
                step_id if number == 0 else f"{step_id}.{number}",
                name,
                index,
                duration_s=_positive(_at(values["DURSTEP"], number), f"{name} DURSTEP"),
                tests=_tests(values, number),
                current_a=level if galvanic else None,
                voltage_v=None if galvanic else level,
                **recording,
            )
        )
    return made


def _loop(step_id: str, index: int, values: Mapping[str, Value], first: list[int]) -> EngineStep:
    target, repeat = int(_at(values["PROT"], 0)), int(_at(values["NLOOP"], 0))
    if not 0 <= target < index or repeat < 1:
        raise ProgramError(
            f"LOOP {step_id}: PROT {target} must be 0 to {index - 1}, NLOOP {repeat} at least 1"
        )
    return EngineStep(step_id, "LOOP", index, jump_to=first[target], repeat=repeat)


def _tests(values: Mapping[str, Value], number: int) -> tuple[StepTest, ...]:
    found: list[StepTest] = []
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
        found.append(StepTest(variable, bool(configuration & _AT_LEAST), value))
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
