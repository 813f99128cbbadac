"""Planned against achieved cadence: how often a cell asked, and how often it was measured."""

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from ..callbacks.tiled.journal import JournalRun, read_journal
from ..plans.schedule import Cadence, cadence_of
from .pace import spoken

HEADINGS = ("asked for", "measured", "planned every", "achieved every", "longest gap", "delay", "at most")


def cadences(own: Sequence[JournalRun]) -> list[Cadence]:
    """Cadence of each measurement from the ledger of an experiment, by the cell's clock.

    Parameters
    ----------
    own
        Runs of one experiment, or of several cells on one sample changer, each then told by its place.

    Returns
    -------
    list of Cadence
        In the order of the names; a state that the protocol never reached was not asked for.
    """
    entries: dict[str, list[dict[str, Any]]] = {}
    for run in own:
        if run.start.get("purpose") != "cycling":
            continue
        place = (run.start.get("mounted") or {}).get("name", "")
        for name, doc in read_journal(run.path):
            data = doc["data"] if name == "event" else {}
            if data.get("ledger_measurement") and data["ledger_count"]:
                entries.setdefault(f"{place} {data['ledger_measurement']}".strip(), []).append(data)
    return [_cadence(name, entries[name]) for name in sorted(entries)]


def _cadence(name: str, entries: Sequence[dict[str, Any]]) -> Cadence:
    served = [
        entry
        for entry in entries
        if entry["ledger_status"] in ("done", "late") and math.isfinite(entry["ledger_delay_s"])
    ]
    return cadence_of(
        name,
        [entry["ledger_time"] for entry in entries],
        [entry["ledger_time"] for entry in served],
        [entry["ledger_time"] + entry["ledger_delay_s"] for entry in served],
    )


def cadence_table(own: Sequence[JournalRun]) -> Table | None:
    """Table of the cadences of an experiment; None if its cell has asked for nothing."""
    rows = cadences(own)
    if not rows:
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("cadence", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for row in rows:
        times_s = (row.planned_s, row.achieved_s, row.longest_gap_s, row.delay_mean_s, row.delay_max_s)
        told = ("" if math.isnan(time_s) else spoken(time_s) for time_s in times_s)
        table.add_row(row.cell, str(row.requested), str(row.served), *told)
    return table
