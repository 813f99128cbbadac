"""What devices do not reach or do is refused before a cell starts, where it is written, all at once."""

from pathlib import Path

import pytest
from changed_file import changed_file
from operando.devices.beamline import read_settings
from operando.experiment import cli
from operando.experiment.reach_check import check_reach, configured_problems, reach_problems
from operando.experiment.reading import read_experiment, read_file
from operando.experiment.rehearsal import simulated_settings
from operando.experiment.toml_source import ExperimentFileError
from soft_hall import hall
from typer.testing import CliRunner

FOLDER = Path(__file__).resolve().parents[2] / "experiment"
SHIPPED = sorted(FOLDER.glob("*.toml"))
TOMOGRAM = 'technique = "tomography"\nenergy_ev = 8400.0                   # above the Ni K edge\n'
FLATS = "flats = 10\n"
SPECTRO = 'technique = "spectro_tomography"\nelement = "Ni"\nenergies_ev = [8300.0, {}]\n'
PDF = 'technique = "pdf"\nenergy_ev = 18000.0\n'
XRD = 'technique = "xrd"\nenergy_ev = 18000.0\n'


@pytest.fixture(scope="module")
def beamline():
    return hall()


def written(tmp_path, name, *changes):
    return changed_file(tmp_path / "x.toml", (FOLDER / f"nmc811-{name}.toml").read_text(), changes)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_ships_is_within_reach(beamline, path):
    found = read_file(path)
    assert reach_problems(getattr(found, "file", found), beamline) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "says"),
    [
        ("three", "8400.0  ", "30000.0  ", "energy_ev", "tomogram: microscope_focus: 30000 eV is outside"),
        ("three", "8400.0  ", "39000.0  ", "energy_ev", "tomogram: mono_energy: 39000 eV is outside"),
        ("three", "exposure_s = 0.025", "exposure_s = 1e-5", "exposure_s", "microscope_camera: an exposure"),
        (
            "three",
            "exposure_s = 0.025",
            "exposure_s = 2e-4",
            "exposure_s",
            "rotation_sweep: speed is",
        ),
        (
            "three",
            FLATS,
            f"{FLATS}flat_x_um = 90000\n",
            "flat_x_um",
            "sample_x: 90000 um is outside",
        ),
        ("three", FLATS, f"{FLATS}flat_x_um = 0.2\n", "flat_x_um", "the specimen stands there"),
        (
            "three",
            FLATS,
            FLATS + 'positions = [{ name = "a", x_um = 0.0, z_um = -9000.0 }]\n',
            r"positions\[0\].z_um",
            "tomogram: microscope_sample_z: -9000 um is outside the soft limits",
        ),
        ("three", TOMOGRAM, SPECTRO.format(39000.0), "energies_ev", "microscope_focus: 39000 eV"),
        (
            "three",
            "stage_x_mm = 40.0",
            "stage_x_mm = 400.0",
            "stage_x_mm",
            "NiO2: stage_x: 400 mm",
        ),
        ("three", "stage_y_mm = 12.0", "stage_y_mm = 120.0", "camera_calibration.stage_y_mm", "120 mm"),
        ("three", "\nx_mm = 0.0", "\nx_mm = 5000.0", "cell.stage.x_mm", "stage_x: 5000 mm is outside"),
        ("xrd", XRD, PDF + "distance_mm = 20.0\n", "distance_mm", "camera_arm: 20 mm is outside the soft"),
        ("xrd", XRD, PDF + "empty = { x_mm = 900.0 }\n", "empty.x_mm", "stage_x: 900 mm is outside"),
        ("xrd", "exposure_s = 2.0", "exposure_s = 7200.0", "exposure_s", "camera: an exposure of 7200 s"),
        ("map", "x_um = [-2.4, 2.4]", "x_um = [-14.5, 14.5]", "x_um", "nanostage_x: .* wider than the 28 um"),
        ("map", "y_um = [-2.4, 2.4]", "y_um = [-15.0, 15.0]", "y_um", "nanostage_x: .* wider than the 28 um"),
        ("map", "dwell_s = 0.01", "dwell_s = 1e-4", "dwell_s", "speed_um_s is .*the piezo does 100 um/s"),
        ("map", "dwell_s = 0.01", "dwell_s = 1e-5", "dwell_s", "fluorescence: an exposure of 1e-05 s"),
        ("map", "energy_ev = 9000.0", "energy_ev = 39000.0", "energy_ev", "particle: mono_energy: 39000 eV"),
        ("fly", "duration_s = 5.0", "duration_s = 0.5", "duration_s", "ni_k: mono_bragg_sweep: speed is"),
        ("rocking", "1.05]", "105.0]", "angles_deg", "tilts: nanostage_rotation: 105 deg is outside"),
    ],
)
def test_what_is_out_of_reach_is_refused_where_it_is_written(beamline, tmp_path, name, old, new, where, says):
    path = written(tmp_path, name, (old, new))
    with pytest.raises(ExperimentFileError, match=rf"x\.toml:\d+: [^ ]*{where}: .*{says}"):
        check_reach(read_experiment(path), beamline, path)


def test_the_ends_of_a_grid_are_within_the_monochromator(beamline, monkeypatch):
    monkeypatch.setattr(beamline.mono, "energy_limits_ev", (8200.0, 37500.0))
    found = reach_problems(read_experiment(FOLDER / "nmc811-fly.toml"), beamline)
    told = {problem.text.split(" is outside")[0] for problem in found}
    assert {problem.keys[-1] for problem in found} == {"grid"}
    assert told == {f"{name}: mono_energy: 8178 eV" for name in ("ni_k", "NiO", "LiNiO2", "NiO2")}


def test_a_heater_is_not_asked_for_more_than_its_limit(beamline, tmp_path):
    text = (FOLDER / "nmc811-three.toml").read_text()
    begin, end = text.index('[[measurements]]\nname = "tomogram"'), text.index("[policies]")
    burst = (
        'technique = "radiography"\nheat_to_degc = 900.0\nkeep_at = "heater > 160 degC"\nenergy_ev = 8400.0\n'
    )
    asked = f'[[measurements]]\nname = "burst"\n{burst}trigger.when = "step end charge"\n\n'
    path = tmp_path / "x.toml"
    path.write_text(text[:begin] + asked + text[end:])
    with pytest.raises(ExperimentFileError, match="heat_to_degc: burst: heater: 900 degC is above the limit"):
        check_reach(read_experiment(path), beamline, path)


def test_all_that_is_out_of_reach_is_told_at_once(beamline, tmp_path):
    path = written(tmp_path, "three", ("8400.0  ", "30000.0  "), ("stage_x_mm = 40.0", "stage_x_mm = 400.0"))
    with pytest.raises(ExperimentFileError) as refused:
        check_reach(read_experiment(path), beamline, path)
    first, second, *rest = str(refused.value).splitlines()
    assert "references[2].stage_x_mm" in first
    assert "measurements[2].energy_ev" in second
    assert not rest


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_ships_is_within_what_the_settings_say(path):
    found = read_file(path)
    settings = read_settings(simulated_settings(microscope=path.stem == "nmc811-three"))
    problems, _ = configured_problems(getattr(found, "file", found), settings)
    assert problems == []


def test_check_compares_with_the_settings_and_says_what_it_cannot_compare(tmp_path):
    good = CliRunner().invoke(cli.app, ["check", str(written(tmp_path, "three"))])
    assert good.exit_code == 0
    told = " ".join(good.output.split())
    assert "only the beamline knows limits: stage.x, stage.y, microscope.rotation" in told
    path = written(tmp_path, "three", ("8400.0  ", "30000.0  "), ("exposure_s = 2.0", "exposure_s = 1e-6"))
    refused = CliRunner().invoke(cli.app, ["check", str(path)])
    assert refused.exit_code == 2
    for told in ("microscope.focus: 30000 eV is outside", "camera: an exposure of 1e-06 s"):
        assert told in " ".join(refused.output.split())
    # Refused in the same words before any server is started.
    assert CliRunner().invoke(cli.app, ["rehearse", str(path)]).output == refused.output
