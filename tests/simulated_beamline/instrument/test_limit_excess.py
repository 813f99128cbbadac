"""By how much a limit is exceeded: never by more than the slope there times the time until the next sample.

A sample period is the time between two looks of the instrument at its cell: 10 s at most, less where the
voltage moves, down to 1 ms. It is not the interval of the record, which is a choice of the protocol.
"""

import copy

import pytest
from cycler_bench import ONE_C_A, charging, current_step, live, load, made, rows
from operando.simulated_beamline.instrument.cycler import State
from operando.simulated_beamline.instrument.stepping import LONGEST_STEP_S

INSTANT_S = 1e-3
RESOLVED_V = 4e-4
"""By how much a voltage must be beyond a limit for the instrument to see it."""


def slope_v_s(cell, current_a):
    """How fast the voltage of the cell moves now (V/s), by the model alone."""
    probe = copy.copy(cell)
    before_v = probe.state.voltage_v
    return (probe.step(INSTANT_S, current_a=current_a).voltage_v - before_v) / INSTANT_S


def last_samples(cycler, limit_v, sign):
    """Samples beyond a limit until the trip: period (s), voltage (V) and steepest slope (V/s) of each."""
    found = []
    current_a = cycler.cell.state.current_a
    while not cycler.safety.tripped:
        cell, begun_s = copy.copy(cycler.cell), cycler.time_s
        slopes = [slope_v_s(cell, current_a)]
        cycler.advance(begun_s + 20.0, 1)
        period_s = cycler.time_s - begun_s
        # The instrument may have opened the circuit at once: what it saw is what the cell did until then.
        voltage_v = cell.step(period_s, current_a=current_a).voltage_v
        slopes.append(slope_v_s(cell, current_a))
        if sign * (voltage_v - limit_v) > 0:
            found.append((period_s, voltage_v, max(sign * each for each in slopes)))
    return found


def assert_excess_is_allowed(cycler, limit_v, sign):
    found = last_samples(cycler, limit_v, sign)
    period_s, steepest_v_s = found[0][0], max(slope for _, _, slope in found)
    excess_v = max(sign * (voltage_v - limit_v) for _, voltage_v, _ in found)
    assert 0.0 < period_s <= LONGEST_STEP_S
    assert 0.0 < excess_v <= steepest_v_s * (period_s + cycler.safety.delay) + RESOLVED_V


@pytest.mark.parametrize("record_dt_s", [1.0, 600.0])
@pytest.mark.parametrize("delay_s", [0.0, 0.5])
@pytest.mark.parametrize("rate", [0.5, 2.0, 8.0])
def test_the_highest_voltage_is_exceeded_by_no_more_than_a_sample(rate, delay_s, record_dt_s):
    cycler = charging(rate, record_dt_s=record_dt_s, delay_s=delay_s, lithium_content=0.6)
    cycler.safety.vmax = cycler.sample.voltage + 0.02
    assert_excess_is_allowed(cycler, cycler.safety.vmax, 1)


@pytest.mark.parametrize("delay_s", [0.0, 0.5])
@pytest.mark.parametrize("rate", [0.5, 2.0, 8.0])
def test_the_lowest_voltage_is_exceeded_by_no_more_than_a_sample_where_it_falls_steeply(rate, delay_s):
    cycler = made(lithium_content=0.93, delay_s=delay_s)
    cycler.safety.imax = 1.0
    load(cycler, "cplimit", current_step(0, -rate * ONE_C_A, record_dt_s=60.0))
    cycler.start()
    assert_excess_is_allowed(cycler, cycler.safety.vmin, -1)


def test_without_delay_the_first_sample_beyond_a_limit_opens_the_circuit():
    cycler = charging(2.0, delay_s=0.0)
    cycler.safety.qmax = 0.1
    current_a = cycler.sample.current
    live(cycler, 400.0)
    assert "QMAX" in cycler.safety.cause
    assert 0.0 < cycler.sample.capacity - 0.1 <= current_a / 3.6 * LONGEST_STEP_S


def test_a_breach_that_passes_within_the_delay_is_forgotten():
    cycler = charging(delay_s=5.0)
    cycler.set_leads(contact=False)
    live(cycler, 4.0)
    cycler.set_leads(contact=True)
    live(cycler, 100.0)
    assert (cycler.state, cycler.safety.is_pending) == (State.RUNNING, False)
    assert rows(cycler)[:, 2].max() == pytest.approx(5.5)


def test_a_stop_within_the_delay_forgets_the_breach():
    cycler = charging(delay_s=5.0)
    cycler.set_leads(contact=False)
    live(cycler, 1.0)
    cycler.stop()
    samples_before = cycler.record.count
    live(cycler, 100.0)
    assert cycler.record.count == samples_before
    assert cycler.safety.next_look_s(cycler.time_s) == float("inf")
