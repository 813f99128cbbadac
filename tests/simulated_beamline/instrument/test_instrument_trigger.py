import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.simulated_beamline.instrument.sample import Sample
from operando.simulated_beamline.instrument.trigger import RuleError, TriggerChannel, parse_rule


def sample(time, voltage):
    return Sample(time, voltage, 1e-3, time / 100, 1 - time / 1000, time / 1000, 25.0)


def run(rule, points):
    """Latch times of a rule along straight lines between (time, voltage) points."""
    channel = TriggerChannel()
    channel.set_rule(rule)
    channel.arm(sample(*points[0]))
    found = []
    for before, after in itertools.pairwise(points):
        found += channel.feed(sample(*before), sample(*after))
    assert [latch.count for latch in found] == list(range(1, len(found) + 1))
    return [latch.sample.time for latch in found]


def refined(points, fractions):
    """The same straight lines, sampled more densely."""
    dense = [points[0]]
    for (t0, v0), (t1, v1) in itertools.pairwise(points):
        dense += [(t0 + f * (t1 - t0), v0 + f * (v1 - v0)) for f in sorted(fractions)] + [(t1, v1)]
    return dense


VOLTAGES = st.lists(st.floats(2.5, 4.5).map(lambda v: round(v, 3) + 0.00037), min_size=2, max_size=20)
FRACTIONS = st.lists(st.floats(0.01, 0.99), max_size=5, unique=True)
RULES = st.sampled_from(
    [
        "every voltage 0.1",
        "every voltage 0.013",
        "every time 7.3",
        "at voltage 3.0,3.5,4.0 rising",
        "at voltage 3.0,3.5,4.0 falling",
        "at voltage 3.0,3.5,4.0 both",
        "at voltage 3.5 both hysteresis 0.05",
        "at voltage 3.2,3.5 rising hysteresis 0.1",
    ]
)


@given(VOLTAGES, FRACTIONS, RULES)
def test_latches_do_not_depend_on_how_densely_the_cell_is_sampled(voltages, fractions, rule):
    points = [(10.0 * index, voltage) for index, voltage in enumerate(voltages)]
    coarse, dense = run(rule, points), run(rule, refined(points, fractions))
    assert len(coarse) == len(dense)
    assert dense == pytest.approx(coarse, abs=1e-6)


@given(VOLTAGES)
def test_every_multiple_that_is_crossed_latches_once_and_none_twice_in_a_row(voltages):
    points = [(10.0 * index, voltage) for index, voltage in enumerate(voltages)]
    expected, last, place = [], 0, 0.0
    for _, voltage in points[1:]:
        target = (voltage - voltages[0]) / 0.12345
        rising = [n for n in range(-30, 31) if place < n <= target]
        falling = [n for n in range(30, -31, -1) if target <= n < place]
        for multiple in rising + falling:
            if multiple != last:
                expected.append(multiple)
                last = multiple
        place = target
    assert len(run("every voltage 0.12345", points)) == len(expected)


@given(VOLTAGES)
def test_latches_are_in_order_of_time(voltages):
    times = run("every voltage 0.017", [(10.0 * index, voltage) for index, voltage in enumerate(voltages)])
    assert times == sorted(times)


def test_a_sample_exactly_on_a_multiple_latches_once():
    assert run("every voltage 0.5", [(0, 3.0), (10, 3.5), (20, 4.0)]) == [10, 20]


def test_a_turn_round_on_a_level_latches_once():
    assert run("at voltage 3.5 rising", [(0, 3.0), (10, 3.5), (20, 3.0)]) == [10]


def test_noise_around_a_level_latches_once_within_the_hysteresis():
    points = [(0, 3.4)] + [(i, 3.5 + 0.01 * (-1) ** i) for i in range(1, 20)] + [(20, 3.6)]
    assert len(run("at voltage 3.5 both hysteresis 0.05", points)) == 1
    assert len(run("at voltage 3.5 rising", points)) > 5


def test_arming_latches_nothing_and_counts_from_the_value_then():
    assert run("every voltage 0.1", [(0, 3.55), (10, 3.6)]) == []
    assert run("every voltage 0.1", [(0, 3.55), (10, 3.65)]) == pytest.approx([10.0], abs=1e-9)


def test_the_cell_is_interpolated_at_the_crossing():
    channel = TriggerChannel()
    channel.set_rule("at voltage 3.5 rising")
    channel.arm(sample(0, 3.0))
    (latch,) = channel.feed(sample(0, 3.0), sample(10, 4.0))
    assert (latch.sample.time, latch.sample.voltage) == pytest.approx((5.0, 3.5))
    assert latch.sample.lithium_content == pytest.approx(0.995)


def test_the_log_keeps_the_last_sixty_four_oldest_first():
    channel = TriggerChannel()
    channel.set_rule("every time 1")
    channel.arm(sample(0, 3.0))
    channel.feed(sample(0, 3.0), sample(100, 3.0))
    assert [latch.count for latch in channel.log] == list(range(37, 101))


def test_a_disarmed_channel_latches_nothing_and_arming_again_starts_at_zero():
    channel = TriggerChannel()
    channel.set_rule("every time 1")
    channel.arm(sample(0, 3.0))
    channel.feed(sample(0, 3.0), sample(3, 3.0))
    channel.disarm()
    assert channel.feed(sample(3, 3.0), sample(9, 3.0)) == []
    channel.arm(sample(9, 3.0))
    assert channel.count == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "every",
        "every foo 1",
        "every time -1",
        "every time nan",
        "at voltage x rising",
        "at voltage 3 up",
        "at voltage 3 both hysteresis -1",
        "step middle",
        "step end a b",
    ],
)
def test_a_rule_that_is_not_understood_is_refused(text):
    with pytest.raises(RuleError):
        parse_rule(text)


def test_a_step_rule_meets_its_own_step_only():
    rule = parse_rule("step end charge")
    assert rule.meets_boundary("end", "charge")
    assert not rule.meets_boundary("end", "rest")
    assert not rule.meets_boundary("start", "charge")
    assert parse_rule("step start").meets_boundary("start", "any")
    assert math.isfinite(parse_rule("every time 2").interval)
