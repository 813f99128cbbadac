"""Can the onset of a phase, for which a trigger waits, ever be found."""

from collections.abc import Iterator

from ..callbacks.live.sought_phase import sought_names
from .file import ExperimentFile
from .measurement_file import XrdFile
from .onset_file import GATES, OnsetSection
from .problem import Problem
from .toml_source import KeyPath
from .trigger_file import TriggerFile

KEYS = ("onset_confirmed", *GATES)
"""Keys of a trigger that name the onset of a phase."""


def onset_keys(trigger: TriggerFile | None) -> tuple[str, ...]:
    """Keys by which a trigger waits for the onset of a phase."""
    return () if trigger is None else tuple(key for key in KEYS if getattr(trigger, key) is not None)


def onset_problems(experiment: ExperimentFile) -> Iterator[Problem]:
    """Find what no frame could show, and warn of phases that are not looked for in this chemistry."""
    for number, entry in enumerate(experiment.measurements):
        for key in onset_keys(entry.trigger):
            onset: OnsetSection = getattr(entry.trigger, key)
            keys: KeyPath = ("measurements", number, "trigger", key)
            yield from _frames(experiment, onset, keys)
            yield from _library(experiment, onset, keys)


def _frames(experiment: ExperimentFile, onset: OnsetSection, keys: KeyPath) -> Iterator[Problem]:
    taking = [entry for entry in experiment.measurements if isinstance(entry, XrdFile)]
    known = ", ".join(entry.name for entry in taking) or "none"
    wanted = [entry for entry in taking if onset.measurement in ("", entry.name)]
    if not wanted:
        named = f"{onset.measurement!r} takes" if onset.measurement else "no measurement takes"
        denied = " no" if onset.measurement else ""
        yield Problem(
            keys,
            f"{named}{denied} diffraction frames, so no onset is ever found; those that do: {known}; add one "
            'of technique = "xrd"',
        )
    elif all(_waits_for(entry.trigger, onset) for entry in wanted):
        names = ", ".join(entry.name for entry in wanted)
        yield Problem(
            keys,
            f"the onset of {onset.phase} could only be seen in {names}, which waits for it itself; let one "
            "of technique xrd run from the start",
        )


def _waits_for(trigger: TriggerFile | None, onset: OnsetSection) -> bool:
    if trigger is None:
        return False
    after = trigger.onset_confirmed or trigger.after_onset
    return after is not None and after.phase == onset.phase


def _library(experiment: ExperimentFile, onset: OnsetSection, keys: KeyPath) -> Iterator[Problem]:
    chemistry = experiment.cell.chemistry
    names = sought_names(chemistry)
    if onset.phase not in names:
        yield Problem(
            keys,
            f"{onset.phase!r} is not among the phases that are looked for in {chemistry}, so its onset will "
            f"not be found; those are {', '.join(names)}",
            is_fatal=False,
        )
