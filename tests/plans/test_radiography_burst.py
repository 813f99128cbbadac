"""Bursts of radiographs with soft devices: what sets them off, what is told, and how they are left."""

import re
from pathlib import Path

import numpy as np
import operando.plans
import pytest
from bluesky import RunEngine
from operando.devices.frame_file import FramesMissingError
from operando.devices.reach import UnreachableError
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.burst import Burst, BurstLostError, BurstTrigger, Heating, burst_trigger
from operando.plans.radiography_burst import (
    NoBurstError,
    NotTriggeredError,
    radiography_burst,
)
from operando.plans.waiting import PassedError
from soft_burst import SoftBurst, SoftHeater
from soft_station import SoftStation

GUIDE = Path(operando.plans.__file__).parents[1] / "docs" / "how-to" / "radiographs-of-a-runaway.md"
BURST = Burst(exposure_s=7e-4, period_s=1e-3, frames_before=5, frames_after=10, binning=1, wait_limit_s=5.0)
TRIGGER = BurstTrigger(quantity="heater", sign=">", limit=100.0, latency_s=0.005)


@pytest.fixture
def hall(tmp_path):
    station = SoftStation()
    station.microscope_camera = SoftBurst(tmp_path)
    station.heater = SoftHeater(name="heater")
    return station


def run(plan, at=lambda name, doc: None):
    documents = []

    def take(name, doc):
        documents.append((name, doc))
        at(name, doc)

    try:
        RunEngine(call_returns_result=False)(plan, take)
    except Exception as error:
        return documents, error
    return documents, None


def goes_off(hall, stream="primary"):
    """Trigger when the first event of a stream is there: the ring is full by the next look."""

    def at(name, doc):
        if name == "descriptor" and doc["name"] == stream:
            camera = hall.microscope_camera
            camera.ring.held.subscribe(lambda value, **_: value and camera.go_off(), run=False)

    return at


def told(documents, stream):
    uids = {doc["uid"] for name, doc in documents if name == "descriptor" and doc["name"] == stream}
    return [doc["data"] for name, doc in documents if name == "event" and doc["descriptor"] in uids]


def is_in_order(hall):
    camera = hall.microscope_camera
    assert hall.photon_shutter.history[-1] == "closed"
    assert not any(one.get() for one in (camera.cam.acquire, camera.hdf.capture, camera.ring.capture))


def test_frames_about_the_trigger_are_told_of_and_all_is_left_in_order(hall):
    documents, error = run(radiography_burst(hall, BURST, TRIGGER), goes_off(hall))
    assert error is None
    (event,) = told(documents, "trigger")
    assert (event["camera_burst_trigger_frame"], event["camera_burst_frames"]) == (5, 15)
    assert event["camera_burst_whole"] == 1
    stops = [doc["indices"]["stop"] for name, doc in documents if name == "stream_datum"]
    assert stops == [15, 15, 15]
    start = documents[0][1]
    assert (start["technique"], start["burst"]["trigger"]) == ("radiography", "heater > 100 degC")
    assert len(told(documents, "primary")) >= 2
    is_in_order(hall)


def test_a_burst_without_trigger_is_fired_after_its_wait(hall):
    options = {**BURST.__dict__, "wait_limit_s": 0.05, "on_miss": "fire"}
    documents, error = run(radiography_burst(hall, Burst(**options), None), clock(hall))
    assert error is None
    assert hall.microscope_camera.fired == 1
    assert told(documents, "trigger")[0]["camera_burst_frames_before"] == 5


def clock(hall):
    """Let the cell's clock pass its limit once the run has begun."""

    def at(name, doc):
        if name == "event":
            hall.cell.time.put(float(hall.cell.time.get()) + 100.0)

    return at


def test_a_trigger_that_does_not_come_fails_with_the_last_value(hall):
    documents, error = run(radiography_burst(hall, BURST, TRIGGER), clock(hall))
    assert isinstance(error, NotTriggeredError)
    assert "heater > 100 degC has not come within 5 s, the last frame had 25" in str(error)
    assert documents[-1][1]["exit_status"] == "fail"
    is_in_order(hall)


def test_a_wait_in_which_the_heater_switched_itself_off_says_so(hall):
    safety = hall.heater.safety
    hall.heater.enable.subscribe(lambda value, **_: value == "Enable" and safety.trip.put(1), run=False)
    safety.cause.put("180 degC is above SAFETY:TMAX 170 degC")
    heating = Heating(to_degc=200.0, ramp_k_min=60.0)
    _, error = run(radiography_burst(hall, BURST, TRIGGER, heating=heating), clock(hall))
    assert isinstance(error, NotTriggeredError)
    assert "the heater has tripped: 180 degC is above SAFETY:TMAX 170 degC; wait longer" in str(error)


def test_dropped_frames_fail_the_run_and_the_others_are_told_of(hall):
    hall.microscope_camera.kept = lambda numbers: numbers[numbers != 23]
    documents, error = run(radiography_burst(hall, BURST, TRIGGER), goes_off(hall))
    assert isinstance(error, FramesMissingError)
    assert (error.expected, error.written) == (15, 14)
    assert told(documents, "trigger")[0]["camera_burst_frames_missing"] == 1
    assert documents[-1][1]["exit_status"] == "fail"
    assert "14 written" in documents[-1][1]["reason"]
    is_in_order(hall)


def test_dropped_frames_of_a_cell_that_was_heated_are_no_reason_to_heat_it_again(hall):
    hall.microscope_camera.kept = lambda numbers: numbers[numbers != 23]
    plan = radiography_burst(hall, BURST, TRIGGER, heating=Heating(to_degc=200.0))
    documents, error = run(plan, goes_off(hall))
    assert isinstance(error, PassedError)
    assert "14 written" in documents[-1][1]["reason"]
    assert "not heated again" in documents[-1][1]["reason"]
    assert told(documents, "trigger")[0]["camera_burst_frames_missing"] == 1
    is_in_order(hall)


def test_a_shutter_that_does_not_answer_keeps_no_heater_on_and_no_cell_is_heated_again(hall, monkeypatch):
    monkeypatch.setattr(hall.photon_shutter, "set", opens_only(hall.photon_shutter.set))
    heating = Heating(to_degc=200.0, ramp_k_min=60.0)
    hall.heater.enable.subscribe(
        lambda value, **_: value == "Enable" and hall.microscope_camera.go_off(), run=False
    )
    documents, error = run(radiography_burst(hall, BURST, TRIGGER, heating=heating))
    assert isinstance(error, PassedError)
    assert "the shutter is gone; the cell was heated, and is not heated again" in str(error)
    assert hall.heater.enable.history == ["Enable", "Disable"]
    assert told(documents, "trigger")[0]["camera_burst_whole"] == 1
    assert [d["indices"]["stop"] for name, d in documents if name == "stream_datum"] == [15] * 3


def test_a_camera_that_dies_while_a_heated_cell_is_waited_for_is_no_reason_to_heat_it_again(
    hall, monkeypatch
):
    def gone():
        raise UnreachableError("the camera is gone")

    triggered = hall.microscope_camera.ring.triggered
    hall.heater.enable.subscribe(
        lambda value, **_: value == "Enable" and monkeypatch.setattr(triggered, "read", gone), run=False
    )
    _, error = run(radiography_burst(hall, BURST, TRIGGER, heating=Heating(to_degc=200.0, ramp_k_min=60.0)))
    assert isinstance(error, PassedError)
    assert "the camera is gone; the cell was heated, and is not heated again" in str(error)
    assert hall.heater.enable.history == ["Enable", "Disable"]


def opens_only(move):
    """A shutter whose server dies once it is open."""

    def set_it(position):
        if position == "closed":
            raise UnreachableError("the shutter is gone")
        return move(position)

    return set_it


def test_the_heater_ramps_once_the_ring_is_full_and_is_off_afterwards(hall):
    heating = Heating(to_degc=200.0, ramp_k_min=60.0)
    hall.heater.enable.subscribe(
        lambda value, **_: value == "Enable" and hall.microscope_camera.go_off(), run=False
    )
    documents, error = run(radiography_burst(hall, BURST, TRIGGER, heating=heating))
    assert error is None
    assert hall.heater.enable.history == ["Enable", "Disable"]
    assert (hall.heater.setpoint.get(), hall.heater.ramp.get()) == (200.0, 60.0)
    assert documents[0][1]["heating"] == {"to_degc": 200.0, "ramp_k_min": 60.0}


def test_a_beam_that_is_lost_in_the_wait_ends_the_burst_before_the_cell_gives_way(hall):
    def at(name, doc):
        if name == "event":
            hall.ring.put(0.0)

    heating = Heating(to_degc=200.0)
    documents, error = run(radiography_burst(hall, BURST, TRIGGER, heating=heating, guard=BeamGuard()), at)
    assert isinstance(error, BeamLostError)
    assert "ring current 0 mA, limit 10 mA" in documents[-1][1]["reason"]
    assert hall.heater.enable.get() == "Disable"
    assert not told(documents, "trigger")
    is_in_order(hall)


def test_a_burst_that_lost_its_beam_fails_and_its_frames_are_told_of(hall):
    def at(name, doc):
        goes_off(hall)(name, doc)
        if name == "stream_datum":
            hall.ring.put(0.0)

    documents, error = run(radiography_burst(hall, BURST, TRIGGER, guard=BeamGuard()), at)
    assert isinstance(error, BurstLostError)
    assert told(documents, "trigger")[0]["camera_burst_frames"] == 15
    assert documents[-1][1]["exit_status"] == "fail"
    is_in_order(hall)


def test_no_cell_is_heated_before_there_is_beam(hall, monkeypatch):
    monkeypatch.setattr("operando.plans.beam.MEASUREMENT_WAIT_S", 0.01)
    hall.ring.put(0.0)
    heating = Heating(to_degc=200.0)
    _, error = run(radiography_burst(hall, BURST, TRIGGER, heating=heating, guard=BeamGuard()))
    assert isinstance(error, BeamLostError)
    assert "open" not in hall.photon_shutter.history
    assert hall.heater.setpoint.get() == 25.0
    is_in_order(hall)


def test_a_heater_is_not_asked_beyond_its_limit(hall):
    _, error = run(radiography_burst(hall, BURST, TRIGGER, heating=Heating(to_degc=400.0)))
    assert "its limit is 300 degC" in str(error)
    assert hall.heater.enable.get() == "Disable"
    is_in_order(hall)


def test_what_cannot_be_is_refused_before_anything_moves(hall):
    late = BurstTrigger(quantity="dT/dt", sign=">", limit=5.0)
    for plan, says in (
        (radiography_burst(hall, BURST, late), "take 100 or more"),
        (radiography_burst(hall, BURST, None), 'only on_miss="fire"'),
    ):
        _, error = run(plan)
        assert isinstance(error, NoBurstError)
        assert says in str(error)
    hall.heater = None
    _, error = run(radiography_burst(hall, BURST, TRIGGER, heating=Heating(to_degc=100.0)))
    assert "lacks heater; add [devices.heater]" in str(error)
    assert hall.photon_shutter.history == []


@pytest.mark.parametrize(
    ("text", "attribute", "condition"),
    [
        ("voltage < 2.5 V", "CellVoltage", "A<2.5"),
        ("temperature>60", "CellTemperature", "A>60"),
        ("heater >= 160 degC", "HeaterTemperature", "A>=160"),
        ("dT/dt > 5e0 K/s", "HeaterRate", "A>5"),
    ],
)
def test_triggers_are_written_as_people_do(text, attribute, condition):
    trigger = burst_trigger(text)
    assert (trigger.attribute, trigger.condition) == (attribute, condition)


def test_the_code_of_the_guide_takes_a_burst_and_finds_its_front(tmp_path, hall):
    codes = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    taking = codes[0].replace("dT/dt > 50 K/s", "heater > 100 degC")
    hall.microscope_camera.held = 1250
    names = {"beamline": hall, "RE": lambda plan: RunEngine(call_returns_result=False)(plan, goes_off(hall))}
    exec(taking, names)
    exec(codes[1], names)
    assert names["record"].frames == 7500
    rng = np.random.default_rng(2)
    rows, columns = np.indices((96, 192))
    away_mm = 0.04 * np.hypot(rows - 40.0, columns - 95.0)
    time_s = 8e-4 * (np.arange(560) - 520.0)
    reached = (away_mm <= 200.0 * time_s[:, None, None]) & (np.abs(columns - 95.5) < 36.0)
    clean = np.where(reached, 800.0, 1000.0)
    names["frames"] = clean + 20.0 * rng.standard_normal(clean.shape)
    names["record"] = type("Record", (), {"time_s": time_s})
    exec(codes[2], names)
    assert names["front"].speed_mm_s == pytest.approx(200.0, rel=0.25)


def test_the_heater_is_off_and_the_camera_stopped_where_the_shutter_does_not_close(hall, monkeypatch):
    set_shutter = hall.photon_shutter.set

    def stuck(value):
        if value == "closed":
            raise RuntimeError("the shutter is stuck")
        return set_shutter(value)

    monkeypatch.setattr(hall.photon_shutter, "set", stuck)
    hall.heater.enable.subscribe(
        lambda value, **_: value == "Enable" and hall.microscope_camera.go_off(), run=False
    )
    stopped = []
    monkeypatch.setattr(hall.microscope_camera, "stop", lambda **_: stopped.append(1))
    with pytest.raises(RuntimeError, match="the shutter is stuck"):
        RunEngine(call_returns_result=False)(
            radiography_burst(hall, BURST, TRIGGER, heating=Heating(to_degc=200.0, ramp_k_min=10.0))
        )
    assert hall.heater.enable.get() == "Disable"
    assert stopped
