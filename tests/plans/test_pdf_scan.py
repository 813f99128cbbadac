"""Total scattering as the simulated beamline gives it: from the plan's documents back to nickel's lattice."""

import math
from dataclasses import replace

import pytest
from bluesky import RunEngine

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from operando.callbacks.analysis.xrd.pair_distance import face_centred_cubic
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.run_source import ExperimentName, JournalSource
from operando.plans.calibrate_camera import CalibrantPlace
from operando.plans.pdf_scan import PdfOptions, StagePlace, pdf_scan
from operando.plans.xrd_series import NoCameraError
from seen_camera import TRUE_GEOMETRY, WHOLE_GEOMETRY, SeenStation

MD = {"experiment": {"uid": "0123456789abcdef", "name": "nickel"}, "measurement": "total"}
NICKEL, EMPTY = StagePlace(44.0, 12.0), StagePlace(52.0, 12.0)
OPTIONS = PdfOptions("Ni", 60.0, 1, 37000.0, distance_mm=60.0, empty=EMPTY, sample=NICKEL)


class Hall(SeenStation):
    """Its chambers count what stands where the stage is."""

    def __init__(self, folder, *, whole=False):
        geometry = WHOLE_GEOMETRY if whole else TRUE_GEOMETRY
        super().__init__(folder, arm_mm=150.0, whole=whole, geometry=geometry)

    def tick(self):
        super().tick()
        absorbance = self.camera.holder.absorbance(37000.0, self.stage.x.get(), self.stage.y.get(), 0.9)[0]
        self.ion_chambers.it.put(0.5 * math.exp(-absorbance))


@pytest.fixture
def hall(tmp_path):
    return Hall(tmp_path)


@pytest.mark.slow
def test_nickel_comes_back_from_the_frames_of_a_scan(tmp_path):
    hall = Hall(tmp_path, whole=True)
    engine = RunEngine({}, call_returns_result=True)
    with Journal(tmp_path / "journal") as journal:
        engine.subscribe(journal)
        runs = engine(pdf_scan(hall, hall.stage, OPTIONS, md=MD)).plan_result
    experiment = Experiment(JournalSource(tmp_path / "journal"), ExperimentName("0123456789abcdef", "nickel"))
    (background,), (sample,) = experiment.runs("background"), experiment.runs("measurement")
    assert (background["uid"], sample["uid"]) == (runs.background, runs.sample)
    assert (sample["technique"], sample["background_run"]) == ("pdf", runs.background)
    assert sample["geometry"]["distance_mm"] == pytest.approx(60.0, abs=0.01)
    assert (hall.camera_arm.history, hall.stage.x.get()) == ([60.0, 150.0], 0.0)
    assert hall.camera.geometry == WHOLE_GEOMETRY
    found = experiment.pair_distribution("total", structure=face_centred_cubic("Ni", 3.55), delta2=0.0)
    assert found["verdict"].item() == found["fit_verdict"].item() == "good"
    assert found.attrs["q_max"] > 17.0
    for name, truth in (("a", 3.5238), ("u_iso", 0.005)):
        sigma = found[f"{name}_sigma"].item()
        assert 0 < sigma < 0.01 * truth
        assert abs(found[name].item() - truth) < 3 * sigma, name
    assert found["scale"].item() == pytest.approx(1.0, abs=0.15)
    assert found["absorbance"].item() == pytest.approx(0.229, abs=0.01)


def test_a_background_that_is_known_is_not_taken_again(hall):
    engine, starts = RunEngine({}, call_returns_result=True), []
    engine.subscribe(lambda _, doc: starts.append(doc), "start")
    runs = engine(pdf_scan(hall, hall.stage, OPTIONS, background_run="earlier")).plan_result
    (start,) = starts
    assert (runs.background, start["background_run"]) == ("earlier", "earlier")


def test_a_calibrant_is_measured_where_the_camera_stands_then(hall):
    engine, starts = RunEngine({}, call_returns_result=True), []
    engine.subscribe(lambda _, doc: starts.append(doc), "start")
    hall.camera.standing.put({**TRUE_GEOMETRY, "distance_mm": 150.2})
    lab6 = CalibrantPlace("LaB6", 20.0, 12.0)
    hall.mono.energy.put(20000.0)
    engine(pdf_scan(hall, hall.stage, PdfOptions("Ni", 5.0, 1, 20000.0, distance_mm=120.0, calibrant=lab6)))
    assert [start["purpose"] for start in starts] == ["calibration", "calibration", "measurement"]
    assert starts[-1]["geometry"]["distance_mm"] == pytest.approx(120.0, abs=0.05)
    assert hall.camera.geometry["distance_mm"] == 150.2


def test_a_scan_that_fails_brings_camera_and_stage_back(hall):
    def fail():
        raise OSError("ion_chambers: no answer")

    hall.events[1] = fail
    with pytest.raises(OSError, match="no answer"):
        RunEngine({})(pdf_scan(hall, hall.stage, OPTIONS))
    assert (hall.camera_arm.get(), hall.stage.x.get(), hall.stage.y.get()) == (150.0, 0.0, 0.0)
    assert (hall.camera.geometry, hall.photon_shutter.get()) == (TRUE_GEOMETRY, "closed")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"composition": "nickel"}, "'nickel' is no formula"),
        ({"exposure_s": 0.0}, "exposure_s is 0"),
        ({"frames": 0}, "frames is 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_moves(hall, wrong, says):
    with pytest.raises(ValueError, match=says):
        RunEngine({})(pdf_scan(hall, hall.stage, replace(OPTIONS, **wrong)))
    assert not hall.camera_arm.history


def test_a_camera_that_stands_fast_is_not_asked_to_move(hall):
    hall.camera_arm = None
    with pytest.raises(NoCameraError, match=r"no \[devices.camera_arm\]; add it"):
        RunEngine({})(pdf_scan(hall, hall.stage, OPTIONS))
