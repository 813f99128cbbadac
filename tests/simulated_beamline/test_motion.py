"""Where motors are during their moves, and the line that carries what the trigger box made of it."""

import math

import numpy as np
import pytest
from operando.simulated_beamline.board import ALL_SLOTS
from operando.simulated_beamline.iocs.motor import move_duration_s
from operando.simulated_beamline.motion import MoveLog, Track
from operando.simulated_beamline.wire import KEPT, POSITIONS, Pulse, Sight, Wire, WireLostError


@pytest.fixture
def log(tmp_path):
    log = MoveLog(tmp_path / "moves")
    yield log
    log.close()


def track(log, motor="MONO:BRAGG", truth=lambda dial: dial):
    return Track(log, motor, truth)


@pytest.mark.parametrize("distance", [10.0, 0.3, -7.0])
def test_a_move_ends_at_its_target_after_its_nominal_duration(log, distance):
    move = track(log).begin(100.0, 1.0, 1.0 + distance, 2.0, 0.5)
    duration_s = move_duration_s(distance, 2.0, 0.5)
    assert move.dial_at(100.0) == 1.0
    assert move.dial_at(100.0 + 0.5 * duration_s) == pytest.approx(1.0 + 0.5 * distance)
    assert move.dial_at(99.999 + duration_s) != 1.0 + distance
    assert move.dial_at(100.0 + duration_s) == pytest.approx(1.0 + distance, abs=1e-12)


def test_a_long_move_has_its_velocity_between_the_ramps(log):
    time_s = 100.0 + np.linspace(0.5, 5.0, 50)
    dial = track(log).begin(100.0, 0.0, 10.0, 2.0, 0.5).dial_at(time_s)
    assert np.diff(dial) / np.diff(time_s) == pytest.approx(np.full(49, 2.0))


def test_the_log_knows_where_a_motor_was_over_several_moves(log):
    motor = track(log)
    motor.stand(1.0)
    motor.begin(100.0, 1.0, 2.0, 1.0, 0.0)
    motor.begin(110.0, 2.0, 0.0, 1.0, 0.0)
    assert log.dial("MONO:BRAGG", np.array([50.0, 100.5, 105.0, 111.0, 200.0])).tolist() == [1, 1.5, 2, 1, 0]


def test_a_motor_that_was_stopped_stands_there(log):
    motor = track(log)
    motor.halt(motor.begin(100.0, 0.0, 10.0, 1.0, 0.0), 103.0)
    assert log.dial("MONO:BRAGG", np.array([102.0, 104.0, 120.0])).tolist() == [2.0, 3.0, 3.0]


def test_more_moves_than_are_kept_leave_the_last_ones(log):
    motor = track(log)
    for number in range(200):
        motor.begin(float(number), float(number), number + 1.0, 1.0, 0.0)
    assert log.dial("MONO:BRAGG", np.array([199.5]))[0] == 199.5


def test_coarse_and_fine_axes_add_up_and_bend_as_their_truth_does(log):
    track(log, "NANO:X", lambda dial: 1e3 * dial).stand(0.5)
    track(log, "NANO:FX", lambda dial: dial**2).begin(10.0, 0.0, 4.0, 1.0, 0.0)
    assert log.true("nano_x_um", np.array([12.0]))[0] == pytest.approx(504.0, abs=0.01)


def test_a_motor_that_nobody_serves_is_nowhere(log):
    assert math.isnan(log.dial("NANO:FX", np.array([1.0]))[0])


def pulse(begin_s):
    places = dict.fromkeys(POSITIONS, begin_s)
    return Pulse(0, begin_s, begin_s + 0.1, places, dict.fromkeys(ALL_SLOTS, 7.0) | places, places)


def test_pulses_arrive_as_they_were_sent_and_numbered(tmp_path):
    sender, detector = Wire(tmp_path / "wire"), Wire(tmp_path / "wire")
    sender.send([pulse(1.0), pulse(2.0)])
    sender.send([pulse(3.0)])
    assert [(one.number, one.begin_s) for one in detector.since(1)] == [(1, 2.0), (2, 3.0)]
    assert detector.since(2)[0].middle == pulse(3.0).middle


def test_a_detector_that_reads_too_late_is_told_so(tmp_path):
    wire = Wire(tmp_path / "wire")
    wire.send([pulse(float(number)) for number in range(KEPT + 5)])
    with pytest.raises(WireLostError, match="pulses were not read in time"):
        wire.since(0)


def test_an_instrument_sees_the_beamline_as_it_was_in_the_pulse(tmp_path):
    sight = Sight(tmp_path / "board")
    sight["ring_current_ma"] = 500.0
    with sight.of(pulse(1.0)):
        assert sight["ring_current_ma"] == sight.get("ring_current_ma", 0.0) == 7.0
    assert sight["ring_current_ma"] == 500.0
    sight.close()
