"""A cell is heated until it runs away before the fast camera: the frames around that instant are kept."""

import threading
from importlib.resources import files

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import RunEngineInterrupted
from channels import variables
from operando.devices.beamline import load_beamline
from operando.devices.bounded import until
from operando.devices.frame_file import FramesMissingError
from operando.devices.frame_series import FrameSeries
from operando.plans.beam_guard import BeamGuard
from operando.plans.burst import Burst, Heating, burst_trigger
from operando.plans.radiography_burst import NotTriggeredError, radiography_burst
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, Launcher
from operando.simulated_beamline.launcher import SERVERS as STANDARD

pytestmark = pytest.mark.system
SERVERS = (*STANDARD, *MICROSCOPE_SERVERS)
SETTINGS = files("operando.simulated_beamline") / "microscope.toml"
SLOW = {"exposure_s": 3.5e-3, "period_s": 4e-3}
"""250 frames/s: the runaway lasts 60 ms, and this machine is shared."""
BURST = Burst(frames_before=100, frames_after=100, wait_limit_s=60.0, **SLOW)
CORE = slice(30, 110), slice(115, 141)
"""Rows and columns of the upper core of the cell, in frames of 256 x 256."""


@pytest.fixture(scope="module")
def hall(tmp_path_factory, beamline_ports):
    """A beamline in real time with a small cell before its fast camera."""
    folder = tmp_path_factory.mktemp("burst")
    ports = {name: beamline_ports[name] for name in SERVERS}
    launcher = Launcher(folder / "run", scenario="nmc811-jelly-roll", servers=SERVERS, ports=ports)
    launcher.start("real", 1.0)
    beamline = load_beamline(SETTINGS, camera=False)
    try:
        assert not beamline.connect(timeout_s=30).missing
        beamline.microscope_camera.default_folder(folder / "run" / "frames")
        # A first frame, which waits until the server has made its specimen and its machine code.
        camera = beamline.microscope_camera
        camera.prepare(FrameSeries(exposure_s=0.01, frames=1, name="first")).wait(60)
        camera.trigger().wait(60)
        camera.complete().wait(60)
        yield beamline
    finally:
        beamline.release()
        launcher.stop()


def run(plan):
    """Documents of a plan, and what it raised."""
    documents, engine = [], RunEngine(call_returns_result=False)
    try:
        engine(plan, lambda name, doc: documents.append((name, doc)))
    except Exception as error:
        return documents, error
    return documents, None


def event_of(documents, stream):
    (descriptor,) = (d["uid"] for name, d in documents if name == "descriptor" and d["name"] == stream)
    return next(d["data"] for name, d in documents if name == "event" and d["descriptor"] == descriptor)


def is_in_order(hall):
    assert hall.photon_shutter.status.get() == "Closed"
    assert hall.heater.enable.get() in ("Disable", 0)
    camera = hall.microscope_camera
    busy = camera.cam.acquire, camera.hdf.capture, camera.ring.capture
    assert until(busy, lambda: not any(one.get() for one in busy), 10.0)


def core(frames):
    """Mean counts behind the core of the cell over those beside the cell."""
    beside = frames[:, CORE[0], 5:40].mean(axis=(1, 2))
    return frames[:, CORE[0], CORE[1]].mean(axis=(1, 2)) / beside


def test_a_heated_cell_that_runs_away_is_kept_from_before_its_trigger_on(hall):
    with variables("OP:TEMP:SIM:NEW_CELL", "OP:TEMP:SAFETY:RESET") as (new_cell, reset):
        new_cell.put(1, wait=True)
        reset.put(1, wait=True)
    heating = Heating(to_degc=290.0, ramp_k_min=6000.0)
    told = {"heating": heating, "guard": BeamGuard()}
    plan = radiography_burst(hall, BURST, burst_trigger("heater > 230 degC"), **told)
    documents, error = run(plan)
    assert error is None, error
    told = event_of(documents, "trigger")
    record = hall.microscope_camera.record
    assert told["microscope_camera_burst_whole"] == 1
    assert (record.before, record.frames) == (100, 200)
    np.testing.assert_array_equal(np.diff(record.unique_id), 1)
    np.testing.assert_allclose(np.diff(record.time_s), 4e-3, atol=1e-6)
    assert record.time_s[100] == pytest.approx(0.0, abs=1e-6)
    degc = record.attributes["HeaterTemperature"]
    assert degc[99] <= 230.0 < degc[100]
    resources = {d["data_key"]: d for name, d in documents if name == "stream_resource"}
    assert set(resources) == {f"microscope_camera_{key}" for key in ("image", "unique_id", "time_stamp")}
    with h5py.File(resources["microscope_camera_image"]["uri"].removeprefix("file://localhost")) as file:
        frames = file["entry/data/data"][:].astype(float) - 100.0
    seen = core(frames)
    assert frames.shape == (200, 256, 256)
    assert seen[-1] > 2.0 * seen[0]
    # Temperature rises by 50 K in 40 ms: the core has left before that, and the frames from before are whole.
    assert np.argmax(seen > 1.5 * seen[0]) < 100
    is_in_order(hall)


def test_a_burst_that_nothing_triggers_ends_in_time_and_says_what_it_saw(hall):
    burst = Burst(frames_before=25, frames_after=25, wait_limit_s=1.0, **SLOW)
    documents, error = run(radiography_burst(hall, burst, burst_trigger("voltage > 9 V")))
    assert isinstance(error, NotTriggeredError)
    assert "has not come within 1 s" in str(error)
    assert documents[-1][1]["exit_status"] == "fail"
    is_in_order(hall)


def test_frames_before_an_order_are_kept_and_dropped_ones_are_told(hall):
    burst = Burst(frames_before=50, frames_after=50, wait_limit_s=0.5, on_miss="fire", **SLOW)
    with variables("OP:TXMCAM:SIM:DROP") as (drop,):
        drop.put(3, wait=True)
        documents, error = run(radiography_burst(hall, burst, None))
    assert isinstance(error, FramesMissingError)
    assert (error.expected, error.written) == (100, 97)
    told = event_of(documents, "trigger")
    assert told["microscope_camera_burst_frames_missing"] == 3
    assert told["microscope_camera_burst_whole"] == 0
    data = [d["indices"]["stop"] for name, d in documents if name == "stream_datum"]
    assert data == [97] * 3
    is_in_order(hall)


def test_a_full_disk_leaves_the_frames_until_then(hall):
    burst = Burst(frames_before=50, frames_after=500, wait_limit_s=0.5, on_miss="fire", **SLOW)
    captured = hall.microscope_camera.hdf.captured
    with variables("OP:TXMCAM:SIM:DISK_FULL") as (full,):
        token = captured.subscribe(lambda value, **_: value > 60 and full.put(1), run=False)
        try:
            documents, error = run(radiography_burst(hall, burst, None))
        finally:
            captured.unsubscribe(token)
            full.put(0, wait=True)
    assert isinstance(error, FramesMissingError)
    assert "no space left on device" in str(error)
    assert error.expected == 550
    assert 60 < error.written < 550
    stops = [d["indices"]["stop"] for name, d in documents if name == "stream_datum"]
    assert stops == [error.written] * 3
    assert event_of(documents, "trigger")["microscope_camera_burst_whole"] == 0
    is_in_order(hall)


def test_an_abort_while_the_ring_waits_leaves_all_in_order(hall):
    engine, documents = RunEngine(call_returns_result=False), []
    burst = Burst(frames_before=25, frames_after=25, wait_limit_s=30.0, **SLOW)
    timer = threading.Timer(3.0, engine.request_pause)
    timer.start()
    with pytest.raises(RunEngineInterrupted):
        engine(
            radiography_burst(hall, burst, burst_trigger("voltage > 9 V")),
            lambda name, doc: documents.append((name, doc)),
        )
    timer.join()
    engine.abort("enough")
    assert documents[-1][1]["exit_status"] == "abort"
    is_in_order(hall)
