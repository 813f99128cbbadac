"""Diffraction in an experiment file: accepted, estimated, converted, or refused with line and remedy."""

import re
from pathlib import Path

import operando.experiment
import pytest
from operando.devices.beamline import load_beamline, read_settings
from operando.experiment import cli
from operando.experiment.acquisition import acquire
from operando.experiment.camera import camera_roots, check_camera, frame_mb
from operando.experiment.conversion import measurements_of
from operando.experiment.edge_round import edge_rounds
from operando.experiment.estimate import dose_rate_mgy_s, frames_bytes, measurement_estimates
from operando.experiment.measurement_file import XanesFile, XrdFile
from operando.experiment.reading import read_experiment
from operando.experiment.settings import DataRoot
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.duration import Timing, expected_blur
from typer.testing import CliRunner

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
SETTINGS = DEFAULT.parents[1] / "simulated_beamline" / "beamline.toml"
TIMING = Timing(start_s=2.0)
XRD = """[[measurements]]
name = "xrd"
technique = "xrd"
exposure_s = 0.5
frames = 20
period_s = "1 s"
energy_ev = 8000.0
trigger.every_lithium_content = 0.05

"""
CAMERA = '\n[devices.camera]\nclass = "area_detector"\nprefix = "OP:CAM1:"\n'


def written(tmp_path, measurement=XRD):
    path = tmp_path / "xrd.toml"
    path.write_text(DEFAULT.read_text().replace("[policies]", f"{measurement}[policies]", 1))
    return path


def refused(tmp_path, old, new):
    assert old in XRD
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(written(tmp_path, XRD.replace(old, new)))
    return str(caught.value)


@pytest.fixture
def settings(tmp_path):
    text = re.sub(
        r"^\[devices\.camera[.\w]*\].*\n(?:(?!\[).*\n?)*", "", SETTINGS.read_text(), flags=re.MULTILINE
    )
    (tmp_path / "without.toml").write_text(text)
    (tmp_path / "with.toml").write_text(text + CAMERA)
    return tmp_path


def test_scans_and_diffraction_stand_in_one_file(tmp_path):
    scan, series = read_experiment(written(tmp_path)).measurements
    assert isinstance(scan, XanesFile)
    assert isinstance(series, XrdFile)
    assert (series.exposure_s, series.frames, series.period_s, series.gated) == (0.5, 20, 1.0, None)
    assert series.trigger.rule() == "every lithium_content 0.05"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('technique = "xrd"', 'technique = "saxs"', "needs technique = one of xanes, fly_xanes, xrd"),
        ('technique = "xrd"\n', "", "needs technique = one of xanes, fly_xanes, xrd"),
        ("exposure_s = 0.5", "exposure = 0.5", "did you mean 'exposure_s'"),
        ("exposure_s = 0.5", "", "exposure_s: is missing"),
        ("exposure_s = 0.5", "exposure_s = 0", "not a duration above 0 s"),
        ("frames = 20", "frames = 0", "greater than or equal to 1"),
        ('period_s = "1 s"', "period_s = 0.1", "is shorter than exposure_s"),
        ("energy_ev = 8000.0", "energy_ev = 8.0", "greater than or equal to 2000"),
        ("energy_ev = 8000.0", "", "energy_ev: is missing, and scans of this file leave the monochromator"),
        ("energy_ev = 8000.0", 'energy_ev = 8000.0\nelement = "Ni"', "unknown key"),
        ("trigger.every_lithium_content = 0.05", "", "say what sets the measurement off"),
        ("trigger.every_lithium_content = 0.05", "trigger.at_voltage_v = [9.0]", "never fire"),
    ],
)
def test_a_bad_series_is_refused_with_its_line_and_a_remedy(tmp_path, old, new, says):
    told = refused(tmp_path, old, new)
    assert says in told
    assert "xrd.toml:" in told


def test_a_series_is_estimated_by_its_frames(tmp_path):
    experiment = read_experiment(written(tmp_path))
    _, estimate = measurement_estimates(experiment, TIMING, frame_mb=2.0)
    assert estimate.points == 20
    assert estimate.duration_s == pytest.approx(2.0 + 19 * 1.0 + 0.5)
    current_a, full_mah = 2.011e-3 / 2, experiment.cell.full_capacity_mah
    assert estimate.blur == pytest.approx(expected_blur(0.5, current_a, full_mah), rel=1e-3)
    lit_s = estimate.count * (20 * 0.5 + 19 * 0.5)
    assert estimate.dose_mgy == pytest.approx(lit_s * dose_rate_mgy_s(experiment, 8000.0))
    assert estimate.frames_bytes == estimate.count * 20 * 2_000_000
    assert frames_bytes([estimate]) == estimate.frames_bytes
    assert estimate.warnings == []


def test_a_series_that_outlasts_its_trigger_is_told(tmp_path):
    slow = XRD.replace('period_s = "1 s"', 'period_s = "2 min"')
    _, estimate = measurement_estimates(read_experiment(written(tmp_path, slow)), TIMING)
    assert any("a series takes" in sentence for sentence in estimate.warnings)


def test_an_exposure_that_smears_the_cell_is_told(tmp_path):
    slow = XRD.replace("exposure_s = 0.5", 'exposure_s = "5 min"').replace(
        'period_s = "1 s"', "max_blur = 0.01"
    )
    _, estimate = measurement_estimates(read_experiment(written(tmp_path, slow)), TIMING)
    assert any("one frame blurs" in sentence for sentence in estimate.warnings)


def test_a_series_becomes_a_measurement_of_the_plan_at_its_energy(tmp_path):
    _, found = measurements_of(read_experiment(written(tmp_path)), station=None, timing=TIMING)
    assert (found.name, found.energy_ev, found.blur_s) == ("xrd", 8000.0, 0.5)
    assert found.duration_s == pytest.approx(21.5)


def test_a_series_makes_no_round_of_edges(tmp_path):
    same = XRD.replace("= 0.05", "= 0.02")
    experiment = read_experiment(written(tmp_path, same))
    assert edge_rounds(experiment, measurement_estimates(experiment, TIMING), TIMING) == []


def test_a_beamline_may_have_a_camera_or_none(settings):
    without, with_camera = (read_settings(settings / f"{name}.toml") for name in ("without", "with"))
    assert without.devices.camera is None
    assert (with_camera.devices.camera.prefix, frame_mb(with_camera)) == ("OP:CAM1:", 4.0)


def test_the_camera_of_a_beamline_writes_where_its_settings_say(settings):
    path = settings / "with.toml"
    path.write_text(f'{path.read_text()}file_path = "/detector"\nread_path = "{settings}"\n')
    beamline = load_beamline(path)
    try:
        assert beamline.camera.file_path.get() == "/detector"
        beamline.camera.default_folder(settings / "elsewhere")
        assert beamline.camera.read_path.get() == str(settings)
        assert "camera" in beamline.devices()
    finally:
        beamline.release()


def test_a_camera_without_a_folder_of_its_own_writes_below_the_data_root(settings):
    root, beamline = DataRoot(settings / "data"), load_beamline(settings / "with.toml")
    try:
        beamline.camera.default_folder(root.frames)
        assert beamline.camera.read_path.get() == beamline.camera.file_path.get() == str(root.path / "frames")
    finally:
        beamline.release()


def test_diffraction_without_a_camera_is_refused_before_anything_is_connected(settings):
    path = written(settings)
    with pytest.raises(ExperimentFileError, match=r"xrd: .* needs a camera, .* add \[devices.camera\]"):
        acquire(path, settings / "without.toml", DataRoot(settings / "data"))
    assert not (settings / "data").exists()


def test_scans_alone_need_no_camera():
    check_camera(read_experiment(DEFAULT), "hall", has_camera=False)


def test_check_tells_frames_and_refuses_where_there_is_no_camera(settings):
    path = written(settings)
    good = CliRunner().invoke(cli.app, ["check", str(path), "--beamline", str(settings / "with.toml")])
    assert good.exit_code == 0, good.output
    assert "frames: about" in good.output
    bad = CliRunner().invoke(cli.app, ["check", str(path), "--beamline", str(settings / "without.toml")])
    assert bad.exit_code == 2
    assert "add [devices.camera] to its settings" in bad.stderr


def test_a_folder_of_the_camera_outside_the_data_root_is_one_more_that_tiled_serves(settings, monkeypatch):
    root, path = DataRoot(settings / "data"), settings / "with.toml"
    monkeypatch.setenv("OPERANDO_BEAMLINE", str(path))
    assert camera_roots(root) == ()
    whole = path.read_text()
    path.write_text(f'{whole}read_path = "{root.path}/frames"\n')
    assert camera_roots(root) == ()
    path.write_text(f'{whole}read_path = "{settings}/detector"\n')
    assert camera_roots(root) == ((settings / "detector").resolve(),)
