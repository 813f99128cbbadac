"""Tomograms through a real RunEngine: lost frames, lost beam, references, and what documents tell of them."""

import threading
from dataclasses import replace

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted
from operando.callbacks.analysis.imaging import ImageKey, open_projections
from operando.callbacks.analysis.imaging.angle import golden_angles, interlaced_angles, sequential_angles
from operando.callbacks.export.tomogram import write_tomogram
from operando.callbacks.export.tomogram_run import tomogram_blocks, tomogram_facts
from operando.devices.frame_file import FramesMissingError
from operando.devices.reach import UnreachableError
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.brightness import TooBrightError
from operando.plans.dose_option import ConstantDose
from operando.plans.duration import Timing
from operando.plans.projection_table import TomogramPartialError
from operando.plans.tomogram_references import FLAT_TRIES
from operando.plans.tomogram_taking import Tolerance
from operando.plans.tomography import tomography
from operando.plans.turn import Turn
from operando.plans.turn_time import Rotation, turn_times
from soft_station import collected, of_kind
from soft_turn import PERIOD_S, MicroscopeStation

pytest.importorskip("numba", reason="needs the extra 'imaging'")
GUARD = BeamGuard(ring_current_min_ma=100.0)
LENIENT = Tolerance(max_missing=0.5)


@pytest.fixture
def station(tmp_path):
    return MicroscopeStation(tmp_path)


def turn(angles=None, **options):
    given = {"exposure_s": 0.1, "flats": 0, "darks": 0, **options}
    return Turn(angles_deg=sequential_angles(8) if angles is None else angles, **given)


def of_stream(documents, stream, kind="event"):
    uids = {doc["uid"] for doc in of_kind(documents, "descriptor") if doc["name"] == stream}
    return [doc for doc in of_kind(documents, kind) if doc["descriptor"] in uids]


def outcome(documents):
    (event,) = of_stream(documents, "outcome")
    return {key.removeprefix("tomogram_"): value for key, value in event["data"].items()}


def told_numbers(documents, stream="projections"):
    """The camera's numbers of the frames of a stream, read from the files that documents tell of."""
    resources = {doc["uid"]: doc for doc in of_kind(documents, "stream_resource")}
    numbers = []
    for datum in of_stream(documents, stream, "stream_datum"):
        resource = resources[datum["stream_resource"]]
        with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
            indices = slice(datum["indices"]["start"], datum["indices"]["stop"])
            numbers += file[resource["parameters"]["dataset"]][indices, 0, 0].tolist()
    return numbers


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_whole_tomogram_tells_the_frame_of_each_projection(station, engine, mode):
    documents = collected(engine)
    engine(tomography(station, turn(flats=2, darks=3), mode=mode))
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "success"
    found = outcome(documents)
    assert (found["status"], found["asked"], found["good"]) == ("whole", 8, 8)
    assert found["frame"] == list(range(8))
    np.testing.assert_allclose(found["angle_deg"], sequential_angles(8), atol=1e-9)
    assert told_numbers(documents) == list(range(6, 14))
    assert (told_numbers(documents, "dark"), told_numbers(documents, "flat")) == ([1, 2, 3], [4, 5])


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_dropped_frame_costs_its_angle_and_no_other(station, engine, mode):
    documents = collected(engine)
    station.microscope_camera.faults_of_id({4})
    engine(tomography(station, turn(), mode=mode, tolerance=LENIENT))
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "success"
    found = outcome(documents)
    assert (found["status"], found["good"], found["missing"]) == ("marked", 7, 1)
    assert found["frame"] == [0, 1, 2, -1, 3, 4, 5, 6]
    assert found["verdict"] == [0, 0, 0, 1, 0, 0, 0, 0]
    assert "1 of 8 projections are missing, from 67.500 to 67.500 degree" in found["reason"]
    assert told_numbers(documents) == [1, 2, 3, 5, 6, 7, 8]


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_too_many_lost_frames_fail_the_run_and_leave_a_table_of_those_that_are_there(station, engine, mode):
    documents = collected(engine)
    station.microscope_camera.faults_of_id({4})
    with pytest.raises(
        TomogramPartialError, match="7 of 8 projections are good: 1 of 8 projections are missing"
    ):
        engine(tomography(station, turn(), mode=mode))
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "fail"
    assert "1 of 8 projections are missing" in stop["reason"]
    assert outcome(documents)["status"] == "partial"
    assert told_numbers(documents) == [1, 2, 3, 5, 6, 7, 8]


def test_a_step_scan_goes_on_at_the_angle_where_the_beam_was_lost(station, engine):
    documents = collected(engine)

    def lose():
        station.ring.put(0.0)
        station.photon_shutter.history.append("lost")

    def restore(kind, doc):
        if kind == "event" and doc["data"].get("ring_current") == 0.0:
            station.ring.put(300.0)

    engine.subscribe(restore)
    station.frame_events[4] = lose
    engine(tomography(station, turn(), guard=GUARD))
    found = outcome(documents)
    assert (found["status"], found["good"]) == ("whole", 8)
    assert found["frame"] == [0, 1, 2, 4, 5, 6, 7, 8]
    events = [event["data"] for event in of_stream(documents, "primary")]
    taken = [(one["projection_number"], one["projection_attempt"]) for one in events]
    assert taken == [(0, 1), (1, 1), (2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (6, 1), (7, 1)]
    assert [event["projection_frame"] for event in events] == list(range(9))


def test_a_step_scan_that_loses_its_beam_time_and_again_is_partial(station, engine):
    documents = collected(engine)
    station.ion_chambers.on_trigger = lambda: station.ion_chambers.i0.put(
        0.0 if len(station.places) > 3 else 1.0
    )
    with pytest.raises(BeamLostError, match="i0 0 A is below"):
        engine(tomography(station, turn(), guard=GUARD))
    found = outcome(documents)
    assert (found["status"], found["good"], found["dark"], found["missing"]) == ("partial", 3, 1, 4)
    assert found["frame"][:3] == [0, 1, 2]
    assert station.photon_shutter.get() == "closed"


def test_the_part_of_a_turn_without_beam_is_taken_again(station, engine):
    documents = collected(engine)
    station.trigger_box.beam = lambda gate: 0.01 if gate in (2, 3, 5) else 1.0
    engine(tomography(station, turn(), mode="fly", guard=GUARD))
    found = outcome(documents)
    assert (found["status"], found["good"]) == ("whole", 8)
    # Frames 8 to 11 are projections 2 to 5, taken again in one sweep; number 4 was good already.
    assert found["frame"] == [0, 1, 8, 9, 4, 11, 6, 7]
    passes = [event["data"] for event in of_stream(documents, "passes")]
    assert [(one["pass_attempt"], one["pass_first"], one["pass_count"]) for one in passes] == [
        (1, 0, 8),
        (2, 2, 4),
    ]
    assert [one["pass_first_id"] for one in passes] == [1, 9]
    assert told_numbers(documents) == list(range(1, 13))


def test_a_turn_without_any_beam_is_taken_again(station, engine):
    documents = collected(engine)
    station.trigger_box.beam = lambda gate: 0.001 if gate < 8 else 1.0
    engine(tomography(station, turn(), mode="fly", guard=GUARD))
    found = outcome(documents)
    assert (found["status"], found["frame"]) == ("whole", list(range(8, 16)))


def test_what_stays_without_beam_is_marked(station, engine):
    documents = collected(engine)
    station.trigger_box.beam = lambda gate: 0.01 if gate == 3 else 1.0
    engine(tomography(station, turn(), mode="fly", guard=GUARD, tolerance=Tolerance(max_missing=0.2, redo=0)))
    found = outcome(documents)
    assert (found["status"], found["dark"], found["verdict"]) == ("marked", 1, [0, 0, 0, 2, 0, 0, 0, 0])
    assert "1 of 8 projections are without beam" in found["reason"]


def test_a_rotation_that_stalls_leaves_what_was_taken_with_its_angles(station, engine):
    documents = collected(engine)
    station.trigger_box.stalls_at, station.microscope.rotation.stalls = 5, 1
    velocity = station.microscope.rotation.velocity.get()
    with pytest.raises(FailedStatus):
        engine(tomography(station, turn(), mode="fly"))
    found = outcome(documents)
    assert (found["status"], found["good"], found["missing"]) == ("partial", 5, 3)
    assert found["frame"] == [0, 1, 2, 3, 4, -1, -1, -1]
    assert "stands elsewhere" in found["reason"]
    assert told_numbers(documents) == [1, 2, 3, 4, 5]
    assert station.photon_shutter.get() == "closed"
    assert station.microscope.rotation.velocity.get() == velocity
    assert not station.microscope_camera.hdf.capture.get()


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_full_disk_ends_the_run_with_what_was_written(station, engine, mode):
    documents = collected(engine)
    camera = station.microscope_camera
    if mode == "step":
        station.frame_events[3] = lambda: fail_disk(camera)
    else:
        station.trigger_box.on_gates = lambda _: (camera.take(3), fail_disk(camera))
    with pytest.raises(FramesMissingError, match="no space left"):
        engine(tomography(station, turn(), mode=mode))
    (stop,) = of_kind(documents, "stop")
    found = outcome(documents)
    assert (found["status"], found["good"], found["missing"]) == ("partial", 3, 5)
    assert "no space left" in stop["reason"]
    assert "no space left" in found["reason"]
    assert told_numbers(documents) == [1, 2, 3]


def fail_disk(camera):
    """Close the file as a writer does that finds no more room."""
    camera._capture(0)
    camera.hdf.status.sim_put(1)
    camera.hdf.message.sim_put("no space left on device")


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_camera_whose_server_was_started_anew_leaves_what_it_had_written(station, engine, mode):
    documents = collected(engine)
    camera = station.microscope_camera
    if mode == "step":
        station.frame_events[3] = lambda: start_anew(camera)
    else:
        station.trigger_box.on_gates = lambda _: (camera.take(3), start_anew(camera))
    with pytest.raises(FramesMissingError, match="the server of SOFT: has died"):
        engine(tomography(station, turn(), mode=mode))
    found = outcome(documents)
    assert (found["status"], found["good"], found["frame"]) == ("partial", 3, [0, 1, 2, *[-1] * 5])
    assert "the server of SOFT: has died" in found["reason"]
    told = of_stream(documents, "projections", "stream_datum")
    assert sum(one["indices"]["stop"] - one["indices"]["start"] for one in told) == 3
    resources = [doc for doc in of_kind(documents, "stream_resource") if "image" in doc["data_key"]]
    assert [doc["parameters"]["swmr"] for doc in resources] == [True]
    camera.growing.close()


def start_anew(camera):
    """Have the settings of a server that has just begun; its file stays as it was."""
    camera.hdf.file_name.sim_put("frames")
    for signal in (camera.hdf.capture, camera.hdf.captured, camera.hdf.swmr_active):
        signal.sim_put(0)


def test_a_trigger_box_that_dies_leaves_the_frames_with_the_angles_asked_for(station, engine, caplog):
    documents = collected(engine)
    box = station.trigger_box

    def die(count):
        station.microscope_camera.take(count)
        box.gates.get = box.complete_kept = unreachable

    box.on_gates = die
    with pytest.raises(UnreachableError, match="its server is gone"):
        engine(tomography(station, turn(), mode="fly"))
    found = outcome(documents)
    assert (found["status"], found["good"], found["frame"]) == ("partial", 8, list(range(8)))
    assert "its server is gone" in found["reason"]
    assert "the angles of the turn are those asked for" in caplog.text
    np.testing.assert_allclose(found["angle_deg"], sequential_angles(8), atol=1e-9)
    assert told_numbers(documents) == list(range(1, 9))


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_a_shutter_that_does_not_answer_costs_no_frame_and_the_specimen_is_brought_back(
    station, engine, monkeypatch, mode
):
    documents = collected(engine)
    move = station.photon_shutter.set

    def opens_only(position):
        return move(position) if position == "open" else unreachable()

    # Its flats leave the specimen beside the beam, where it would stay.
    monkeypatch.setattr(station.photon_shutter, "set", opens_only)
    with pytest.raises(UnreachableError):
        engine(tomography(station, turn(flats=2, references="after"), mode=mode))
    found = outcome(documents)
    assert (found["status"], found["good"], found["frame"]) == ("partial", 8, list(range(8)))
    assert told_numbers(documents) == list(range(1, 9))
    assert station.microscope.sample_x.get() == 0.0
    assert not station.microscope_camera.hdf.capture.get()


def unreachable(*_, **__):
    raise UnreachableError("its server is gone")


@pytest.fixture(params=["step", "fly"])
def paused(request, station, engine):
    """A tomogram of 60 projections that was paused in the midst of it: its documents."""
    documents, pause = collected(engine), threading.Thread(target=engine.request_pause)
    station.frame_events[4 if request.param == "step" else 1] = pause.start
    with pytest.raises(RunEngineInterrupted):
        engine(tomography(station, turn(sequential_angles(60)), mode=request.param))
    pause.join(5)
    return documents


def test_an_abort_leaves_closed_files_and_a_table(station, engine, paused):
    engine.abort("enough")
    (stop,) = of_kind(paused, "stop")
    assert stop["exit_status"] == "abort"
    found = outcome(paused)
    assert found["status"] == "partial"
    assert found["good"] == len(told_numbers(paused)) >= 4
    assert station.photon_shutter.get() == "closed"
    assert not station.microscope_camera.hdf.capture.get()


def test_a_pause_takes_no_frame_twice(engine, paused):
    engine.resume()
    (stop,) = of_kind(paused, "stop")
    assert stop["exit_status"] == "success"
    assert outcome(paused)["frame"] == list(range(60))
    assert told_numbers(paused) == list(range(1, 61))


def test_young_flats_and_darks_of_another_run_are_used_and_named(station, engine):
    options = {"flats": 2, "darks": 2, "references_max_age_s": 60.0}
    runs = []
    for exposure_s, later_s in ((0.1, 0.0), (0.1, 30.0), (0.2, 0.0), (0.1, 100.0)):
        documents = collected(engine)
        station.cell.time.put(station.cell.time.get() + later_s)
        engine(tomography(station, turn(exposure_s=exposure_s, **options)))
        (start,) = of_kind(documents, "start")
        streams = {doc["name"] for doc in of_kind(documents, "descriptor")}
        runs.append((start["uid"], start.get("flat_run"), start.get("dark_run"), streams & {"flat", "dark"}))
    first = runs[0][0]
    assert [run[1:] for run in runs] == [
        (None, None, {"flat", "dark"}),
        (first, first, set()),
        (None, None, {"flat", "dark"}),
        (None, None, {"flat", "dark"}),
    ]


def test_flats_are_as_old_as_when_they_were_taken_not_as_the_turn_that_followed(station, engine):
    options = {"flats": 1, "darks": 1, "references_max_age_s": 60.0}
    station.frame_events[3] = lambda: station.cell.time.put(station.cell.time.get() + 100.0)
    engine(tomography(station, turn(**options)))
    documents = collected(engine)
    engine(tomography(station, turn(**options)))
    assert "flat_run" not in of_kind(documents, "start")[0]


def test_flats_where_the_specimen_stands_are_refused_before_anything_moves(station, engine):
    station.microscope.sample_x.put(70.0)
    with pytest.raises(ValueError, match=r"flat_x_um is 70 um, and the specimen stands there"):
        engine(tomography(station, turn(flats=1, flat_x_um=70.0)))
    assert not station.places


@pytest.mark.parametrize(
    ("part", "value"), [("phase_ring", "In"), ("condenser_z", 2.0), ("magnification", 20.0)]
)
def test_flats_taken_behind_another_optic_are_not_used_again(station, engine, part, value):
    options = {"flats": 2, "darks": 2, "references_max_age_s": 60.0}
    engine(tomography(station, turn(**options)))
    getattr(station.microscope, part).put(value)
    documents = collected(engine)
    engine(tomography(station, turn(**options)))
    (start,) = of_kind(documents, "start")
    assert "flat_run" not in start
    assert told_numbers(documents, "flat")


@pytest.mark.parametrize(
    ("references", "order"),
    [
        ("before", ["dark", "flat", "projections"]),
        ("after", ["projections", "dark", "flat"]),
        ("both", ["dark", "flat", "projections", "flat"]),
    ],
)
def test_references_are_taken_before_after_or_both(station, engine, references, order):
    documents = collected(engine)
    engine(tomography(station, turn(flats=1, darks=1, references=references)))
    streams = {doc["uid"]: doc["name"] for doc in of_kind(documents, "descriptor")}
    seen = [streams[doc["descriptor"]] for doc in of_kind(documents, "stream_datum")]
    assert [one for one, before in zip(seen, ["", *seen], strict=False) if one != before] == order
    assert station.microscope.sample_x.get() == 0.0


@pytest.mark.parametrize("mode", ["step", "fly"])
def test_flats_at_full_scale_end_a_tomogram_before_it_turns(station, engine, mode):
    documents = collected(engine)
    # The soft camera counts its frames: the two flats, 3 and 4, stand at the full scale of so few bits.
    station.microscope_camera.full_scale_counts = 3.0
    with pytest.raises(TooBrightError, match="of the first flat frames are at full scale: expose shorter"):
        engine(tomography(station, turn(flats=2, darks=2), mode=mode))
    (start,), (stop,) = of_kind(documents, "start"), of_kind(documents, "stop")
    assert start["full_scale_counts"] == 3.0
    assert "expose shorter" in stop["reason"]
    assert not of_stream(documents, "projections", "stream_datum")
    assert (station.photon_shutter.get(), station.microscope.sample_x.get()) == ("closed", 0.0)


def test_flats_with_a_few_pixels_at_full_scale_are_told_in_the_outcome(station, engine, monkeypatch):
    documents = collected(engine)
    monkeypatch.setattr("operando.plans.brightness._part", lambda camera: 0.01)
    engine(tomography(station, turn(flats=1)))
    assert outcome(documents)["status"] == "whole"
    assert outcome(documents)["reason"].startswith("1 % of the pixels of the first flat frames")


@pytest.mark.parametrize(("references", "first"), [("after", "first flat"), ("both", "first late flat")])
def test_flats_after_the_turn_are_looked_at_as_well(station, engine, monkeypatch, references, first):
    documents = collected(engine)
    monkeypatch.setattr(
        "operando.plans.brightness._part", lambda camera: 0.01 if len(station.places) > 8 else 0.0
    )
    engine(tomography(station, turn(flats=1, references=references)))
    assert outcome(documents)["reason"].startswith(f"1 % of the pixels of the {first} frames")


def test_flats_at_full_scale_after_the_turn_fail_the_run_and_leave_its_table(station, engine):
    documents = collected(engine)
    station.microscope_camera.full_scale_counts = 9.0
    with pytest.raises(TooBrightError, match="expose shorter"):
        engine(tomography(station, turn(flats=2, references="after")))
    found = outcome(documents)
    assert (found["status"], found["good"]) == ("partial", 8)
    assert found["reason"].count("expose shorter") == 1


def test_a_partial_tomogram_has_the_flats_that_come_after_it(station, engine):
    documents = collected(engine)
    station.microscope_camera.faults_of_id({4})
    with pytest.raises(TomogramPartialError):
        engine(tomography(station, turn(flats=2, references="after")))
    assert len(told_numbers(documents, "flat")) == 2


def test_a_turn_that_stalls_has_the_flats_that_come_after_it(station, engine):
    documents = collected(engine)
    station.trigger_box.stalls_at, station.microscope.rotation.stalls = 5, 1
    with pytest.raises(FailedStatus):
        engine(tomography(station, turn(flats=2, references="after"), mode="fly"))
    assert (outcome(documents)["status"], outcome(documents)["good"]) == ("partial", 5)
    assert len(told_numbers(documents, "flat")) == 2


@pytest.fixture
def refilled(station):
    """The station, whose ring is filled again once the shutter has closed for want of beam."""
    station.photon_shutter.subscribe(
        lambda value, **_: station.ring.put(300.0) if value == "closed" else None, run=False
    )
    return station


@pytest.mark.parametrize(("references", "event", "flats"), [("before", 1, [2]), ("after", 9, [10])])
def test_flats_that_lost_their_beam_are_taken_again_and_not_told_of(
    refilled, engine, references, event, flats
):
    documents = collected(engine)
    refilled.frame_events[event] = lambda: refilled.ring.put(0.0)
    engine(tomography(refilled, turn(flats=1, references=references), guard=GUARD))
    assert told_numbers(documents, "flat") == flats
    assert outcome(documents)["status"] == "whole"


def test_flats_that_lose_their_beam_time_and_again_end_a_tomogram(refilled, engine):
    documents = collected(engine)
    refilled.microscope_camera.on_frames = lambda: refilled.ring.put(0.0)
    with pytest.raises(BeamLostError, match="ring current 0 mA, limit"):
        engine(tomography(refilled, turn(flats=1), guard=GUARD))
    assert refilled.microscope_camera.taken == FLAT_TRIES
    assert not of_stream(documents, "flat", "stream_datum")


def test_flats_are_taken_beside_the_specimen_and_darks_in_the_dark(station, engine):
    engine(tomography(station, turn(flats=1, darks=1, flat_x_um=70.0)))
    assert [(x, shutter) for _, x, shutter in station.places[:3]] == [
        (0.0, "closed"),
        (70.0, "open"),
        (0.0, "open"),
    ]


CELL = {"active_mass_mg": 10.0, "theoretical_capacity_mah_g": 200.0}


def test_a_scan_in_which_lithium_moves_is_announced_and_marked(station, engine, caplog):
    documents = collected(engine)
    station.cell.current.put(0.1)
    station.microscope_camera.on_frames = lambda: (
        station.frames_taken(),
        station.cell.lithium_content.put(station.cell.lithium_content.get() - 0.01),
    )
    engine(tomography(station, turn(), tolerance=Tolerance(max_lithium_change=0.02), md={"cell": CELL}))
    (start,) = of_kind(documents, "start")
    scope = station.microscope
    rotation = Rotation(scope.rotation.velocity.get(), scope.rotation.acceleration_time.get(), at_deg=0.0)
    turning_s = turn_times(turn(), "step", Timing(), rotation).turning_s
    assert start["expected_lithium_change"] == pytest.approx(0.1 * turning_s / 7.2, rel=1e-3)
    assert "lithium content will move by" in start["announcement"]
    assert "raise max_lithium_change" in caplog.text
    found = outcome(documents)
    assert (found["status"], found["moved"]) == ("marked", True)
    assert found["lithium_change"] == pytest.approx(0.07)
    assert "lithium content moved by 0.07" in found["reason"]


def test_what_a_scan_took_before_tells_how_far_lithium_will_move(station, engine):
    documents = collected(engine)
    station.cell.current.put(0.1)
    before = {"measured_before": {"run_s": 43.2, "all_s": 99.0, "estimated_s": 7.2}}
    engine(tomography(station, turn(), tolerance=LENIENT, md={"cell": CELL, **before}))
    (start,) = of_kind(documents, "start")
    expected_s = start["estimated_smear_s"] + 36.0
    assert start["expected_lithium_change"] == pytest.approx(0.1 * expected_s / 7.2, rel=1e-3)


def test_each_projection_on_the_fly_is_stamped_with_the_lithium_of_its_time(station, engine):
    documents = collected(engine)
    station.cell.time.put(631152000.0)

    def taken():
        station.cell.time.put(631152000.0 + 10.0)
        station.cell.lithium_content.put(0.9)

    station.microscope_camera.on_frames = taken
    engine(tomography(station, turn(), mode="fly", tolerance=Tolerance(max_lithium_change=0.2)))
    found = outcome(documents)
    time_s = 0.5 * np.arange(1, 9) + 0.05
    np.testing.assert_allclose(np.array(found["time_s"]) - 631152000.0, time_s, atol=1e-6)
    np.testing.assert_allclose(found["lithium_content"], 1.0 - 0.01 * time_s, atol=1e-9)


def test_the_exposure_follows_the_ring_current_at_the_start(station, engine):
    documents = collected(engine)
    engine(tomography(station, turn(), mode="fly", dose=ConstantDose(ring_current_ma=400.0)))
    (start,) = of_kind(documents, "start")
    assert start["turn"]["exposure_s"] == pytest.approx(0.1 * 400.0 / 300.0)
    assert start["constant_dose"]["factor_at_start"] == pytest.approx(4.0 / 3.0)


def test_the_exposure_of_each_projection_follows_the_beam(station, engine):
    documents = collected(engine)
    station.frame_events[3] = lambda: station.ring.put(150.0)
    engine(tomography(station, turn(), dose=ConstantDose(ring_current_ma=300.0, each=True)))
    events = [event["data"] for event in of_stream(documents, "primary")]
    exposure_s = [0.1] * 3 + [0.2] * 5
    assert [round(one["projection_exposure_s"], 6) for one in events] == exposure_s
    middle_s = np.array(outcome(documents)["time_s"])
    np.testing.assert_allclose(np.diff(middle_s), PERIOD_S + 0.5 * np.diff(exposure_s), atol=1e-6)


def test_an_interlaced_order_is_taken_on_the_fly_turn_by_turn(station, engine):
    documents = collected(engine)
    angles = interlaced_angles(8, turns=2)
    engine(tomography(station, turn(angles, exposure_s=0.2), mode="fly"))
    passes = [event["data"] for event in of_stream(documents, "passes")]
    assert [(one["pass_first"], one["pass_start_deg"], one["pass_first_id"]) for one in passes] == [
        (0, 0.0, 1),
        (4, 202.5, 5),
    ]
    found = outcome(documents)
    np.testing.assert_allclose(found["angle_deg"], angles, atol=1e-9)
    assert (found["status"], found["frame"]) == ("whole", list(range(8)))


def test_a_golden_order_is_refused_on_the_fly(station, engine):
    with pytest.raises(ValueError, match="a fly scan needs even ones"):
        engine(tomography(station, turn(golden_angles(8)), mode="fly"))


def test_what_is_there_is_exported_with_its_angles(station, engine, tmp_path):
    references = collected(engine)
    engine(tomography(station, turn(flats=2, darks=1)))
    engine = RunEngine({}, call_returns_result=True)
    documents = collected(engine)
    taken = station.microscope_camera.taken
    station.microscope_camera.faults_of_id({taken + 2})
    station.trigger_box.beam = lambda gate: 0.01 if gate == 5 else 1.0
    tolerance = Tolerance(max_missing=0.5, redo=0)
    engine(tomography(station, turn(), mode="fly", guard=GUARD, tolerance=tolerance))
    facts = replace(tomogram_facts(documents), energy_ev=8333.0, pixel_um=0.02)
    blocks = tomogram_blocks(documents, references=[references])
    file = open_projections(write_tomogram(tmp_path / "tomogram.nx", blocks, facts))
    kept = [0, 2, 3, 4, 6, 7]
    np.testing.assert_allclose(file.angle_deg, sequential_angles(8)[kept], atol=1e-9)
    frames = file.rows(0, 1)
    assert frames.projections[:, 0, 0].tolist() == [taken + 1 + number for number in kept]
    assert (len(frames.flats), len(frames.darks)) == (2, 1)
    assert file.image_key.tolist().count(ImageKey.INVALID) == 1
