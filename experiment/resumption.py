"""Finding, in the journal, what a dead acquisition left of an experiment whose cell went on."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ..callbacks.tiled.journal import JournalRun, close_dead_run, read_journal, runs
from ..devices.latch import Latch
from ..plans.resume import ResumePoint, Unlisted


@dataclass(frozen=True)
class Remains:
    """What the journal knows of an experiment.

    Attributes
    ----------
    uid, name
        The experiment.
    cycling
        Its cycling runs, oldest first.
    measurements
        Its measurement runs.
    """

    uid: str
    name: str
    cycling: tuple[JournalRun, ...]
    measurements: tuple[JournalRun, ...]

    @property
    def has_ended(self) -> bool:
        """Whether it was followed to the end of its protocol, or to a fault of the cycler."""
        stop = self.cycling[-1].stop if self.cycling else None
        return stop is not None and (
            stop["exit_status"] == "success" or str(stop.get("reason", "")).startswith("cycler fault")
        )

    @property
    def is_open(self) -> bool:
        """Whether the last cycling run has no stop document."""
        return bool(self.cycling) and self.cycling[-1].stop is None


def remains_of(journal: Path, experiment_uid: str) -> Remains | None:
    """Look up an experiment in the journal; None when it never began to cycle there."""
    own = [run for run in runs(journal) if _experiment(run).get("uid") == experiment_uid]
    cycling = tuple(run for run in own if run.start.get("purpose") == "cycling")
    if not cycling:
        return None
    measured = tuple(run for run in own if run.start.get("purpose") == "measurement")
    return Remains(experiment_uid, str(_experiment(cycling[0]).get("name", "")), cycling, measured)


def resume_point(remains: Remains) -> ResumePoint:
    """Gather what was stored: last sample and point of the cycler, newest settled request of each trigger."""
    first = remains.cycling[0].start
    last_sample, last_time_s = int(first.get("first_sample", 0)) - 1, 0.0
    last_point = int(first.get("first_point", 0)) - 1
    counts: dict[str, int] = {}
    onsets: dict[str, float] = {}
    for run in remains.cycling:
        for name, doc in read_journal(run.path):
            data = doc["data"] if name == "event" else {}
            if "cell_sample" in data and int(data["cell_sample"]) > last_sample:
                last_sample, last_time_s = int(data["cell_sample"]), float(data["cell_time"])
            elif "cell_impedance_point" in data:
                last_point = max(last_point, int(data["cell_impedance_point"]))
            elif data.get("ledger_status") == "onset":
                onsets[str(data["ledger_rule"])] = float(data["ledger_time"]) - float(data["ledger_late_s"])
            elif data.get("ledger_measurement"):
                _raise_count(counts, data["ledger_measurement"], data["ledger_count"])
    order = [entry["name"] for entry in remains.cycling[0].start["measurements"]]
    unlisted: dict[int, Unlisted] = {}
    for run in remains.measurements:
        name, trigger = run.start["measurement"], run.start["trigger"]
        if _succeeded(run) and trigger["count"] > counts.get(name, 0):
            _raise_count(counts, name, trigger["count"])
            unlisted[order.index(name) + 1] = Unlisted(_latch(trigger), run.uid)
    seen = {number: counts[name] for number, name in enumerate(order, start=1) if name in counts}
    return ResumePoint(
        remains.cycling[-1].uid,
        last_sample,
        last_time_s,
        seen,
        unlisted,
        last_point=last_point,
        onsets=onsets,
    )


def hold_point(remains: Remains) -> ResumePoint:
    """Gather what was stored of step and hold, where counts begin anew at each state: told apart by time."""
    order = [entry["name"] for entry in remains.cycling[0].start["measurements"]]
    crossed_s: dict[str, list[float]] = {name: [] for name in order}
    for run in remains.cycling:
        for name, doc in read_journal(run.path):
            data = doc["data"] if name == "event" else {}
            if data.get("ledger_measurement"):
                crossed_s[data["ledger_measurement"]].append(float(data["ledger_time"]))
    unlisted = {
        order.index(run.start["measurement"]) + 1: Unlisted(_latch(run.start["trigger"]), run.uid)
        for run in remains.measurements
        if _succeeded(run) and run.start["trigger"]["time"] not in crossed_s[run.start["measurement"]]
    }
    times = {number: tuple(crossed_s[name]) for number, name in enumerate(order, start=1)}
    return replace(resume_point(remains), seen={}, unlisted=unlisted, crossed_s=times)


def _succeeded(run: JournalRun) -> bool:
    return run.stop is not None and run.stop.get("exit_status") == "success"


def changed_since(
    remains: Remains,
    protocol: Mapping[str, Any],
    limits: Mapping[str, Any],
    rules: Mapping[str, str],
    mode: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Name what an experiment file says otherwise than the experiment that runs was started with.

    Parameters
    ----------
    remains
        The experiment as the journal knows it.
    protocol, limits
        Of the file, as plain values.
    rules
        Rule of each measurement's trigger, in the order of the file.
    mode
        Further keys of the cycling run's start document, such as the states of step and hold.

    Returns
    -------
    tuple of str
        Such as ``protocol step charge``; empty when nothing differs that the cell was told.
    """
    started = remains.cycling[0].start
    before, after = started.get("protocol", {}), _plain(protocol)
    steps = zip_longest(before.get("steps", ()), after.get("steps", ()), fillvalue={})
    changed = [f"protocol step {(new or old).get('id')}" for old, new in steps if _plain(old) != _plain(new)]
    if before and _plain(before.get("record")) != after.get("record"):
        changed.append("protocol record")
    if "limits" in started and _plain(started["limits"]) != _plain(limits):
        changed.append("limits")
    known = [(entry["name"], entry.get("rule")) for entry in started.get("measurements", ())]
    if known != list(rules.items()):
        changed.append("measurements and their triggers")
    changed += [key for key, value in (mode or {}).items() if _plain(started.get(key)) != _plain(value)]
    return tuple(changed) if before else ()


def _plain(values: Any) -> Any:  # noqa: ANN401
    """Values as they come out of a journal: lists instead of tuples."""
    return json.loads(json.dumps(values))


def close_dead_runs(journal: Path) -> list[str]:
    """End every run whose process is gone; gives their uids."""
    dead = [run for run in runs(journal) if run.stop is None and not run.alive]
    for run in dead:
        close_dead_run(run.path, "its process ended without a stop document; closed by the next start")
    return [run.uid for run in dead]


def _latch(trigger: Mapping[str, Any]) -> Latch:
    return Latch(
        **{
            each.name: trigger.get(each.name, 0.0 if each.name == "late_s" else math.nan)
            for each in fields(Latch)
        }
    )


def _experiment(run: JournalRun) -> Mapping[str, Any]:
    return run.start.get("experiment") or {}


def _raise_count(counts: dict[str, int], measurement: str, count: float) -> None:
    counts[measurement] = max(counts.get(measurement, 0), int(count))
