"""Bursts of a camera with a ring, without a server: what is set, kept, missing and told."""

import h5py
import numpy as np
import pytest
from bluesky_tiled_plugins.writing.consolidators import consolidator_factory
from operando.devices.burst_record import read_burst
from operando.devices.burst_series import BurstSeries
from operando.devices.frame_file import FramesMissingError
from operando.devices.frame_series import FrameSeries
from soft_burst import SoftBurst, write_burst

BURST = BurstSeries(
    exposure_s=7e-4,
    period_s=1e-3,
    frames_before=5,
    frames_after=10,
    attribute="HeaterTemperature",
    condition="A>100",
    name="burst",
)


@pytest.fixture
def camera(tmp_path):
    return SoftBurst(tmp_path)


def burst(camera):
    camera.prepare(BURST).wait(3)
    camera.kickoff().wait(3)
    camera.go_off()
    return camera.complete()


def test_ring_and_writer_are_set_and_the_queue_holds_all_that_the_ring_has(camera):
    camera.prepare(BURST).wait(3)
    ring = camera.ring
    assert (ring.before.get(), ring.after.get(), ring.times.get()) == (5, 10, 1)
    assert (ring.attribute.get(), ring.condition.get(), ring.source.get()) == (
        "HeaterTemperature",
        "A>100",
        "CAM1",
    )
    assert (camera.hdf.source.get(), camera.hdf.wanted.get()) == ("CB1", 15)
    assert camera.hdf.queue_size.get() >= 5
    assert camera.cam.image_mode.get() == "Continuous"


def test_a_series_goes_around_the_ring(camera):
    camera.prepare(BURST).wait(3)
    camera.prepare(FrameSeries(exposure_s=0.1, frames=2, name="series")).wait(3)
    assert camera.hdf.source.get() == "CAM1"
    assert camera.cam.image_mode.get() == "Multiple"


def test_frames_are_numbered_and_timed_about_the_trigger(camera):
    burst(camera).wait(3)
    record = camera.record
    assert (record.before, record.frames, record.trigger_id, record.is_whole) == (5, 15, 20, True)
    np.testing.assert_allclose(record.time_s, 1e-3 * np.arange(-5, 10), atol=1e-9)
    assert camera.burst.whole.get() == 1
    assert camera.burst.trigger_frame.get() == 5


def test_documents_tell_of_frames_numbers_and_times_that_tiled_can_read(camera):
    burst(camera).wait(3)
    keys, documents = camera.describe_collect(), list(camera.collect_asset_docs())
    resources = {d["data_key"]: d for name, d in documents if name == "stream_resource"}
    datums = [d for name, d in documents if name == "stream_datum"]
    assert set(resources) == set(keys) == {"camera_image", "camera_unique_id", "camera_time_stamp"}
    assert {(d["indices"]["start"], d["indices"]["stop"]) for d in datums} == {(0, 15)}
    for datum in datums:
        resource = next(r for r in resources.values() if r["uid"] == datum["stream_resource"])
        consolidator = consolidator_factory(resource, {"data_keys": keys})
        consolidator.consume_stream_datum({**datum, "seq_nums": {"start": 1, "stop": 16}})
        values = np.asarray(consolidator.init_adapter().read())
        assert values.reshape(15, -1).shape[0] == 15
    assert list(camera.collect_asset_docs()) == []


@pytest.mark.parametrize("lost", [[17], [22, 23], [28, 29], [15]])
def test_dropped_frames_fail_and_cost_no_other_its_place(camera, lost):
    camera.kept = lambda numbers: numbers[~np.isin(numbers, lost)]
    with pytest.raises(FramesMissingError, match=f"15 frames expected, {15 - len(lost)} written"):
        burst(camera).wait(3)
    assert camera.record.trigger_id == 20
    np.testing.assert_allclose(camera.record.time_s, 1e-3 * (camera.record.unique_id - 20), atol=1e-9)
    assert camera.burst.frames_missing.get() == len(lost)
    assert camera.burst.whole.get() == 0
    stops = [d["indices"]["stop"] for name, d in camera.collect_asset_docs() if name == "stream_datum"]
    assert stops == [15 - len(lost)] * 3


def test_a_trigger_before_the_ring_is_full_fails_and_tells_of_the_frames_that_are_there(camera):
    camera.held = 2
    with pytest.raises(
        FramesMissingError, match="before the ring was full, 2 of 5 frames are from before it"
    ):
        burst(camera).wait(3)
    assert (camera.record.before, camera.record.frames, camera.record.is_whole) == (2, 12, False)
    assert (camera.burst.frames_missing.get(), camera.burst.whole.get()) == (3, 0)
    stops = [d["indices"]["stop"] for name, d in camera.collect_asset_docs() if name == "stream_datum"]
    assert stops == [12] * 3


def test_a_camera_whose_server_was_started_anew_leaves_the_burst_that_it_had_written(camera):
    camera.kept = lambda numbers: numbers[:8]
    camera.prepare(BURST).wait(3)
    camera.kickoff().wait(3)
    camera.go_off()
    camera.hdf.file_name.sim_put("frames")
    with pytest.raises(
        FramesMissingError, match="15 frames expected, 8 written: the server of SOFT: has died"
    ):
        camera.complete().wait(3)
    documents = [doc for name, doc in camera.collect_asset_docs() if name == "stream_resource"]
    assert [doc["parameters"]["swmr"] for doc in documents] == [True] * 3


def test_a_burst_is_not_taken_twice_into_one_file(camera):
    burst(camera).wait(3)
    with pytest.raises(RuntimeError, match="burst 'burst' was begun before; prepare another"):
        camera.kickoff()


def test_a_ring_that_does_not_fill_is_told(camera):
    camera.prepare(BURST).wait(3)
    camera.cam.acquire.sim_set_putter(lambda value, **_: camera.cam.acquire.sim_put(value))
    with pytest.raises(TimeoutError, match="holds 0 frames"):
        camera.kickoff().wait(3)
    assert not camera.ring.capture.get()


def test_a_writer_that_stops_early_leaves_what_it_has(camera):
    camera.kept = lambda numbers: numbers[:8]
    with pytest.raises(FramesMissingError, match="make room on the disk"):
        burst(camera).wait(3)
    assert camera.burst.frames.get() == 8


def test_an_order_triggers_where_the_frames_before_it_end(tmp_path):
    path = tmp_path / "burst.h5"
    ordered = BurstSeries(exposure_s=1e-3, period_s=1e-3, frames_before=3, frames_after=4, name="burst")
    write_burst(path, range(7, 14))
    assert read_burst(path, ordered, 3).trigger_id == 10


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"condition": "B>1"}, "such as A>60"),
        ({"attribute": ""}, "name an attribute"),
        ({"frames_after": 0}, "at least 1"),
        ({"period_s": 1e-4}, "or more"),
    ],
)
def test_a_burst_that_cannot_be_is_refused(change, told):
    options = {name: getattr(BURST, name) for name in BURST.__dataclass_fields__}
    with pytest.raises(ValueError, match=told):
        BurstSeries(**{**options, **change})


def test_frames_that_the_camera_did_not_take_are_told_by_their_times(tmp_path):
    path = tmp_path / "burst.h5"
    write_burst(path, range(15, 30))
    with h5py.File(path, "r+") as file:
        file["entry/instrument/NDAttributes/NDArrayTimeStamp"][8:] += 0.004
    record = read_burst(path, BURST, 5)
    assert (record.untaken, record.missing, record.is_whole) == (4, (), False)
