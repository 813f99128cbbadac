"""Runs of darks and of a flat that an experiment file names: found in the data root before anything moves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..callbacks.tiled.journal import JournalRun, runs
from ..plans.camera_frames import MOST_DARKS
from .section import Section
from .toml_source import ExperimentFileError

NEWEST = "newest"
LEAST_LETTERS = 6
"""Of a uid, by which a run is named."""


class CameraReferencesFile(Section):
    """``[camera_references]``: darks and a flat of earlier sessions that correct the frames.

    Attributes
    ----------
    darks
        Uids of runs of `take_camera_darks` or their beginnings, or ``"newest"``: the newest of each exposure.
    flat
        Uid of a run of `take_camera_flat` or its beginning, or ``"newest"``; empty for none.
    """

    darks: Literal["newest"] | Annotated[list[str], Field(max_length=MOST_DARKS)] = Field(default=[])
    flat: str = ""


def reference_runs_of(entry: CameraReferencesFile | None, journal: Path) -> dict[str, Any]:
    """Find the runs that a file names, as `reference_runs` of the camera keeps them.

    Parameters
    ----------
    entry
        What is written in the file; None: nothing.
    journal
        Of the data root: runs elsewhere are not looked for.

    Returns
    -------
    dict
        `dark_run`, `dark_exposure_s` and `dark_runs`, `flat_run`, as far as they are named.

    Raises
    ------
    ExperimentFileError
        If one is not there or did not end well: naming the key, those that are there, and the remedy.
    """
    if entry is None or not (entry.darks or entry.flat):
        return {}
    kept = [run for run in runs(journal) if (run.stop or {}).get("exit_status") == "success"]
    found: dict[str, Any] = {}
    if entry.darks:
        darks = _named(entry.darks, [run for run in kept if _is(run, "camera_dark")], "darks", journal)
        told = [{"run": run.uid, "exposure_s": _exposure_s(run)} for run in _newest_of_each_exposure(darks)]
        found = {"dark_run": told[-1]["run"], "dark_exposure_s": told[-1]["exposure_s"], "dark_runs": told}
    if entry.flat:
        names = NEWEST if entry.flat == NEWEST else [entry.flat]
        flats = _named(names, [run for run in kept if _is(run, "camera_flat")], "flat", journal)
        found["flat_run"] = flats[-1].uid
    return found


def _is(run: JournalRun, purpose: str) -> bool:
    return run.start.get("purpose") == purpose and _exposure_s(run) > 0


def _exposure_s(run: JournalRun) -> float:
    return float((run.start.get("series") or {}).get("exposure_s", 0.0))


def _named(names: str | Sequence[str], there: list[JournalRun], key: str, journal: Path) -> list[JournalRun]:
    """Choose runs by the beginnings of their uids, or all of them, in the order in which they were taken."""
    chosen = there if names == NEWEST else []
    for name in () if names == NEWEST else names:
        same = [run for run in there if len(name) >= LEAST_LETTERS and run.uid.startswith(name)]
        if len(same) != 1:
            raise ExperimentFileError(_refusal(key, repr(name), there, journal))
        chosen = [*chosen, *same]
    if not chosen:
        raise ExperimentFileError(_refusal(key, NEWEST, there, journal))
    return sorted(chosen, key=lambda run: float(run.start["time"]))


def _newest_of_each_exposure(darks: Sequence[JournalRun]) -> list[JournalRun]:
    newest = {_exposure_s(run): run for run in darks}
    return sorted(newest.values(), key=lambda run: float(run.start["time"]))[-MOST_DARKS:]


def _refusal(key: str, name: str, there: Sequence[JournalRun], journal: Path) -> str:
    listed = ", ".join(
        f"{run.uid[:8]} ({_exposure_s(run):g} s, {datetime.fromtimestamp(run.start['time'], UTC):%F %H:%M})"
        for run in there
    )
    plan = "take_camera_darks" if key == "darks" else "take_camera_flat"
    return (
        f"camera_references.{key}: {name} is not one whole run in {journal}; there are: {listed or 'none'}. "
        f"Give {LEAST_LETTERS} letters or more of the uid of one of these, set OPERANDO_DATA to the data "
        f"root that has it, or take it by {plan}"
    )
