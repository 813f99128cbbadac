"""Sweeps of a motor record: run-up, speed, and its own speed back on every way out."""

import pytest
from operando.devices.motor_sweep import MotorSweep, Stretch
from ophyd.utils import LimitError
from soft_fly import VELOCITY_DEG_S, SoftBragg

STRETCH = Stretch(14.0, 13.8, 0.1, 2e-4)


@pytest.fixture
def sweep():
    return MotorSweep(SoftBragg("SOFT:BRAGG", name="mono_bragg"))


def test_a_sweep_begins_before_and_ends_beyond_its_stretch(sweep):
    sweep.prepare(STRETCH).wait(5)
    assert sweep.motor.velocity.get() == 0.1
    sweep.trigger().wait(5)
    (start, usual), (goal, speed) = sweep.motor.moves
    assert start - 14.0 == pytest.approx(13.8 - goal) == pytest.approx(0.1 * 0.025 * 1.5)
    assert (usual, speed, sweep.motor.velocity.get()) == (VELOCITY_DEG_S, 0.1, VELOCITY_DEG_S)


def test_the_speed_is_restored_when_the_motor_stalls(sweep):
    sweep.motor.stalls = 1
    sweep.prepare(STRETCH).wait(5)
    with pytest.raises(RuntimeError, match="stands elsewhere"):
        sweep.trigger().wait(5)
    assert sweep.motor.velocity.get() == VELOCITY_DEG_S


def test_a_sweep_that_never_begins_gives_the_speed_back_when_it_is_stopped(sweep):
    sweep.prepare(STRETCH).wait(5)
    sweep.stop()
    assert sweep.motor.velocity.get() == VELOCITY_DEG_S


def test_a_sweep_prepared_twice_still_knows_the_usual_speed(sweep):
    sweep.prepare(STRETCH).wait(5)
    sweep.prepare(STRETCH).wait(5)
    sweep.stop()
    assert sweep.motor.velocity.get() == VELOCITY_DEG_S


def test_a_sweep_that_is_not_prepared_or_leads_beyond_the_limits_is_refused(sweep):
    with pytest.raises(RuntimeError, match="no sweep is prepared"):
        sweep.trigger()
    with pytest.raises(LimitError, match="soft limits"):
        sweep.prepare(Stretch(13.0, 61.0, 0.1, 2e-4))


@pytest.mark.parametrize("values", [(1.0, 1.0, 1.0, 0.1), (1.0, 2.0, 0.0, 0.1), (1.0, 2.0, 1.0, 0.0)])
def test_a_stretch_without_way_speed_or_run_up_is_refused(values):
    with pytest.raises(ValueError, match="stretch"):
        Stretch(*values)


def test_a_sweep_that_is_stopped_on_the_way_to_its_stretch_keeps_the_usual_speed(sweep):
    def stopped_under_way(position, tolerance, done):
        sweep.stop()
        done(None)

    sweep.motor.begin = stopped_under_way
    sweep.prepare(STRETCH).wait(5)
    assert sweep.motor.velocity.get() == VELOCITY_DEG_S
    with pytest.raises(RuntimeError, match="no sweep is prepared"):
        sweep.trigger()
