"""From a toml file to a checked experiment, or to a refusal that names file, line, key and remedy."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .cells_check import cells_problems, keys_of_cell, name_problems
from .cells_file import ManyCells, ManyCellsFile
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
from .measurement_file import measured_tables
from .problem import Problem
from .protocol_source import with_steps
from .reference_curve import with_reference_curves
from .toml_source import ExperimentFileError, KeyPath, NamedSourceError, TomlSource, read_toml

FileModel = TypeVar("FileModel", bound=BaseModel)


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
    found = read_file(path)
    if isinstance(found, ManyCells):
        raise ExperimentFileError(
            f"{path}: cells: here an experiment has one [cell]; "
            "operando check, rehearse and run take [[cells]]"
        )
    return found


def read_file(path: Path | str) -> ExperimentFile | ManyCells:
    """Read an experiment file of one cell or of several, and refuse it when it cannot do what it says.

    Raises
    ------
    ExperimentFileError
        As for `read_experiment`.
    """
    source = read_toml(Path(path))
    if not {"cells", "changer"} & source.data.keys():
        experiment = _with_steps(source, _validated(source, ExperimentFile))
        refuse(source, problems(experiment))
        return experiment
    if "cell" in source.data:
        raise ExperimentFileError(
            f"{source.where(('cell',))}: goes neither with [[cells]] nor with [changer]; make it one of the "
            "[[cells]], with name and channel, or remove them"
        )
    return _read_cells(source)


def _read_cells(source: TomlSource) -> ManyCells:
    file = _validated(source, ManyCellsFile)
    refuse(source, name_problems(file))
    cells = ManyCells(file, tuple(_single(source, file, number) for number in range(len(file.cells))))
    refuse(source, cells_problems(cells))
    return cells


def _single(source: TomlSource, file: ManyCellsFile, number: int) -> ExperimentFile:
    try:
        return _completed(file.single(number), source.path.parent)
    except NamedSourceError as error:
        where = source.where(keys_of_cell(file, number, error.keys))
        raise ExperimentFileError(f"{where}: cell {file.cells[number].name}: {error}") from None


def _validated(source: TomlSource, model: type[FileModel]) -> FileModel:
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise ExperimentFileError("\n".join(_translate(source, error, model))) from None


def _with_steps(source: TomlSource, experiment: ExperimentFile) -> ExperimentFile:
    try:
        return _completed(experiment, source.path.parent)
    except NamedSourceError as error:
        raise ExperimentFileError(f"{source.where(error.keys)}: {error}") from None


def _completed(experiment: ExperimentFile, folder: Path) -> ExperimentFile:
    """Take in what the file names: its protocol, and records in which its triggers look for features."""
    return with_reference_curves(with_steps(experiment, folder), folder)


def refuse(source: TomlSource, found: Sequence[Problem]) -> None:
    """Refuse a file for its fatal problems, each on a line of its own.

    Raises
    ------
    ExperimentFileError
        If there is one.
    """
    fatal = [place(source, problem) for problem in found if problem.is_fatal]
    if fatal:
        raise ExperimentFileError("\n".join(fatal))


def place(source: TomlSource, problem: Problem) -> str:
    """Spell a problem with the file, line and key where it stands."""
    return f"{source.where(problem.keys)}: {problem.text}"


def _translate(source: TomlSource, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for each complaint of pydantic, in the words of the file."""
    messages: dict[str, None] = {}
    for item in error.errors(include_url=False):
        keys = _in_file(source.data, item["loc"], missing=item["type"] == "missing")
        messages[f"{source.where(keys)}: {_sentence(keys, item, model)}"] = None
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


def _sentence(keys: KeyPath, item: ErrorDetails, model: type[BaseModel]) -> str:
    kind, value = item["type"], item.get("input")
    if kind == "extra_forbidden":
        return _unknown_key(str(item["loc"][-1]), item["loc"], model)
    if kind == "missing":
        return f"is missing; add it ({_parent(keys)})"
    if kind == "value_error":
        return str(item.get("ctx", {}).get("error", item["msg"]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _technique(value, _MEASURED if "measurements" in keys else _STEPS)
    if isinstance(value, dict | list):
        table = f"; write [[{keys[-1]}]]" if kind == "list_type" and isinstance(value, dict) else ""
        return f"{item['msg']}{table}"
    return f"{value!r} is refused: {_REMEDIES.get(kind, item['msg'])}"


def _technique(table: object, known: Mapping[str, object]) -> str:
    """Refuse a technique, name those that there are, and the nearest."""
    given = table.get("technique") if isinstance(table, dict) else None
    near = difflib.get_close_matches(str(given), known, n=1)
    wrong = "" if given is None else f"technique {given!r} is unknown; "
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{wrong}{meant}needs technique = one of {', '.join(known)}"


def _parent(keys: KeyPath) -> str:
    parents = [str(key) for key in keys[:-1] if isinstance(key, str)]
    return f"table [{'.'.join(parents)}]" if parents else "at the top level of the file"


def _unknown_key(key: str, location: Sequence[str | int], model: type[BaseModel]) -> str:
    """Refuse a key and name those that are known there, the nearest first."""
    known = _known_keys(location, model)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; known here: {', '.join(sorted(known))}" if known else "unknown key; remove it"


def _known_keys(location: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """Keys that the model around a location accepts."""
    for part in location[:-1]:
        if isinstance(part, str):
            model = _submodel(model, part)
    return list(model.model_fields)


def _submodel(model: type[BaseModel], part: str) -> type[BaseModel]:
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
_REMEDIES = {
    "float_parsing": "write a number, without quotes and unit",
    "int_parsing": "write a whole number, without quotes and unit",
    "string_pattern_mismatch": "write letters, digits, points, - and _, beginning with a letter or digit",
}
"""What to write instead, by pydantic's kind of complaint, where its own words are not those of a file."""

_STEPS: dict[str, type[BaseModel]] = {
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
_MEASURED = measured_tables()
_MEMBERS = {**_STEPS, **_MEASURED}
