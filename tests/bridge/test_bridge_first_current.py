"""The first current of a protocol shows whether the leads are reversed, as in the own instrument."""

import asyncio

import pytest
from operando.bridge.driver import RUNNING, STOPPED, Reading
from operando.bridge.instrument import State
from operando.bridge.step import Step
from test_eclab_bridge_cycler import CHARGE, cycler, run

__all__ = ["cycler"]
DISCHARGE = Step("discharge", "CPLIMIT", -1e-3, 1e9, until_voltage_v=3.0)
HOLD = Step("hold", "CALIMIT", 4.2, 3600.0)


@pytest.mark.parametrize(
    ("step", "voltage_v", "current_a", "told"),
    [
        (CHARGE, 3.65, 1e-3, "the voltage fell by 50 mV when the first charge began"),
        (DISCHARGE, 3.75, -1e-3, "the voltage rose by 50 mV when the first discharge began"),
        (HOLD, 3.2, 5e-3, "the voltage fell by 500 mV when the first charge began"),
    ],
    ids=["charge", "discharge", "hold"],
)
def test_a_voltage_that_goes_against_the_first_current_opens_the_circuit(
    cycler, step, voltage_v, current_a, told
):
    run(cycler, (step,), [Reading(1.0, voltage_v, current_a, (RUNNING,))])
    assert (cycler.state, cycler.safety.tripped, cycler._runner.stops) == (State.STOPPED, True, 1)
    assert told in cycler.safety.cause
    assert "the current leads are reversed" in cycler.message


@pytest.mark.parametrize(
    ("step", "voltage_v", "current_a"), [(CHARGE, 3.75, 1e-3), (DISCHARGE, 3.65, -1e-3), (HOLD, 4.2, 5e-3)]
)
def test_a_voltage_that_goes_the_way_of_the_first_current_is_no_fault(cycler, step, voltage_v, current_a):
    run(cycler, (step,), [Reading(1.0, voltage_v, current_a, (RUNNING,))])
    assert (cycler.state, cycler.safety.tripped) == (State.RUNNING, False)


def test_a_poll_from_before_the_current_tells_nothing_and_the_next_one_is_looked_at(cycler):
    readings = [Reading(0.5, 3.69, 0.0), Reading(1.0, 3.68, 0.0, (RUNNING,)), Reading(1.2, 3.65, 1e-3)]
    run(cycler, (CHARGE,), readings[:2])
    assert not cycler.safety.tripped
    run_on(cycler, readings[2:])
    assert "reversed" in cycler.safety.cause


def test_only_the_first_current_is_judged_since_a_cell_relaxes_after_it(cycler):
    first = [
        Reading(1.0, 3.8, 1e-3, (RUNNING,)),
        Reading(2.0, 3.80, 1e-3),
        Reading(63.0, 3.9, 0.0, (STOPPED,)),
    ]
    second = [Reading(64.0, 3.85, 1e-3, (RUNNING,))]
    step = Step("charge", "CPLIMIT", 1e-3, 60.0)
    run(cycler, (step, CHARGE), first + second)
    assert (cycler.step.id, cycler.safety.tripped) == ("charge", False)
    assert len(cycler._runner.begun) == 2


def run_on(cycler, readings):
    async def go():
        for reading in readings:
            await cycler.take(reading)

    asyncio.run(go())
