"""Cell and beamline wait for each other through the bridge, by steps of the protocol."""

import asyncio

import pytest
from operando.bridge.driver import RUNNING, STOPPED, Reading
from operando.bridge.instrument import RefusedError, State
from operando.bridge.step import Step, StepError, steps_of
from test_eclab_bridge_cycler import CHARGE, charging, cycler, run

__all__ = ["cycler"]
AT_REST = [Reading(10.0, 3.7, 0.0, (RUNNING,)), Reading(20.0, 3.7, 0.0)]


def waits(parameters=None):
    return steps_of("ti,ocv", {"TI:0:TIMEOUT": 600.0, "TI:0:ID": "wait"} | (parameters or {}))


def test_a_waiting_cell_goes_on_at_the_trigger(cycler):
    run(cycler, waits(), AT_REST)
    assert cycler.is_waiting
    asyncio.run(cycler.trigger())
    assert (cycler.is_waiting, cycler.step.id, cycler.state) == (False, "ocv-1", State.RUNNING)
    assert [name for name, _ in cycler._runner.begun] == ["OCV", "OCV"]
    assert cycler._runner.stops == 1


def test_a_wait_without_a_trigger_goes_on_at_its_time_out(cycler):
    run(cycler, waits(), [*AT_REST, Reading(605.0, 3.7, 0.0, (STOPPED,))])
    assert cycler.step.id == "ocv-1"


def test_a_wait_without_a_trigger_stops_the_protocol_if_the_user_chose_so(cycler):
    run(cycler, waits({"TI:0:ONTIMEOUT": "stop"}), [*AT_REST, Reading(605.0, 3.7, 0.0, (STOPPED,))])
    assert cycler.state is State.STOPPED
    assert cycler.message == "stopped by step wait: no trigger came within 600 s"


def test_a_cell_may_hold_its_voltage_while_it_waits(cycler):
    program = (Step("charge", "CPLIMIT", 1e-3, 30.0), *waits({"TI:0:WAITING": "hold_voltage"}))
    run(cycler, program, [*charging(3.8, 3.81, 3.82), Reading(40.0, 3.8, 0.0, (STOPPED,))])
    name, values = cycler._runner.begun[-1]
    assert (name, values["T:CALIMIT:0:VSTEP:SP"]) == ("CALIMIT", [3.8])


def test_a_trigger_that_nobody_waits_for_is_refused(cycler):
    run(cycler, (CHARGE,), charging(3.8))
    with pytest.raises(RefusedError, match="no step waits for a trigger"):
        asyncio.run(cycler.trigger())


def test_an_unknown_way_of_waiting_is_refused():
    with pytest.raises(StepError, match="WAITING 'sleep' is unknown; use one of rest, hold_voltage"):
        waits({"TI:0:WAITING": "sleep"})


def test_a_trigger_out_is_counted_and_stamped_and_takes_no_time(cycler):
    cycler.triggers[1].set_rule("step start shoot")
    cycler.triggers[1].arm(cycler.sample)
    program = (Step("rest", "OCV", duration_s=10.0), *steps_of("to,ocv", {"TO:0:ID": "shoot"}))
    run(cycler, program, [Reading(5.0, 3.7, 0.0, (RUNNING,)), Reading(10.0, 3.7, 0.0, (STOPPED,))])
    assert (cycler.given, cycler.given_s, cycler.step.id) == (1, 10.0, "ocv-1")
    assert cycler.triggers[1].count == 1
