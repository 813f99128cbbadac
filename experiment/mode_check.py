"""Does an experiment file go with its mode: triggers while cycling, states in step and hold."""

from collections.abc import Iterator

from .attainable import value_range
from .file import ExperimentFile
from .problem import Problem
from .toml_source import KeyPath


def mode_problems(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find what is missing in this mode, what has no meaning in it, and what could never happen."""
    holds = experiment.acquisition.holds
    for number, entry in enumerate(experiment.measurements):
        keys: KeyPath = ("measurements", number, "trigger")
        if entry.trigger is None and not holds:
            yield Problem(keys, "is missing; say what sets the measurement off (trigger.every_time_s, ...)")
        elif entry.trigger is not None and holds:
            yield Problem(keys, "has no meaning in step and hold, where each state sets it off; remove it")
        elif holds and entry.max_lateness_s is not None:
            yield Problem((*keys[:-1], "max_lateness_s"), "the relaxation would use it up; remove it")
    for name in ("on_pause", "on_beam_loss"):
        if holds and getattr(experiment.policies, name) != "continue":
            yield Problem(("policies", name), 'would end a hold early; in step and hold it is "continue"')
    yield from _states(experiment)


def _states(experiment: ExperimentFile) -> Iterator[Problem]:
    for number, state in enumerate(experiment.acquisition.states):
        low, high, unit = value_range(experiment, state.quantity)
        if not low <= state.value <= high:
            yield Problem(
                ("acquisition", "states", number, state.key),
                f"{state.value:g}{unit} is outside {low:.4g} to {high:.4g}{unit}, where the protocol takes "
                "the cell, so it is never reached; move the state or the protocol",
            )
