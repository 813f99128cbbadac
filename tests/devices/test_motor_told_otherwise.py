"""The failure of an order stops its motor, but not one that was stopped or ordered elsewhere meanwhile."""

import threading

import pytest
from operando.devices.motor import Motor, MotorNotThereError, MotorStoppedError
from operando.devices.order import OrderWithdrawnError
from ophyd.sim import make_fake_device


class HeldMotor(make_fake_device(Motor)):
    """Its moves end when the test says so, where the test says."""

    def __init__(self):
        super().__init__("SOFT:M", name="rotation")
        self.ends, self.halts = [], []
        self.velocity.sim_put(1.0)
        self.acceleration_time.sim_put(0.1)
        for signal in (self.low_limit, self.high_limit, self.readback):
            signal.sim_put(0.0)
        self.setpoint.put = lambda _value, *, callback, **_: self.ends.append(callback)
        self.halt.put = self.halts.append

    def come_to_rest(self, position):
        self.readback.sim_put(position)
        self.ends.pop(0)()


@pytest.fixture
def motor():
    return HeldMotor()


def settled(order):
    """Wait until an order has ended and done what it does then; callbacks come last."""
    over = threading.Event()
    order.add_callback(lambda _: over.set())
    assert over.wait(5)
    return order


def test_the_move_that_was_stopped_fails_when_it_rests_and_stops_nothing_later(motor):
    order = motor.set(180.0)
    motor.stop()
    assert not order.done
    motor.come_to_rest(16.8)
    with pytest.raises(MotorStoppedError, match="rotation was stopped on its way to 180"):
        settled(order).wait(5)
    assert motor.halts == [1]


def test_a_new_move_is_not_stopped_by_the_failure_of_the_one_it_replaced(motor):
    old, new = motor.set(180.0), motor.set(0.0)
    with pytest.raises(OrderWithdrawnError, match="a new move to 0 replaced the one under way"):
        settled(old).wait(5)
    motor.ends.pop(0)
    motor.come_to_rest(0.0)
    settled(new).wait(5)
    assert motor.halts == []


def test_one_that_rests_elsewhere_unasked_is_stopped(motor):
    order = motor.set(180.0)
    motor.come_to_rest(16.8)
    with pytest.raises(MotorNotThereError, match=r"stands at 16\.8 "):
        settled(order).wait(5)
    assert motor.halts == [1]


def test_one_that_a_plan_pauses_counts_as_done(motor):
    order = motor.set(180.0)
    motor.stop(success=True)
    settled(order).wait(5)
    motor.come_to_rest(16.8)
    assert motor.halts == [1]


def cut_and_connect(motor, rests):
    """What Channel Access tells when the server of a motor is out of reach, and then back."""
    motor.is_done.sim_put(rests)
    for connected in (False, True):
        motor.readback._run_subs(sub_type=motor.readback.SUB_META, connected=connected)


def test_a_motor_whose_server_was_started_anew_on_the_way_fails_at_once(motor):
    order = motor.set(180.0)
    cut_and_connect(motor, rests=1)
    with pytest.raises(MotorNotThereError, match=r"180 .* but stands at 0"):
        settled(order).wait(5)


def test_a_motor_that_arrives_behind_a_gap_of_the_network_is_there(motor):
    order = motor.set(180.0)
    cut_and_connect(motor, rests=0)
    assert not order.done
    motor.readback.sim_put(180.0)
    motor.is_done.sim_put(1)
    settled(order).wait(5)
