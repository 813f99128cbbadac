"""The check of several cells tells what they ask of one beam, and when that is more than there is."""

from pathlib import Path

import operando.experiment
import pytest
from changed_file import changed_file
from operando.experiment.cells_estimate import beam_budget
from operando.experiment.cells_file import ManyCells
from operando.experiment.cells_report import cells_check_report
from operando.experiment.reading import read_file
from operando.plans.duration import Timing
from rich.console import Console

PAIR = Path(operando.experiment.__file__).parent / "nmc811-two-cells.toml"
TIMING = Timing(move_s=0.015, settle_s=0.01, per_point_overhead_s=0.013)


def read(tmp_path, *changes):
    path = changed_file(tmp_path / "pair.toml", PAIR.read_text(), changes)
    cells = read_file(path)
    assert isinstance(cells, ManyCells)
    return cells


def seen(cells):
    console = Console(width=100, force_terminal=False)
    with console.capture() as captured:
        console.print(cells_check_report(cells, TIMING))
    return " ".join(captured.get().split())


def test_what_both_cells_ask_for_is_summed_with_a_move_for_each_spectrum(tmp_path):
    budget = beam_budget(read(tmp_path), TIMING)
    left, right = budget.cells
    assert budget.move_s == pytest.approx(2.4)
    assert budget.asked_s == pytest.approx(
        left.asked_s + right.asked_s + (left.spectra + right.spectra) * budget.move_s
    )
    # 2 % of lithium at C/5 are 360 s of the declared capacity, which is that of all lithium within 0.1 %.
    ni = left.measurements[0]
    assert ni.interval_s == pytest.approx(360, rel=0.01)
    expected = (ni.duration_s + 2.4) / ni.interval_s * (1 + 1.95 / 2.011)
    assert budget.peak_load == pytest.approx(expected, rel=1e-3)


def test_where_all_fit_none_is_lost_and_nothing_is_warned_of(tmp_path):
    cells = read(tmp_path)
    budget = beam_budget(cells, TIMING)
    assert budget.kept == budget.requested > 50
    assert budget.warnings == []
    told = seen(cells)
    assert "warning" not in told
    assert "left: NMC811, protocol about" in told
    assert f"expected: {budget.kept} of {budget.requested} spectra" in told


def test_an_oversubscribed_beam_is_warned_of_with_how_many_can_be_had(tmp_path):
    cells = read(tmp_path, ("every_lithium_content = 0.02", "every_lithium_content = 0.003"))
    budget = beam_budget(cells, TIMING)
    assert budget.peak_load > 1.0
    assert 0.4 * budget.requested < budget.kept < budget.requested
    told = seen(cells)
    assert f"about {budget.kept} of {budget.requested} spectra can be had; ask less often" in told


def test_channels_that_the_simulation_lacks_are_warned_of(tmp_path):
    assert "channels 1, 5 cannot be rehearsed: the simulated cycler has 1 to 2" in seen(
        read(tmp_path, ("channel = 2", "channel = 5"))
    )
