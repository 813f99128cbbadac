"""Tomograms one after the other without a stop of the rotation, and measurements at several positions."""

import errno
import threading
from functools import partial
from unittest.mock import MagicMock

import numpy as np
import pytest
from bluesky.utils import Msg, RunEngineInterrupted
from operando.plans.beam_guard import BeamLostError
from operando.plans.fast_tomography import fast_tomography
from operando.plans.multi_position import (
    PositionDrift,
    PositionsFailedError,
    PositionsTaken,
    SamplePosition,
    multi_position,
)
from operando.plans.request import disk_full
from operando.plans.tomogram_taking import Tolerance
from operando.plans.tomography import TooFastError, tomography
from operando.plans.turn import Turn
from operando.plans.waiting import PassedError
from ophyd.utils import LimitError
from soft_station import collected, events
from soft_turn import MicroscopeStation

ANGLES = np.linspace(0.0, 150.0, 6)
FAST = {"tomograms": 3, "projections": 10, "exposure_s": 0.1, "flats": 0, "darks": 0}
PLACES = (SamplePosition("grain", 10.0, 0.0, 5.0), SamplePosition("pore", -20.0))


@pytest.fixture
def station(tmp_path):
    return MicroscopeStation(tmp_path)


def outcome_of(documents):
    (data,) = events(documents, "tomogram_frame")
    return data


def test_tomograms_follow_each_other_in_one_sweep_and_one_file(station, engine):
    documents = collected(engine)
    engine(fast_tomography(station, **FAST))
    (start,) = [doc for name, doc in documents if name == "start"]
    assert (start["plan_name"], start["technique"]) == ("fast_tomography", "tomography")
    assert start["tomograms"] == {
        "count": 3,
        "projections": 10,
        "span_deg": 180.0,
        "tomogram_s": pytest.approx(10 * 0.1 / 0.95),
    }
    (one,) = station.trigger_box.passes
    assert (one.gates, one.step) == (30, pytest.approx(18.0))
    found = outcome_of(documents)
    assert found["tomogram_frame"] == list(range(30))
    np.testing.assert_allclose(found["tomogram_angle_deg"], 18.0 * np.arange(30), atol=1e-9)


def test_a_turn_that_is_faster_than_the_rotation_is_refused_once_and_before_anything_is_lit(station, engine):
    station.microscope.rotation.max_velocity.sim_put(100.0)
    with pytest.raises(
        TooFastError, match=r"171 degree/s asked, .* does 100; expose for 0.171 s or longer"
    ) as told:
        engine(fast_tomography(station, **{**FAST, "flats": 1}))
    assert isinstance(told.value, PassedError)
    assert not station.places


def test_a_lost_frame_leaves_the_other_tomograms_whole(station, engine):
    documents = collected(engine)
    station.microscope_camera.faults_of_id({14})
    engine(fast_tomography(station, **FAST, tolerance=Tolerance(max_missing=0.1)))
    found = outcome_of(documents)
    assert np.flatnonzero(np.array(found["tomogram_frame"]) < 0).tolist() == [13]


@pytest.mark.parametrize("numbers", [{"tomograms": 0}, {"projections": 1}])
def test_counts_that_make_no_tomogram_are_refused(station, engine, numbers):
    with pytest.raises(ValueError, match="give 1 and 2 or more"):
        engine(fast_tomography(station, **{**FAST, **numbers}))


def measure(station):
    return partial(tomography, station, Turn(angles_deg=ANGLES, exposure_s=0.1, flats=0, darks=0))


def test_each_position_has_a_run_of_its_own_with_its_drift(station, engine):
    documents, drift = collected(engine), PositionDrift()
    drift.note("pore", (0.5, 0.0, -0.25))
    uids = engine(multi_position(station, PLACES, measure(station), drift=drift, md={"batch": 1})).plan_result
    starts = [doc for name, doc in documents if name == "start"]
    assert uids == tuple(start["uid"] for start in starts)
    assert [start["batch"] for start in starts] == [1, 1]
    assert [start["position"] for start in starts] == [
        {"name": "grain", "x_um": 10.0, "y_um": 0.0, "z_um": 5.0, "drift_um": [0.0, 0.0, 0.0]},
        {"name": "pore", "x_um": -20.0, "y_um": 0.0, "z_um": 0.0, "drift_um": [0.5, 0.0, -0.25]},
    ]
    assert {x for _, x, _ in station.places} == {10.0, -19.5}
    stages = station.microscope.sample_x, station.microscope.sample_y, station.microscope.sample_z
    assert [stage.get() for stage in stages] == [0.0, 0.0, 0.0]


def test_a_position_that_fails_costs_the_others_nothing(station, engine):
    documents = collected(engine)
    station.microscope_camera.faults_of_id({2, 3})
    with pytest.raises(PositionsFailedError, match="1 of 2 failed: grain: tomography: 4 of 6 projections"):
        engine(multi_position(station, PLACES, measure(station)))
    stops = [doc["exit_status"] for name, doc in documents if name == "stop"]
    assert stops == ["fail", "success"]
    assert station.microscope.sample_x.get() == 0.0


def test_a_further_attempt_lights_only_the_positions_that_failed(station, engine):
    documents, taken = collected(engine), PositionsTaken()
    station.microscope_camera.faults_of_id({2, 3})
    plan = partial(multi_position, station, PLACES, measure(station), taken=taken)
    with pytest.raises(PositionsFailedError, match="1 of 2 failed: grain"):
        engine(plan())
    uids = engine(plan()).plan_result
    starts = [doc for name, doc in documents if name == "start"]
    assert [start["position"]["name"] for start in starts] == ["grain", "pore", "grain"]
    assert uids == (starts[2]["uid"], starts[1]["uid"])
    assert not taken.uids


def test_a_place_out_of_reach_is_told_and_the_others_are_measured(station, engine):
    documents = collected(engine)
    far = SamplePosition("far", 9000.0)
    check = station.microscope.sample_x.check_value = MagicMock(side_effect=refuse_far)
    with pytest.raises(PassedError, match="1 of 3 failed: far: sample_x: 9000 um is out of reach"):
        engine(multi_position(station, (PLACES[0], far, PLACES[1]), measure(station)))
    assert check.called
    assert [doc["position"]["name"] for name, doc in documents if name == "start"] == ["grain", "pore"]
    assert station.microscope.sample_x.get() == 0.0


def refuse_far(value):
    if value > 1000.0:
        raise LimitError(f"sample_x: {value:g} um is out of reach")


@pytest.mark.parametrize(
    "error", [BeamLostError("the ring is empty"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_without_beam_or_room_no_further_place_is_lit(station, engine, error):
    tried = []

    def fails(*, md):
        tried.append(md["position"]["name"])
        yield Msg("null")
        raise error

    with pytest.raises(PositionsFailedError, match=r"2 of 2 failed: .*pore: not tried after that") as raised:
        engine(multi_position(station, PLACES, fails))
    assert tried == ["grain"]
    assert (disk_full(raised.value) is None) == isinstance(error, BeamLostError)


@pytest.mark.parametrize("end", ["abort", "resume"])
def test_a_pause_in_the_middle_goes_on_there_or_brings_the_stages_home(station, engine, end):
    documents, taken = collected(engine), PositionsTaken()

    def pause_at_the_second(name, doc):
        if name == "start" and doc["position"]["name"] == "pore":
            threading.Thread(target=engine.request_pause).start()

    token = engine.subscribe(pause_at_the_second)
    plan = partial(multi_position, station, PLACES, measure(station), taken=taken)
    with pytest.raises(RunEngineInterrupted):
        engine(plan())
    getattr(engine, end)()
    engine.unsubscribe(token)
    assert station.microscope.sample_x.get() == 0.0
    if end == "abort":
        assert list(taken.uids) == ["grain"]
        engine(plan())
    starts = [doc for name, doc in documents if name == "start"]
    wanted = {"abort": ["grain", "pore", "pore"], "resume": ["grain", "pore"]}[end]
    assert [start["position"]["name"] for start in starts] == wanted
    assert [doc["exit_status"] for name, doc in documents if name == "stop"][-1] == "success"


def test_two_positions_of_one_name_are_refused(station, engine):
    with pytest.raises(ValueError, match="names of their own"):
        engine(multi_position(station, (*PLACES, PLACES[0]), measure(station)))
