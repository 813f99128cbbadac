"""Triggers that expect features where an earlier record has them: read from the cycler's file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..callbacks.analysis.electrochemistry.half_cycle import half_cycles
from ..callbacks.analysis.electrochemistry.incremental_capacity import feature_voltages
from ..callbacks.analysis.electrochemistry.plausibility import defects
from ..callbacks.analysis.electrochemistry.reading import read_record
from ..callbacks.analysis.electrochemistry.record import VOLTAGE, net_capacity_ah
from .file import ExperimentFile
from .toml_source import NamedSourceError
from .trigger_file import ReferenceCurve, TriggerFile

SIGNS = {"rising": 1, "falling": -1}


def reference_curves(experiment: ExperimentFile) -> Iterator[tuple[int, TriggerFile, ReferenceCurve]]:
    """Give the records that triggers of an experiment name, with the number of the measurement."""
    for number, measurement in enumerate(experiment.measurements):
        trigger = measurement.trigger
        if trigger is not None and trigger.reference_curve is not None:
            yield number, trigger, trigger.reference_curve


def with_reference_curves(experiment: ExperimentFile, folder: Path) -> ExperimentFile:
    """Give the triggers the voltages at which their records have maxima of |dQ/dV|.

    Parameters
    ----------
    experiment
        As written.
    folder
        Where the experiment file is: the records are relative to it.

    Raises
    ------
    NamedSourceError
        If a record cannot be read, lacks that half cycle, or shows no maximum.
    """
    measurements = list(experiment.measurements)
    for number, trigger, curve in reference_curves(experiment):
        try:
            volts = recorded_features(folder / curve.file, trigger.direction, curve.half_cycle)
        except (OSError, ValueError, ModuleNotFoundError) as error:
            keys = ("measurements", number, "trigger", "dqdv_approach_v")
            raise NamedSourceError(keys, str(error)) from error
        found = trigger.model_copy(update={"dqdv_approach_v": curve.found_at(volts)})
        measurements[number] = measurements[number].model_copy(update={"trigger": found})
    return experiment.model_copy(update={"measurements": measurements})


def recorded_features(path: Path, direction: str, number: int | None = None) -> list[float]:
    """Voltages (V, rising) of the maxima of |dQ/dV| in a half cycle of a cycler's file.

    Parameters
    ----------
    path
        File of any cycler that `read_cycler_file` reads.
    direction
        ``rising`` for a charge, ``falling`` for a discharge.
    number
        Which half cycle of the file, 1 the first; the last of that direction unless given.

    Raises
    ------
    FileNotFoundError, ValueError, ModuleNotFoundError
        If the file cannot be read, has no such half cycle, or no maximum in it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; write it relative to the experiment file")
    record = read_record(path)
    wrong = [str(defect) for defect in defects(record) if defect.fatal]
    if wrong:
        raise ValueError(f"{path}: {'; '.join(wrong)}")
    charge_ah = net_capacity_ah(record.columns)
    ways = half_cycles(charge_ah)
    asked = {"rising": "charge", "falling": "discharge"}[direction]
    chosen = ways[number - 1 : number] if number else ways
    chosen = [way for way in chosen if way.charge_ah * SIGNS[direction] > 0]
    if not chosen:
        known = ", ".join("charge" if way.charge_ah > 0 else "discharge" for way in ways) or "none"
        which = f"half cycle {number} is no {asked}" if number else f"has no {asked}"
        raise ValueError(f"{path}: {which}; its half cycles are: {known}")
    rows = slice(chosen[-1].first_row, chosen[-1].last_row + 1)
    found = feature_voltages(record.columns[VOLTAGE][rows], charge_ah[rows])
    if not found.size:
        raise ValueError(f"{path}: that {asked} has no maximum of |dQ/dV|; take another, or give voltages")
    return sorted(float(volt) for volt in found)


def named_files(experiment: ExperimentFile) -> set[str]:
    """Files that an experiment file names: its protocol, and records of its triggers."""
    curves = {curve.file for _, _, curve in reference_curves(experiment)}
    return curves | ({experiment.protocol.file} if experiment.protocol.file else set())
