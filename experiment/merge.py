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

from ..callbacks.analysis.clock_offset import (
    LONGEST_OFFSET_S,
    AmbiguousClockError,
    ClockOffset,
    estimate_clock_offset,
)
from ..callbacks.analysis.electrochemistry import join_cycler_tables, read_cycler_file
from ..callbacks.analysis.merged_state import LithiumCount, MergedState, merged_state
from ..callbacks.tiled.experiment import Experiment
from ..callbacks.tiled.frame import SUFFIX
from ..callbacks.tiled.journal import Journal, runs
from ..callbacks.tiled.open_experiment import experiment_from_journal
from .import_settings import content_digest
from .merge_documents import write_merge

logger = logging.getLogger(__name__)

MONITORS = {"voltage": "Voltage / V", "current": "Current / A"}
"""What a beamline may have logged, and the column of the cycler that it is compared with."""


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
    initial_lithium_content
        x where the cycler's charge is zero; None: that of the experiment's cell, if it says so.
    """

    time_zone: str
    offset_s: float | None = None
    uncertainty_s: float | None = None
    longest_offset_s: float = LONGEST_OFFSET_S
    initial_lithium_content: float | None = None


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
    table = join_cycler_tables([read_cycler_file(path, time_zone=settings.time_zone) for path in paths])
    clock, remark = clock_of(opened, table, settings)
    table["Unix Time / s"] += clock.offset_s
    middles = opened.scan_middles
    lithium = _lithium(opened, settings)
    state = merged_state(
        middles["time"].to_numpy(float), table, clock_uncertainty_s=clock.uncertainty_s, lithium=lithium
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
        remark=remark,
        scans=len(middles),
        with_state=int(np.isfinite(state.voltage_v).sum()),
        is_new=is_new,
    )


def clock_of(experiment: Experiment, table: pd.DataFrame, settings: MergeSettings) -> tuple[ClockOffset, str]:
    """Tell the cycler's clock: as stated, else from steps that the beamline logged, else from its stamps.

    Parameters
    ----------
    experiment
        With or without a logged voltage or current.
    table
        The cycler's record on its own clock.
    settings
        What the user states.

    Returns
    -------
    ClockOffset
        The most certain one.
    str
        Why it is not from steps; empty if it is, or was stated.
    """
    stated_s = float("nan") if settings.uncertainty_s is None else settings.uncertainty_s
    if settings.offset_s is not None:
        return ClockOffset(settings.offset_s, stated_s, "stated"), ""
    stamps = ClockOffset(0.0, stated_s, "time stamps")
    if any("import" in start for start in experiment.runs("cycling")):
        return stamps, "the experiment's own record is imported from files, which is no log of the beamline"
    logged = experiment.electrochemistry
    found, reasons = [], []
    for monitor in (name for name in MONITORS if name in logged.columns):
        try:
            found.append(
                estimate_clock_offset(
                    table["Unix Time / s"],
                    table[MONITORS[monitor]],
                    logged["time"],
                    logged[monitor],
                    longest_offset_s=settings.longest_offset_s,
                    method="voltage steps" if monitor == "voltage" else "current steps",
                )
            )
        except AmbiguousClockError as error:
            reasons.append(f"{monitor}: {error}")
    if found:
        return min(found, key=lambda clock: clock.uncertainty_s), ""
    return stamps, "; ".join(reasons) or "the beamline logged neither voltage nor current of the cell"


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
    known = bool(np.isfinite(clock.uncertainty_s))
    return {
        "experiment": {"uid": experiment.uid, "name": experiment.name},
        "cell": experiment.cell,
        "clock_offset_s": clock.offset_s,
        "clock_uncertainty_s": clock.uncertainty_s if known else None,
        "clock_method": clock.method,
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
