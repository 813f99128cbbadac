"""What latches, and when, at clock factors 1, 100 and 2000, the cycler driven as by its server."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.simulated_beamline.instrument.cycler import Cycler, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.stepping import LONGEST_STEP_S
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

FACTORS = (1, 100, 2000)
TICK_S = 0.1
CAPACITY_MAH = 2.0
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Straight:
    voltage_v: float
    current_a: float = 0.0
    charge_c: float = 0.0
    time_s: float = 0.0
    lithium_content: float = 0.9
    spot_lithium_content: float = 0.9


class StraightCell:
    """A capacitor behind a resistor: at constant current its voltage is a straight line."""

    def __init__(self):
        self.state = Straight(3.5)

    def suggested_step_s(self):
        return 10.0

    def voltage_v(self, charge_c):
        return 3.5 + 0.5 * charge_c

    def step(self, duration_s, *, current_a=None, voltage_v=None):
        assert voltage_v is None
        charge_c = self.state.charge_c + duration_s * current_a
        self.state = replace(
            self.state,
            current_a=current_a,
            charge_c=charge_c,
            time_s=self.state.time_s + duration_s,
            voltage_v=self.voltage_v(charge_c) + 20.0 * current_a,
        )
        return self.state


class WavyCell(StraightCell):
    """Its |dQ/dV| has a maximum every 0.3 C, the first at 0.15 C."""

    def voltage_v(self, charge_c):
        return 3.5 + 0.5 * charge_c + 0.015 * np.sin(2 * np.pi * charge_c / 0.3)


def running(cell, program, rules):
    meter = Meter(0.0, 0.0, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1))
    coulometry = Coulometry(CAPACITY_MAH, 0.9)
    cycler = Cycler(cell, meter, coulometry, temperature_degc=25.0, time_s=1.7e9)
    cycler.safety.vmax, cycler.safety.vmin, cycler.safety.imax = 5.0, 0.0, 1.0
    cycler.safety.qmax, cycler.safety.tmax = 5.0, 60.0
    cycler.load(compile_program(*program))
    for number, rule in enumerate(rules, start=1):
        cycler.triggers[number].set_rule(rule)
        cycler.arm(number)
    cycler.start()
    return cycler


def live(cycler, factor, until_s, rng):
    """Advance in ticks of uneven length; gives for every latch when the instrument told it, s."""
    told = {number: [] for number in cycler.triggers}
    while cycler.state is State.RUNNING and cycler.time_s < 1.7e9 + until_s - 1e-3:
        tick_s = factor * TICK_S * rng.uniform(0.2, 1.8)
        cycler.advance(min(cycler.time_s + tick_s, 1.7e9 + until_s), 1000)
        for number, channel in cycler.triggers.items():
            told[number] += [cycler.time_s - 1.7e9] * (channel.count - len(told[number]))
    return told


def latched(cycler, number):
    return [latch.sample.time - 1.7e9 for latch in cycler.triggers[number].latches]


def random_program(rng):
    """Constant currents of random sign and length, each with a time."""
    count = int(rng.integers(1, 6))
    currents = rng.uniform(0.2e-3, 3e-3, count) * rng.choice((-1, 1), count)
    durations = rng.uniform(3.0, 25.0, count)
    values = {"CP:0:ISTEP": currents, "CP:0:DURSTEP": durations, "CP:0:STEPN": count - 1}
    return ("cp", values), float(durations.sum())


RULES = (
    "every voltage 0.00123",
    "every step_time 2.3 or at voltage 3.5071 both",
    "at voltage 3.4971,3.5029 both hysteresis 0.0011 or dqdv approach 3.498,3.504 margin 0.0013",
    "voltage_rate below 0.00071 over 3.1 or at voltage_rate 0.00055 both over 2.2",
    "current above 0 for 4.2 and voltage above 3.502",
    "every half_cycle 1 or step end",
    "every lithium_content 0.00037 each half_cycle",
    "every capacity 0.00021 dead_band 0.0008 min_interval 1.7",
)


@settings(max_examples=4, deadline=None)
@given(SEEDS, SEEDS)
def test_any_protocol_latches_the_same_at_every_clock_factor(program_seed, tick_seed):
    program, length_s = random_program(np.random.default_rng(program_seed))
    found = []
    for factor in FACTORS:
        cycler = running(StraightCell(), program, RULES)
        told = live(cycler, factor, length_s + 5.0, np.random.default_rng(tick_seed))
        found.append([latched(cycler, number) for number in cycler.triggers])
        assert [len(one) for one in told.values()] == [len(one) for one in found[-1]]
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert two == pytest.approx(one, abs=1e-4)


def charging(factor, seconds, rules):
    parameters = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
    current_a = parameters.theoretical_capacity_mah / 1000 / 2
    values = {"CP:0:ISTEP": [current_a], "CP:0:DURSTEP": [seconds], "CP:0:REDT": [10.0]}
    cycler = running(HalfCell(parameters, lithium_content=0.9), ("cp", values), rules)
    told = live(cycler, factor, seconds, np.random.default_rng(3))
    return cycler, told


# Rules with the largest error of their time: content is a straight line, the voltage bends most at the begin.
CELL_RULES = {
    "every lithium_content 0.0011": 1e-3,
    "every voltage 0.0041": 1.0,
    "at voltage_rate 4e-4 falling hysteresis 5e-5 over 20": 1.0,
}


@pytest.fixture(scope="module")
def truth():
    cycler, _ = charging(1, 150.0, CELL_RULES)
    return [latched(cycler, number) for number in (1, 2, 3)]


@pytest.mark.parametrize("factor", [100, 2000])
def test_triggers_of_a_cell_are_told_within_one_sample_and_timed_far_better(truth, factor):
    cycler, told = charging(factor, 150.0, CELL_RULES)
    for number, (exact, error_s) in enumerate(zip(truth, CELL_RULES.values(), strict=True), start=1):
        times = latched(cycler, number)
        assert len(times) == len(exact) > 0
        delays = np.subtract(told[number], times)
        assert delays.min() >= -1e-6
        assert delays.max() <= LONGEST_STEP_S
        assert np.abs(np.subtract(times, exact)).max() <= error_s


@pytest.mark.parametrize("factor", FACTORS)
def test_a_feature_is_told_within_one_sample_of_its_confirmation_and_placed_far_better(factor):
    program = ("cp", {"CP:0:ISTEP": [1e-3], "CP:0:DURSTEP": [700.0]})
    cycler = running(WavyCell(), program, ("dqdv confirmed", "dqdv approach 3.595 margin 0.02"))
    told = live(cycler, factor, 700.0, np.random.default_rng(5))
    confirmed, (approached,) = cycler.triggers[1].latches, latched(cycler, 2)
    assert np.subtract(told[1], latched(cycler, 1)).max() <= LONGEST_STEP_S
    passed = [latch.sample.time - latch.late_s - 1.7e9 for latch in confirmed]
    assert passed == pytest.approx([150.0, 450.0], abs=0.5 * LONGEST_STEP_S)
    assert min(latch.late_s for latch in confirmed) > 30.0
    assert 0 <= told[2][0] - approached <= LONGEST_STEP_S
    assert approached < passed[0]
