"""Series of frames through a real RunEngine, with a camera that writes true HDF5 files."""

import itertools
import logging
import threading

import h5py
import numpy as np
import pytest
from bluesky.simulators import RunEngineSimulator
from bluesky.utils import RunEngineInterrupted
from operando.callbacks.analysis.mid_scan import mid_scan
from operando.devices.frame_file import FramesMissingError
from operando.devices.refusal import check_file
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.duration import Timing
from operando.plans.series_options import SeriesOptions, experiment_folder
from operando.plans.xrd_series import NoCameraError, xrd_series
from soft_camera import COLUMNS, ROWS, GrowingCamera, SoftCamera
from soft_station import SoftStation, collected, column, of_kind

MD = {"experiment": {"uid": "0123456789abcdef", "name": "first"}, "measurement": "xrd-fast"}


class XrdStation(SoftStation):
    """Its cell's clock goes on by a tenth at each reading, and by each frame that the camera takes."""

    def __init__(self, folder):
        super().__init__()
        self.camera = SoftCamera(folder=folder)
        self.camera.on_frames = self.frames_taken
        self.at_frames = []

    def tick(self):
        super().tick()
        self.cell.time.put(self.cell.time.get() + 0.1)

    def frames_taken(self):
        self.at_frames.append(self.photon_shutter.get())
        lasted_s = self.camera.cam.images.get() * self.camera.cam.period.get()
        self.cell.time.put(self.cell.time.get() + lasted_s)


@pytest.fixture
def station(tmp_path):
    return XrdStation(tmp_path)


def test_a_burst_is_one_run_with_its_frames_in_a_file_and_the_cell_before_and_after(
    station, engine, tmp_path
):
    documents = collected(engine)
    result = engine(xrd_series(station, exposure_s=0.01, frames=100, md=MD))
    (start,), (stop,) = of_kind(documents, "start"), of_kind(documents, "stop")
    assert result.plan_result == start["uid"]
    assert (start["technique"], start["plan_name"], start["purpose"]) == ("xrd", "xrd_series", "measurement")
    assert stop["exit_status"] == "success"
    assert stop["num_events"]["frames"] == 100
    (resource,) = of_kind(documents, "stream_resource")
    (datum,) = of_kind(documents, "stream_datum")
    assert datum["indices"] == {"start": 0, "stop": 100}
    path = resource["uri"].removeprefix("file://localhost")
    assert path.startswith(f"{tmp_path}/first_01234567/xrdfast_")
    with h5py.File(path) as file:
        assert file["entry/data/data"].shape == (100, ROWS, COLUMNS)
    assert column(documents, "camera_frames").tolist()[0] == 0
    assert column(documents, "camera_frames").tolist()[-1] == 100
    event = of_kind(documents, "event")[0]
    assert {"cell_voltage", "i0", "mono_energy", "ring_current"} <= set(event["data"])


def test_the_descriptor_of_the_frames_is_what_tiled_asks_for(station, engine):
    documents = collected(engine)
    engine(xrd_series(station, exposure_s=0.5, frames=2))
    descriptor = next(doc for doc in of_kind(documents, "descriptor") if doc["name"] == "frames")
    key = descriptor["data_keys"]["camera_image"]
    assert (key["shape"], key["dtype"], key["dtype_numpy"], key["external"]) == (
        [ROWS, COLUMNS],
        "array",
        "<u2",
        "STREAM:",
    )
    assert descriptor["configuration"]["camera"]["data"]["camera_exposure"] == 0.5


def test_the_state_in_the_middle_is_that_of_the_middle_of_the_frames(station, engine):
    documents = collected(engine)
    station.camera.on_frames = lambda: (station.frames_taken(), station.cell.voltage.put(3.9))
    engine(xrd_series(station, exposure_s=1.0, frames=10))
    times, volts = column(documents, "cell_time"), column(documents, "cell_voltage")
    assert mid_scan(times, volts) == pytest.approx(3.8, abs=0.02)
    assert mid_scan(times, column(documents, "camera_frames")) == pytest.approx(5, abs=0.5)


def test_while_the_camera_goes_on_the_cell_is_read_again_and_again(station, engine):
    documents, seen = collected(engine), []
    station.camera.holds = True

    def go(number):
        seen.append(number)
        if len(seen) == 4:
            station.camera.go()

    for number in range(1, 8):
        station.events[number] = lambda number=number: go(number)
    station.camera.overhead_limit_s = 10.0
    engine(xrd_series(station, exposure_s=0.01, frames=3))
    assert column(documents, "camera_frames").tolist() == [0, 0, 0, 3, 3]


@pytest.fixture
def growing(station, tmp_path, monkeypatch):
    """The station with a camera whose file grows."""
    monkeypatch.setattr("operando.devices.series_file.LOOK_S", 0.0)
    station.camera = GrowingCamera(folder=tmp_path, limits_s=5.0)
    station.camera.on_frames = station.frames_taken
    yield station
    station.camera._close()


def indices(documents):
    return [tuple(doc["indices"].values()) for doc in of_kind(documents, "stream_datum")]


def sequence(documents):
    return [tuple(doc["seq_nums"].values()) for doc in of_kind(documents, "stream_datum")]


def chain(documents):
    """Whether ranges of frames follow each other from 0 on; gives where the last one ends."""
    found = indices(documents)
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
    assert sequence(documents) == [(begin + 1, end + 1) for begin, end in found]
    return found[-1][1]


def test_frames_are_told_of_while_the_camera_goes_on_each_once(growing, engine):
    documents, camera = collected(engine), growing.camera
    camera.holds = True
    growing.events = {2: lambda: camera.grow(3), 4: lambda: camera.grow(2), 6: camera.go}
    engine(xrd_series(growing, exposure_s=0.01, frames=10))
    assert chain(documents) == 10
    assert len(indices(documents)) >= 3
    assert len(of_kind(documents, "stream_resource")) == 1
    assert of_kind(documents, "stop")[0]["num_events"]["frames"] == 10


def test_each_frame_of_a_slow_series_is_told_of_before_the_next_one(growing, engine):
    documents = collected(engine)
    engine(xrd_series(growing, exposure_s=1.0, frames=3, period_s=2.0, gated=True))
    assert indices(documents) == [(0, 1), (1, 2), (2, 3)]
    counts = [doc["data"]["camera_frames"] for kind, doc in documents if kind == "event"]
    order = [kind for kind, _ in documents if kind in ("event", "stream_datum")]
    assert counts == [1, 2, 3]
    assert order == ["event", "stream_datum"] * 3


def test_frames_told_of_stay_told_when_the_end_of_the_series_is_missing(growing, engine):
    documents, camera = collected(engine), growing.camera
    camera.holds, camera.overhead_limit_s, camera.flush_limit_s = True, 1.0, 0.3
    growing.events = {2: lambda: camera.grow(3)}
    with pytest.raises(FramesMissingError, match="camera: 5 frames expected, 3 written"):
        engine(xrd_series(growing, exposure_s=0.01, frames=5, redo=0))
    assert chain(documents) == 3
    assert of_kind(documents, "stop")[0]["exit_status"] == "fail"


def test_a_repeated_frame_fails_the_run_though_it_was_told_of(growing, engine):
    documents, camera = collected(engine), growing.camera
    camera.faults = lambda numbers: [number - number % 2 for number in numbers]
    with pytest.raises(FramesMissingError, match="4 frames expected, 2 written"):
        engine(xrd_series(growing, exposure_s=0.01, frames=4, redo=0))
    assert of_kind(documents, "stop")[0]["exit_status"] == "fail"


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_pause_while_the_file_grows_numbers_no_frame_twice(growing, engine, number):
    documents, camera = collected(engine), growing.camera
    camera.holds, camera.overhead_limit_s = True, 20.0
    pause = threading.Thread(target=engine.request_pause)
    growing.events = {each: lambda: camera.grow(2) for each in range(2, 6)}
    growing.events[number] = lambda: (camera.grow(2), pause.start())
    with pytest.raises(RunEngineInterrupted):
        engine(xrd_series(growing, exposure_s=0.01, frames=20, redo=0))
    pause.join(5)
    growing.events.clear()
    camera.go()
    engine.resume()
    assert chain(documents) == 20
    assert of_kind(documents, "stop")[0]["exit_status"] == "success"


def test_the_start_document_tells_duration_dead_time_and_energy(station, engine):
    documents = collected(engine)
    timing = Timing(start_s=2.0)
    engine(xrd_series(station, exposure_s=1.0, frames=5, period_s=3.0, energy_ev=8200.0, timing=timing))
    start = documents[0][1]
    assert start["estimated_duration_s"] == pytest.approx(2.0 + 4 * 3.0 + 1.0)
    assert start["dead_time_s"] == pytest.approx(10.0)
    assert start["detector_live_fraction"] == pytest.approx(5 / 15)
    assert start["series"] == {
        "exposure_s": 1.0,
        "frames": 5,
        "period_s": 3.0,
        "gated": False,
        "trigger_mode": "Internal",
    }
    assert (start["energy_ev"], station.mono.energy.get()) == (8200.0, 8200.0)


def test_the_start_document_names_flat_and_dark_of_the_camera(station, engine):
    documents = collected(engine)
    station.camera.corrections = {"flat": "file://localhost/flat.npy", "dataset": "/entry/data/data"}
    engine(xrd_series(station, exposure_s=0.5, frames=1))
    assert documents[0][1]["corrections"] == station.camera.corrections


def test_the_shutter_is_open_for_the_frames_alone(station, engine):
    engine(xrd_series(station, exposure_s=0.01, frames=10))
    assert station.at_frames == ["open"]
    assert station.photon_shutter.history[0] == "open"
    assert set(station.photon_shutter.history[1:]) == {"closed"}


def test_slow_frames_are_taken_one_by_one_with_the_shutter_closed_between_them(station, engine):
    documents = collected(engine)
    clock, reads = station.cell.time, station.cell.read
    station.cell.read = lambda: (clock.put(clock.get() + 100.0), reads())[1]
    engine(xrd_series(station, exposure_s=1.0, frames=4, period_s=600.0, guard=BeamGuard(gap_max_s=300.0)))
    assert station.at_frames == ["open"] * 4
    assert station.photon_shutter.history[:8] == ["open", "closed"] * 4
    assert documents[0][1]["series"]["gated"] is True
    assert column(documents, "camera_frames").tolist() == [1, 2, 3, 4]
    gaps = np.diff(column(documents, "cell_time"))
    assert (np.abs(gaps - 600.0) < 250.0).all()
    assert len(of_kind(documents, "stream_resource")) == 1


def test_a_clock_of_the_cell_that_stands_ends_the_wait_for_the_next_frame(station, engine, monkeypatch):
    monkeypatch.setattr("operando.plans.series_taking.WAIT_S", 0.2)
    station.camera.on_frames = lambda: None
    with pytest.raises(TimeoutError, match=r"cell: its clock shows .* is its server running"):
        engine(xrd_series(station, exposure_s=0.01, frames=2, period_s=0.3, gated=True))
    assert station.photon_shutter.get() == "closed"


def test_a_series_with_a_missing_frame_is_taken_again_once(station, engine, caplog):
    documents = collected(engine)
    bad = iter([True, False])
    station.camera.faults = lambda numbers: numbers[:-1] if next(bad) else numbers
    with caplog.at_level(logging.WARNING):
        result = engine(xrd_series(station, exposure_s=0.01, frames=5))
    first, second = of_kind(documents, "stop")
    assert (first["exit_status"], second["exit_status"]) == ("fail", "success")
    assert first["reason"].startswith("camera: 5 frames expected, 4 written")
    assert [doc["attempt"] for doc in of_kind(documents, "start")] == [1, 2]
    assert result.plan_result == of_kind(documents, "start")[1]["uid"]
    assert "taken again" in caplog.text
    assert len(of_kind(documents, "stream_datum")) == 1


SLOW = {"exposure_s": 0.01, "frames": 3, "gated": True}


def lose_frames_of(camera, *triggers):
    """Let the camera write nothing at these triggers, counted from 1."""
    count = itertools.count(1)
    camera.faults = lambda numbers: [] if next(count) in triggers else numbers


def test_a_frame_of_a_slow_series_that_does_not_come_is_taken_again_in_its_place(station, engine, caplog):
    documents = collected(engine)
    lose_frames_of(station.camera, 2)
    with caplog.at_level(logging.WARNING):
        engine(xrd_series(station, **SLOW, guard=BeamGuard()))
    (start,), (stop,) = of_kind(documents, "start"), of_kind(documents, "stop")
    assert (start["attempt"], stop["exit_status"]) == (1, "success")
    assert stop["num_events"]["frames"] == 3
    assert column(documents, "camera_frames").tolist() == [1, 2, 3]
    assert column(documents, "camera_missed").tolist() == [0, 1, 1]
    (resource,) = of_kind(documents, "stream_resource")
    with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
        assert file["entry/instrument/NDAttributes/NDArrayUniqueId"][()].tolist() == [0, 2, 3]
    assert station.at_frames == ["open"] * 4
    assert "a frame is taken again in its place: camera: 2 frames expected, 1 written" in caplog.text


def test_a_frame_that_does_not_come_again_fails_the_run_and_leaves_the_camera_at_rest(station, engine):
    documents = collected(engine)
    lose_frames_of(station.camera, 2, 3)
    engine(xrd_series(station, **SLOW))
    assert [doc["exit_status"] for doc in of_kind(documents, "stop")] == ["fail", "success"]
    assert of_kind(documents, "stop")[0]["reason"].startswith("camera: 2 frames expected, 1 written")
    lose_frames_of(station.camera, 2)
    with pytest.raises(FramesMissingError, match="2 frames expected, 1 written"):
        engine(xrd_series(station, **SLOW, redo=0, retakes=0))
    assert (station.camera.cam.acquire.get(), station.camera.hdf.capture.get()) == (0, 0)
    assert station.photon_shutter.get() == "closed"


def test_a_series_that_misses_frames_again_fails_and_says_why(station, engine):
    documents = collected(engine)
    station.camera.faults = lambda numbers: [numbers[0], *numbers[:-1]]
    with pytest.raises(FramesMissingError, match="camera: 3 frames expected, 2 written"):
        engine(xrd_series(station, exposure_s=0.01, frames=3))
    assert [doc["exit_status"] for doc in of_kind(documents, "stop")] == ["fail", "fail"]
    assert of_kind(documents, "stream_datum") == []
    assert station.photon_shutter.get() == "closed"


def test_lost_beam_fails_the_series_and_stops_the_camera(station, engine):
    documents = collected(engine)
    station.events[2] = lambda: station.ring.put(0.1)
    with pytest.raises(BeamLostError, match=r"ring current 0.1 mA"):
        engine(xrd_series(station, exposure_s=0.01, frames=5, guard=BeamGuard()))
    assert of_kind(documents, "stop")[0]["exit_status"] == "fail"
    assert (station.photon_shutter.get(), station.camera.hdf.capture.get()) == ("closed", 0)


def test_a_device_that_fails_leaves_shutter_closed_camera_idle_and_file_closed(station, engine):
    station.camera.holds = True
    station.camera.overhead_limit_s = 10.0

    def fail():
        raise OSError("ion_chambers: no answer")

    station.events[2] = fail
    with pytest.raises(OSError, match="no answer"):
        engine(xrd_series(station, exposure_s=0.01, frames=5))
    assert station.photon_shutter.get() == "closed"
    assert (station.camera.cam.acquire.get(), station.camera.hdf.capture.get()) == (0, 0)


@pytest.mark.parametrize("gated", [True, False])
def test_a_pause_neither_takes_frames_twice_nor_loses_any(station, engine, gated):
    documents = collected(engine)
    station.camera.overhead_limit_s = 10.0
    pause = threading.Thread(target=engine.request_pause)
    if gated:
        station.events[2] = pause.start
    else:
        station.camera.holds = True
        station.events[2] = pause.start
    with pytest.raises(RunEngineInterrupted):
        engine(xrd_series(station, exposure_s=0.01, frames=3, gated=gated))
    pause.join(5)
    if not gated:
        station.camera.go()
    engine.resume()
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "success", stop
    (datum,) = of_kind(documents, "stream_datum")
    assert datum["indices"] == {"start": 0, "stop": 3}
    assert station.camera.taken == 3
    assert column(documents, "camera_frames").tolist()[-1] == 3


def test_a_beamline_without_a_camera_is_told_what_to_add(station, engine):
    station.camera = None
    with pytest.raises(NoCameraError, match=r"add \[devices.camera\]"):
        engine(xrd_series(station, exposure_s=1.0, frames=1))


@pytest.mark.parametrize("gated", [True, False])
def test_every_wait_of_a_series_is_bounded(station, gated):
    plan = xrd_series(station, exposure_s=1.0, frames=3, gated=gated, dark_max_age_s=1)
    messages = RunEngineSimulator().simulate_plan(plan)
    own = [msg for msg in messages if msg.command == "wait" and "timeout" in msg.kwargs]
    assert len(own) > 5
    assert all(msg.kwargs["timeout"] for msg in own)


def test_a_slow_series_lights_the_cell_for_its_exposures_only():
    assert SeriesOptions(1.0, 10, period_s=600.0).lit_s == 10.0
    assert SeriesOptions(1.0, 10, period_s=3.0).lit_s == 28.0
    assert SeriesOptions(1.0, 10, period_s=600.0, gated=False).lit_s == 1.0 + 9 * 600.0


def test_a_series_that_cannot_be_is_refused_before_anything_moves(station, engine):
    documents = collected(engine)
    with pytest.raises(ValueError, match="give 1 s or more"):
        engine(xrd_series(station, exposure_s=1.0, frames=2, period_s=0.5))
    assert documents == []


@pytest.mark.parametrize("name", ["Ni-rich, 4.3 V", "../elsewhere", "Zyklus für 60 °C"])
def test_an_experiment_of_any_name_has_a_folder_that_cameras_take(name):
    folder = experiment_folder({"experiment": {"uid": "0123456789abcdef", "name": name}})
    check_file("series", folder, "frames")
    assert folder.endswith("_01234567")
