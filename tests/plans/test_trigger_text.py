"""Triggers read from text, as an experiment file writes them."""

import pytest
from operando.plans.trigger_text import trigger_from_text
from operando.plans.triggers import AllOf, AtLevel, FeatureApproach, InStep, Thinned, While
from test_trigger_conditions import TRIGGERS


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.rule_text)
def test_a_trigger_comes_back_from_its_text(trigger):
    assert trigger_from_text(trigger.rule_text) == trigger


def test_and_binds_closer_than_the_words_about_how_often():
    trigger = trigger_from_text("at voltage 3.7 rising and in_step charge for 60 each cycle min_interval 30")
    both = AllOf((AtLevel("voltage", (3.7,), "rising"), InStep("charge", for_s=60.0)))
    assert trigger == Thinned(both, per="cycle", min_interval_s=30.0)


def test_a_state_alone_is_a_trigger():
    assert trigger_from_text("voltage above 4") == While("voltage", "above", 4.0)


def test_the_last_half_cycle_is_what_to_expect_where_no_voltage_is():
    assert trigger_from_text("dqdv approach last charging margin 0.02") == FeatureApproach(
        0.02, (), "charging"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with a condition"),
        ("once", "begins with a condition"),
        ("at voltage 3.7 up", "direction 'up' is unknown; use one of rising"),
        ("at voltage 3.7", "is none of: every QUANTITY"),
        ("at voltage 3,7V rising", "level '7V' is not a number"),
        ("every speed 1", "quantity 'speed' is unknown"),
        ("every time 5 and", "missing beside 'and'"),
        ("every time 5 and step start", "two events do not meet"),
        ("every time 5 each week", "'week' is unknown; use one of arming"),
        ("every time 5 min_interval", "followed by nothing"),
        ("every time 5 min_interval 0", "must be positive"),
        ("every time 5 for 3", "'for' is unknown; use one of dead_band, over"),
        ("dqdv approach 3.7", "needs a margin"),
        ("dqdv approach 3.7 margin 0.02 sideways 1", "'sideways' is unknown"),
        ("cycle one", "is none of"),
    ],
)
def test_a_word_that_is_not_understood_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        trigger_from_text(text)
