"""A series of frames from device and plan to file, through Channel Access, on a beamline with a camera."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from channels import variables
from operando.devices.beamline import load_beamline
from operando.devices.frame_file import FramesMissingError
from operando.plans.beam_guard import BeamGuard
from operando.plans.waiting import set_all
from operando.plans.xrd_series import xrd_series
from operando.simulated_beamline import launcher as simulated
from ophyd import EpicsSignal
from ophyd.utils.errors import DisconnectedError
from soft_station import collected, column

pytestmark = pytest.mark.system

SETTINGS = Path(simulated.__file__).with_name("beamline.toml")
CAMERA = '\n[devices.camera]\nclass = "area_detector"\nprefix = "OP:CAM1:"\n'
SERVERS_OF_STATION = []
"""The launcher of the station's servers, for a test that kills one."""
MD = {"experiment": {"uid": "a" * 36, "name": "series"}, "measurement": "xrd"}


@pytest.fixture(scope="module")
def station(tmp_path_factory, beamline_ports, request):
    """Connected devices of a beamline with a camera, both shutters closed, the front end open."""
    if "camera" not in getattr(simulated, "OPTIONAL_SERVERS", ()):
        pytest.skip("this simulated beamline has no camera")
    folder = tmp_path_factory.mktemp("series")
    text = SETTINGS.read_text()
    (folder / "beamline.toml").write_text(text if "[devices.camera]" in text else text + CAMERA)
    servers = simulated.Launcher(
        folder / "run",
        scenario="nmc811-first-charge",
        servers=(*simulated.SERVERS, "camera"),
        ports=beamline_ports,
        data_folder=folder / "frames",
    )
    servers.start("elastic", 500.0)
    request.module.SERVERS_OF_STATION.append(servers)
    beamline = load_beamline(folder / "beamline.toml")
    beamline.camera.default_folder(folder / "frames")
    report = beamline.connect(30.0)
    assert not report.missing, report
    yield beamline
    beamline.release()
    servers.stop()


@pytest.fixture(scope="module")
def engine(station):
    engine = RunEngine({}, call_returns_result=True)
    engine(set_all({station.front_end_shutter: "open"}))
    return engine


def file_of(documents):
    (resource,) = [doc for name, doc in documents if name == "stream_resource"]
    return resource["uri"].removeprefix("file://localhost")


def test_every_process_variable_of_the_camera_is_served_and_a_burst_comes_whole(station, engine):
    documents = collected(engine)
    plan = xrd_series(station, exposure_s=0.01, frames=50, energy_ev=8000.0, guard=BeamGuard(), md=MD)
    engine(plan)
    with h5py.File(file_of(documents)) as file:
        frames = file["/entry/data/data"]
        descriptor = next(doc for name, doc in documents if name == "descriptor" and doc["name"] == "frames")
        assert frames.shape == (50, *descriptor["data_keys"]["camera_image"]["shape"])
        assert np.dtype(descriptor["data_keys"]["camera_image"]["dtype_numpy"]) == frames.dtype
    counts = column(documents, "camera_frames")
    assert (counts[0], counts[-1]) == (0, 50)
    assert documents[-1][1]["exit_status"] == "success"
    assert station.photon_shutter.position == "closed"


def test_frames_are_told_of_and_can_be_read_while_the_camera_goes_on(station, engine):
    documents, read = collected(engine), []

    def look(_, doc):
        with h5py.File(file_of(documents), libver="latest", swmr=True, locking=False) as file:
            read.append(len(file["/entry/data/data"]) >= doc["indices"]["stop"])

    token = engine.subscribe(look, "stream_datum")
    engine(xrd_series(station, exposure_s=0.5, frames=60, energy_ev=8000.0, md=MD))
    engine.unsubscribe(token)
    data = [doc["indices"] for name, doc in documents if name == "stream_datum"]
    told = [(indices["start"], indices["stop"]) for indices in data]
    assert len(told) >= 3
    assert [begin for begin, _ in told] == [0, *(end for _, end in told[:-1])]
    assert told[-1][1] == 60
    assert all(read)


def test_frames_with_a_long_pause_are_taken_with_the_shutter_closed_between_them(station, engine):
    documents = collected(engine)
    # A second of the cell is 2 ms here: a frame that is late by half a second is late by 250 s.
    engine(xrd_series(station, exposure_s=1.0, frames=3, period_s=600.0, energy_ev=8000.0, md=MD))
    assert column(documents, "camera_frames").tolist() == [1, 2, 3]
    gaps = np.diff(column(documents, "cell_time"))
    assert (gaps > 300.0).all()
    with h5py.File(file_of(documents)) as file:
        assert len(file["/entry/data/data"]) == 3


def test_a_frame_that_the_writer_drops_fails_the_run_and_the_next_one_is_whole(station, engine):
    documents = collected(engine)
    drop = EpicsSignal(f"{station.camera.prefix}SIM:DROP", name="drop")
    drop.wait_for_connection(timeout=20)
    drop.put(1, wait=True, timeout=20)
    engine(xrd_series(station, exposure_s=0.01, frames=10, energy_ev=8000.0, md=MD))
    stops = [doc for name, doc in documents if name == "stop"]
    assert [doc["exit_status"] for doc in stops] == ["fail", "success"]
    assert stops[0]["reason"].startswith("camera: 10 frames expected, 9 written")
    assert "dropped 1 arrays" in stops[0]["reason"]
    drop.put(1, wait=True, timeout=20)
    with pytest.raises(FramesMissingError, match="10 frames expected, 9 written"):
        engine(xrd_series(station, exposure_s=0.01, frames=10, energy_ev=8000.0, redo=0, md=MD))
    assert not station.camera.cam.acquire.get()
    drop.destroy()


def test_a_repeated_frame_and_a_full_disk_fail_the_run_with_the_words_of_the_writer(station, engine):
    documents = collected(engine)
    with variables(f"{station.camera.prefix}SIM:REPEAT", f"{station.camera.prefix}SIM:DISK_FULL") as faults:
        repeat, disk_full = faults
        repeat.put(1, wait=True, timeout=20)
        with pytest.raises(FramesMissingError, match="others or repeats"):
            engine(xrd_series(station, exposure_s=0.01, frames=5, energy_ev=8000.0, redo=0, md=MD))
        disk_full.put(1, wait=True, timeout=20)
        with pytest.raises(FramesMissingError, match="no space left on device"):
            engine(xrd_series(station, exposure_s=0.01, frames=5, energy_ev=8000.0, redo=0, md=MD))
        disk_full.put(0, wait=True, timeout=20)
    assert [doc["exit_status"] for name, doc in documents if name == "stop"] == ["fail", "fail"]
    assert "stream_datum" not in [name for name, _ in documents]


def test_a_writer_killed_within_a_series_fails_the_run_its_frames_are_readable_and_the_cell_goes_on(
    station, engine
):
    documents, (servers,) = collected(engine), SERVERS_OF_STATION
    state = station.cell.state.get()
    with variables(f"{station.camera.prefix}SIM:KILL_WRITER") as (kill,):
        token = station.camera.frames.subscribe(
            lambda value, **_: kill.put(1) if value >= 3 else None, run=False
        )
        with pytest.raises((FramesMissingError, DisconnectedError, OSError)):
            engine(xrd_series(station, exposure_s=0.5, frames=40, energy_ev=8000.0, redo=0, md=MD))
        station.camera.frames.unsubscribe(token)
    stop = documents[-1][1]
    assert stop["exit_status"] == "fail"
    assert "camera" in stop["reason"]
    assert station.photon_shutter.position == "closed"
    assert station.cell.state.get() == state
    newest = max((servers.run_folder.parent / "frames").rglob("*.h5"), key=lambda path: path.stat().st_mtime)
    with h5py.File(newest, "r", swmr=True) as file:
        numbers = file["/entry/instrument/NDAttributes/NDArrayUniqueId"][:]
        assert len(file["/entry/data/data"]) >= 3
        assert np.diff(numbers).tolist() == [1] * (len(numbers) - 1)
    servers.kill_server("camera")
    servers.start_server("camera")
    station.camera.wait_for_connection(timeout=40)
    engine(xrd_series(station, exposure_s=0.01, frames=5, energy_ev=8000.0, md=MD))
    assert documents[-1][1]["exit_status"] == "success"
