"""Maps in an experiment file: accepted, estimated, converted, or refused with line and remedy."""

from pathlib import Path

import operando.experiment
import pytest
from operando.devices.beamline import load_beamline, read_settings
from operando.experiment import cli
from operando.experiment.camera import asks_for_frames
from operando.experiment.conversion import measurements_of
from operando.experiment.dead_time import expected_settings
from operando.experiment.estimate import measurement_estimates
from operando.experiment.nanoprobe import asks_for_maps, asks_to_fly, check_nanoprobe, has_particle
from operando.experiment.progress import Progress
from operando.experiment.raster_file import MapFile
from operando.experiment.reading import read_experiment
from operando.experiment.rehearsal import simulated_settings
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.duration import Timing
from typer.testing import CliRunner

FOLDER = Path(operando.experiment.__file__).parent
SHIPPED, DEFAULT = FOLDER / "nmc811-map.toml", FOLDER / "nmc811.toml"
SHIPPED_ROCKING = FOLDER / "nmc811-rocking.toml"
TIMING = Timing(start_s=2.0)
MAP = """[[measurements]]
name = "particle"
technique = "map"
energy_ev = 9000.0
x_um = [-2.0, 2.0]
y_um = [-1.0, 1.0]
step_um = 0.1
dwell_s = 0.02
elements = ["Ni", "Co"]
trigger.every_lithium_content = 0.2

"""


def written(tmp_path, measurement=MAP):
    path = tmp_path / "map.toml"
    path.write_text(DEFAULT.read_text().replace("[policies]", f"{measurement}[policies]", 1))
    return path


def test_the_shipped_experiment_is_complete_and_fits_the_simulated_nanoprobe():
    experiment = read_experiment(SHIPPED)
    settings = expected_settings(experiment)
    check_nanoprobe(experiment, settings)
    assert asks_for_maps(experiment)
    assert asks_to_fly(experiment)
    assert not asks_for_frames(experiment)
    done = CliRunner().invoke(cli.app, ["check", str(SHIPPED)])
    assert done.exit_code == 0, done.output
    assert "particle" in done.output


def test_the_shipped_rocking_map_shares_its_region_with_the_maps_at_and_above_the_edge():
    experiment = read_experiment(SHIPPED_ROCKING)
    check_nanoprobe(experiment, expected_settings(experiment))
    edge, above, tilts = experiment.measurements
    assert edge.energy_ev < above.energy_ev == tilts.energy_ev
    assert {(entry.x_um, entry.y_um, entry.step_um) for entry in experiment.measurements} == {
        (edge.x_um, edge.y_um, edge.step_um)
    }
    done = CliRunner().invoke(cli.app, ["check", str(SHIPPED_ROCKING)])
    assert done.exit_code == 0, done.output
    assert "warning" not in done.output


def test_pixels_too_short_for_the_readout_of_the_camera_are_refused_by_check(tmp_path):
    text = SHIPPED_ROCKING.read_text()
    before, tilts = text.split('name = "tilts"')
    path = tmp_path / "short.toml"
    path.write_text(before + 'name = "tilts"' + tilts.replace("dwell_s = 0.02", "dwell_s = 0.002"))
    experiment = read_experiment(path)
    with pytest.raises(ExperimentFileError, match=r"tilts: raster: camera needs 0\.00095 s after a frame"):
        check_nanoprobe(experiment, expected_settings(experiment))


def test_a_map_becomes_a_measurement_with_its_duration_and_the_blur_of_a_row(tmp_path):
    experiment = read_experiment(written(tmp_path))
    entry = experiment.measurements[1]
    assert isinstance(entry, MapFile)
    assert (entry.mode, entry.snake, entry.detectors) == ("step", True, ["fluorescence_detector"])
    measurement = measurements_of(experiment, None, TIMING)[1]
    assert measurement.duration_s > 41 * 21 * 0.02
    assert measurement.blur_s == pytest.approx(measurement.duration_s / 21)
    assert (measurement.what, measurement.energy_ev) == ("row", 9000.0)


def test_the_estimate_tells_pixels_bytes_and_that_a_fly_scan_is_faster(tmp_path):
    step = measurement_estimates(read_experiment(written(tmp_path)), TIMING)[1]
    flies = written(tmp_path, MAP.replace("dwell_s", 'mode = "fly"\ndwell_s'))
    fly = measurement_estimates(read_experiment(flies), TIMING)[1]
    assert step.points == fly.points == 41 * 21
    assert fly.duration_s < 0.7 * step.duration_s
    assert step.frames_bytes == pytest.approx(step.count * 861 * 0.066e6, rel=1e-3)
    assert step.dose_mgy > 0.0
    assert step.words == ("row", "map")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("x_um = [-2.0, 2.0]", "x_um = [2.0, -2.0]", "give the lower end first"),
        ("step_um = 0.1", "step_um = 0.0", "greater than 0"),
        ("step_um = 0.1", "step_um = 0.001", "give a larger step_um"),
        ('elements = ["Ni", "Co"]', 'elements = ["Zn"]', "excites no K lines of Zn"),
        ('elements = ["Ni", "Co"]', 'elements = ["Qq"]', "Qq"),
        ("energy_ev = 9000.0\n", "", "energy_ev: is missing, and scans of this file"),
        ('elements = ["Ni", "Co"]', 'elements = ["Ni", "Ni"]', "name each once"),
        (
            "dwell_s = 0.02",
            'dwell_s = 0.02\ndetectors = ["fluorescence_detector", "fluorescence_detector"]',
            "name each once",
        ),
        ("dwell_s = 0.02", 'dwell_s = 0.02\nmode = "jump"', "step"),
        ("dwell_s = 0.02", "dwell_s = 0.02\nframes = 3", "unknown key"),
        (
            'technique = "map"',
            'technique = "maps"',
            "needs technique = one of xanes, fly_xanes, xrd, pdf, map, rocking, ptychography, bcdi",
        ),
    ],
)
def test_a_bad_map_is_refused_with_its_line_and_a_remedy(tmp_path, old, new, says):
    assert old in MAP
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(written(tmp_path, MAP.replace(old, new)))
    assert says in str(caught.value)
    assert "map.toml:" in str(caught.value)


def test_a_beamline_without_a_nanoprobe_is_told_what_to_add(tmp_path):
    experiment = read_experiment(written(tmp_path, MAP.replace("dwell_s", 'mode = "fly"\ndwell_s')))
    with pytest.raises(ExperimentFileError, match=r"add \[devices\.nanostage\], \[devices\.fluorescence_det"):
        check_nanoprobe(experiment, read_settings(simulated_settings()))
    check_nanoprobe(experiment, read_settings(simulated_settings(nanoprobe=True)))


def test_the_nanoprobe_is_built_only_where_it_is_wanted():
    beamline = load_beamline(simulated_settings(nanoprobe=True), nanoprobe=False)
    assert beamline.nanostage is beamline.fluorescence_detector is None
    beamline.release()
    beamline = load_beamline(simulated_settings(nanoprobe=True))
    assert beamline.fluorescence_detector.name == "fluorescence"
    assert beamline.nanostage.x.tolerance_um == 0.006
    beamline.release()


def test_a_scenario_says_whether_it_has_a_particle(tmp_path):
    assert has_particle("nmc811-particle")
    assert has_particle("nmc811-particle@1,2")
    assert not has_particle("nmc811-first-charge")
    assert not has_particle("no such scenario")


def test_progress_waits_for_the_fits_of_good_rows_and_counts_no_row_as_a_pixel():
    progress = Progress("e", 10.0)
    experiment = {"uid": "abcdef", "name": "e"}
    start = {"uid": "m", "time": 1.0, "experiment": experiment, "purpose": "measurement", "technique": "map"}
    progress("start", {**start, "measurement": "particle", "num_points": 4})
    progress("descriptor", {"uid": "d", "run_start": "m"})
    row = {"cell_time": 1.0, "map_row": 0, "map_status": "good"}
    progress("event", {"descriptor": "d", "time": 2.0, "data": row})
    progress("event", {"descriptor": "d", "time": 2.0, "data": {**row, "map_status": "redone"}})
    assert (progress.maps, progress.points, progress.awaits_patterns) == (["particle"], 0, True)
    analysis = {"uid": "a", "time": 2.0, "experiment": experiment, "purpose": "analysis"}
    progress("start", {**analysis, "analysis": {"name": "map_fit"}})
    progress("descriptor", {"uid": "r", "run_start": "a"})
    progress("event", {"descriptor": "r", "time": 3.0, "data": {"row": 0}})
    assert not progress.awaits_patterns


ROCKING = MAP.replace('technique = "map"', 'technique = "rocking"').replace(
    "dwell_s", "angles_deg = [-1.0, 1.0]\nangle_step_deg = 0.05\ndwell_s"
)


def test_a_rocking_map_becomes_a_measurement_of_all_its_angles(tmp_path):
    experiment = read_experiment(written(tmp_path, ROCKING))
    assert asks_for_maps(experiment)
    assert asks_for_frames(experiment)
    one = measurements_of(read_experiment(written(tmp_path)), None, TIMING)[1]
    rocking = measurements_of(read_experiment(written(tmp_path, ROCKING)), None, TIMING)[1]
    assert rocking.duration_s == pytest.approx(41 * (one.duration_s + 1.0))
    assert (rocking.blur_s, rocking.what) == (rocking.duration_s, "rocking map")
    (estimate,) = (each for each in measurement_estimates(experiment, TIMING) if each.name == "particle")
    assert estimate.points == 41 * 41 * 21
    assert estimate.frames_bytes > 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "[-1.0, 1.0]\nangle",
            "[0.0, 0.05]\nangle",
            "angles_deg: rocking_map: angles_deg = (0.0, 0.05)",
        ),
        (
            "y_um = [-1.0, 1.0]",
            "y_um = [-0.2, 0.2]",
            "follow_drift: rocking_map: drift cannot be found",
        ),
        ("dwell_s = 0.02", 'dwell_s = 0.02\nmode = "fly"', "follow_drift = false"),
        ("dwell_s = 0.02", 'dwell_s = 0.02\ndetectors = ["fluorescence_detector"]', 'lacks "camera"'),
    ],
)
def test_a_rocking_map_that_cannot_be_made_is_refused_with_a_remedy(tmp_path, old, new, says):
    assert old in ROCKING
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(written(tmp_path, ROCKING.replace(old, new)))
    assert says in str(caught.value)
