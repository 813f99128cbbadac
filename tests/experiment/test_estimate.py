"""What an experiment will take, against what can be reckoned by hand."""

from pathlib import Path

import operando.experiment
import pytest
from changed_file import changed_file
from operando.experiment.check_report import check_report
from operando.experiment.conversion import dead_times
from operando.experiment.dead_time import expected_settings
from operando.experiment.estimate import course_of, measurement_estimates, rehearsal_s, size_bytes
from operando.experiment.reading import read_experiment
from operando.experiment.scan_grid import energy_grid
from operando.plans.duration import Timing
from rich.console import Console

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
TIMING = Timing()
FAST = DEFAULT.with_name("nmc811-fast-charge.toml")


def changed(tmp_path, *changes):
    path = changed_file(tmp_path / "changed.toml", DEFAULT.read_text(), changes)
    return read_experiment(path)


def test_protocol_that_ends_by_time_takes_its_time(tmp_path):
    course = course_of(changed(tmp_path, ('until_time_s = "3h"', 'until_time_s = "30 min"')))
    assert course.duration_s == pytest.approx(300 + 2 * 1800)
    assert course.travel == pytest.approx(2 * 0.25, abs=1e-3)
    assert course.current_max_a == pytest.approx(2.011e-3 / 2)
    assert course.half_cycles == 2


def test_loops_are_counted_as_often_as_they_run(tmp_path):
    first = '[[references]]\nname = "NiO"'
    loop = '[[protocol.steps]]\ntechnique = "loop"\nto_step = "charge"\nrepeat = 2\n\n'
    short = ('until_time_s = "3h"', 'until_time_s = "30 min"')
    once = course_of(changed(tmp_path, short))
    thrice = course_of(changed(tmp_path, short, (first, loop + first)))
    assert thrice.half_cycles == 3 * once.half_cycles
    assert thrice.duration_s == pytest.approx(300 + 3 * 3600)


def test_spectra_blur_and_duration_follow_from_trigger_current_and_grid(tmp_path):
    experiment = changed(tmp_path, ('until_time_s = "3h"', 'until_time_s = "30 min"'))
    timing = Timing(move_s=0.1, settle_s=0.0, per_point_overhead_s=0.1, start_s=5.0)
    (estimate,) = measurement_estimates(experiment, timing)
    assert estimate.count in (24, 25)
    grid = energy_grid(experiment.measurements[0])
    assert estimate.duration_s == pytest.approx(5.0 + estimate.points * 0.2 + grid.counting_s)
    assert estimate.blur == pytest.approx(estimate.duration_s / 7200, rel=1e-3)
    assert estimate.interval_s == pytest.approx(0.02 * 7200, rel=1e-3)
    assert size_bytes(experiment, [estimate]) > estimate.size_bytes > 0


def test_dose_grows_with_flux_and_shrinks_with_area(tmp_path):
    timing = Timing()
    beam = "[rehearsal]\n"
    (weak,) = measurement_estimates(changed(tmp_path), timing)
    strong_file = changed(tmp_path, (beam, "[beam]\nflux_per_s = 1e12\nwidth_mm = 0.5\n\n[rehearsal]\n"))
    (strong,) = measurement_estimates(strong_file, timing)
    assert strong.dose_mgy == pytest.approx(20 * weak.dose_mgy)


def test_scans_slower_than_their_trigger_and_blurred_ones_are_told(tmp_path):
    experiment = changed(tmp_path, ("every_lithium_content = 0.02", "every_lithium_content = 0.002"))
    (estimate,) = measurement_estimates(experiment, Timing(move_s=1.0))
    told = "\n".join(estimate.warnings)
    assert "some will be late or missed" in told
    assert "blurs" in told


def test_rehearsal_takes_longer_the_slower_the_cell_lives(monkeypatch):
    monkeypatch.delenv("OPERANDO_BEAMLINE", raising=False)
    experiment = read_experiment(DEFAULT)
    estimates = measurement_estimates(experiment, dead_times(expected_settings(experiment).timing))
    alone_s = course_of(experiment).duration_s - sum(each.count * each.duration_s for each in estimates)
    fast, slow = (rehearsal_s(experiment, estimates, speed) for speed in (1000.0, 100.0))
    assert slow - fast == pytest.approx(alone_s * (1 / 100 - 1 / 1000))
    assert 120 < rehearsal_s(experiment, estimates, 500.0) < 400


@pytest.mark.parametrize(
    ("rate", "content"),
    [("C/10", 0.282), ("C/2", 0.338), ("1C", 0.409), ("3C", 0.644), ("5C", 0.763), ("10C", 0.864)],
)
def test_a_charge_ends_about_where_that_of_a_half_cell_with_diffusion_does(tmp_path, rate, content):
    """Ends at 4.3 V of a charge from 0.93, by the simulated NMC811 half cell (sphere diffusion, kinetics)."""
    text = FAST.read_text().replace("current_max_ma = 12.0", "current_max_ma = 30.0")
    text = text.replace('rate = "5C"', f'rate = "{rate}"').replace('until_time_s = "12 min"\n', "")
    path = tmp_path / "rate.toml"
    path.write_text(text)
    assert course_of(read_experiment(path)).lithium_content_range[0] == pytest.approx(content, abs=0.04)


def test_a_current_that_the_simulated_cycler_does_not_have_is_told(tmp_path):
    path = tmp_path / "rapid.toml"
    limits = "current_max_ma = 200.0\nc_rate_max = 100.0"
    path.write_text(FAST.read_text().replace('"5C"', '"60C"').replace("current_max_ma = 12.0", limits))
    console = Console(width=400)
    with console.capture() as captured:
        console.print(check_report(read_experiment(path), TIMING))
    assert "asks for 121 mA, and the cycler of 'nmc811-first-charge' has 100 mA at most" in captured.get()
