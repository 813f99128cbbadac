"""The camera is calibrated by the rings of a calibrant, as the simulated beamline draws them."""

import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from operando.callbacks.analysis.xrd.calibration import GeometryFit, GeometrySigma
from operando.callbacks.analysis.xrd.geometry import Geometry
from operando.plans.calibrate import CalibrationError
from operando.plans.calibrate_camera import CalibrantPlace, CameraLimits, calibrate_camera, checked
from operando.plans.xrd_series import NoCameraError, xrd_series
from seen_camera import TRUE_GEOMETRY, SeenStation
from soft_station import collected, of_kind

LAB6 = CalibrantPlace("LaB6", 20.0, 12.0)
EMPTY = CalibrantPlace("LaB6", 52.0, 12.0)
OFF = {"distance_mm": 150.2963, "poni1_mm": 88.4030, "poni2_mm": 86.4558}
"""The settings of the test: 0.3 mm too far, 0.2 mm beside."""


@pytest.fixture
def hall(tmp_path):
    return SeenStation(tmp_path, at_mm=(1.5, -2.0), geometry={**TRUE_GEOMETRY, **OFF}, limits_s=5.0)


def test_settings_that_are_off_are_put_right_and_later_runs_carry_what_was_found(hall, engine):
    documents = collected(engine)
    found = engine(calibrate_camera(hall, hall.stage, LAB6, frames=2)).plan_result
    for name in ("distance_mm", "poni1_mm", "poni2_mm", "rot1_deg", "rot2_deg"):
        assert 0 < found.sigma[name] < 0.1
        assert abs(found.geometry[name] - TRUE_GEOMETRY[name]) < 5 * found.sigma[name], name
    assert found.geometry["distance_mm"] == pytest.approx(150.0, abs=0.02)
    assert found.shift_mm["distance_mm"] == pytest.approx(-0.3, abs=0.02)
    frames, told = of_kind(documents, "start")
    assert (frames["purpose"], frames["calibration"], frames["calibrant"]) == (
        "calibration",
        "frames",
        "LaB6",
    )
    assert (frames["technique"], frames["uid"]) == ("xrd", found.run)
    assert frames["geometry"]["distance_mm"] == OFF["distance_mm"]
    assert told["camera_calibration"]["geometry"] == found.geometry
    assert (hall.stage.x.history, hall.stage.y.history) == ([20.0, 1.5], [12.0, -2.0])
    assert hall.photon_shutter.get() == "closed"
    engine(xrd_series(hall, exposure_s=0.01, frames=1))
    assert of_kind(documents, "start")[-1]["geometry"] == found.geometry


def test_without_rings_nothing_is_kept_and_the_stage_goes_back(hall, engine):
    with pytest.raises(CalibrationError, match=r"rings of LaB6 .* is LaB6 in the beam\?"):
        engine(calibrate_camera(hall, hall.stage, EMPTY, frames=1))
    assert hall.camera.geometry["distance_mm"] == OFF["distance_mm"]
    assert hall.stage.x.get() == 1.5


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            CameraLimits(residual_px=0.01),
            r"pixels rms from the best geometry, limit 0.01; is it this calibrant",
        ),
        (
            CameraLimits(shift_mm=0.1),
            r"distance_mm -0.3. mm from where it was known, limit 0.1 mm; was the camera",
        ),
        (CameraLimits(distance_sigma_mm=1e-5), r"uncertain by 0.0.. mm, limit 1e-05 mm .* count longer"),
    ],
)
def test_a_result_beyond_its_limits_is_refused_with_the_remedy(limits, message):
    found = Geometry(**{**TRUE_GEOMETRY, "wavelength_angstrom": 0.6888})
    fit = GeometryFit(found, GeometrySigma(0.01, 0.02, 0.02, 0.01, 0.01), "LaB6", 0.1, 14, 700)
    assert checked(fit, TRUE_GEOMETRY, 18000.0, "uid", CameraLimits()).rings == 14
    with pytest.raises(CalibrationError, match=message):
        checked(fit, {**TRUE_GEOMETRY, **OFF}, 18000.0, "uid", limits)


def test_a_camera_of_which_nobody_knows_anything_is_not_calibrated(hall, engine):
    hall.camera.standing.put({})
    with pytest.raises(CalibrationError, match=r"add \[devices.camera.geometry\]"):
        engine(calibrate_camera(hall, hall.stage, LAB6))
    hall.camera = None
    with pytest.raises(NoCameraError, match=r"add \[devices.camera\]"):
        engine(calibrate_camera(hall, hall.stage, LAB6))


def test_a_camera_that_fails_leaves_the_sample_in_the_beam(hall, engine):
    def fail():
        raise OSError("ion_chambers: no answer")

    hall.events[1] = fail
    with pytest.raises(OSError, match="no answer"):
        engine(calibrate_camera(hall, hall.stage, LAB6, frames=1))
    assert (hall.stage.x.get(), hall.stage.y.get()) == (1.5, -2.0)
