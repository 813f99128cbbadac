"""The record of a cycler that was not under control becomes part of an experiment."""

import json
import logging
import shutil
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..callbacks.analysis.clock_offset import LONGEST_OFFSET_S, ClockOffset
from ..callbacks.analysis.merged_state import LithiumCount, MergedState, merged_state
from ..callbacks.tiled.experiment import Experiment
from ..callbacks.tiled.frame import SUFFIX
from ..callbacks.tiled.journal import Journal, runs
from ..callbacks.tiled.open_experiment import experiment_from_journal
from .cycler_clock import (
    COLUMNS,
    ClockStatement,
    MonitorLog,
    Quantity,
    clock_document,
    clock_of,
    cycler_record,
    on_beamline_clock,
)
from .import_settings import content_digest
from .merge_documents import write_merge

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MergeSettings:
    """What the user states about a cycler's record.

    Attributes
    ----------
    time_zone
        Zone of the clock of the cycler's computer.
    offset_s
        Seconds to add to its clock; None: from steps that the beamline logged, else 0.
    uncertainty_s
        Standard deviation of a stated offset, or of the time stamps; None: nobody knows.
    longest_offset_s
        Larger offsets are not looked for.
    drift_ppm
        What a stated offset grows by, microseconds per second, from the first row on.
    inverted
        Whether the monitors are of opposite sign; None: told from the records.
    initial_lithium_content
        x where the cycler's charge is zero; None: that of the experiment's cell, if it says so.
    voltage_monitor, current_monitor
        Data keys of what the beamline logged of the cell, such as a channel of an ADC, in any run of the
        experiment; None for both: the voltage and current of its own cycling runs.
    """

    time_zone: str
    offset_s: float | None = None
    uncertainty_s: float | None = None
    longest_offset_s: float = LONGEST_OFFSET_S
    initial_lithium_content: float | None = None
    voltage_monitor: str | None = None
    current_monitor: str | None = None
    drift_ppm: float = 0.0
    inverted: bool | None = None

    @property
    def clock(self) -> ClockStatement:
        """What is stated of the clock."""
        return ClockStatement(
            self.offset_s,
            self.uncertainty_s,
            self.longest_offset_s,
            drift=self.drift_ppm * 1e-6,
            inverted=self.inverted,
        )


@dataclass(frozen=True)
class Merged:
    """What a merge made.

    Attributes
    ----------
    uid, name
        Of the experiment.
    run
        Uid of the run that holds the record.
    source
        Names of the files.
    rows
        Of the record.
    clock
        Offset of the cycler's clock.
    remark
        Why the offset was not told from steps; empty if it was, or was stated.
    scans, with_state
        Number of finished scans, and of those that the record covers.
    is_new
        False if the journal held this very merge already.
    """

    uid: str
    name: str
    run: str
    source: str
    rows: int
    clock: ClockOffset
    remark: str
    scans: int
    with_state: int
    is_new: bool


def merge(
    journal: Path | str, experiment: str, files: Sequence[Path | str], settings: MergeSettings
) -> Merged:
    """Attach cycler files to an experiment in a journal, with the state of the cell at each of its scans.

    The same files, scans and statements always make the same run, so that merging again writes nothing.
    Merged again otherwise, the last merge of these files counts. A killed merge leaves nothing behind.

    Parameters
    ----------
    journal
        Folder of the journal.
    experiment
        Uid of the experiment, the first six or more characters of it, or its name.
    files
        Of one cell, continuations included, in any order.
    settings
        What the files do not say.

    Returns
    -------
    Merged
        Uids, clock and counts.

    Raises
    ------
    UnknownExperimentError
        If there is no such experiment, or there are several.
    ValueError
        If the files do not make one record; the message names file and remedy.
    """
    journal, paths = Path(journal), [Path(path) for path in files]
    opened = experiment_from_journal(journal, experiment)
    own = cycler_record(paths, settings.time_zone)
    logs, nothing_logged = logs_of(opened, settings)
    clock, remark = clock_of(own, logs, settings.clock)
    table = on_beamline_clock(own, clock)
    middles, lithium = opened.scan_middles, _lithium(opened, settings)
    middle_s = middles["time"].to_numpy(float)
    state = merged_state(
        middle_s, table, clock_uncertainty_s=clock.uncertainty_at_s(middle_s), lithium=lithium
    )
    about = {
        **_about(opened, settings, clock, lithium),
        "source": ", ".join(path.name for path in paths),
        "digest": content_digest(paths),
    }
    run = _run_uid(opened.uid, about, list(middles.index))
    is_new = all(known.uid != run for known in runs(journal))
    if is_new:
        _write(journal, run, about, table, middles, state)
    return Merged(
        uid=opened.uid,
        name=opened.name,
        run=run,
        source=about["source"],
        rows=len(table),
        clock=clock,
        remark=remark and (nothing_logged or remark),
        scans=len(middles),
        with_state=int(np.isfinite(state.voltage_v).sum()),
        is_new=is_new,
    )


def logs_of(experiment: Experiment, settings: MergeSettings) -> tuple[list[MonitorLog], str]:
    """Find what the beamline logged of the cell's voltage and current.

    Parameters
    ----------
    experiment
        That the record is merged into.
    settings
        May name monitors.

    Returns
    -------
    list of MonitorLog
        The named ones, else those of the cycling runs.
    str
        Why there are none, if the experiment's own record is no log of the beamline.

    Raises
    ------
    ValueError
        If the experiment has no such monitor; the message lists those it has.
    """
    named: dict[Quantity, str | None] = {
        "voltage": settings.voltage_monitor,
        "current": settings.current_monitor,
    }
    chosen = [_monitor(experiment, key, quantity) for quantity, key in named.items() if key]
    if chosen:
        return chosen, ""
    if any("import" in start for start in experiment.runs("cycling")):
        return [], "the experiment's own record is imported from files, which is no log of the beamline"
    logged = experiment.own_electrochemistry
    return [
        MonitorLog(quantity, quantity, logged["time"].to_numpy(float), logged[quantity].to_numpy(float))
        for quantity in COLUMNS
        if quantity in logged.columns
    ], ""


def _monitor(experiment: Experiment, key: str, quantity: Quantity) -> MonitorLog:
    rows = experiment.monitor(key)
    if rows.empty:
        known = ", ".join(experiment.monitors) or "none"
        raise ValueError(f"{experiment.name}: no stream has a monitor {key!r}: give one of {known}")
    return MonitorLog(key, quantity, rows["time"].to_numpy(float), rows["value"].to_numpy(float))


def _lithium(experiment: Experiment, settings: MergeSettings) -> LithiumCount | None:
    cell = experiment.cell
    initial = settings.initial_lithium_content
    initial = cell.get("initial_lithium_content") if initial is None else initial
    mass, capacity = cell.get("active_mass_mg"), cell.get("theoretical_capacity_mah_g")
    if initial is None or mass is None or capacity is None:
        return None
    return LithiumCount(float(mass), float(capacity), float(initial))


def _about(
    experiment: Experiment, settings: MergeSettings, clock: ClockOffset, lithium: LithiumCount | None
) -> dict[str, Any]:
    return {
        "experiment": {"uid": experiment.uid, "name": experiment.name},
        "cell": experiment.cell,
        **clock_document(clock),
        "time_zone": settings.time_zone,
        "lithium": asdict(lithium) if lithium else None,
    }


def _run_uid(experiment_uid: str, about: dict[str, Any], scans: list[str]) -> str:
    """Uid of a run that follows from all that the run says."""
    said = json.dumps([experiment_uid, about, scans], sort_keys=True, default=str)
    return str(uuid.uuid5(uuid.NAMESPACE_OID, said))


def _write(
    journal: Path,
    run: str,
    about: dict[str, Any],
    table: pd.DataFrame,
    middles: pd.DataFrame,
    state: MergedState,
) -> None:
    """Write the run aside, then move it into the journal."""
    aside = journal / f".merge-{run[:8]}"
    shutil.rmtree(aside, ignore_errors=True)
    with Journal(aside) as publish:
        write_merge(publish, run, time.time(), about, table, middles, state)
    for path in aside.glob(f"*{SUFFIX}"):
        path.replace(journal / path.name)
    shutil.rmtree(aside)
