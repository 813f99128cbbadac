"""What each word of a rule means, on paths that are plain to the eye."""

import pytest
from operando.simulated_beamline.instrument.trigger import RuleError, TriggerChannel, parse_rule
from trigger_paths import Boundary, latched, line, times

RAMP = [(0, 3.0), (100, 4.0), (200, 3.0), (300, 4.0)]


def test_time_in_a_step_begins_anew_with_each_step():
    path = line(*((t, 3.0) for t in (0, 50, 50, 120)), step_time=lambda i: (0.0, 50.0, 0.0, 70.0)[i])
    assert times("every step_time 40", path) == pytest.approx([40, 90])
    assert times("at step_time 40 both", path) == pytest.approx([40, 90])


def test_time_since_the_start_counts_from_the_start_of_the_protocol_not_from_arming():
    path = line((0, 3.0), (100, 3.0), protocol_time=lambda i: (25.0, 125.0)[i])
    assert times("every protocol_time 50", path) == pytest.approx([25, 75])
    assert times("every time 50", path) == pytest.approx([50, 100])


def test_a_level_with_persistence_latches_at_the_end_of_that_time():
    assert times("at voltage 3.5 rising for 20", line(*RAMP)) == pytest.approx([70, 270])


def test_a_crossing_that_does_not_last_does_not_latch():
    assert times("at voltage 3.9 rising for 30", line(*RAMP)) == []


def test_a_dip_within_the_hysteresis_does_not_end_the_persistence():
    dip = line((0, 3.0), (10, 3.6), (15, 3.45), (20, 3.6), (100, 3.6))
    assert len(times("at voltage 3.5 rising hysteresis 0.1 for 30", dip)) == 1
    assert times("at voltage 3.5 rising hysteresis 0.1 for 30", dip)[0] == pytest.approx(10 * 5 / 6 + 30)
    assert times("at voltage 3.5 rising for 30", dip)[0] > 15 + 30


def test_a_state_latches_when_it_begins_to_hold_and_not_at_arming():
    assert times("voltage below 3.5", line(*RAMP)) == pytest.approx([150])
    assert times("voltage above 3.5", line(*RAMP)) == pytest.approx([50, 250])


def test_a_state_that_holds_for_a_time_latches_at_its_end():
    assert times("voltage below 3.5 for 30", line(*RAMP)) == pytest.approx([30, 180])


def test_two_states_latch_when_both_hold():
    assert times("voltage above 3.5 and capacity above 0.6", line(*RAMP)) == pytest.approx([60, 250])


def test_an_event_latches_only_while_the_state_holds():
    assert times("at voltage 3.5 both and capacity above 1", line(*RAMP)) == pytest.approx([150, 250])


def test_either_of_two_latches_and_both_together_once():
    rule = "at voltage 3.5 rising or at capacity 0.5 rising or at capacity 1.2 rising"
    assert times(rule, line(*RAMP)) == pytest.approx([50, 120, 250])


def test_a_cycle_latches_when_it_begins():
    path = line((0, 3.0), (10, 3.5), (10, 3.4), (20, 3.9), cycle=lambda i: i // 2)
    assert times("cycle 1", path) == [10]
    assert times("cycle 0", path) == []
    assert times("every cycle 1", path) == [10]


def test_once_and_once_in_each_cycle():
    path = line(*RAMP, (400, 3.0), (500, 4.0), cycle=lambda i: i // 3)
    assert times("at voltage 3.5 both once", path) == pytest.approx([50])
    assert times("at voltage 3.5 both each cycle", path) == pytest.approx([50, 350])


def test_a_highest_rate_leaves_out_what_comes_too_soon():
    assert times("every time 10 min_interval 25", line((0, 3.0), (100, 3.0))) == pytest.approx(
        [10, 40, 70, 100]
    )


def test_a_dead_band_keeps_the_rule_asleep_until_the_quantity_has_moved():
    flutter = line((0, 3.45), (10, 3.52), (20, 3.48), (30, 3.52), (40, 3.48), (60, 3.7))
    assert len(times("at voltage 3.5 both", flutter)) == 5
    assert len(times("at voltage 3.5 both dead_band 0.1", flutter)) == 1
    assert len(times("every voltage 0.01", flutter)) > len(
        times("every voltage 0.01 dead_band 0.05", flutter)
    )


def test_the_rate_of_the_voltage_is_known_once_its_window_is_full():
    relaxing = line((0, 4.0), (100, 3.9), (200, 3.88), (400, 3.879))
    # The mean over 50 s falls linearly from 1 to 0.2 mV/s between 100 s and 150 s.
    assert times("at voltage_rate 6e-4 falling over 50", relaxing) == pytest.approx([125])
    assert times("voltage_rate below 2e-3 over 50", relaxing) == pytest.approx([50])


def test_a_state_that_holds_when_it_becomes_known_latches_then_even_if_it_ends_on_the_same_way():
    bend = line((0, 4.0), (40, 3.99), (400, 3.0))
    assert times("voltage_rate below 1e-3 over 30", bend) == pytest.approx([30])


def test_a_rate_has_no_sign():
    valley = line((0, 4.0), (100, 3.9), (200, 4.0))
    assert times("at voltage_rate 5e-4 both over 40", valley) == pytest.approx([110, 130])


def test_the_line_latches_on_its_edges():
    path = line((0, 3.0), (10, 3.1), (10, 3.1), (20, 3.2), (20, 3.2), ttl=lambda i: i in (2, 3))
    assert times("ttl rising", path) == [10]
    assert times("ttl both", path) == [10, 20]
    assert times("ttl high for 4", path) == [14]


def test_a_cell_at_rest_latches_when_its_rest_begins_and_once_it_has_lasted():
    path = line(*((t, 3.0) for t in (0, 10, 10, 100)), at_rest=lambda i: i > 1)
    assert times("at_rest", path) == [10]
    assert times("at_rest for 60", path) == pytest.approx([70])
    assert times("at_rest for 60", path[2:]) == pytest.approx([60])


def test_a_rate_counts_once_its_whole_window_is_in_the_rest():
    # The jump hides the slope of 1 mV/s for as long as the window holds it.
    path = line((0, 4.0), (100, 4.1), (100, 4.05), (400, 4.05), at_rest=lambda i: i > 1)
    assert times("voltage_rate below 1e-4 over 50", path)[0] < 150
    rule = "voltage_rate below 1e-4 over 50 for 20 and at_rest for 70 or at_rest for 250"
    assert times(rule, path) == pytest.approx([170, 350])


def test_a_step_can_be_asked_for_by_name_and_gated():
    path = line((0, 3.0), (10, 3.6), (10, 3.6), (20, 3.0), step_id=lambda i: ("a", "a", "b", "b")[i])
    path.insert(3, Boundary("start", "b"))
    assert times("in_step b", path) == [10]
    assert times("at voltage 3.3 both and in_step b", path) == pytest.approx([15])
    assert times("step start b and voltage above 3.5", path) == [10]
    assert times("step start b and voltage below 3.5", path) == []


def test_a_latch_by_hand_needs_an_armed_channel_and_counts_with_the_others():
    channel, (first, last) = TriggerChannel(), line((0, 3.0), (10, 3.5))
    channel.set_rule("manual")
    with pytest.raises(RuleError, match="not armed"):
        channel.fire(first)
    channel.arm(first)
    assert channel.feed(first, last) == []
    assert channel.fire(last).count == 1
    assert channel.log[-1].sample is last


def test_pages_give_every_latch_of_a_long_absence():
    channel, (first, last) = TriggerChannel(), line((0, 3.0), (1300, 3.5))
    channel.set_rule("every time 1")
    channel.arm(first)
    channel.feed(first, last)
    pages = [channel.page(start, 500) for start in (1, 501, 1001)]
    assert [latch.count for page in pages for latch in page] == list(range(1, 1301))
    assert len(pages[2][0].row) == 7
    assert channel.page(1301, 500) == []


def test_a_crossing_in_the_jump_at_a_step_has_its_time():
    jump = line((0, 3.4), (10, 3.4), (10, 3.6), (20, 3.6))
    (latch,) = latched("at voltage 3.5 rising", jump)
    assert (latch.sample.time, latch.sample.voltage) == pytest.approx((10, 3.5))


@pytest.mark.parametrize(
    "text",
    [
        "every time 10 or",
        "and every time 10",
        "every time 10 and every voltage 0.1",
        "every time 10 twice",
        "every time 10 once more",
        "every time 10 each",
        "every time 10 each week",
        "every time 10 min_interval 0",
        "every voltage 0.1 over 10",
        "at voltage 3 rising for -1",
        "at voltage 3 rising for",
        "voltage over 3",
        "cycle -1",
        "cycle 1.5",
        "ttl up",
        "in_step",
        "at_rest for",
        "at_rest charge",
        "manual 1",
    ],
)
def test_a_combination_that_is_not_understood_is_refused(text):
    with pytest.raises(RuleError):
        parse_rule(text)


def test_the_refusal_of_two_events_says_what_to_write():
    with pytest.raises(RuleError, match="join them by or"):
        parse_rule("step start and every time 10")
