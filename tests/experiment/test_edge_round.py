"""Several edges under one trigger: what `operando check` says of a round over them."""

import io
from pathlib import Path

import operando.experiment
import pytest
from operando.experiment.check_report import check_report
from operando.experiment.conversion import measurements_of
from operando.experiment.edge_round import edge_rounds
from operando.experiment.estimate import measurement_estimates
from operando.experiment.reading import read_experiment
from operando.plans.duration import Timing
from rich.console import Console

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
TIMING = Timing(edge_change_s_per_kev=4.25)
GRID = "[[-155, -15, 20, 0.2], [-15, 35, 1, 0.2], [35, 410, 15, 0.2]]"


FLY = "duration_s = 10.0\n"


def alternating(tmp_path, interval="0.02", fly=()):
    text, _, _ = DEFAULT.read_text().partition("[[measurements]]")
    policies = "[policies]" + DEFAULT.read_text().partition("[policies]")[2]
    for element in ("Mn", "Co", "Ni"):
        text += (
            f'[[measurements]]\nname = "{element.lower()}_k"\nelement = "{element}"\n'
            f'technique = "{"fly_xanes" if element in fly else "xanes"}"\n{FLY if element in fly else ""}'
            f"grid.regions = {GRID}\ntrigger.every_lithium_content = {interval}\nmax_blur = 0.05\n\n"
        )
    path = tmp_path / "alternating.toml"
    path.write_text(text + policies)
    return read_experiment(path)


def rounds_of(experiment):
    return edge_rounds(experiment, measurement_estimates(experiment, TIMING), TIMING)


def test_edges_of_one_trigger_make_a_round_with_its_dead_time(tmp_path):
    experiment = alternating(tmp_path)
    (found,) = rounds_of(experiment)
    alone_s = sum(each.duration_s for each in measurement_estimates(experiment, TIMING))
    assert found.names == ("mn_k", "co_k", "ni_k")
    assert found.change_s == pytest.approx(4.25 * (8.333 - 6.539))
    assert found.duration_s == pytest.approx(alone_s + found.change_s)
    assert found.warnings == []


@pytest.mark.parametrize("fly", [("Mn", "Co", "Ni"), ("Co",)])
def test_edges_on_the_fly_are_in_the_round_with_the_time_of_their_sweeps(tmp_path, fly):
    experiment = alternating(tmp_path, fly=fly)
    (found,) = rounds_of(experiment)
    alone_s = [each.duration_s for each in measurement_estimates(experiment, TIMING)]
    assert found.names == ("mn_k", "co_k", "ni_k")
    assert alone_s[1] == pytest.approx(TIMING.start_s + 10.0)
    assert found.duration_s == pytest.approx(sum(alone_s) + 4.25 * (8.333 - 6.539))
    measurements = measurements_of(experiment, None, TIMING)
    assert [each.energy_ev for each in measurements] == [6539.0, 7709.0, 8333.0]


def test_rounds_that_do_not_fit_between_triggers_are_warned_of(tmp_path):
    experiment = alternating(tmp_path, interval="0.008")
    (found,) = rounds_of(experiment)
    assert all(each.duration_s < found.interval_s for each in measurement_estimates(experiment, TIMING))
    assert "some spectra will be missed" in found.warnings[0]
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(check_report(experiment, TIMING))
    assert "mn_k, co_k, ni_k: one round takes" in console.export_text()


def test_a_measurement_alone_makes_no_round():
    assert rounds_of(read_experiment(DEFAULT)) == []


def test_measurements_know_their_edge_so_that_the_order_moves_the_monochromator_least(tmp_path):
    measurements = measurements_of(alternating(tmp_path), None, TIMING)
    assert [each.energy_ev for each in measurements] == [6539.0, 7709.0, 8333.0]
