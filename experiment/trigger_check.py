"""Can the triggers of an experiment file ever fire."""

from collections.abc import Iterator
from typing import Any

from .attainable import RANGED, value_range
from .conversion import limits_of, protocol_of
from .file import ExperimentFile
from .problem import Problem
from .step_conversion import directions_of
from .toml_source import KeyPath
from .trigger_file import TriggerFile


def trigger_problems(experiment: ExperimentFile, number: int) -> list[Problem]:
    """Find why the trigger of a measurement can never fire."""
    trigger = experiment.measurements[number].trigger
    if trigger is None:
        return []
    keys: KeyPath = ("measurements", number, "trigger", trigger.rule_key)
    return list(_of_key(experiment, trigger, keys)) or list(_of_rule(experiment, trigger, keys))


def _of_key(experiment: ExperimentFile, trigger: TriggerFile, keys: KeyPath) -> Iterator[Problem]:
    value: Any = getattr(trigger, trigger.rule_key)
    known = ", ".join(experiment.protocol.step_ids())
    if trigger.quantity == "step" and value is not True and value not in experiment.protocol.step_ids():
        yield Problem(keys, f"no step has the id {value!r}, so it can never fire; steps: {known}")
    if value is True or trigger.quantity not in RANGED:
        return
    if trigger.rule_key.startswith("at_"):
        yield from _levels(experiment, trigger, value, keys)
    else:
        yield from _interval(experiment, trigger, value, keys)


def _of_rule(experiment: ExperimentFile, trigger: TriggerFile, keys: KeyPath) -> Iterator[Problem]:
    try:
        protocol = protocol_of(experiment)
    except ValueError:
        # What is wrong with the protocol is told where it is written.
        return
    capacity_mah = experiment.cell.full_capacity_mah
    reason = trigger.trigger.can_fire(protocol, limits_of(experiment), capacity_mah=capacity_mah)
    if reason is not None:
        yield Problem(keys, reason)


def _levels(
    experiment: ExperimentFile, trigger: TriggerFile, levels: list[float], keys: KeyPath
) -> Iterator[Problem]:
    low, high, unit = value_range(experiment, trigger.quantity)
    for level in levels:
        if not low <= level <= high:
            yield Problem(
                keys,
                f"{level:g}{unit} is outside {low:.4g} to {high:.4g}{unit}, where the protocol takes the "
                "cell, so it can never fire; move the level or the protocol",
            )
    currents = [way for step in experiment.protocol.plain_steps() for way in directions_of(step)]
    falls = trigger.quantity == "lithium_content"
    needed = {"rising": "discharge" if falls else "charge", "falling": "charge" if falls else "discharge"}
    wanted = needed.get(trigger.direction)
    if wanted is not None and currents and wanted not in currents:
        yield Problem(
            (*keys[:-1], "direction"),
            f"{trigger.quantity} is never {trigger.direction}, as no step does {wanted}, so it can never "
            'fire; use direction = "both"',
        )


def _interval(
    experiment: ExperimentFile, trigger: TriggerFile, interval: float, keys: KeyPath
) -> Iterator[Problem]:
    low, high, unit = value_range(experiment, trigger.quantity)
    if interval >= high - low:
        yield Problem(
            keys,
            f"an interval of {interval:g}{unit} is not below the range {low:.4g} to {high:.4g}{unit} of this "
            "protocol, so it can never fire; make it smaller",
        )
