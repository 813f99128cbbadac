"""Fly scans in an experiment file: accepted, estimated, converted, or refused with line and remedy."""

from pathlib import Path

import operando.experiment
import pytest
from operando.devices.beamline import read_settings
from operando.experiment import cli
from operando.experiment.conversion import measurements_of
from operando.experiment.estimate import measurement_estimates
from operando.experiment.instrument import check_instruments
from operando.experiment.measurement_file import FlyXanesFile
from operando.experiment.nanoprobe import asks_to_fly, check_nanoprobe
from operando.experiment.reading import read_experiment
from operando.experiment.rehearsal import simulated_settings
from operando.experiment.self_absorption import edge_step, self_absorptions
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.duration import Timing
from operando.simulated_beamline.scenario import load_scenario
from typer.testing import CliRunner

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
TIMING = Timing(start_s=2.0)
FLY = """[[measurements]]
name = "quick"
technique = "fly_xanes"
element = "Ni"
duration_s = 2.0
direction = "both"
sweeps = 3
grid.regions = [[-50, -20, 6, 0.2], [-20, 20, 0.6, 0.2], [20, 60, 8, 0.2]]
trigger.every_lithium_content = 0.2

"""


def written(tmp_path, measurement=FLY):
    path = tmp_path / "fly.toml"
    path.write_text(DEFAULT.read_text().replace("[policies]", f"{measurement}[policies]", 1))
    return path


def test_a_fly_scan_becomes_a_measurement_with_its_duration_and_blur(tmp_path):
    experiment = read_experiment(written(tmp_path))
    entry = experiment.measurements[1]
    assert isinstance(entry, FlyXanesFile)
    assert asks_to_fly(experiment)
    measurement = measurements_of(experiment, None, TIMING)[1]
    assert measurement.duration_s == pytest.approx(2.0 + 3 * 2.0 + 2 * 1.0)
    assert (measurement.blur_s, measurement.energy_ev) == (8.0, 8333.0)


def test_check_tells_what_a_fly_scan_takes(tmp_path):
    estimate = measurement_estimates(read_experiment(written(tmp_path)), TIMING)[1]
    assert estimate.duration_s == pytest.approx(10.0)
    assert estimate.dose_mgy > 0.0
    assert 0.0 < estimate.blur < 0.01
    done = CliRunner().invoke(cli.app, ["check", str(written(tmp_path))])
    assert done.exit_code == 0, done.output
    assert "quick" in done.output


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("duration_s = 2.0", "duration_s = 0.01", "0.1"),
        ("duration_s = 2.0", "duration_s = 100", "60"),
        ('"both"', '"left"', "up"),
        ("sweeps = 3", "sweeps = 0", "1"),
        ("sweeps = 3", "sweeps = 1", 'direction = "both" needs sweeps = 2 or more'),
        (
            "[[-50, -20, 6, 0.2], [-20, 20, 0.6, 0.2], [20, 60, 8, 0.2]]",
            "[[0, 0.001, 1, 0.2]]",
            "at least two",
        ),
        ("sweeps = 3", 'sweeps = 3\nsignal = "yield"', "fluorescence"),
        ('element = "Ni"', 'element = "Zr"', "has no Zr"),
        ("sweeps = 3", "frames = 3", "unknown key"),
    ],
)
def test_a_bad_fly_scan_is_refused_with_its_line(tmp_path, old, new, says):
    assert old in FLY
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(written(tmp_path, FLY.replace(old, new)))
    assert says in str(caught.value)
    assert "fly.toml:" in str(caught.value)


def test_check_warns_of_fluorescence_that_a_thick_cathode_absorbs(tmp_path):
    wanted = FLY.replace("sweeps = 3", 'sweeps = 3\nsignal = "fluorescence"')
    path = written(tmp_path, wanted)
    (told,) = self_absorptions(read_experiment(path))
    assert told.startswith("quick: the Ni edge of this cathode has a step of 0.7")
    done = CliRunner().invoke(cli.app, ["check", str(path)])
    assert "absorbs its own fluorescence" in " ".join(done.output.split())
    text = path.read_text()
    path.write_text(text.replace("active_mass_mg = 7.3", "active_mass_mg = 0.3").replace("2.011", "0.08265"))
    assert self_absorptions(read_experiment(path)) == []
    assert self_absorptions(read_experiment(written(tmp_path))) == []


def test_the_edge_step_of_a_cathode_is_that_of_the_simulated_one():
    experiment, stack = read_experiment(DEFAULT), load_scenario("nmc811-first-charge").build_cell_stack()
    for metal in ("Ni", "Co", "Mn"):
        assert edge_step(experiment, metal, "K") == pytest.approx(stack.edge_step(metal), rel=0.02)


def test_a_beamline_without_a_diode_is_told_of_its_setting_before_fluorescence_is_tried(tmp_path):
    wanted = FLY.replace("sweeps = 3", 'sweeps = 3\nsignal = "fluorescence"')
    experiment = read_experiment(written(tmp_path, wanted))
    check_instruments(experiment, read_settings(simulated_settings()))
    bare = tmp_path / "bare.toml"
    bare.write_text(simulated_settings().read_text().replace("fluorescence_diode = true", ""))
    with pytest.raises(ExperimentFileError, match=r"quick: signal = .* set fluorescence_diode = true"):
        check_instruments(experiment, read_settings(bare))
    check_instruments(read_experiment(written(tmp_path)), read_settings(bare))


def test_a_beamline_without_a_trigger_box_is_told_what_to_add(tmp_path):
    experiment = read_experiment(written(tmp_path))
    check_nanoprobe(experiment, read_settings(simulated_settings()))
    bare = tmp_path / "bare.toml"
    text = simulated_settings().read_text()
    head, _, rest = text.partition("[devices.trigger_box]")
    bare.write_text(head + "".join(f"\n[{part}" for part in rest.split("\n[")[1:]))
    with pytest.raises(ExperimentFileError, match=r'"fly_xanes" needs what .* add \[devices\.trigger_box\]'):
        check_nanoprobe(experiment, read_settings(bare))
