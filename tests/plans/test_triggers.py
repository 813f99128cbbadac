import pytest
from operando.devices.protocol import ConstantCurrent, Limits, Protocol, Rest
from operando.plans.triggers import AtLevel, EveryInterval, StepBoundary, blur, expected_interval_s

PROTOCOL = Protocol((ConstantCurrent(1e-3, until_voltage_v=4.3, id="charge"), Rest(600.0)))
LIMITS = Limits(4.4, 2.5, 5e-3, 2.2)


def test_rules_are_written_in_the_cyclers_words():
    assert EveryInterval("time", 60.0).rule_text == "every time 60.0"
    assert AtLevel("voltage", (4.1,), "falling").rule_text == "at voltage 4.1 falling"
    assert StepBoundary("start").rule_text == "step start"


def test_a_level_above_the_end_of_charge_is_known_never_to_fire():
    reason = AtLevel("voltage", (4.35,), "rising").can_fire(PROTOCOL, LIMITS)
    assert reason is not None
    assert "4.35 V" in reason
    assert AtLevel("voltage", (4.25,), "rising").can_fire(PROTOCOL, LIMITS) is None


def test_an_interval_wider_than_the_capacity_limit_is_known_never_to_fire():
    assert EveryInterval("capacity", 5.0).can_fire(PROTOCOL, LIMITS) is not None
    assert EveryInterval("lithium_content", 0.02).can_fire(PROTOCOL, LIMITS, capacity_mah=2.0) is None


def test_a_step_that_does_not_exist_is_named():
    reason = StepBoundary("end", "discharge").can_fire(PROTOCOL, LIMITS)
    assert reason is not None
    assert "'discharge'" in reason
    assert "charge, rest-2" in reason


def test_an_unknown_quantity_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'pressure' is unknown; use one of time, protocol_time"):
        EveryInterval("pressure", 1.0)  # type: ignore[arg-type]


def test_expected_interval_follows_the_current():
    assert expected_interval_s(EveryInterval("lithium_content", 0.02), -0.2e-3, 2.0) == pytest.approx(720.0)
    assert expected_interval_s(StepBoundary("end"), 1e-3, 2.0) is None


def test_a_quarter_hour_at_one_tenth_c_blurs_two_and_a_half_per_cent():
    assert blur(900.0, 0.2e-3, 2.0) == pytest.approx(0.025)
