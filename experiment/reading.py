"""From a toml file to a checked experiment, or to a refusal that names file, line, key and remedy."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .check import problems
from .file import (
    ConstantCurrentStep,
    ConstantPowerStep,
    ConstantVoltageStep,
    CyclicVoltammetryStep,
    ExperimentFile,
    GittStep,
    LoopStep,
    PittStep,
    RestStep,
    TriggerOutStep,
    VoltageRampStep,
    WaitForTriggerStep,
)
from .impedance_file import GalvanostaticImpedanceStep, PotentiostaticImpedanceStep
from .problem import Problem
from .protocol_source import ProtocolSourceError, with_steps
from .toml_source import ExperimentFileError, KeyPath, TomlSource, read_toml


def read_experiment(path: Path | str) -> ExperimentFile:
    """Read an experiment file and refuse it when it cannot do what it says.

    Parameters
    ----------
    path
        The toml file.

    Returns
    -------
    ExperimentFile
        The validated content.

    Raises
    ------
    ExperimentFileError
        With every problem on a line of its own: ``file:line: key: what is wrong; remedy``.
    """
    source = read_toml(Path(path))
    try:
        experiment = ExperimentFile.model_validate(source.data)
    except ValidationError as error:
        raise ExperimentFileError("\n".join(_translate(source, error))) from None
    try:
        experiment = with_steps(experiment, source.path.parent)
    except ProtocolSourceError as error:
        raise ExperimentFileError(f"{source.where(error.keys)}: {error}") from None
    found = [problem for problem in problems(experiment) if problem.is_fatal]
    if found:
        raise ExperimentFileError("\n".join(place(source, problem) for problem in found))
    return experiment


def place(source: TomlSource, problem: Problem) -> str:
    """Spell a problem with the file, line and key where it stands."""
    return f"{source.where(problem.keys)}: {problem.text}"


def _translate(source: TomlSource, error: ValidationError) -> list[str]:
    """One line for each complaint of pydantic, in the words of the file."""
    messages: dict[str, None] = {}
    for item in error.errors(include_url=False):
        keys = _in_file(source.data, item["loc"], missing=item["type"] == "missing")
        messages[f"{source.where(keys)}: {_sentence(source, keys, item)}"] = None
    return list(messages)


def _in_file(data: object, location: Sequence[str | int], *, missing: bool) -> KeyPath:
    """Keep the part of a pydantic location that exists in the file: union tags are no keys."""
    keys: list[str | int] = []
    for position, part in enumerate(location):
        child = _child(data, part)
        if child is _ABSENT and not (missing and position == len(location) - 1):
            continue
        data = child
        keys.append(part)
    return tuple(keys)


def _child(data: object, part: str | int) -> object:
    if not isinstance(data, dict | list):
        return _ABSENT
    try:
        return data[part]  # pyright: ignore[reportCallIssue, reportArgumentType]
    except (KeyError, IndexError, TypeError):
        return _ABSENT


def _sentence(source: TomlSource, keys: KeyPath, item: ErrorDetails) -> str:
    kind, value = item["type"], item.get("input")
    if kind == "extra_forbidden":
        return _unknown_key(str(item["loc"][-1]), item["loc"])
    if kind == "missing":
        return f"is missing; add it ({_parent(keys)})"
    if kind == "value_error":
        return str(item.get("ctx", {}).get("error", item["msg"]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"needs technique = one of {', '.join(_MEMBERS)}"
    if isinstance(value, dict | list):
        return str(item["msg"])
    return f"{value!r} is refused: {item['msg']}"


def _parent(keys: KeyPath) -> str:
    parents = [str(key) for key in keys[:-1] if isinstance(key, str)]
    return f"table [{'.'.join(parents)}]" if parents else "at the top level of the file"


def _unknown_key(key: str, location: Sequence[str | int]) -> str:
    """Refuse a key and name those that are known there, the nearest first."""
    known = _known_keys(location)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; known here: {', '.join(sorted(known))}" if known else "unknown key; remove it"


def _known_keys(location: Sequence[str | int]) -> list[str]:
    """Keys that the model around a location accepts."""
    model: type[BaseModel] | None = ExperimentFile
    for part in location[:-1]:
        if model is None:
            return []
        if isinstance(part, str):
            model = _submodel(model, part)
    return list(model.model_fields) if model is not None else []


def _submodel(model: type[BaseModel], part: str) -> type[BaseModel] | None:
    """Model behind a field, or the member of a discriminated union that a tag chooses."""
    field = model.model_fields.get(part)
    if field is None:
        return _MEMBERS.get(part, model)
    return next(iter(_models_in(field.annotation)), model)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in getattr(annotation, "__args__", ()) for model in _models_in(inner)]


_ABSENT = object()
_MEMBERS: dict[str, type[BaseModel]] = {
    "rest": RestStep,
    "constant_current": ConstantCurrentStep,
    "constant_voltage": ConstantVoltageStep,
    "constant_power": ConstantPowerStep,
    "voltage_ramp": VoltageRampStep,
    "potentiostatic_impedance": PotentiostaticImpedanceStep,
    "galvanostatic_impedance": GalvanostaticImpedanceStep,
    "wait_for_trigger": WaitForTriggerStep,
    "trigger_out": TriggerOutStep,
    "loop": LoopStep,
    "gitt": GittStep,
    "pitt": PittStep,
    "cyclic_voltammetry": CyclicVoltammetryStep,
}
