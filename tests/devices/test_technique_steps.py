import math

import pytest
from operando.devices.cut_off import AllOf, AnyOf, until_from_dict
from operando.devices.eclab import load_list, techniques
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantPower,
    ConstantVoltage,
    CutOff,
    Limits,
    Protocol,
    Rest,
    TriggerOut,
    VoltageRamp,
    WaitForTrigger,
    cyclic_voltammetry,
    gitt,
    pitt,
    until_from_text,
)

LIMITS = Limits(voltage_max_v=4.4, voltage_min_v=2.5, current_max_a=2e-3, capacity_max_mah=3.0)
SLOW = CutOff("voltage_rate", "below", 1e-6)
END = CutOff("voltage", "above", 4.3) | (CutOff("time", "above", 600.0) & SLOW)
EVERY_TECHNIQUE = Protocol(
    (
        ConstantPower(4e-3, until_voltage_v=4.3, until=SLOW, tags=("formation",)),
        VoltageRamp(3.0, 1e-3, from_voltage_v=4.3),
        WaitForTrigger(600.0, waiting="hold_voltage", on_timeout="stop"),
        TriggerOut(),
        *gitt(1e-3, pulse_s=600.0, rest_s=3600.0, pulses=3, relaxed_v_s=1e-6),
        *pitt(3.7, 3.75, 0.02, until_current_a=1e-5, until_time_s=600.0),
        *cyclic_voltammetry(4.3, 3.0, 1e-3, cycles=3),
        Rest(60.0, until=END),
    )
)


def test_every_technique_survives_its_document():
    assert Protocol.from_dict(EVERY_TECHNIQUE.to_dict()) == EVERY_TECHNIQUE


def test_the_document_of_a_protocol_holds_plain_values_only():
    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
        if isinstance(value, list):
            return all(plain(inner) for inner in value)
        return value is None or isinstance(value, str | int | float)

    assert plain(EVERY_TECHNIQUE.to_dict())


def test_the_techniques_are_told_to_the_cycler_in_order():
    words = load_list(techniques(EVERY_TECHNIQUE)).split(",")
    assert words[:7] == ["cpower", "vscan", "ti", "to", "cplimit", "ocv", "loop"]


def test_an_end_survives_text_and_document():
    assert until_from_text(END.text) == END
    assert until_from_dict(END.to_dict()) == END


def test_and_binds_closer_than_or_and_brackets_are_kept():
    a, b, c = (CutOff("time", "above", level) for level in (1.0, 2.0, 3.0))
    assert until_from_text("time above 1 or time above 2 and time above 3") == AnyOf((a, AllOf((b, c))))
    both = (a | b) & c
    assert both.text == "(time above 1.0 or time above 2.0) and time above 3.0"
    assert until_from_text(both.text) == both


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("voltage over 4", "side is 'over'"),
        ("volts above 4", "quantity is 'volts'"),
        ("voltage above four", "'four' is not a number"),
        ("(voltage above 4", "bracket is not closed"),
        ("voltage above 4 time above 3", "'time' was not expected"),
        ("", "write levels such as"),
    ],
)
def test_an_end_that_is_not_understood_names_the_word(text, message):
    with pytest.raises(ValueError, match=message):
        until_from_text(text)


def test_an_until_is_end_enough_for_a_step():
    assert ConstantCurrent(1e-3, until=SLOW).until is SLOW
    assert ConstantVoltage(4.3, until=SLOW).until is SLOW
    with pytest.raises(ValueError, match="never ends"):
        ConstantPower(1e-3)


def test_the_longest_time_of_a_step_is_its_nearest_end_by_time():
    assert ConstantPower(1e-3, until_time_s=600.0, until=CutOff("time", "above", 60.0)).longest_s == 60.0
    assert ConstantCurrent(1e-3, until=SLOW & CutOff("time", "above", 60.0)).longest_s == math.inf
    assert VoltageRamp(4.0, 1e-3, from_voltage_v=3.0).longest_s == pytest.approx(1000.0)
    assert WaitForTrigger(30.0).longest_s == 30.0


def test_the_highest_voltage_of_a_charge_is_its_nearest_voltage_end():
    assert ConstantPower(1e-3, until=CutOff("voltage", "above", 4.2) | SLOW).highest_voltage_v(4.4) == 4.2
    assert ConstantPower(1e-3, until=SLOW).highest_voltage_v(4.4) == 4.4
    assert ConstantCurrent(-1e-3, until_time_s=1.0).highest_voltage_v(4.4) == -math.inf


def test_titration_by_stairs_reaches_both_ends():
    assert [step.voltage_v for step in pitt(3.75, 3.7, 0.02, until_time_s=60.0)] == [3.75, 3.73, 3.71, 3.7]
    with pytest.raises(ValueError, match="1001 stairs are more than 100"):
        pitt(3.0, 4.0, 0.001, until_time_s=60.0)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (VoltageRamp(4.5, 1e-3, id="scan"), r"step 'scan': to_voltage_v is 4.5; the limits are 2.5 to 4.4 V"),
        (ConstantPower(0.1, until_time_s=1.0, id="p"), r"even at 4.4 V it takes 0.02273 A, the limit"),
        (Rest(1.0, until=CutOff("voltage", "below", 2.0), id="r"), "step 'r': until voltage is 2.0"),
    ],
)
def test_limits_refuse_a_technique_that_passes_them(step, message):
    with pytest.raises(ValueError, match=message):
        LIMITS.check(Protocol((step,)))


def test_a_wait_refuses_what_a_cell_cannot_do_meanwhile():
    with pytest.raises(ValueError, match="waiting is 'charge'; use one of rest, hold_voltage, hold_current"):
        WaitForTrigger(10.0, waiting="charge")  # type: ignore[arg-type]
