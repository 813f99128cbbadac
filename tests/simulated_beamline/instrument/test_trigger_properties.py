"""No crossing lost, none twice, order kept, whatever the protocol, the rules and the sampling."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from operando.plans.trigger_text import trigger_from_text
from operando.simulated_beamline.instrument.sample import Sample
from trigger_paths import latched, protocol, resampled, times, ways

SEEDS = st.integers(0, 2**32 - 1)
STEPS = st.integers(1, 8)
EVENTS = (
    "every time {t}",
    "every protocol_time {t}",
    "every step_time {t}",
    "every voltage {v}",
    "every voltage 0.021 dead_band {v}",
    "every lithium_content 0.0131",
    "every capacity 0.033",
    "every half_cycle 1",
    "every voltage_rate 2.3e-4 over {t}",
    "at voltage {l},{m} both",
    "at voltage {l},{m} rising hysteresis {v}",
    "at voltage {l} falling dead_band {v}",
    "at voltage {l},{m} both for {t}",
    "at voltage {l} both hysteresis {v} for {t}",
    "at current 0.0004 both",
    "at protocol_time {t} rising",
    "at step_time {t} rising",
    "at voltage_rate 3.1e-4 both over {t}",
    "at voltage_rate 2e-4 falling hysteresis 5e-5 for {t}",
    "step start",
    "step end s1",
    "ttl both",
    "dqdv confirmed window {w}",
    "dqdv confirmed discharging window {w} prominence 0.3",
    "dqdv approach {l},{m} margin {v}",
    "dqdv approach {m} charging margin {v}",
    "dqdv approach last margin {v} window {w}",
)
STATES = (
    "voltage above {l}",
    "voltage below {m} hysteresis {v}",
    "voltage above {l} for {t}",
    "current above 0",
    "voltage_rate below 2.7e-4 over {t}",
    "voltage_rate below 3e-4 for {t}",
    "step_time above {t}",
    "in_step s1",
    "in_step s2 for {t}",
    "at_rest",
    "at_rest for {t}",
    "cycle 1",
    "half_cycle 2",
    "ttl high",
)


def written(template, rng):
    return template.format(
        t=rng.uniform(10, 400),
        v=rng.uniform(0.005, 0.1),
        l=rng.uniform(3.0, 3.6),
        m=rng.uniform(3.6, 4.2),
        w=rng.uniform(0.05, 0.3),
    )


def random_rule(seed):
    """A rule of one to three alternatives, gated or not, thinned or not."""
    rng, alternatives = np.random.default_rng(seed), []
    for _ in range(rng.integers(1, 4)):
        parts = [written(rng.choice(EVENTS), rng)] if rng.random() < 0.7 else []
        parts += [written(rng.choice(STATES), rng) for _ in range(rng.integers(0 if parts else 1, 3))]
        alternatives.append(" and ".join(parts))
    endings = ("", "", " once", " each cycle", " each half_cycle", f" min_interval {rng.uniform(10, 900)}")
    return " or ".join(alternatives) + rng.choice(endings)


@settings(max_examples=200, deadline=None)
@given(SEEDS, STEPS, SEEDS, SEEDS)
@example(path_seed=1, steps=3, rule_seed=396, sampling_seed=1)
@example(path_seed=3754825165, steps=8, rule_seed=70727624, sampling_seed=3473927137)
def test_any_rule_latches_the_same_however_the_path_is_sampled(path_seed, steps, rule_seed, sampling_seed):
    path, rule = protocol(path_seed, steps), random_rule(rule_seed)
    coarse, dense = latched(rule, path), latched(rule, resampled(path, sampling_seed))
    assert len(coarse) == len(dense), rule
    for one, other in zip(coarse, dense, strict=True):
        # Doubles hold UNIX time to 2e-7 s.
        assert other.sample.time == pytest.approx(one.sample.time, abs=1e-4), rule
        assert other.sample.voltage == pytest.approx(one.sample.voltage, abs=1e-6), rule


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS)
def test_a_rule_that_the_plans_read_and_write_again_latches_the_same(path_seed, rule_seed):
    path, rule = protocol(path_seed, 4), random_rule(rule_seed)
    trigger = trigger_from_text(rule)
    assert trigger_from_text(trigger.rule_text) == trigger
    assert times(trigger.rule_text, path) == times(rule, path), rule


@settings(max_examples=100, deadline=None)
@given(SEEDS, STEPS, SEEDS)
def test_latches_of_any_rule_are_in_order_of_time_and_none_is_at_the_same_place_twice(
    path_seed, steps, rule_seed
):
    path, rule = protocol(path_seed, steps), random_rule(rule_seed)
    found = [latch.sample for latch in latched(rule, path)]
    assert all(one.time <= other.time for one, other in itertools.pairwise(found))
    # A jump of the rate, which is not in the sample, may pass several multiples in one instant.
    assert len(set(found)) == len(found) or "rate" in rule or "step" in rule


def crossings(path, quantity, level, signs):
    """Independent of the evaluator: instants at which straight lines pass a level."""
    found = []
    for before, after in ways(path):
        start, end = before.value(quantity) - level, after.value(quantity) - level
        for sign in signs:
            if sign * start < 0 <= sign * end:
                share = start / (start - end)
                found.append(before.time + share * (after.time - before.time) - path[0].time)
    return found


def value_at(path, quantity, instant):
    samples = [item for item in path if isinstance(item, Sample)]
    return np.interp(
        instant, [one.time - path[0].time for one in samples], [one.value(quantity) for one in samples]
    )


@settings(max_examples=100, deadline=None)
@given(SEEDS, STEPS, st.sampled_from([("rising", (1,)), ("falling", (-1,)), ("both", (1, -1))]), SEEDS)
def test_each_crossing_of_a_level_latches_once(path_seed, steps, direction, sampling_seed):
    word, signs = direction
    path = protocol(path_seed, steps)
    expected = crossings(path, "voltage", 3.54321, signs)
    found = times(f"at voltage 3.54321 {word}", resampled(path, sampling_seed))
    assert found == pytest.approx(expected, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(SEEDS, STEPS, SEEDS)
def test_with_persistence_those_crossings_latch_that_last(path_seed, steps, sampling_seed):
    path = protocol(path_seed, steps)
    level, for_s = 3.54321, 123.4
    up, down = crossings(path, "voltage", level, (1,)), crossings(path, "voltage", level, (-1,))
    end = [item for item in path if isinstance(item, Sample)][-1].time - path[0].time
    expected = [
        one + for_s for one in up if one + for_s <= end and not any(one < two < one + for_s for two in down)
    ]
    found = times(f"at voltage {level} rising for {for_s}", resampled(path, sampling_seed))
    assert found == pytest.approx(expected, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(SEEDS, STEPS, SEEDS)
def test_a_gated_crossing_latches_where_the_state_holds_and_nowhere_else(path_seed, steps, sampling_seed):
    path = protocol(path_seed, steps, jumps=False)
    every = crossings(path, "voltage", 3.54321, (1, -1))
    expected = [one for one in every if value_at(path, "capacity", one) >= 0.0123]
    rule = "at voltage 3.54321 both and capacity above 0.0123"
    assert times(rule, resampled(path, sampling_seed)) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(SEEDS, STEPS, SEEDS)
def test_either_of_two_conditions_latches_each_time_it_is_met(path_seed, steps, sampling_seed):
    path = protocol(path_seed, steps)
    expected = sorted(
        crossings(path, "voltage", 3.54321, (1,)) + crossings(path, "capacity", 0.0789, (1, -1))
    )
    rule = "at voltage 3.54321 rising or at capacity 0.0789 both"
    assert times(rule, resampled(path, sampling_seed)) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(SEEDS, STEPS, SEEDS)
def test_the_rate_of_the_voltage_crosses_where_the_mean_over_the_window_does(path_seed, steps, sampling_seed):
    path = protocol(path_seed, steps, jumps=False)
    window, level = 77.7, 3.21e-4
    knots = [sample.time - path[0].time for sample in path if isinstance(sample, Sample)]
    cuts = np.array(sorted({t for knot in knots for t in (knot, knot + window) if window <= t <= knots[-1]}))
    slopes = [(value_at(path, "voltage", t) - value_at(path, "voltage", t - window)) / window for t in cuts]
    expected = []
    for (t0, s0), (t1, s1) in itertools.pairwise(zip(cuts, slopes, strict=True)):
        for sign in (1, -1):
            if (sign * s0 - level) * (sign * s1 - level) < 0:
                expected.append(t0 + (t1 - t0) * (sign * level - s0) / (s1 - s0))
    rule = f"at voltage_rate {level} both over {window}"
    assert times(rule, resampled(path, sampling_seed)) == pytest.approx(sorted(expected), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(SEEDS, STEPS, st.floats(1.0, 2000.0))
def test_a_highest_rate_keeps_the_first_and_those_late_enough_after_the_last_kept(path_seed, steps, least):
    path, last, expected = protocol(path_seed, steps), -math.inf, []
    for instant in times("every voltage 0.0213", path):
        if instant - last >= least:
            expected.append(instant)
            last = instant
    assert times(f"every voltage 0.0213 min_interval {least}", path) == expected
