"""Calibration of the camera and total scattering through Channel Access: stage, arm, camera and chambers."""

from pathlib import Path

import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from bluesky import RunEngine
from channels import connected
from operando.callbacks.analysis.xrd.pair_distance import face_centred_cubic
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.external_file import ExternalFileRefusedError
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.run_source import ExperimentName, JournalSource
from operando.plans.calibrate_camera import CalibrantPlace, calibrate_camera
from operando.plans.pdf_scan import PdfOptions, StagePlace, pdf_scan
from operando.plans.waiting import set_all

pytestmark = pytest.mark.system
WITH_CAMERA = True
UID = "c" * 36
MD = {"experiment": {"uid": UID, "name": "calibrated"}, "measurement": "pairs"}
TRUE_DISTANCE_MM = 149.9963


@pytest.fixture(scope="module")
def station(simulated_beamline):
    with connected(simulated_beamline.settings, camera=True) as beamline:
        beamline.camera.default_folder(simulated_beamline.launcher.run_folder / "frames")
        yield beamline


def test_a_camera_set_wrong_is_calibrated_and_nickel_measured_near_it(station, tmp_path):
    engine = RunEngine({}, call_returns_result=True)
    settings = station.camera.geometry
    station.camera.standing.put({**settings, "distance_mm": settings["distance_mm"] + 0.3})
    options = PdfOptions(
        "Ni", 60.0, 1, 37000.0, 60.0, empty=StagePlace(52.0, 12.0), sample=StagePlace(44.0, 12.0)
    )
    with Journal(tmp_path / "journal") as journal:
        engine.subscribe(journal)
        engine(set_all({station.front_end_shutter: "open"}))
        lab6 = CalibrantPlace("LaB6", 20.0, 12.0)
        near = calibrate_camera(station, station.stage, lab6, frames=2, energy_ev=18000.0, md=MD)
        found = engine(near).plan_result
        engine(pdf_scan(station, station.stage, options, md=MD))
    # The monochromator reads 9 eV off, 5e-4, which the distance takes up.
    assert found.geometry["distance_mm"] == pytest.approx(TRUE_DISTANCE_MM, abs=0.1)
    assert found.residual_px < 0.3
    assert station.camera.geometry == found.geometry
    assert station.camera_arm.position == pytest.approx(150.0, abs=0.01)
    assert (station.stage.x.position, station.stage.y.position) == (0.0, 0.0)
    without = Experiment(JournalSource(tmp_path / "journal"), ExperimentName(UID, "calibrated"))
    with pytest.raises(ExternalFileRefusedError, match="external roots"):
        without.pair_distribution(structure=face_centred_cubic("Ni", 3.53), delta2=0.0)
    source = JournalSource(tmp_path / "journal", roots=(Path(str(station.camera.read_path.get())),))
    experiment = Experiment(source, ExperimentName(UID, "calibrated"))
    pairs = experiment.pair_distribution(structure=face_centred_cubic("Ni", 3.53), delta2=0.0)
    assert pairs["verdict"].item() == pairs["fit_verdict"].item() == "good"
    assert pairs["a"].item() == pytest.approx(3.5238, abs=1e-3)
    assert pairs["absorbance"].item() == pytest.approx(0.229, abs=0.02)
