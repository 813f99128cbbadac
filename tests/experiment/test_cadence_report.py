"""Planned against achieved cadence comes from the ledger, cell by cell."""

import math

import pytest
from event_model import compose_run
from operando.callbacks.tiled.journal import Journal, runs
from operando.experiment.cadence_report import cadence_table, cadences
from rich.console import Console

KEYS = ("ledger_count", "ledger_time", "ledger_delay_s")
TEXTS = ("ledger_measurement", "ledger_status")


def keep_ledger(journal, place, entries):
    cycling = compose_run(metadata={"purpose": "cycling", "mounted": {"name": place}})
    kinds = dict.fromkeys(KEYS, "number") | dict.fromkeys(TEXTS, "string")
    keys = {key: {"source": "test", "dtype": kind, "shape": []} for key, kind in kinds.items()}
    ledger = cycling.compose_descriptor(name="triggers", data_keys=keys)
    journal("start", cycling.start_doc)
    journal("descriptor", ledger.descriptor_doc)
    for count, time_s, delay_s, status in entries:
        data = dict(zip((*KEYS, *TEXTS), (count, time_s, delay_s, "ni_k", status), strict=True))
        journal("event", ledger.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))


@pytest.fixture
def own(tmp_path):
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        keep_ledger(
            journal,
            "left",
            [(1, 100.0, 10.0, "done"), (2, 200.0, math.nan, "missed"), (3, 300.0, 40.0, "late")],
        )
        keep_ledger(journal, "right", [(1, 150.0, 5.0, "done"), (0, 900.0, math.nan, "missed")])
    return runs(tmp_path)


def test_each_cell_has_its_planned_and_its_achieved_cadence(own):
    left, right = cadences(own)
    assert (left.cell, left.requested, left.served) == ("left ni_k", 3, 2)
    assert (left.planned_s, left.achieved_s, left.longest_gap_s) == (100.0, 230.0, 230.0)
    assert (left.delay_mean_s, left.delay_max_s) == (25.0, 40.0)
    # What the protocol never reached was not asked for; one measurement has no cadence.
    assert (right.requested, right.served) == (1, 1)
    assert math.isnan(right.achieved_s)


def test_the_table_says_it_in_words(own):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(cadence_table(own))
    (row,) = [line for line in captured.get().splitlines() if line.lstrip().startswith("left ni_k")]
    assert row.split() == ["left", "ni_k", "3", "2", "2", "min", "4", "min", "4", "min", "25", "s", "40", "s"]


def test_a_cell_that_asked_for_nothing_has_no_table():
    assert cadence_table([]) is None
