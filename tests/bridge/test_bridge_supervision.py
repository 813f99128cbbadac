"""A driver that dies or hangs: an alarm in time, the policy applied, the circuit opened when it can be."""

import asyncio

import pytest
from caproto import AlarmSeverity
from operando.bridge.driver import DriverError, EcLabDriver
from operando.bridge.instrument import State
from operando.bridge.server import EcLabBridge
from operando.bridge.supervision import SampleSupervision
from operando.bridge.watch import Watch
from test_eclab_bridge_cycler import CHARGE, charging, cycler, run

__all__ = ["cycler"]


@pytest.fixture
def watch(cycler):
    """Watch over a cell that charges; at 100 s of the wall its driver has answered and given a sample."""
    run(cycler, (CHARGE,), charging(3.8, 3.81))
    cycler.supervision.begin(100.0)
    cycler._begun_wall_s = 100.0
    return Watch(cycler)


def look(watch, wall_s):
    asyncio.run(watch.look(wall_s))


def test_samples_that_come_in_time_are_no_alarm(watch, cycler):
    look(watch, 109.0)
    assert (watch.loss, cycler.state) == ("", State.RUNNING)


@pytest.mark.parametrize(
    ("answered_s", "cause"),
    [(100.0, "has not answered for 10 s"), (110.0, "answers, but has given no sample for 10 s")],
)
def test_samples_that_fail_to_come_stop_the_protocol_and_latch_a_trip(watch, cycler, answered_s, cause):
    cycler.supervision.answered_s = answered_s
    look(watch, 110.5)
    assert (cycler.state, cycler.safety.tripped, cycler._runner.stops) == (State.STOPPED, True, 1)
    assert cause in cycler.safety.cause
    assert "it is not known whether the circuit is open" in cycler.message
    assert cause in watch.loss


def test_the_circuit_is_opened_as_soon_as_a_dead_driver_is_back(watch, cycler, monkeypatch):
    async def silent():
        raise DriverError("no answer")

    opens = cycler._runner.stop
    monkeypatch.setattr(cycler._runner, "stop", silent)
    for wall_s in (111.0, 112.0):
        with pytest.raises(DriverError):
            look(watch, wall_s)
    assert cycler.needs_samples
    monkeypatch.setattr(cycler._runner, "stop", opens)
    cycler.supervision.begin(113.0)
    look(watch, 113.0)
    assert (watch.loss, cycler.needs_samples, cycler._runner.stops) == ("", False, 1)
    assert "the driver gives samples again" in cycler.message
    assert cycler.safety.tripped


def test_a_user_may_choose_that_the_protocol_goes_on(watch, cycler):
    cycler.supervision.action = "continue"
    look(watch, 120.0)
    assert (cycler.state, cycler.safety.tripped, cycler._runner.stops) == (State.RUNNING, False, 0)
    assert cycler.message == watch.loss != ""
    cycler.supervision.begin(121.0)
    look(watch, 121.0)
    assert watch.loss == ""


def test_a_driver_that_stands_still_gives_no_samples_but_must_answer():
    supervision = SampleSupervision(answered_s=100.0, sampled_s=0.0)
    assert supervision.loss(109.0, running=False) == ""
    assert "not answered" in supervision.loss(111.0, running=False)


def test_what_depends_on_samples_has_the_severity_of_an_alarm_while_none_come():
    async def go():
        bridge = EcLabBridge(EcLabDriver("X:"))
        shown = bridge.channels()
        bridge._watched.loss = bridge.cycler.message = "SAMPLES: the driver has not answered for 10 s"
        await bridge.publish()
        lost = [
            (shown[name].alarm.severity, shown[name].value) for name in ("MESSAGE", "EWE", "SAMPLES:LOST")
        ]
        bridge._watched.loss = ""
        await bridge.publish()
        return lost, shown["MESSAGE"].alarm.severity, shown["SAMPLES:LOST"].value

    lost, found_again, count = asyncio.run(go())
    assert [severity for severity, _ in lost] == [AlarmSeverity.INVALID_ALARM] * 3
    assert "not answered" in str(lost[0][1])
    assert lost[2][1] == 1
    assert (found_again, count) == (AlarmSeverity.NO_ALARM, 0)


def test_a_lithium_content_that_is_set_is_shown_at_once_though_a_cell_at_rest_gives_no_sample():
    async def go():
        shown = EcLabBridge(EcLabDriver("X:")).channels()
        await shown["CELL:X0"].write(0.93)
        return shown["X"].value, shown["SOC"].value

    assert asyncio.run(go()) == (0.93, pytest.approx(0.07))
