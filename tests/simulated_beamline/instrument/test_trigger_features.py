"""Features of |dQ/dV|: told once each, where and when they are, and nothing told where there is none."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.simulated_beamline.instrument.sample import Sample
from operando.simulated_beamline.instrument.trigger import RuleError, parse_rule
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters
from trigger_paths import latched, resampled, times

SEEDS = st.integers(0, 2**32 - 1)
CELL = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
C10_A = CELL.theoretical_capacity_mah / 1000 / 10
# |dQ/dV| of measured NMC811, charge and discharge, V (physics.md); polarised by C/10 here.
MEASURED_V = {0: (3.733, 4.005, 4.181), 1: (4.172, 3.992, 3.732)}
POLARISATION_V = 0.025


def half_cycles():
    """Charge to 4.3 V and discharge to 3.3 V at C/10 of the simulated NMC811, as the cell is stepped."""
    cell = HalfCell(CELL, lithium_content=0.9)
    path = []
    for half_cycle, current_a, end_v in ((0, C10_A, 4.3), (1, -C10_A, 3.3)):
        duration_s = 0.0
        while not path or (end_v - path[-1].voltage) * current_a > 0 or duration_s == 0.0:
            state = cell.step(duration_s, current_a=current_a)
            path.append(sample(state.time_s, state.voltage_v, state.charge_c / 3.6, current_a, half_cycle))
            duration_s = min(10.0, cell.suggested_step_s())
    return path


def sample(time_s, voltage_v, charge_mah, current_a, half_cycle=0):
    content = 0.9 - charge_mah / CELL.theoretical_capacity_mah
    return Sample(
        1.7e9 + time_s,
        voltage_v,
        current_a,
        charge_mah,
        content,
        1 - content,
        25.0,
        half_cycle=half_cycle,
        cycle=half_cycle // 2,
        protocol_time=time_s,
        step_time=time_s,
    )


@pytest.fixture(scope="module")
def charged():
    return half_cycles()


def measured(path, seed, *, noise_v, step_v):
    """What a voltmeter with noise and quantisation makes of it."""
    rng = np.random.default_rng(seed)
    seen = [one.voltage + noise_v * rng.standard_normal() for one in path]
    return [
        replace(one, voltage=round(volts / step_v) * step_v) for one, volts in zip(path, seen, strict=True)
    ]


def told(rule, path):
    """Per half cycle: voltage of the true path when each feature was passed, by latch and lateness."""
    found = {0: [], 1: []}
    clock = [one.time for one in path]
    for latch in latched(rule, path):
        passed = np.interp(latch.sample.time - latch.late_s, clock, [one.voltage for one in path])
        found[latch.sample.half_cycle].append(float(passed))
    return found


def maxima(path, half_cycle):
    """Independent of the evaluator: maxima of dQ/dV by differences of the exact path on 5 mV, V."""
    own = [one for one in path if one.half_cycle == half_cycle]
    order = 1 if half_cycle == 0 else -1
    volts, charge = [one.voltage for one in own][::order], [one.capacity for one in own][::order]
    axis = np.arange(min(volts), max(volts), 0.005)
    density = np.gradient(np.interp(axis, volts, charge), axis)
    density = np.convolve(density, np.ones(5) / 5, "same")
    inner = range(10, len(axis) - 10)
    tops = [axis[i] for i in inner if density[i] == density[i - 8 : i + 9].max()]
    return tops[::order]


def test_each_feature_of_the_simulated_cell_is_told_once(charged):
    found = told("dqdv confirmed", charged)
    for half_cycle in (0, 1):
        assert found[half_cycle] == pytest.approx(maxima(charged, half_cycle), abs=0.006)
        for feature_v in MEASURED_V[half_cycle]:
            assert sum(abs(one - feature_v) < POLARISATION_V for one in found[half_cycle]) == 1


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_quantisation_invent_no_feature_and_hide_none(charged, seed):
    exact = told("dqdv confirmed", charged)
    found = told("dqdv confirmed", measured(charged, seed, noise_v=2e-4, step_v=1e-4))
    for half_cycle in (0, 1):
        assert found[half_cycle] == pytest.approx(exact[half_cycle], abs=0.012)


def test_a_feature_is_confirmed_after_it_was_passed_and_says_how_late(charged):
    late_s = np.array([latch.late_s for latch in latched("dqdv confirmed", charged)])
    # Half a window of 30 mV and the fall by 5 %, at some 10 to 30 uV/s.
    assert (late_s > 500).all()
    assert (late_s < 4000).all()


@given(SEEDS, st.sampled_from([(5e-5, 5e-6), (2e-4, 1e-4), (5e-4, 5e-4)]))
@settings(max_examples=10, deadline=None)
def test_a_flat_stretch_with_noise_has_no_feature(seed, meter):
    rng = np.random.default_rng(seed)
    clock = np.cumsum(rng.uniform(1.0, 19.0, 1500))
    flat = [sample(t, 3.5 + 0.3 * t / clock[-1], 0.8 * t / clock[-1], 2e-4) for t in clock]
    assert times("dqdv confirmed", measured(flat, seed, noise_v=meter[0], step_v=meter[1])) == []


def bumps(centres_v, *, half_cycle=0, start_v=3.5, end_v=4.0, begin_s=0.0, charge_mah=0.0):
    """Half cycle at constant current through Gaussian features of 15 mV on a constant dQ/dV."""
    axis = np.linspace(start_v, end_v, 501)
    density = np.ones(501)
    for centre in centres_v:
        density += 4.0 * np.exp(-0.5 * ((axis - centre) / 0.015) ** 2)
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(axis)
    charge = np.concatenate([[0.0], np.cumsum(steps)])
    way = 1.0 if end_v > start_v else -1.0
    return [
        sample(begin_s + abs(q) * 3600, v, charge_mah + q, way * 1e-3, half_cycle)
        for v, q in zip(axis, charge, strict=True)
    ]


def cycles(*centres_v):
    """Charges and discharges, each through features of its own."""
    path = []
    for number, own in enumerate(centres_v):
        ends = (3.5, 4.0) if number % 2 == 0 else (4.0, 3.5)
        last = path[-1] if path else sample(0.0, 3.5, 0.0, 0.0)
        path += bumps(
            own,
            half_cycle=number,
            start_v=ends[0],
            end_v=ends[1],
            begin_s=last.time - 1.7e9,
            charge_mah=last.capacity,
        )
    return path


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_a_feature_is_where_it_is_however_it_is_sampled(seed):
    path = bumps((3.66, 3.82))
    irregular = [path[0], *itertools.compress(path[1:-1], np.random.default_rng(seed).random(499) < 0.5)]
    for one in (path, irregular, resampled(path, seed, most=1)):
        assert told("dqdv confirmed", one)[0] == pytest.approx([3.66, 3.82], abs=2e-3)


def test_a_curve_that_only_falls_or_only_rises_has_no_feature():
    assert times("dqdv confirmed", bumps((3.5,))) == []
    assert times("dqdv confirmed", bumps((4.0,))) == []


def test_a_way_may_be_asked_for():
    path = cycles((3.66,), (3.64,))
    assert len(times("dqdv confirmed", path)) == 2
    assert len(times("dqdv confirmed charging", path)) == 1
    (latch,) = latched("dqdv confirmed discharging", path)
    assert latch.sample.half_cycle == 1


def test_a_rest_in_between_and_the_charge_at_constant_voltage_change_nothing():
    path = bumps((3.66, 3.82))
    half, last = path[250], path[-1]
    relaxed = [replace(half, time=half.time + t, voltage=half.voltage - 0.02, current=0.0) for t in (1, 900)]
    later = [replace(one, time=one.time + 900) for one in path[251:]]
    held = [replace(last, time=last.time + 900 + t, capacity=last.capacity + t / 3600) for t in (600, 1200)]
    found = told("dqdv confirmed", [*path[:251], *relaxed, *later, *held])
    assert found[0] == pytest.approx([3.66, 3.82], abs=1e-3)


def test_a_jump_of_the_voltage_is_no_end_of_a_feature():
    path = bumps((3.9,))
    jumped = [one if one.voltage < 3.7 else replace(one, voltage=one.voltage + 0.06) for one in path]
    first = next(i for i, one in enumerate(jumped) if one.voltage > 3.75)
    last = jumped[first - 1]
    jumped.insert(first, replace(jumped[first], time=last.time, capacity=last.capacity))
    assert told("dqdv confirmed", jumped)[0] == pytest.approx([3.96], abs=1e-3)


def test_an_expected_voltage_is_told_of_by_the_margin_before_it_in_the_way_of_the_half_cycle():
    path = cycles((), ())
    found = latched("dqdv approach 3.7,3.9 margin 0.02", path)
    assert [latch.sample.voltage for latch in found] == pytest.approx([3.68, 3.88, 3.92, 3.72])
    assert {latch.late_s for latch in found} == {0.0}
    charging = latched("dqdv approach 3.7,3.9 charging margin 0.02", path)
    assert [latch.sample.voltage for latch in charging] == pytest.approx([3.68, 3.88])


def test_relaxation_and_a_second_pass_in_a_half_cycle_are_no_approach():
    path = bumps(())
    half = path[250]
    relaxed = [replace(half, time=half.time + t, voltage=3.6, current=0.0) for t in (1, 900)]
    later = [replace(one, time=one.time + 900) for one in path[251:]]
    found = latched("dqdv approach 3.7 margin 0.02", [*path[:251], *relaxed, *later])
    assert [latch.sample.voltage for latch in found] == pytest.approx([3.68])


def test_a_half_cycle_that_begins_inside_of_the_margin_approaches_at_once():
    path = cycles((), ())
    found = latched("dqdv approach 3.99 discharging margin 0.05", path)
    assert [(latch.sample.half_cycle, latch.sample.voltage) for latch in found] == [(1, 4.0)]


def test_the_last_half_cycle_of_the_same_way_tells_what_to_expect():
    path = cycles((3.7,), (3.8,), (3.72,), (3.82,), (3.75,))
    found = latched("dqdv approach last margin 0.02", path)
    told_of = [(latch.sample.half_cycle, latch.sample.voltage) for latch in found]
    expected = [(2, 3.68), (3, 3.82), (4, 3.70)]
    assert [number for number, _ in told_of] == [number for number, _ in expected]
    assert [volts for _, volts in told_of] == pytest.approx([volts for _, volts in expected], abs=1e-3)


def test_a_half_cycle_cut_short_takes_nothing_from_what_is_expected_beyond_its_end():
    path = cycles((3.65, 3.85), (), (3.65,), (), ())
    short = [one for one in path if one.half_cycle != 2 or one.voltage < 3.75]
    found = latched("dqdv approach last charging margin 0.02", short)
    volts = [latch.sample.voltage for latch in found if latch.sample.half_cycle == 4]
    assert volts == pytest.approx([3.63, 3.83], abs=1e-3)


def test_a_protocol_that_begins_anew_is_a_half_cycle_of_its_own():
    path = bumps((3.66,))
    again = [replace(one, time=one.time + 4000, capacity=one.capacity) for one in path]
    armed = replace(path[-1], time=path[-1].time + 100, protocol_time=9e5, current=0.0)
    assert len(times("dqdv confirmed", [armed, *again])) == 1
    assert len(times("dqdv approach 3.66 margin 0.02", [armed, *again])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "dqdv",
        "dqdv maximum",
        "dqdv confirmed rising",
        "dqdv confirmed window 0",
        "dqdv confirmed prominence 1",
        "dqdv approach 3.7",
        "dqdv approach margin 0.02",
        "dqdv approach 3.7 margin 0.02 window 0.03",
        "dqdv approach last margin -0.02",
        "dqdv approach x margin 0.02",
        "dqdv confirmed and dqdv approach last margin 0.02",
    ],
)
def test_a_feature_that_is_not_understood_is_refused(text):
    with pytest.raises(RuleError):
        parse_rule(text)
