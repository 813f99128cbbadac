"""The protocol of an experiment file, wherever it is written: its own steps, strings, or another file."""

from __future__ import annotations

from pathlib import Path, PurePath

from pydantic import ValidationError

from ..devices.protocol import Limits, Protocol
from ..devices.protocol import Step as CyclerStep
from ..devices.step import Loop
from .file import MOST_STEPS, ExperimentFile, RecordSection, Step
from .protocol_files.pybamm_text import ProtocolTextError, protocol_from_strings
from .protocol_files.safety import Safety
from .protocol_files.unicycler import read_unicycler
from .step_section import step_section
from .toml_source import KeyPath, NamedSourceError


def with_steps(experiment: ExperimentFile, folder: Path) -> ExperimentFile:
    """Give an experiment the capacity of its C-rates, and the steps that its strings or protocol file say.

    Parameters
    ----------
    experiment
        As written.
    folder
        Where the experiment file is: ``protocol.file`` is relative to it.

    Returns
    -------
    ExperimentFile
        With ``protocol.steps``; currents in mA, C-rates resolved by the declared capacity.

    Raises
    ------
    NamedSourceError
        When the strings or the file are not understood, the limits allow more than the file does, or two
        capacities are given for C-rates.
    """
    experiment = _with_capacity(experiment)
    if experiment.protocol.file is not None:
        return _from_file(experiment, folder / experiment.protocol.file)
    if experiment.protocol.experiment is not None:
        return _from_strings(experiment)
    return experiment


def kept_path(protocol_file: str) -> PurePath:
    """Where the protocol file is kept beside the copy of an experiment file: inside of its folder."""
    path = PurePath(protocol_file)
    return PurePath(path.name) if path.is_absolute() or ".." in path.parts else path


def _with_capacity(experiment: ExperimentFile) -> ExperimentFile:
    cell = experiment.cell
    if cell.c_rate_basis == "declared":
        return experiment
    if cell.declared_capacity_mah is not None:
        told = f"{cell.declared_capacity_mah:g} mA h is declared, but c_rate_basis is theoretical; give one"
        raise NamedSourceError(("cell", "c_rate_basis"), told)
    cell = cell.model_copy(update={"declared_capacity_mah": cell.full_capacity_mah})
    return experiment.model_copy(update={"cell": cell})


def _from_strings(experiment: ExperimentFile) -> ExperimentFile:
    entries = [
        entry if isinstance(entry, str | list) else entry.model_dump()
        for entry in experiment.protocol.experiment or ()
    ]
    try:
        protocol = protocol_from_strings(entries, experiment.cell.declared_capacity_mah)
    except ProtocolTextError as error:
        raise NamedSourceError(("protocol", "experiment", error.position), str(error)) from None
    return _taking(experiment, protocol, "experiment")


def _from_file(experiment: ExperimentFile, path: Path) -> ExperimentFile:
    keys: KeyPath = ("protocol", "file")
    try:
        read = read_unicycler(path, experiment.cell.declared_capacity_mah)
    except (OSError, ValueError, ImportError) as error:
        raise NamedSourceError(keys, f"{error}") from None
    experiment = _within(experiment, read.safety, path)
    if "record" not in experiment.protocol.model_fields_set:
        record = read.protocol.record
        section = RecordSection(dt_s=record.dt_s, de_v=record.de_v, di_a=record.di_a)
        protocol = experiment.protocol.model_copy(update={"record": section})
        experiment = experiment.model_copy(update={"protocol": protocol})
    return _taking(experiment, read.protocol, "file")


def _within(experiment: ExperimentFile, safety: Safety, path: Path) -> ExperimentFile:
    """Refuse limits that allow more than the protocol file, and take its capacity where none is given."""
    section = experiment.limits
    if section.capacity_max_mah is None and safety.capacity_max_mah:
        section = section.model_copy(update={"capacity_max_mah": safety.capacity_max_mah})
    limits = Limits(
        voltage_max_v=section.voltage_max_v,
        voltage_min_v=section.voltage_min_v,
        current_max_a=section.current_max_ma * 1e-3,
        capacity_max_mah=section.capacity_max_mah or experiment.cell.full_capacity_mah,
        delay_s=section.delay_s,
    )
    wider = safety.wider(limits)
    if wider:
        told = "; ".join(wider)
        raise NamedSourceError(
            ("limits",),
            f"{told}, which the safety of {path.name} allows; narrow these limits, or widen those",
        )
    return experiment.model_copy(update={"limits": section})


def _taking(experiment: ExperimentFile, protocol: Protocol, key: str) -> ExperimentFile:
    if len(protocol.steps) > MOST_STEPS:
        message = f"{len(protocol.steps)} steps are more than {MOST_STEPS}; repeat a cycle instead"
        raise NamedSourceError(("protocol", key), message)
    try:
        steps = [_section(step, protocol) for step in protocol.steps]
    except ValueError as error:
        raise NamedSourceError(("protocol", key), _message(error)) from None
    taken = experiment.protocol.model_copy(update={"steps": steps})
    return experiment.model_copy(update={"protocol": taken})


def _section(step: CyclerStep, protocol: Protocol) -> Step:
    loops_to = protocol.steps[protocol.index_of(step.to_step)].id if isinstance(step, Loop) else ""
    return step_section(step, loops_to)


def _message(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{first['loc'][-1] if first['loc'] else 'step'}: {first['msg']}"
    return str(error)
