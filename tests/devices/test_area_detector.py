"""Orders to a camera and its writer, without any server: what is set, written, and found missing."""

import threading

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky_tiled_plugins.writing.consolidators import consolidator_factory
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.devices.area_detector import AreaDetector
from operando.devices.bounded import until
from operando.devices.camera_section import CameraSection
from operando.devices.frame_file import (
    FoundFrames,
    FrameAbsentError,
    FramesMissingError,
    check_frames,
    find_frames,
)
from operando.devices.frame_series import FrameSeries
from operando.devices.order import OrderWithdrawnError
from ophyd.sim import NullStatus, make_fake_device
from ophyd.utils.errors import WaitTimeoutError
from soft_camera import COLUMNS, ROWS, GrowingCamera, SoftCamera, write_frames

SERIES = FrameSeries(exposure_s=0.01, frames=5, folder="charge_1", name="series")


@pytest.fixture
def camera(tmp_path):
    return SoftCamera(folder=tmp_path)


def taken(camera, series=SERIES):
    camera.prepare(series).wait(3)
    camera.kickoff().wait(3)
    camera.complete().wait(3)
    return dict(camera.collect_asset_docs())


def test_a_series_sets_camera_and_writer_by_their_standard_names(camera, tmp_path):
    camera.prepare(FrameSeries(exposure_s=0.1, period_s=0.5, frames=7, name="one")).wait(3)
    assert (camera.cam.exposure.get(), camera.cam.period.get(), camera.cam.images.get()) == (0.1, 0.5, 7)
    assert (camera.cam.image_mode.get(), camera.cam.trigger_mode.get()) == ("Multiple", "Internal")
    assert (camera.hdf.mode.get(), camera.hdf.wanted.get(), camera.hdf.lazy_open.get()) == ("Stream", 7, 1)
    assert camera.hdf.path.get() == f"{tmp_path}/"
    assert camera.hdf.capture.get() == 1
    assert not camera.cam.acquire.get()


def test_documents_tell_of_a_whole_file_once(camera, tmp_path):
    documents = taken(camera)
    resource, datum = documents["stream_resource"], documents["stream_datum"]
    file = tmp_path / "charge_1" / "series_000000.h5"
    assert resource["uri"] == f"file://localhost{file}"
    assert (resource["mimetype"], resource["data_key"]) == ("application/x-hdf5", "camera_image")
    assert resource["parameters"]["dataset"] == "/entry/data/data"
    assert datum["indices"] == {"start": 0, "stop": 5}
    assert camera.get_index() == 5
    assert list(camera.collect_asset_docs()) == []


def test_consolidators_of_tiled_read_the_frames_by_these_documents(camera):
    documents = taken(camera)
    keys = camera.describe_collect()
    consolidator = consolidator_factory(documents["stream_resource"], {"data_keys": keys})
    consolidator.consume_stream_datum({**documents["stream_datum"], "seq_nums": {"start": 1, "stop": 6}})
    assert (consolidator.shape, consolidator.chunks) == ((5, ROWS, COLUMNS), ((5,), (ROWS,), (COLUMNS,)))
    adapter = consolidator.init_adapter()
    assert np.asarray(adapter.read())[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_nothing_is_told_before_the_file_was_found_whole(camera):
    camera.prepare(SERIES).wait(3)
    assert list(camera.collect_asset_docs()) == []
    camera.kickoff().wait(3)
    assert (camera.get_index(), list(camera.collect_asset_docs())) == (0, [])


@pytest.fixture
def growing(tmp_path, monkeypatch):
    monkeypatch.setattr("operando.devices.series_file.LOOK_S", 0.0)
    camera = GrowingCamera(folder=tmp_path, limits_s=5.0)
    yield camera
    camera._close()


def told(camera):
    """Indices of the frames that documents tell of now."""
    documents = camera.collect_asset_docs()
    return [
        (doc["indices"]["start"], doc["indices"]["stop"]) for name, doc in documents if name == "stream_datum"
    ]


def seen(camera, count):
    assert until((camera.frames,), lambda: camera.get_index() == count, 3.0)


def test_a_server_that_can_is_told_to_let_its_file_be_read_while_it_grows(growing):
    growing.prepare(SERIES).wait(3)
    assert (growing.hdf.swmr.get(), growing.hdf.flush_every.get()) == ("On", 10)


def test_documents_tell_of_frames_while_the_file_grows_each_once_and_without_gap(growing):
    growing.holds = True
    growing.prepare(SERIES).wait(3)
    assert told(growing) == []
    status = growing.trigger()
    growing.grow(2)
    seen(growing, 2)
    first = list(growing.collect_asset_docs())
    assert [name for name, _ in first] == ["stream_resource", "stream_datum"]
    assert first[0][1]["parameters"]["swmr"] is True
    assert first[1][1]["indices"] == {"start": 0, "stop": 2}
    assert told(growing) == []
    growing.grow(1)
    seen(growing, 3)
    assert told(growing) == [(2, 3)]
    growing.go()
    status.wait(3)
    growing.complete().wait(3)
    assert told(growing) == [(3, 5)]


def test_no_frame_is_told_that_its_server_has_counted_but_nobody_can_read(growing):
    growing.holds, growing.hides = True, 2
    growing.prepare(SERIES).wait(3)
    growing.trigger()
    growing.grow(4)
    seen(growing, 2)
    assert told(growing) == [(0, 2)]
    growing.stop()


def test_frames_that_were_told_of_stay_told_when_the_series_fails(growing):
    growing.holds, growing.overhead_limit_s, growing.flush_limit_s = True, 0.3, 0.3
    growing.prepare(SERIES).wait(3)
    status = growing.trigger()
    growing.grow(2)
    with pytest.raises(FramesMissingError, match="5 frames expected, 2 written"):
        status.wait(5)
    assert told(growing) == [(0, 2)]


def test_a_frame_limit_of_the_caller_is_kept(growing):
    growing.prepare(SERIES).wait(3)
    growing.trigger().wait(3)
    growing.complete().wait(3)
    assert dict(growing.collect_asset_docs(index=3))["stream_datum"]["indices"] == {"start": 0, "stop": 3}
    assert told(growing) == [(3, 5)]


def test_consolidators_of_tiled_read_a_file_that_still_grows(growing):
    growing.holds = True
    growing.prepare(SERIES).wait(3)
    growing.trigger()
    growing.grow(2)
    seen(growing, 2)
    documents = dict(growing.collect_asset_docs())
    keys = growing.describe_collect()
    consolidator = consolidator_factory(documents["stream_resource"], {"data_keys": keys})
    consolidator.consume_stream_datum({**documents["stream_datum"], "seq_nums": {"start": 1, "stop": 3}})
    assert np.asarray(consolidator.init_adapter().read())[:, 0, 0].tolist() == [0, 1]
    growing.stop()


def test_a_series_may_be_taken_frame_by_frame(camera, tmp_path):
    camera.prepare(FrameSeries(exposure_s=0.01, frames=3, images_per_trigger=1, name="slow")).wait(3)
    for number in range(3):
        assert camera.frames.get() == number
        camera.trigger().wait(3)
    camera.complete().wait(3)
    with h5py.File(tmp_path / "slow_000000.h5") as file:
        assert file["entry/data/data"].shape == (3, ROWS, COLUMNS)
    with pytest.raises(RuntimeError, match="camera: the series has its 3 frames; prepare another"):
        camera.trigger()


RETAKEN = FrameSeries(exposure_s=0.01, frames=3, images_per_trigger=1, retakes=True, name="retaken")


def test_a_trigger_that_gives_no_frame_can_be_given_again_and_is_counted(camera, tmp_path):
    came = iter([True, False, True, True])
    camera.faults = lambda numbers: numbers if next(came) else []
    camera.prepare(RETAKEN).wait(3)
    camera.trigger().wait(3)
    with pytest.raises(FrameAbsentError, match="camera: 2 frames expected, 1 written"):
        camera.trigger().wait(3)
    assert (camera.missed.get(), camera.cam.acquire.get(), camera.hdf.capture.get()) == (1, 0, 1)
    for _ in range(2):
        camera.trigger().wait(3)
    camera.complete().wait(3)
    with h5py.File(tmp_path / "retaken_000000.h5") as file:
        assert file["entry/data/data"][:, 0, 0].tolist() == [0, 2, 3]
    camera.prepare(SERIES).wait(3)
    assert camera.missed.get() == 0


def test_a_frame_that_comes_after_it_was_given_up_is_not_taken_for_another(camera):
    camera.faults = lambda numbers: []
    camera.prepare(RETAKEN).wait(3)
    with pytest.raises(FrameAbsentError):
        camera.trigger().wait(3)
    camera.hdf.captured.sim_put(1)  # late
    with pytest.raises(FramesMissingError, match="one that was given up has come all the same"):
        camera.trigger()
    assert camera.hdf.capture.get() == 0


def test_a_server_that_has_begun_anew_has_lost_the_file_and_no_frame_is_taken_again_into_it(camera):
    came = iter([True, False])
    camera.faults = lambda numbers: numbers if next(came) else []
    camera.prepare(RETAKEN).wait(3)
    camera.trigger().wait(3)
    camera.on_frames = lambda: camera.hdf.captured.sim_put(0)
    with pytest.raises(FramesMissingError, match="2 frames expected, 0 written") as refused:
        camera.trigger().wait(3)
    assert not isinstance(refused.value, FrameAbsentError)
    assert camera.missed.get() == 0


def test_part_of_the_frames_of_a_trigger_cannot_be_taken_again_in_their_place(camera):
    camera.faults = lambda numbers: numbers[:-1]
    camera.prepare(FrameSeries(exposure_s=0.01, frames=4, images_per_trigger=2, retakes=True, name="p")).wait(
        3
    )
    with pytest.raises(FramesMissingError, match="2 frames expected, 1 written") as refused:
        camera.trigger().wait(3)
    assert not isinstance(refused.value, FrameAbsentError)
    assert camera.hdf.capture.get() == 0


def test_a_dropped_frame_is_an_error_that_tells_expected_written_and_remedy(camera):
    camera.faults = lambda numbers: numbers[:-2]
    camera.prepare(SERIES).wait(3)
    camera.hdf.dropped.sim_put(2)
    camera.kickoff()
    with pytest.raises(
        FramesMissingError, match=r"camera: 5 frames expected, 3 written.*dropped 2.*lengthen"
    ):
        camera.complete().wait(3)
    assert (camera.hdf.capture.get(), camera.cam.acquire.get(), camera.get_index()) == (0, 0, 0)


def test_a_repeated_frame_is_found_in_the_file(camera):
    camera.faults = lambda numbers: [*numbers[:-1], numbers[-2]]
    with pytest.raises(FramesMissingError, match="5 frames expected, 4 written"):
        taken(camera)


def test_a_file_cut_short_is_found_although_the_server_counted_all(camera, monkeypatch):
    monkeypatch.setattr(
        "soft_camera.write_frames", lambda path, numbers: write_frames(path, numbers, in_file=3)
    )
    with pytest.raises(FramesMissingError, match="5 frames expected, 3 written: the file was cut short"):
        taken(camera)


def test_a_file_that_cannot_be_read_is_told_with_its_path(camera, monkeypatch):
    monkeypatch.setattr("soft_camera.write_frames", lambda path, numbers: path.write_bytes(b"nothing"))
    with pytest.raises(
        FramesMissingError, match=r"series_000000.h5 cannot be read .* is read_path the server"
    ):
        taken(camera)


def test_frames_of_another_size_than_announced_are_refused(camera):
    found = FoundFrames((5, 2, 2), "<u2")
    with pytest.raises(FramesMissingError, match="4 x 6 uint16"):
        check_frames("camera", found, (5, 4, 6), "<u2", per_trigger=5)


def test_a_writer_that_is_slow_is_waited_for_while_it_goes_on(camera):
    camera.holds = True
    camera.prepare(SERIES).wait(3)
    camera.kickoff()
    status = camera.complete()
    for count in (1, 2, 3, 4):
        with pytest.raises(WaitTimeoutError):
            status.wait(0.2)
        camera.hdf.captured.sim_put(count)
    camera.go()
    status.wait(3)
    assert camera.get_index() == 5


def test_frames_that_never_come_end_in_an_error_in_time(camera):
    camera.holds = True
    camera.prepare(SERIES).wait(3)
    camera.kickoff()
    with pytest.raises(FramesMissingError, match="5 frames expected, 0 written"):
        camera.complete().wait(3)


def test_stop_leaves_the_camera_idle_and_the_file_closed(camera):
    camera.holds = True
    camera.prepare(SERIES).wait(3)
    camera.kickoff()
    assert (camera.cam.acquire.get(), camera.hdf.capture.get()) == (1, 1)
    camera.stop()
    assert (camera.cam.acquire.get(), camera.hdf.capture.get()) == (0, 0)


def test_a_camera_that_still_runs_is_stopped_before_it_is_set(camera):
    camera.cam.acquire.sim_put(1)
    camera.hdf.capture.sim_put(1)
    assert taken(camera)["stream_datum"]["indices"]["stop"] == 5


def test_a_camera_that_knows_no_size_yet_takes_one_frame_first(camera):
    camera.cam.rows.sim_put(0)
    camera.prepare(SERIES).wait(3)
    assert camera.describe_collect()["camera_image"]["shape"] == [ROWS, COLUMNS]
    assert camera.cam.images.get() == 5


def test_an_exposure_that_the_camera_does_not_give_is_refused_with_both(camera):
    def at_least(value, **_):
        camera.cam.exposure.sim_put(max(value, 0.05))
        return NullStatus()

    camera.cam.exposure.set = at_least
    with pytest.raises(ValueError, match=r"camera_exposure: 0.01 s asked for, the camera gives 0.05 s"):
        camera.prepare(SERIES).wait(3)


def test_a_folder_that_the_server_does_not_see_is_named(tmp_path):
    camera = SoftCamera(folder=tmp_path, file_path="/nowhere/detector")
    with pytest.raises(FileNotFoundError, match=r"no folder /nowhere/detector/charge_1/; .* file_path"):
        camera.prepare(SERIES).wait(3)


def test_a_server_on_windows_gets_its_own_separators(tmp_path):
    camera = SoftCamera(folder=tmp_path, file_path=r"D:\data")
    with pytest.raises(FileNotFoundError, match=r"no folder D:\\data\\charge_1\\;"):
        camera.prepare(SERIES).wait(3)


def test_the_words_of_a_writer_are_waited_for_when_they_come_after_its_state(camera):
    camera.hdf.message.sim_put("")
    camera.hdf.status.sim_put(1)
    late = threading.Timer(0.1, camera.hdf.message.sim_put, ("no space left",))
    late.start()
    camera.await_complaint()
    late.join()
    assert camera.complaint().endswith("and says 'no space left'")


def test_a_camera_without_a_folder_says_so(tmp_path):
    with pytest.raises(ValueError, match="camera: has no folder for its files; give read_path"):
        SoftCamera().prepare(SERIES)


def test_no_file_is_written_twice(camera):
    taken(camera)
    with pytest.raises(FileExistsError, match=r"series_000000.h5 exists already"):
        camera.prepare(SERIES)


@pytest.mark.parametrize("folder", ["..", "a/../..", "/etc", "a//../b", "a b", ".hidden"])
def test_a_folder_that_could_lead_out_is_refused(folder):
    with pytest.raises(ValueError, match="folder and name"):
        FrameSeries(exposure_s=1.0, frames=1, folder=folder, name="x")


def test_a_link_that_leads_out_of_the_folder_is_refused(camera, tmp_path):
    (tmp_path / "charge_1").symlink_to("/tmp")
    with pytest.raises(ValueError, match="leads out of"):
        camera.prepare(SERIES)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"exposure_s": 0.0}, "exposure_s"),
        ({"frames": 0}, "frames"),
        ({"frames": 2.5}, "frames is 2.5; give a whole number"),
        ({"period_s": 0.5}, "give 1 s or more"),
        ({"period_s": float("inf")}, "give 1 s or more"),
        ({"images_per_trigger": 2}, "divisor of 3"),
    ],
)
def test_a_series_that_cannot_be_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        FrameSeries(**{"exposure_s": 1.0, "frames": 3, "name": "x", **options})


def test_a_camera_without_a_series_refuses_to_begin(camera):
    with pytest.raises(RuntimeError, match="camera: no series is prepared"):
        camera.trigger()


def test_flat_and_dark_of_the_settings_are_told_of_by_their_uris(tmp_path):
    given = {"class": "area_detector", "prefix": "X:", "flat": str(tmp_path / "flat.npy")}
    camera = CameraSection.model_validate(given).device()
    flat = f"file://localhost{tmp_path}/flat.npy"
    assert camera.corrections == {"flat": flat, "dataset": "/entry/data/data"}
    assert CameraSection.model_validate({**given, "flat": ""}).device().corrections == {}
    dark = {"dark": str(tmp_path / "dark.npy"), "dark_exposure_s": 10.0}
    assert CameraSection.model_validate({**given, **dark}).device().corrections["dark_exposure_s"] == 10.0


def test_a_flat_without_its_whole_path_is_refused_with_its_field():
    given = {"class": "area_detector", "prefix": "X:", "flat": "flat.npy"}
    with pytest.raises(ValueError, match=r"\[devices.camera\] flat = 'flat.npy': give the whole path"):
        CameraSection.model_validate(given)


def test_collecting_while_completing_gives_every_frame_to_the_run_engine(camera):
    documents = []
    engine = RunEngine({})
    engine.subscribe(lambda name, doc: documents.append((name, doc)))

    @bpp.run_decorator()
    def series():
        yield from bps.prepare(camera, SERIES, wait=True)
        yield from bps.declare_stream(camera, name="frames", collect=True)
        yield from bps.kickoff(camera, wait=True)
        yield from bps.collect_while_completing([camera], [camera], flush_period=0.1, stream_name="frames")

    engine(series())
    found = dict(documents)
    assert found["stream_datum"]["seq_nums"] == {"start": 1, "stop": 6}
    assert found["descriptor"]["configuration"]["camera"]["data"]["camera_exposure"] == 0.01
    assert found["stop"]["num_events"] == {"frames": 5}


def test_waiting_for_a_condition_ends_when_it_holds_or_in_time(camera):
    assert until((camera.frames,), lambda: True, 0.0)
    assert not until((camera.frames,), lambda: False, 0.05)


def test_a_file_without_numbers_of_its_frames_is_judged_by_their_count():
    check_frames("camera", FoundFrames((3, 4, 6), "<u2"), (3, 4, 6), "<u2", per_trigger=3)


def test_numbers_may_begin_anew_at_each_trigger():
    found = FoundFrames((4, 4, 6), "<u2", np.array([1, 2, 1, 2]), np.array([0.0, 0.5, 9.0, 9.5]))
    check_frames("camera", found, (4, 4, 6), "<u2", per_trigger=2)
    with pytest.raises(FramesMissingError, match="they are out of order"):
        check_frames("camera", found, (4, 4, 6), "<u2", per_trigger=4)


def test_a_frame_of_the_trigger_before_is_a_repeated_one():
    found = FoundFrames((2, 4, 6), "<u2", np.array([7, 7]), np.array([0.5, 0.5]))
    with pytest.raises(FramesMissingError, match="2 frames expected, 1 written"):
        check_frames("camera", found, (2, 4, 6), "<u2", per_trigger=1)


@given(st.data(), st.integers(1, 12), st.integers(1, 4))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_is_not_each_frame_once_is_always_found(data, triggers, per_trigger):
    """Of all files with these numbers only the one that was asked for passes."""
    count, first = triggers * per_trigger, 40
    asked = np.arange(first, first + count)
    numbers = np.array(data.draw(st.lists(st.integers(first - 2, first + count + 2), max_size=count + 3)))
    if data.draw(st.booleans()):
        numbers = asked.copy()
        numbers[data.draw(st.integers(0, count - 1))] += data.draw(st.integers(-3, 3))
    found = FoundFrames((len(numbers), ROWS, COLUMNS), "<u2", numbers, numbers * 0.5)
    whole = len(numbers) == count and (np.diff(numbers.reshape(-1, per_trigger), axis=1) == 1).all()
    whole = whole and len(set(numbers.tolist())) == count
    if whole:
        check_frames("camera", found, (count, ROWS, COLUMNS), "<u2", per_trigger=per_trigger)
        return
    with pytest.raises(FramesMissingError) as caught:
        check_frames("camera", found, (count, ROWS, COLUMNS), "<u2", per_trigger=per_trigger)
    assert caught.value.expected == count
    assert caught.value.written != count or "out of order" in str(caught.value)


def test_frames_in_a_file_are_found_with_their_numbers_and_times(tmp_path):
    write_frames(tmp_path / "a.h5", [3, 4])
    found = find_frames(tmp_path / "a.h5", "/entry/data/data", 0.0)
    assert (found.shape, found.dtype) == ((2, ROWS, COLUMNS), "<u2")
    assert found.unique_id.tolist() == [3, 4]
    assert found.time_stamp.tolist() == [1.5, 2.0]


def test_a_real_camera_asks_only_for_standard_names():
    camera = make_fake_device(AreaDetector)("X:", name="camera")
    assert {"cam", "hdf"} <= set(camera.component_names)


def test_a_camera_that_is_stopped_while_it_is_prepared_does_not_wait_for_frames(camera, monkeypatch):
    open_file = camera.open_file

    def stopped_before(*args):
        camera.stop()
        open_file(*args)

    monkeypatch.setattr(camera, "open_file", stopped_before)
    camera.prepare(SERIES).wait(3)
    assert not camera.hdf.capture.get()


def test_what_an_aborted_series_still_waits_for_does_not_end_the_next_one(tmp_path):
    camera = SoftCamera(folder=tmp_path, limits_s=0.05)
    camera.holds = True
    camera.prepare(SERIES).wait(3)
    never_comes = camera.trigger()
    camera.stop()
    camera.prepare(FrameSeries(exposure_s=0.01, frames=5, name="next")).wait(3)
    with pytest.raises((FramesMissingError, OrderWithdrawnError)):
        never_comes.wait(3)
    assert camera.hdf.capture.get()


def test_a_series_that_somebody_stops_is_not_taken_for_whole(tmp_path):
    camera = SoftCamera(folder=tmp_path, limits_s=0.05)
    camera.holds = True
    camera.prepare(SERIES).wait(3)
    camera.kickoff().wait(3)
    whole = camera.complete()
    camera.stop()
    with pytest.raises((FramesMissingError, OrderWithdrawnError)):
        whole.wait(3)
