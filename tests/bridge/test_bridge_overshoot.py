"""How far a limit is passed at worst: by the slope times the polls that a breach must have lasted for."""

import asyncio
import math

import numpy as np
import pytest
from operando.bridge.cycler import BridgedCycler
from operando.bridge.driver import RUNNING, Reading
from operando.bridge.instrument import State
from operando.bridge.step import Step
from test_eclab_bridge_cycler import Runner, run

VMAX_V, START_V = 4.5, 3.7
RUNS = 25
CHARGE = Step("charge", "CPLIMIT", 1e-3, 1e9)


def worst_overshoot_v(slope_v_s, poll_s, delay_s):
    """As the documentation has it (V); slope in V/s, times in s."""
    return slope_v_s * poll_s * (1 + math.ceil(delay_s / poll_s))


@pytest.mark.parametrize("poll_s", [0.2, 1.0])
@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.5])
def test_a_limit_is_passed_by_no_more_than_the_slope_times_the_polls_of_its_delay(poll_s, delay_s):
    generator = np.random.default_rng(7)
    slope_v_s, over_v = 0.02, []
    bound_v = worst_overshoot_v(slope_v_s, poll_s, delay_s)
    for first_s in generator.uniform(0.0, poll_s, RUNS):
        cycler = BridgedCycler(Runner())
        safety = cycler.safety
        safety.vmax, safety.vmin, safety.imax, safety.qmax, safety.tmax = VMAX_V, 2.5, 1.0, 9.0, 60.0
        safety.delay = delay_s
        run(cycler, (CHARGE,), [Reading(first_s + 0.1, START_V, 1e-3, (RUNNING,))])
        over_v.append(asyncio.run(ramp(cycler, slope_v_s, first_s, poll_s)) - VMAX_V)
    assert max(over_v) <= bound_v + 1e-9
    # The bound is no larger than it must be.
    assert max(over_v) > 0.5 * bound_v


async def ramp(cycler, slope_v_s, first_s, poll_s):
    """Poll a voltage that rises from 0.1 s before its limit; gives the one at which the circuit opens, V."""
    time_s = 10.0 + first_s
    while cycler.state is State.RUNNING:
        voltage_v = VMAX_V + slope_v_s * (time_s - 10.0 - poll_s)
        await cycler.take(Reading(time_s, voltage_v, 1e-3))
        time_s += poll_s
    return voltage_v
