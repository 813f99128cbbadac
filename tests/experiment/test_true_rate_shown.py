"""A C-rate that was not what it is called is told while the cell cycles, at the end, and from stored data."""

from types import SimpleNamespace

import pytest
from documents import whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.experiment.progress import Progress
from operando.experiment.report import experiment_table, outcome_report
from operando.experiment.settings import DataRoot
from rich.console import Console

CHARGED_MAH = (1000.0 - 20.0) * 0.7 / 7200.0 * 4.1


def documents(declared_mah):
    """Charge at 1.5 mA, of which every 20 s a sample, with a capacity declared."""
    cell = {"declared_capacity_mah": declared_mah, "full_capacity_mah": 4.1}
    for name, doc in whole_experiment(spectra=4, points=1):
        yield name, doc | {"cell": cell} if name == "start" and doc["purpose"] == "cycling" else doc


def shown(what):
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def followed(declared_mah):
    progress = Progress("demo", expected_s=3600.0)
    for name, doc in documents(declared_mah):
        progress(name, doc)
    return progress


@pytest.fixture
def root(tmp_path):
    root = DataRoot(tmp_path)
    with Journal(root.journal, minimum_free_bytes=0) as journal:
        for record in documents(0.2):
            journal(*record)
    return root


def test_it_is_shown_while_the_cell_cycles_and_at_the_end(tmp_path):
    progress = followed(0.2)
    assert "charge 1: 7.5C was truly" in shown(progress)
    outcome = SimpleNamespace(each=[progress], pictures=[])
    assert "true C-rate: charge 1: 7.5C was truly" in shown(outcome_report(outcome, DataRoot(tmp_path)))


def test_nothing_is_said_of_a_rate_that_is_not_contradicted(tmp_path):
    progress = followed(2.0)
    assert "C-rate" not in shown(progress)
    outcome = SimpleNamespace(each=[progress], pictures=[])
    assert "C-rate" not in shown(outcome_report(outcome, DataRoot(tmp_path)))


def test_it_is_shown_of_a_stored_experiment_with_both_capacities(root):
    told = shown(experiment_table(root, "demo"))
    assert "true C-rate: charge 1: 7.5C was truly" in told
    assert "declared 0.2 mA h; theoretical 4.1 mA h" in told


def test_an_opened_experiment_has_the_rates_by_all_three_capacities(root):
    rates = experiment_from_journal(root.journal, "demo").c_rates
    row = rates.loc[0]
    assert row["charge"] == pytest.approx(CHARGED_MAH, rel=0.01)
    assert row["declared_rate"] == pytest.approx(1.5 / 0.2)
    assert row["true_rate"] == pytest.approx(1.5 / row["charge"])
    assert row["theoretical_rate"] == pytest.approx(1.5 / 4.1)
    assert bool(row["contradicts"])
    assert not bool(row["whole"])
