"""Dark and flat of the camera as plans, and what they tell of the simulated one."""

import numpy as np
import pytest
from bluesky import RunEngine

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from operando.callbacks.analysis.xrd.detector_response import flat_response, mean_dark
from operando.callbacks.analysis.xrd.geometry import Geometry
from operando.devices.frame_file import read_frames
from operando.plans.camera_frames import take_camera_darks, take_camera_flat
from operando.plans.pdf_scan import StagePlace
from operando.plans.xrd_series import NoCameraError, xrd_series
from seen_camera import TRUE_GEOMETRY, SeenStation

CARBON = StagePlace(12.0, 12.0)


@pytest.fixture
def hall(tmp_path):
    return SeenStation(tmp_path, at_mm=(1.5, 0.0))


def documents_of(plan):
    engine, documents = RunEngine({}, call_returns_result=True), []
    engine.subscribe(lambda name, doc: documents.append((name, doc)))
    uid = engine(plan).plan_result
    return uid, lambda name: [doc for kind, doc in documents if kind == name]


def stored(documents):
    (resource,) = documents("stream_resource")
    return read_frames(resource["uri"].removeprefix("file://localhost"), "entry/data/data").frames


def test_darks_are_a_stream_of_their_own_and_find_the_hot_pixels(hall):
    uid, documents = documents_of(take_camera_darks(hall, exposure_s=60.0, frames=4))
    (start,), (descriptor,) = documents("start"), documents("descriptor")
    assert (start["purpose"], descriptor["name"], start["uid"]) == ("camera_dark", "dark", uid)
    dark, truth = mean_dark(stored(documents)), hall.camera.exposure.detector
    assert np.array_equal(dark.bad, truth.gap | (truth.extra_counts_s > 1.0))
    assert np.nanmean(dark.mean) == pytest.approx(0.005 * 60.0, rel=0.02)
    assert np.nanmean(dark.variance) >= np.nanmean(dark.mean) / 4


def test_a_flat_tells_the_response_of_the_pixels_within_its_counts(hall):
    uid, documents = documents_of(take_camera_flat(hall, hall.stage, CARBON, exposure_s=8000.0, frames=2))
    assert documents("start")[0]["uid"] == uid
    assert documents("descriptor")[0]["name"] == "flat"
    geometry = Geometry(**TRUE_GEOMETRY, wavelength_angstrom=12398.42 / 18000.0)
    flat, truth = flat_response(stored(documents), geometry), hall.camera.exposure.detector
    good = ~flat.bad
    assert good[~truth.gap & ~truth.shadow].mean() > 0.99
    assert not good[truth.gap | truth.dead].any()

    def from_pixel_to_pixel(values):
        return np.nanstd(np.diff(np.where(good, values, np.nan), axis=1)) / np.sqrt(2)

    # What changes slowly along the radius stays in; from pixel to pixel only the noise of counting is left.
    left = from_pixel_to_pixel(flat.response / np.where(good, truth.response, np.nan))
    assert left < 0.5 * from_pixel_to_pixel(truth.response / truth.response[good].mean())
    assert left == pytest.approx(np.sqrt(np.nanmean(flat.sigma**2)), rel=0.15)
    assert np.nanmedian(flat.sigma) < 0.005
    assert (hall.stage.x.get(), hall.photon_shutter.get()) == (1.5, "closed")


def test_later_series_name_the_runs_of_their_dark_and_flat(hall):
    dark, _ = documents_of(take_camera_darks(hall, exposure_s=1.0, frames=2))
    flat, documents = documents_of(take_camera_flat(hall, hall.stage, CARBON, exposure_s=1.0, frames=2))
    assert documents("start")[0]["dark_run"] == dark
    _, documents = documents_of(xrd_series(hall, exposure_s=1.0, frames=1))
    (start,) = documents("start")
    assert (start["dark_run"], start["dark_exposure_s"], start["flat_run"]) == (dark, 1.0, flat)


def test_later_series_name_the_newest_dark_of_each_exposure(hall):
    uids = [
        documents_of(take_camera_darks(hall, exposure_s=exposure_s, frames=2))[0]
        for exposure_s in (1.0, 2.0, 1.0)
    ]
    _, documents = documents_of(xrd_series(hall, exposure_s=1.0, frames=1))
    named = [{"run": uids[1], "exposure_s": 2.0}, {"run": uids[2], "exposure_s": 1.0}]
    assert documents("start")[0]["dark_runs"] == named


def test_a_single_frame_tells_no_noise_and_is_refused(hall):
    with pytest.raises(ValueError, match="give 2 or more, which tell the noise"):
        RunEngine({})(take_camera_darks(hall, exposure_s=1.0, frames=1))
    with pytest.raises(ValueError, match="n 2 or more"):
        mean_dark(np.zeros((1, 4, 4)))


def test_a_beamline_without_a_camera_has_neither(hall):
    hall.camera = None
    with pytest.raises(NoCameraError, match=r"take_camera_darks: .* add \[devices.camera\]"):
        RunEngine({})(take_camera_darks(hall, exposure_s=1.0))
