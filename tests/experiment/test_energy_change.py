"""`operando check` warns of measurements that begin with a long change of energy."""

import io
from pathlib import Path

import operando.experiment
import pytest
from operando.experiment.check_report import check_report
from operando.experiment.energy_change import energy_changes
from operando.experiment.estimate import measurement_estimates
from operando.experiment.reading import read_experiment
from operando.plans.duration import Timing
from rich.console import Console

SHIPPED = Path(operando.experiment.__file__).parent
TIMING = Timing(edge_change_s_per_kev=4.25)


def changes_of(path, timing=TIMING):
    experiment = read_experiment(path)
    return energy_changes(experiment, measurement_estimates(experiment, timing), timing)


def fast_charge(tmp_path, *changes):
    text = (SHIPPED / "nmc811-fast-charge.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "burst.toml"
    path.write_text(text)
    return path


def without_the_first():
    text = (SHIPPED / "nmc811-fast-charge.toml").read_text()
    begin = text.index("[[measurements]]")
    return text[begin : text.index("[[measurements]]", begin + 1)], ""


@pytest.mark.parametrize("name", ["nmc811", "nmc811-xrd", "nmc811-three", "nmc811-fast-charge"])
def test_files_that_ship_begin_in_time(name):
    assert changes_of(SHIPPED / f"{name}.toml") == []


def test_a_burst_that_comes_from_another_energy_misses_its_deadline(tmp_path):
    path = fast_charge(tmp_path, ("energy_ev = 18000.0", "energy_ev = 9000.0"))
    _, burst, course = changes_of(path)
    assert burst == (
        "burst: begins up to 38 s late where the monochromator comes from 9000 to 18000 eV, max_lateness_s = "
        "1 s; measure all that share the time at one energy"
    )
    # At 5C lithium moves by 5 % in 38 s, and the frames of the course accept half a per cent.
    assert "course: begins up to 38 s late" in course
    assert "max_blur = 0.005" in course


def test_a_burst_that_nothing_comes_before_may_begin_anywhere(tmp_path):
    path = fast_charge(tmp_path, without_the_first())
    (told,) = changes_of(path)
    assert "burst: nothing before it brings the monochromator to 18000 eV, which takes 4.25 s per keV" in told
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(check_report(read_experiment(path), TIMING))
    assert f"warning: {told}" in console.export_text()


def test_a_monochromator_whose_speed_nobody_tells_is_not_warned_of(tmp_path):
    assert changes_of(fast_charge(tmp_path, without_the_first()), Timing()) == []
