"""Calibration of the camera and total scattering in an experiment file: read, estimated, converted."""

from pathlib import Path

import operando.experiment
import pytest
from bluesky import RunEngine
from event_model import compose_run
from operando.callbacks.tiled.journal import Journal
from operando.devices.beamline import load_beamline
from operando.experiment import cli
from operando.experiment.camera import asks_for_frames, check_camera
from operando.experiment.camera_reference import CameraReferencesFile, reference_runs_of
from operando.experiment.check import problems
from operando.experiment.conversion import measurements_of
from operando.experiment.estimate import camera_calibration_s, measurement_estimates, software_s
from operando.experiment.measurement_file import PdfFile
from operando.experiment.preparation import make_camera_known
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.calibrate_camera import CalibrantPlace
from operando.plans.duration import Timing
from soft_camera import SoftCamera
from soft_station import SoftStation
from typer.testing import CliRunner

SHIPPED = Path(operando.experiment.__file__).parent / "nmc811-xrd.toml"
SETTINGS = SHIPPED.parents[1] / "simulated_beamline" / "beamline.toml"
TIMING = Timing(start_s=2.0)
PDF = """[[measurements]]
name = "pairs"
technique = "pdf"
energy_ev = 37000.0
distance_mm = 60.0
exposure_s = 60.0
frames = 3
empty = { x_mm = 52.0, y_mm = 12.0 }
trigger.every_lithium_content = 0.2

"""


@pytest.fixture
def written(tmp_path):
    def write(measurement=PDF):
        path = tmp_path / "pdf.toml"
        path.write_text(SHIPPED.read_text().replace("[policies]", f"{measurement}[policies]", 1))
        return path

    return write


def test_a_calibration_of_the_camera_costs_time_and_needs_a_camera():
    experiment = read_experiment(SHIPPED)
    entry = experiment.camera_calibration
    assert entry.place == CalibrantPlace("LaB6", 20.0, 12.0)
    assert entry.limits.residual_px == 0.5
    assert camera_calibration_s(experiment, TIMING) == 12.0
    alone = experiment.model_copy(update={"measurements": []})
    without = alone.model_copy(update={"camera_calibration": None})
    assert software_s(alone, []) == software_s(without, []) + 12.0
    assert asks_for_frames(alone)
    assert not asks_for_frames(without)
    with pytest.raises(ExperimentFileError, match="camera_calibration"):
        check_camera(alone, "hall", has_camera=False)


def test_check_tells_of_the_calibration_of_the_camera():
    outcome = CliRunner().invoke(cli.app, ["check", str(SHIPPED)], env={"COLUMNS": "200"})
    assert outcome.exit_code == 0, outcome.output
    assert "camera: 5 frames of LaB6 before the cell starts" in outcome.output


def test_total_scattering_is_read_estimated_and_converted(written):
    experiment = read_experiment(written())
    entry = next(each for each in experiment.measurements if isinstance(each, PdfFile))
    estimate = next(each for each in measurement_estimates(experiment, TIMING, 2.0) if each.name == "pairs")
    assert (estimate.points, estimate.frames_bytes) == (3, estimate.count * 3 * 2_000_000)
    assert estimate.duration_s == pytest.approx(2.0 + 180.0 + 30.0)
    assert estimate.dose_mgy > 0
    beamline = load_beamline(SETTINGS)
    try:
        made = {each.name: each for each in measurements_of(experiment, beamline, TIMING)}["pairs"]
    finally:
        beamline.release()
    assert (made.energy_ev, made.blur_s) == (37000.0, 180.0)
    assert made.duration_s == pytest.approx(2 * 182.0 + 30.0)
    assert entry.composition is None


def test_a_sample_beside_the_cell_gives_the_cell_no_dose(written):
    text = PDF.replace("empty =", 'composition = "Ni"\nsample = { x_mm = 44.0, y_mm = 12.0 }\nempty =')
    experiment = read_experiment(written(text))
    estimate = next(each for each in measurement_estimates(experiment, TIMING) if each.name == "pairs")
    assert estimate.dose_mgy == 0.0


def test_total_scattering_without_an_energy_is_refused_with_its_line(written):
    with pytest.raises(ExperimentFileError, match="energy_ev"):
        read_experiment(written(PDF.replace("energy_ev = 37000.0\n", "")))


@pytest.mark.parametrize(("composition", "says"), [("Xx2", "no formula"), ("", "holds no atoms")])
def test_a_composition_that_is_no_formula_is_refused_before_beam_is_spent(written, composition, says):
    text = PDF.replace("empty =", f'composition = "{composition}"\nempty =')
    with pytest.raises(ExperimentFileError, match=rf"composition: .*{says}"):
        read_experiment(written(text))


def test_frames_at_another_energy_than_the_calibration_are_warned_of(written):
    assert not problems(read_experiment(SHIPPED))
    other = PDF.replace('"pdf"', '"xrd"').replace("distance_mm = 60.0\n", "")
    other = other.replace("empty = { x_mm = 52.0, y_mm = 12.0 }\n", "")
    (found,) = problems(read_experiment(written(other)))
    assert "37000 eV is not the 18000 eV of [camera_calibration]" in found.text
    assert not found.is_fatal


def test_a_process_that_goes_on_takes_the_geometry_of_the_one_before(tmp_path):
    station = SoftStation()
    station.camera = SoftCamera(folder=tmp_path, geometry={"distance_mm": 150.0})
    RunEngine({})(make_camera_known(station, None, {}))
    assert station.camera.geometry == {"distance_mm": 150.0}
    RunEngine({})(make_camera_known(station, {"distance_mm": 149.9}, {}))
    assert station.camera.geometry == {"distance_mm": 149.9}


def taken(journal, purpose, exposure_s, time_s, exit_status="success"):
    """A run of darks or of a flat in a journal; gives its uid."""
    with Journal(journal, minimum_free_bytes=0) as write:
        start = compose_run(metadata={"purpose": purpose, "series": {"exposure_s": exposure_s}}, time=time_s)
        write("start", dict(start.start_doc))
        write("stop", dict(start.compose_stop(exit_status=exit_status)))
    return start.start_doc["uid"]


def test_the_newest_dark_of_each_exposure_and_the_newest_flat_are_found(tmp_path):
    taken(tmp_path, "camera_dark", 1.0, 100.0)
    short, long = (taken(tmp_path, "camera_dark", each, 200.0 + each) for each in (1.0, 10.0))
    taken(tmp_path, "camera_dark", 2.0, 300.0, "abort")
    flat = taken(tmp_path, "camera_flat", 60.0, 400.0)
    found = reference_runs_of(CameraReferencesFile(darks="newest", flat="newest"), tmp_path)
    darks = [{"run": short, "exposure_s": 1.0}, {"run": long, "exposure_s": 10.0}]
    assert found == {"dark_run": long, "dark_exposure_s": 10.0, "dark_runs": darks, "flat_run": flat}


def test_darks_are_named_by_the_beginnings_of_their_uids_and_others_refused_with_those_there_are(tmp_path):
    uid = taken(tmp_path, "camera_dark", 1.0, 100.0)
    assert reference_runs_of(CameraReferencesFile(darks=[uid[:8]]), tmp_path)["dark_run"] == uid
    refused = rf"camera_references.darks: 'nobody' is not .* there are: {uid[:8]} \(1 s, 1970-01-01"
    with pytest.raises(ExperimentFileError, match=refused):
        reference_runs_of(CameraReferencesFile(darks=["nobody"]), tmp_path)
    with pytest.raises(ExperimentFileError, match=r"camera_references.flat: newest .*: none\. "):
        reference_runs_of(CameraReferencesFile(flat="newest"), tmp_path)


def test_runs_that_the_file_names_are_those_of_later_series_and_others_stay(tmp_path):
    station = SoftStation()
    station.camera = SoftCamera(folder=tmp_path)
    station.camera.reference_runs.put({"dark_run": "old", "flat_run": "flat"})
    RunEngine({})(make_camera_known(station, None, {"dark_run": "new"}))
    assert station.camera.reference_runs.get() == {"dark_run": "new", "flat_run": "flat"}
