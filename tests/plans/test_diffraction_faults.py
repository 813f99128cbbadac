"""What becomes of cell, run and ledger when diffraction fails: nothing silently short, nothing twice."""

import itertools
import threading
from functools import partial

import h5py
import numpy as np
import pytest
from bluesky.utils import RunEngineInterrupted
from operando.devices.frame_file import FramesMissingError
from operando.devices.shutter import NoPermitError
from operando.plans.beam_guard import BeamGuard
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.policies import Policies
from operando.plans.xrd_series import xrd_series
from ophyd.status import Status
from ophyd.utils.errors import DisconnectedError
from soft_camera import SoftCamera
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, events, of_kind

GUARD = BeamGuard()
FRAMES = 3


class DiffractionLine(SoftBeamline):
    """A soft beamline with a cell that cycles and a camera that writes true files."""

    def __init__(self, folder):
        super().__init__(intervals=(0.02, 0.02))
        self.camera = SoftCamera(folder=folder)

    def at_frames(self, number, action):
        """Do something when the camera takes its frames for the n-th time."""
        seen = []

        def taken():
            seen.append(1)
            if len(seen) == number:
                action()

        self.camera.on_frames = taken


@pytest.fixture
def line(tmp_path):
    return DiffractionLine(tmp_path)


def experiment(line, gated=False, **options):
    plan = partial(xrd_series, line, exposure_s=0.01, frames=FRAMES, gated=gated, guard=GUARD, redo=0)
    return operando(
        line.cell,
        PROTOCOL,
        [Measurement("xrd", plan)],
        {"xrd": "every lithium_content 0.02"},
        options.pop("policies", None),
        limits=LIMITS,
        experiment={"uid": "0123456789abcdef", "name": "faults"},
        guard=GUARD,
        ring=line.ring,
        front_end_shutter=line.front_end_shutter,
        poll_s=0.01,
        **options,
    )


def ledger(documents):
    data = events(documents, "ledger_count")
    return [(each["ledger_count"], each["ledger_status"], each["ledger_reason"]) for each in data]


def ends(documents):
    """Exit status of each series, in order."""
    series = {doc["uid"] for doc in of_kind(documents, "start") if doc.get("technique") == "xrd"}
    return [doc["exit_status"] for doc in of_kind(documents, "stop") if doc["run_start"] in series]


def numbers_told(documents):
    """The camera's number of every frame that the documents tell of."""
    found = []
    for resource in of_kind(documents, "stream_resource"):
        with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
            found += np.asarray(file["entry/instrument/NDAttributes/NDArrayUniqueId"]).tolist()
    return found


def assert_cell_went_on(line):
    """The cell came to the end of its protocol, shutter closed, camera idle."""
    assert line.cell.lithium_content.get() == pytest.approx(0.95)
    assert line.cell.command.history == ["start", "rest"]
    assert line.photon_shutter.get() == "closed"
    assert (line.camera.cam.acquire.get(), line.camera.hdf.capture.get()) == (0, 0)


def test_a_request_for_a_slow_series_keeps_the_good_frames_when_one_does_not_come(line, engine):
    documents, came = collected(engine), itertools.count(1)
    line.camera.faults = lambda numbers: [] if next(came) == 2 else numbers
    line.camera.on_frames = lambda: line.cell.time.put(line.cell.time.get() + 0.02)
    engine(experiment(line, gated=True))
    assert {status for _, status, _ in ledger(documents)} == {"done"}
    assert set(ends(documents)) == {"success"}
    assert numbers_told(documents)[:FRAMES] == [0, 2, 3]
    assert_cell_went_on(line)


def spoil_first(camera, spoil):
    first = iter([True])
    camera.faults = lambda numbers: spoil(numbers) if next(first, False) else numbers


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda numbers: numbers[:-1], "3 frames expected, 2 written"),
        (
            lambda numbers: [numbers[0], numbers[0], numbers[1]],
            "in place of 1 the file has others or repeats",
        ),
        (lambda numbers: [], "3 frames expected, 0 written"),
    ],
    ids=["dropped", "repeated", "none written"],
)
def test_a_series_that_is_not_whole_fails_and_is_redone_for_the_same_request(line, engine, spoil, says):
    documents = collected(engine)
    spoil_first(line.camera, spoil)
    result = engine(experiment(line)).plan_result
    assert ends(documents) == ["fail", "success", "success"]
    (first, _, _) = (
        doc for doc in of_kind(documents, "stop") if "frames" in doc["num_events"] or doc["reason"]
    )
    assert says in first["reason"]
    assert [(count, status) for count, status, _ in ledger(documents)] == [(1, "done"), (2, "done")]
    assert says in ledger(documents)[0][2]
    assert result.missed == 0
    told = numbers_told(documents)
    assert len(told) == len(set(told)) == 2 * FRAMES
    assert_cell_went_on(line)


def test_a_writer_with_a_full_disk_is_missed_with_its_words_and_the_cell_goes_on(line, engine):
    documents = collected(engine)
    line.camera.faults = lambda numbers: numbers[:1]
    line.camera.hdf.status.sim_put(1)
    line.camera.hdf.message.sim_put("ERROR writing frames: no space left on device")
    result = engine(experiment(line, max_attempts=2)).plan_result
    assert (result.done, result.missed) == (0, 2)
    assert all("no space left on device" in reason for _, _, reason in ledger(documents))
    assert ledger(documents)[0][2].startswith(
        "gave up after 2 attempts: camera: 3 frames expected, 1 written"
    )
    assert set(ends(documents)) == {"fail"}
    assert of_kind(documents, "stream_datum") == []
    assert_cell_went_on(line)


def test_a_writer_that_refuses_to_start_is_told_in_its_words(line, engine):
    def refuse(value, **_):
        line.camera.hdf.status.sim_put(1)
        line.camera.hdf.message.sim_put("ERROR: capture not permitted, no array received yet")

    line.camera.hdf.capture.sim_set_putter(refuse)
    documents = collected(engine)
    result = engine(experiment(line, max_attempts=1)).plan_result
    assert result.missed == 2
    assert "the writer does not start: SOFT:HDF1: dropped 0 arrays and says 'ERROR: capture not" in str(
        ledger(documents)[0][2]
    )
    assert line.camera.taken == 0
    assert_cell_went_on(line)


def dump_beam(line):
    """The beam is lost while the first frames are taken."""
    line.at_frames(1, lambda: (line.ring.put(0.0), line.front_end_shutter.put("closed")))


def test_beam_lost_within_a_series_fails_it_and_the_next_request_is_measured_once_it_is_back(line, engine):
    documents = collected(engine)
    dump_beam(line)
    lived = line.cell.live

    def live(seconds):
        lived(seconds)
        if line.cell.time.get() > 25.0:
            line.ring.put(300.0)

    line.cell.live = live
    result = engine(experiment(line)).plan_result
    assert ends(documents) == ["fail", "success"]
    assert [(count, status) for count, status, _ in ledger(documents)] == [(1, "missed"), (2, "done")]
    assert "superseded by latch 2" in ledger(documents)[0][2]
    assert (result.done, result.missed) == (1, 1)
    assert_cell_went_on(line)


def test_with_a_held_cell_beam_lost_within_a_series_costs_no_request(line, engine):
    documents = collected(engine)
    dump_beam(line)
    read, looks = line.ring.read, []

    def returning():
        looks.append(line.cell.state.get())
        if looks.count("Paused") > 3:
            line.ring.put(300.0)
        return read()

    line.ring.read = returning
    engine(experiment(line, policies=Policies(on_beam_loss="hold_voltage")))
    assert line.cell.command.history == ["start", "hold_voltage", "resume", "rest"]
    assert ends(documents) == ["fail", "success", "success"]
    assert [(count, status) for count, status, _ in ledger(documents)] == [(1, "done"), (2, "done")]
    assert "redone: beam lost: ring current 0 mA" in ledger(documents)[0][2]
    told = numbers_told(documents)
    assert len(told) == len(set(told)) == 2 * FRAMES


def test_a_camera_whose_server_dies_within_a_series_costs_an_attempt_and_not_the_experiment(line, engine):
    documents, frames = collected(engine), line.camera.hdf.captured
    read = frames.read

    def die():
        frames.read = lost

    def lost():
        frames.read = read
        raise DisconnectedError("camera_frames is not connected")

    line.at_frames(1, die)
    result = engine(experiment(line)).plan_result
    assert ends(documents) == ["fail", "success", "success"]
    assert (result.done, result.missed) == (2, 0)
    assert "redone: camera_frames is not connected" in ledger(documents)[0][2]
    assert_cell_went_on(line)


class StuckShutter:
    """Of the photon shutter's orders to open the first few fail."""

    def __init__(self, line, count):
        self.left, self.set = count, line.photon_shutter.set

    def __call__(self, position, **options):
        if position == "open" and self.left:
            self.left -= 1
            status = Status()
            status.set_exception(NoPermitError("photon_shutter may not open: OP:PSS:PERMIT says No"))
            return status
        return self.set(position, **options)


def test_a_shutter_that_does_not_open_is_tried_again_and_no_dark_frame_is_told(line, engine):
    documents = collected(engine)
    line.photon_shutter.set = StuckShutter(line, 2)
    result = engine(experiment(line)).plan_result
    assert ends(documents) == ["fail", "fail", "success", "success"]
    assert line.camera.taken == 2 * FRAMES
    assert (result.done, result.missed) == (2, 0)
    assert "PERMIT says No" in ledger(documents)[0][2]
    assert_cell_went_on(line)


def test_a_shutter_that_never_opens_is_missed_with_the_reason(line, engine):
    documents = collected(engine)
    line.photon_shutter.set = StuckShutter(line, 1000)
    result = engine(experiment(line, max_attempts=2)).plan_result
    assert (result.done, result.missed) == (0, 2)
    assert "gave up after 2 attempts: photon_shutter may not open" in ledger(documents)[0][2]
    assert line.camera.taken == 0
    assert_cell_went_on(line)


def test_an_abort_within_a_series_tells_of_no_frame_and_leaves_all_at_rest(line, engine):
    documents = collected(engine)
    line.camera.holds, line.camera.overhead_limit_s = True, 20.0
    line.events[2] = threading.Thread(target=engine.request_pause).start
    with pytest.raises(RunEngineInterrupted):
        engine(experiment(line))
    engine.abort("enough")
    assert ends(documents) == ["abort"]
    assert of_kind(documents, "stream_datum") == []
    assert line.photon_shutter.get() == "closed"
    assert (line.camera.cam.acquire.get(), line.camera.hdf.capture.get()) == (0, 0)
    assert line.cell.state.get() == "Running"


def test_a_pause_within_a_series_counts_no_frame_twice(line, engine):
    documents = collected(engine)
    pause = threading.Thread(target=engine.request_pause)
    line.at_frames(1, pause.start)
    with pytest.raises(RunEngineInterrupted):
        engine(experiment(line))
    engine.resume()
    assert ends(documents) == ["success", "success"]
    told = numbers_told(documents)
    assert len(told) == len(set(told)) == line.camera.taken == 2 * FRAMES
    assert_cell_went_on(line)


def test_a_series_alone_says_at_once_what_is_wrong(line, engine):
    spoil_first(line.camera, lambda numbers: [numbers[0], numbers[0], numbers[1]])
    with pytest.raises(FramesMissingError, match="others or repeats"):
        engine(xrd_series(line, exposure_s=0.01, frames=FRAMES, redo=0))
