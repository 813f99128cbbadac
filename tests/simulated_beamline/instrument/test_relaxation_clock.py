"""When a held cell has relaxed, told by the cycler itself at clock factors 1, 100 and 2000."""

import numpy as np
import pytest
from operando.plans.relaxation import Relaxation
from operando.simulated_beamline.instrument.cycler import Cycler, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.stepping import LONGEST_STEP_S
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

FACTORS = (1, 100, 2000)
TICK_S = 0.1
BEGIN_S = 1.7e9
SETTINGS = Relaxation(slope_max_mv_h=60.0, window_s=20.0, longest_s=7200.0, for_s=10.0)
PARAMETERS = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
CURRENT_A = PARAMETERS.theoretical_capacity_mah / 1000 / 2


def running(seconds, noise_v=0.0):
    """A cycler that charges a cell at C/2 for so long."""
    meter = Meter(noise_v, 0.0, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1))
    coulometry = Coulometry(PARAMETERS.theoretical_capacity_mah, 0.9)
    cell = HalfCell(PARAMETERS, lithium_content=0.9)
    cycler = Cycler(cell, meter, coulometry, temperature_degc=25.0, time_s=BEGIN_S)
    cycler.safety.vmax, cycler.safety.vmin, cycler.safety.imax = 5.0, 0.0, 1.0
    cycler.safety.qmax, cycler.safety.tmax = 5.0, 60.0
    cycler.load(compile_program("cp", {"CP:0:ISTEP": [CURRENT_A], "CP:0:DURSTEP": [seconds]}))
    cycler.start()
    return cycler


def watch(cycler, rule):
    cycler.triggers[8].set_rule(rule)
    cycler.arm(8)


def rest(cycler, factor, seconds, rng, latches=2):
    """Advance in ticks of uneven length until so many latches are told; when each was told, s."""
    told = []
    while len(told) < latches and cycler.time_s < BEGIN_S + seconds:
        cycler.advance(cycler.time_s + factor * TICK_S * rng.uniform(0.2, 1.8), 1000)
        told += [cycler.time_s] * (cycler.triggers[8].count - len(told))
    return told


def held(factor, settings=SETTINGS, noise_v=0.0, latency_ticks=0):
    """Begin and end of a rest, when they were told, s; the cell is held after 120 s of charge."""
    cycler, rng = running(3600.0, noise_v), np.random.default_rng(4)
    while cycler.time_s < BEGIN_S + 120.0 - 1e-3:
        cycler.advance(BEGIN_S + 120.0, 1000)
    watch(cycler, settings.rule(settings.longest_s, tells_begin=True))
    for _ in range(latency_ticks):
        cycler.advance(cycler.time_s + factor * TICK_S, 1000)
    cycler.hold("rest")
    told = rest(cycler, factor, 9000.0, rng)
    return [latch.sample.time for latch in list(cycler.triggers[8].latches)[:2]], told


@pytest.fixture(scope="module")
def relaxed_s():
    """Time from the begin of the rest to its end, s, from the cell alone in steps of 0.5 s."""
    cell = HalfCell(PARAMETERS, lithium_content=0.9)
    for _ in range(240):
        cell.step(0.5, current_a=CURRENT_A)
    voltages_v = [cell.step(0.0, current_a=0.0).voltage_v]
    voltages_v += [cell.step(0.5, current_a=0.0).voltage_v for _ in range(1200)]
    window = round(2 * SETTINGS.window_s)
    slopes_mv_h = np.abs(np.subtract(voltages_v[window:], voltages_v[:-window])) / SETTINGS.window_s * 3.6e6
    is_slow = slopes_mv_h <= SETTINGS.slope_max_mv_h
    assert (np.diff(is_slow.astype(int)) != 0).sum() == 1
    return SETTINGS.window_s + 0.5 * int(np.argmax(is_slow)) + SETTINGS.for_s


@pytest.mark.parametrize("factor", FACTORS)
def test_the_end_of_a_relaxation_is_told_within_one_sample_and_timed_far_better(factor, relaxed_s):
    (began_s, ended_s), told_s = held(factor)
    assert began_s == pytest.approx(BEGIN_S + 120.0, abs=1e-3)
    assert relaxed_s > SETTINGS.shortest_s + 60.0
    assert abs(ended_s - began_s - relaxed_s) <= 1.0
    assert 0.0 <= told_s[1] - ended_s <= LONGEST_STEP_S


@pytest.mark.parametrize("factor", FACTORS)
def test_a_slow_client_neither_shortens_a_rest_nor_prolongs_it(factor):
    easy = Relaxation(slope_max_mv_h=1e6, window_s=20.0, longest_s=7200.0, for_s=10.0)
    (began_s, ended_s), _ = held(factor, easy, latency_ticks=3)
    assert ended_s - began_s == pytest.approx(30.0, abs=1e-3)
    never = Relaxation(slope_max_mv_h=1e-6, window_s=20.0, longest_s=60.0, for_s=10.0)
    (began_s, ended_s), _ = held(factor, never, latency_ticks=3)
    assert ended_s - began_s == pytest.approx(60.0, abs=1e-3)


def test_noise_does_not_end_a_relaxation_long_before_its_time(relaxed_s):
    (began_s, ended_s), _ = held(100, noise_v=1e-5)
    assert abs(ended_s - began_s - relaxed_s) < 0.3 * relaxed_s


def test_a_cell_whose_protocol_ends_at_the_state_is_watched_on():
    cycler = running(60.0)
    watch(cycler, SETTINGS.rule(100.0, tells_begin=True))
    rest(cycler, 100, 9000.0, np.random.default_rng(4))
    assert cycler.state is State.STOPPED
    began_s, ended_s = (latch.sample.time for latch in list(cycler.triggers[8].latches)[:2])
    assert (began_s - BEGIN_S, ended_s - began_s) == pytest.approx((60.0, 100.0), abs=1e-3)
    watch(cycler, "every time 10")
    cycler.advance(cycler.time_s + 100.0, 1000)
    assert cycler.triggers[8].count == 0


def test_a_cell_that_goes_on_is_not_at_rest():
    cycler = running(600.0)
    cycler.hold("rest")
    watch(cycler, "at_rest for 100")
    cycler.advance(cycler.time_s + 50.0, 1000)
    cycler.resume()
    cycler.advance(cycler.time_s + 200.0, 1000)
    cycler.hold("hold_voltage")
    cycler.advance(cycler.time_s + 200.0, 1000)
    assert cycler.triggers[8].count == 0
