"""Microscope and its camera as processes of their own: the picture of a ball turns as it should."""

import itertools
import threading
from functools import partial
from importlib.resources import files

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from channels import variables
from operando.callbacks.analysis.imaging.angle import golden_angles, sequential_angles
from operando.callbacks.tiled.journal import Journal
from operando.devices.beamline import load_beamline
from operando.devices.bounded import until
from operando.devices.frame_file import FramesMissingError
from operando.devices.frame_series import FrameSeries
from operando.devices.motor_sweep import MotorSweep, Stretch
from operando.experiment.cli import app
from operando.experiment.settings import DataRoot
from operando.plans.beam_guard import BeamGuard
from operando.plans.fast_tomography import fast_tomography
from operando.plans.multi_position import SamplePosition, multi_position
from operando.plans.projection_table import TomogramPartialError
from operando.plans.tomogram_taking import Tolerance
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from operando.simulated_beamline.launcher import MICROSCOPE_SERVERS, Launcher
from operando.simulated_beamline.launcher import SERVERS as STANDARD
from ophyd.utils import LimitError
from typer.testing import CliRunner

pytestmark = pytest.mark.system
COUNT = itertools.count()
BALL_UM = (4.0, 3.0, 2.0, 1.5)
SERVERS = (*STANDARD, *MICROSCOPE_SERVERS, "trigger_box")
SETTINGS = files("operando.simulated_beamline") / "microscope.toml"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where journal and frames are."""
    return DataRoot(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def launcher(root, tmp_path_factory, beamline_ports):
    """Servers of a beamline with a microscope before one ball that is off the axis."""
    folder = tmp_path_factory.mktemp("microscope")
    text = (files("operando.simulated_beamline.scenarios") / "nmc811-electrode.toml").read_text()
    assert "[spheres]\n" in text
    scenario = folder / "ball.toml"
    # Time goes as in life where no cell is cycled: the ring is filled again soon.
    text = text.replace("refill_s = 600.0", "refill_s = 5.0")
    scenario.write_text(text.replace("[spheres]\n", f"[spheres]\nat_um = [{list(BALL_UM)}]\n"))
    ports = {name: beamline_ports[name] for name in SERVERS}
    options = {"servers": SERVERS, "ports": ports, "data_folder": root.frames}
    launcher = Launcher(folder / "run", scenario=str(scenario), **options)
    launcher.start("elastic", 500.0)
    yield launcher
    launcher.stop()


@pytest.fixture(scope="module")
def scope(launcher, root):
    """Devices of the beamline."""
    beamline = load_beamline(SETTINGS, camera=False, trigger_box=True)
    try:
        assert not beamline.connect(timeout_s=30).missing
        for detector in (beamline.microscope_camera, beamline.trigger_box):
            detector.default_folder(root.frames)
        beamline.photon_shutter.set("open").wait(30)
        yield beamline
    finally:
        beamline.release()


def taken(camera, frames=1):
    """Frames of a series, and the number of each."""
    series = FrameSeries(exposure_s=0.05, frames=frames, name=f"run_{next(COUNT)}")
    file = camera.file_of(series)
    camera.prepare(series).wait(20)
    camera.trigger().wait(20)
    camera.complete().wait(20)
    with h5py.File(file) as opened:
        numbers = opened["entry/instrument/NDAttributes/NDArrayUniqueId"][()]
        return opened["entry/data/data"][()].astype(float), numbers


def centre_of_shadow(frame, flat):
    """Row and column, from means over 8 x 8 pixels."""
    light, dimmed = ((one - 100.0).reshape(128, 8, 128, 8).mean(axis=(1, 3)) for one in (flat, frame))
    path = -np.log(np.clip(dimmed / light, 1e-3, None))
    path[path < 0.03] = 0.0
    rows, columns = 8.0 * np.indices(path.shape) + 3.5
    return (rows * path).sum() / path.sum(), (columns * path).sum() / path.sum()


def test_limits_are_read_from_the_servers(scope):
    microscope = scope.microscope
    assert scope.microscope_camera.cam.exposure.limits == (1e-4, 3600.0)
    with pytest.raises(LimitError, match=r"20000 um is outside the soft limits -5000\.\.5000 um"):
        microscope.sample_x.check_value(20000.0)
    MotorSweep(microscope.rotation).check(Stretch(0.0, 3600.0, 360.0, 0.1))
    with pytest.raises(ValueError, match="the motor does 360 deg/s at most"):
        MotorSweep(microscope.rotation).check(Stretch(0.0, 180.0, 400.0, 0.1))
    with pytest.raises(LimitError, match=r"24600 eV is outside the limits 4500\.\.24500 eV"):
        microscope.focus.check_value(24600.0)
    for energy_ev in microscope.energy_limits_ev:
        microscope.focus.check_value(energy_ev)


def test_a_ball_turns_about_the_axis(scope):
    microscope, camera = scope.microscope, scope.microscope_camera
    microscope.sample_x.set(100.0).wait(30)
    flat = taken(camera, 2)[0].mean(axis=0)
    microscope.sample_x.set(0.0).wait(30)
    pixel_um = float(microscope.pixel_um.get())
    assert pixel_um == pytest.approx(0.02, rel=1e-4)
    places = []
    for angle_deg in (0.0, 90.0, 180.0, 720.0):
        microscope.rotation.set(angle_deg).wait(30)
        frames, numbers = taken(camera)
        assert len(numbers) == 1
        places.append(centre_of_shadow(frames[0], flat))
    rows, columns = np.array(places).T
    axis = 511.5 + 0.134 / pixel_um
    np.testing.assert_allclose((columns - axis) * pixel_um, [4.0, -3.0, -4.0, 4.0], atol=0.12)
    np.testing.assert_allclose((rows - 511.5) * pixel_um, 2.0, atol=0.12)


def test_the_optic_follows_the_energy_at_constant_magnification(scope):
    microscope = scope.microscope
    magnification = float(microscope.magnification.get())
    plate_mm = microscope.zone_plate_z.position
    microscope.focus.set(8450.0).wait(60)
    assert microscope.zone_plate_z.position - plate_mm == pytest.approx(1.217 * 117 / 200, abs=0.003)
    assert microscope.focus.position == pytest.approx(8450.0, abs=0.2)
    assert float(microscope.magnification.get()) == pytest.approx(magnification, rel=1e-4)
    microscope.focus.set(8333.0).wait(60)


def outcome(documents):
    """What a run tells of its projections at its end."""
    (data,) = [doc["data"] for name, doc in documents if name == "event" and "tomogram_frame" in doc["data"]]
    return {key.removeprefix("tomogram_"): value for key, value in data.items()}


def numbers_of(documents):
    """The camera's numbers of the projections, from the file that documents tell of."""
    resources = [doc for name, doc in documents if name == "stream_resource" and "image" in doc["data_key"]]
    numbers = []
    for resource in resources:
        reading = {"libver": "latest", "swmr": resource["parameters"]["swmr"]}
        with h5py.File(resource["uri"].removeprefix("file://localhost"), **reading) as file:
            numbers += file["entry/instrument/NDAttributes/NDArrayUniqueId"][()].tolist()
    return numbers


@pytest.mark.parametrize(("mode", "angles"), [("step", golden_angles(5)), ("fly", sequential_angles(30))])
def test_a_tomogram_has_each_projection_with_its_angle(scope, mode, angles):
    documents = []
    engine = RunEngine(call_returns_result=False)
    scope.microscope.sample_x.set(0.0).wait(30)
    velocity = scope.microscope.rotation.velocity.get()
    turn = Turn(angles_deg=angles, exposure_s=0.05, flats=2, darks=2)
    engine(tomography(scope, turn, mode=mode), lambda name, doc: documents.append((name, doc)))
    stop = documents[-1][1]
    assert stop["exit_status"] == "success", stop
    streams = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
    counts = dict.fromkeys(streams.values(), 0)
    for name, doc in documents:
        if name == "stream_datum":
            counts[streams[doc["descriptor"]]] += doc["indices"]["stop"] - doc["indices"]["start"]
        elif name == "event":
            counts[streams[doc["descriptor"]]] += 1
    assert (counts["projections"], counts["flat"], counts["dark"]) == (len(angles), 2, 2)
    assert counts["primary"] == (len(angles) if mode == "step" else 2)
    found = outcome(documents)
    assert (found["status"], found["frame"]) == ("whole", list(range(len(angles))))
    np.testing.assert_allclose(found["angle_deg"], angles, atol=0.01)
    assert np.isfinite(found["time_s"]).all()
    if mode == "fly":
        assert np.isfinite(found["lithium_content"]).all()
        np.testing.assert_allclose(found["light"], 1.0, atol=0.1)
    if mode == "fly":
        found = scope.trigger_box.record.middle["rotation"]
        np.testing.assert_allclose(found, angles, atol=0.01)
    assert scope.photon_shutter.status.get() == "Closed"
    assert scope.microscope.rotation.velocity.get() == velocity
    assert not scope.microscope_camera.hdf.capture.get()
    scope.photon_shutter.set("open").wait(30)


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_frames_that_the_writer_drops_cost_their_angles_and_no_others(scope, mode):
    documents = []
    angles = sequential_angles(20 if mode == "fly" else 8)
    turn = Turn(angles_deg=angles, exposure_s=0.05, flats=0, darks=0, binning=4)
    with variables("OP:TXMCAM:SIM:DROP") as (drop,):

        def drop_some(name, doc):
            documents.append((name, doc))
            data = doc["data"] if name == "event" else {}
            if data.get("projection_number") == 2 or "pass_first" in data:
                drop.put(2, wait=True)

        engine = RunEngine(call_returns_result=False)
        engine(tomography(scope, turn, mode=mode, tolerance=Tolerance(max_missing=0.3)), drop_some)
        drop.put(0, wait=True)
    assert documents[-1][1]["exit_status"] == "success"
    found, numbers = outcome(documents), np.array(numbers_of(documents))
    assert (found["status"], found["missing"], found["good"]) == ("marked", 2, len(angles) - 2)
    kept = np.flatnonzero(np.array(found["frame"]) >= 0)
    # On the fly the very first two are lost: what the camera had counted before tells so.
    lost = [3, 4] if mode == "step" else [0, 1]
    np.testing.assert_array_equal(kept, np.delete(np.arange(len(angles)), lost))
    np.testing.assert_array_equal(kept - kept[0], numbers - numbers[0])
    np.testing.assert_allclose(found["angle_deg"], angles, atol=0.01)


def test_the_part_of_a_turn_without_beam_is_taken_again_once_there_is_beam(scope):
    documents = []
    turn = Turn(angles_deg=sequential_angles(30), exposure_s=0.05, flats=0, darks=0, binning=4)
    with variables("OP:RING:SIM:DUMP") as (dump,):

        def lose_beam(name, doc):
            documents.append((name, doc))
            if name == "event" and doc["data"].get("pass_attempt") == 1:
                dump.put(1, wait=True)
            elif name == "event" and doc["data"].get("ring_current", 500.0) < 1.0:
                dump.put(0, wait=True)

        engine = RunEngine(call_returns_result=False)
        engine(tomography(scope, turn, mode="fly", guard=BeamGuard()), lose_beam)
    assert documents[-1][1]["exit_status"] == "success"
    found = outcome(documents)
    assert (found["status"], found["good"]) == ("whole", 30)
    assert max(found["frame"]) >= 30
    attempts = [doc["data"]["pass_attempt"] for _, doc in documents if "pass_attempt" in doc.get("data", {})]
    assert attempts == [1, 2]


@pytest.fixture
def journalled(root):
    """An engine whose documents are in the journal; they are kept too."""
    documents, engine = [], RunEngine(call_returns_result=False)
    with Journal(root.journal, minimum_free_bytes=0) as journal:
        engine.subscribe(journal)
        engine.subscribe(lambda name, doc: documents.append((name, doc)))
        yield engine, documents


MD = {"experiment": {"uid": "e" * 36, "name": "turned"}, "measurement": "tomo"}
CENTRE_PX = 0.25 * (511.5 + 0.134 / 0.02) - 0.375
"""Column of the axis in pixels of 4 x 4 of the camera's."""


def reconstructed(root, uid, monkeypatch, *options):
    """What the command prints, and the volume that it made."""
    monkeypatch.setenv("OPERANDO_DATA", str(root.path))
    done = CliRunner().invoke(app, ["reconstruct", uid[:8], "--no-tiled", *options])
    assert done.exit_code == 0, done.output
    (path,) = root.path.glob(f"results/**/*_{uid[:8]}_volume.h5")
    with h5py.File(path) as file:
        return done.output, file["attenuation_per_um"][()]


def holds(file, numbers):
    """Whether a file of the camera has the frames of these numbers."""
    with h5py.File(file) as opened:
        return np.array_equal(opened["entry/instrument/NDAttributes/NDArrayUniqueId"][()], numbers)


def place_of_ball(volume):
    """Centre of mass of what attenuates, from the axis and the middle row, um."""
    dense = np.where(volume > 0.5 * np.quantile(volume, 0.9999), volume, 0.0)
    z, y, x = (np.sum(grid * dense) / dense.sum() for grid in np.indices(volume.shape))
    middle = 0.5 * (len(volume) - 1)
    return 0.08 * np.array([x - CENTRE_PX, y - CENTRE_PX, z - middle])


def test_an_abort_in_a_turn_leaves_all_in_order_and_what_was_taken_is_reconstructed(
    scope, root, journalled, monkeypatch
):
    engine, documents = journalled
    velocity = scope.microscope.rotation.velocity.get()
    turn = Turn(angles_deg=sequential_angles(120), exposure_s=0.05, flats=2, darks=2, binning=4)
    pause = threading.Thread(target=engine.request_pause)

    def look(value, **_):
        if (
            value >= 80
            and not pause.ident
            and any("pass_first" in doc.get("data", {}) for _, doc in documents)
        ):
            pause.start()

    token = scope.microscope_camera.frames.subscribe(look, run=False)
    with pytest.raises(RunEngineInterrupted):
        engine(tomography(scope, turn, mode="fly", md=MD))
    scope.microscope_camera.frames.unsubscribe(token)
    pause.join(10)
    engine.abort("enough")
    assert documents[-1][1]["exit_status"] == "abort"
    found = outcome(documents)
    assert found["status"] == "partial"
    assert 0 < found["good"] == len(numbers_of(documents)) - 4 < 120, (found["reason"], numbers_of(documents))
    assert scope.photon_shutter.status.get() == "Closed"
    assert scope.microscope.rotation.velocity.get() == velocity
    assert not scope.microscope_camera.hdf.capture.get()
    told, volume = reconstructed(root, documents[0][1]["uid"], monkeypatch, "--centre-px", str(CENTRE_PX))
    assert f"{found['good']} of 120 projections" in told
    np.testing.assert_allclose(place_of_ball(volume), BALL_UM[:3], atol=0.2)


def test_frames_that_overflow_the_queue_of_the_writer_mark_the_scan_and_the_rest_is_reconstructed(
    scope, root, journalled, monkeypatch
):
    engine, documents = journalled
    turn = Turn(angles_deg=sequential_angles(120), exposure_s=0.05, flats=2, darks=2, binning=4)
    captured, stalled = scope.microscope_camera.hdf.captured, []
    with variables("OP:TXMCAM:SIM:STALL", "OP:TXMCAM:HDF1:QueueSize") as (stall, queue):

        def stall_once(value, **_):
            if value >= 40 and not stalled:
                stalled.append(value)
                stall.put(0.5)

        room = queue.get()
        queue.put(4, wait=True)
        token = captured.subscribe(stall_once, run=False)
        try:
            with pytest.raises(TomogramPartialError, match="projections are missing, from"):
                engine(tomography(scope, turn, mode="fly", tolerance=Tolerance(max_missing=0.0), md=MD))
        finally:
            captured.unsubscribe(token)
            queue.put(room, wait=True)
    found, numbers = outcome(documents), np.array(numbers_of(documents)[4:])
    kept = np.flatnonzero(np.array(found["frame"]) >= 0)
    assert (found["status"], found["good"]) == ("partial", len(kept))
    assert found["missing"] == 120 - len(numbers) > 0
    # By the camera's numbers: each frame that is there has its own angle.
    np.testing.assert_array_equal(kept - kept[0], numbers - numbers[0])
    told, volume = reconstructed(root, documents[0][1]["uid"], monkeypatch)
    assert f"{len(kept)} of 120 projections" in told
    # In the middle rows, where the axis is looked for first, is nothing of the ball.
    assert "doubtful" not in told
    np.testing.assert_allclose(place_of_ball(volume), BALL_UM[:3], atol=0.2)
    # Compressed in their place, the frames are what they were, and so is the volume that was made of them.
    files = [file for file in root.frames.rglob("*_turn_000000.h5") if holds(file, numbers)]
    squeezed = CliRunner().invoke(app, ["compress", *map(str, files)])
    assert f"{len(numbers)} frames" in " ".join(squeezed.output.split()), squeezed.output
    told, again = reconstructed(root, documents[0][1]["uid"], monkeypatch)
    assert "0 of them made now" in told
    np.testing.assert_array_equal(again, volume)


def test_a_camera_whose_server_dies_in_a_turn_leaves_what_it_wrote_and_that_is_reconstructed(
    scope, launcher, root, journalled, monkeypatch
):
    engine, documents = journalled
    turn = Turn(angles_deg=sequential_angles(120), exposure_s=0.05, flats=2, darks=2, binning=4)
    kill = threading.Thread(target=launcher.kill_server, args=["microscope_camera"])

    def look(value, **_):
        turns = any("pass_first" in doc.get("data", {}) for _, doc in documents)
        if turns and value >= 40 and not kill.ident:
            kill.start()

    token = scope.microscope_camera.frames.subscribe(look, run=False)
    try:
        with pytest.raises(FramesMissingError, match="the server of OP:TXMCAM: has died"):
            engine(tomography(scope, turn, mode="fly", md=MD))
    finally:
        scope.microscope_camera.frames.unsubscribe(token)
        launcher.start_server("microscope_camera")
        assert not scope.connect(timeout_s=60).missing
    found = outcome(documents)
    assert found["status"] == "partial"
    assert 40 <= found["good"] == len(numbers_of(documents)) - 4 < 120
    assert scope.photon_shutter.status.get() == "Closed"
    told, volume = reconstructed(root, documents[0][1]["uid"], monkeypatch, "--centre-px", str(CENTRE_PX))
    assert f"{found['good']} of 120 projections" in told
    np.testing.assert_allclose(place_of_ball(volume), BALL_UM[:3], atol=0.3)


def test_a_full_disk_ends_a_step_scan_with_what_was_written(scope):
    documents, engine = [], RunEngine(call_returns_result=False)
    turn = Turn(angles_deg=sequential_angles(8), exposure_s=0.05, flats=0, darks=0, binning=4)
    with variables("OP:TXMCAM:SIM:DISK_FULL") as (full,):

        def fill(name, doc):
            documents.append((name, doc))
            if name == "event" and doc["data"].get("projection_number") == 3:
                full.put(1, wait=True)

        with pytest.raises(FramesMissingError, match="no space left"):
            engine(tomography(scope, turn), fill)
        full.put(0, wait=True)
    assert "no space left" in documents[-1][1]["reason"]
    found = outcome(documents)
    assert (found["status"], found["good"], found["missing"]) == ("partial", 4, 4)
    assert "no space left" in found["reason"]
    assert scope.photon_shutter.status.get() == "Closed"


def test_a_full_disk_ends_a_turn_on_the_fly_with_what_was_written(scope):
    documents, engine = [], RunEngine(call_returns_result=False)
    velocity = scope.microscope.rotation.velocity.get()
    turn = Turn(angles_deg=sequential_angles(60), exposure_s=0.05, flats=0, darks=0, binning=4)
    captured = scope.microscope_camera.hdf.captured
    with variables("OP:TXMCAM:SIM:DISK_FULL") as (full,):
        token = captured.subscribe(lambda value, **_: value >= 10 and full.put(1), run=False)
        try:
            with pytest.raises((FramesMissingError, TomogramPartialError), match=r"no space left|missing"):
                engine(tomography(scope, turn, mode="fly"), lambda name, doc: documents.append((name, doc)))
        finally:
            captured.unsubscribe(token)
            full.put(0, wait=True)
    assert documents[-1][1]["exit_status"] == "fail"
    found = outcome(documents)
    assert found["status"] == "partial"
    assert 10 <= found["good"] == len(numbers_of(documents)) < 60
    assert found["missing"] == 60 - found["good"]
    assert scope.photon_shutter.status.get() == "Closed"
    assert scope.microscope.rotation.velocity.get() == velocity
    assert not scope.microscope_camera.hdf.capture.get()


def test_tomograms_in_quick_succession_are_taken_at_two_places(scope):
    documents, engine = [], RunEngine(call_returns_result=False)
    options = {"tomograms": 2, "projections": 12, "exposure_s": 0.05, "flats": 1, "darks": 1, "binning": 4}
    places = (SamplePosition("left", -5.0), SamplePosition("right", 5.0, z_um=1.0))
    home_um = scope.microscope.sample_x.position
    plan = multi_position(scope, places, partial(fast_tomography, scope, **options))
    engine(plan, lambda name, doc: documents.append((name, doc)))
    starts = [number for number, (name, _) in enumerate(documents) if name == "start"]
    for place, first, end in zip(places, starts, [*starts[1:], len(documents)], strict=True):
        own = documents[first:end]
        assert own[0][1]["position"]["name"] == place.name
        assert own[-1][1]["exit_status"] == "success"
        found = outcome(own)
        assert (found["status"], found["good"]) == ("whole", 24)
        np.testing.assert_allclose(found["angle_deg"], np.arange(24) * 15.0, atol=0.01)
    assert scope.microscope.sample_x.position == pytest.approx(home_um, abs=0.01)


def test_a_rotation_that_stalls_ends_the_run_and_leaves_all_in_order(scope):
    documents = []
    engine = RunEngine(call_returns_result=False)
    velocity = scope.microscope.rotation.velocity.get()
    turn = Turn(angles_deg=sequential_angles(30), exposure_s=0.05, flats=2, darks=0)
    with variables("OP:TXM:ROTATION:SIM:STALL_AT") as (stall,):

        def stall_the_sweep(name, doc):
            documents.append((name, doc))
            if name == "descriptor" and doc["name"] == "passes":
                stall.put(0.5, wait=True)

        with pytest.raises(FailedStatus):
            engine(tomography(scope, turn, mode="fly"), stall_the_sweep)
    assert documents[-1][1]["exit_status"] == "fail"
    assert "microscope_rotation" in documents[-1][1]["reason"]
    found = outcome(documents)
    assert found["status"] == "partial"
    assert 5 < found["good"] < 25
    assert found["frame"] == [*range(found["good"]), *[-1] * (30 - found["good"])]
    assert scope.photon_shutter.status.get() == "Closed"
    assert scope.microscope.rotation.velocity.get() == velocity
    files = scope.microscope_camera.hdf.capture, scope.trigger_box.pcap.capture
    assert until(files, lambda: not any(one.get() for one in files), 10.0)
    assert scope.microscope.sample_x.position == pytest.approx(0.0, abs=0.02)
