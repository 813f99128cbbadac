"""PyBaMM's experiment strings are read without PyBaMM, and refused with the words that are wrong."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.devices.protocol import ConstantCurrent, ConstantPower, ConstantVoltage, Loop, Protocol, Rest
from operando.experiment.protocol_files.order import steps_in_order
from operando.experiment.protocol_files.pybamm_text import (
    ProtocolTextError,
    protocol_from_strings,
    step_from_string,
    strings_from_protocol,
)

positive = st.floats(1e-9, 1e6)
volts = st.floats(-5, 10)


@st.composite
def currents(draw):
    end, time = draw(st.one_of(st.tuples(volts, st.none() | positive), st.tuples(st.none(), positive)))
    sign = draw(st.sampled_from([1, -1]))
    kind = draw(st.sampled_from([ConstantCurrent, ConstantPower]))
    return kind(sign * draw(positive), until_voltage_v=end, until_time_s=time)


@st.composite
def holds(draw):
    end, time = draw(st.one_of(st.tuples(positive, st.none() | positive), st.tuples(st.none(), positive)))
    return ConstantVoltage(draw(volts), until_current_a=end, until_time_s=time)


steps = st.one_of(st.builds(Rest, positive), currents(), holds())


@given(st.lists(steps, min_size=1, max_size=8))
def test_strings_come_back_as_the_same_protocol(some):
    protocol = Protocol(tuple(some))
    assert protocol_from_strings(strings_from_protocol(protocol)) == protocol


@given(st.lists(steps, min_size=1, max_size=4), st.integers(1, 4))
def test_a_repeated_cycle_runs_as_often_as_it_is_written(some, count):
    cycle = strings_from_protocol(Protocol(tuple(some)))
    looped = steps_in_order(protocol_from_strings([cycle] * count))
    flat = protocol_from_strings(cycle * count).steps
    assert [replace(step, id="") for step in looped] == [replace(step, id="") for step in flat]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Charge at C/10 until 4.3 V", ConstantCurrent(2e-4, until_voltage_v=4.3)),
        ("Charge at 0.5 C until 4.1V", ConstantCurrent(1e-3, until_voltage_v=4.1)),
        ("Discharge at 1C for 0.5 hours", ConstantCurrent(-2e-3, until_time_s=1800.0)),
        (
            "Discharge at 1 mA for 2 hours or until 2.8 V",
            ConstantCurrent(-1e-3, until_voltage_v=2.8, until_time_s=7200.0),
        ),
        ("Hold at 4.3 V until C/50", ConstantVoltage(4.3, until_current_a=4e-5)),
        ("Hold at 4.1 V until 50mA", ConstantVoltage(4.1, until_current_a=0.05)),
        ("Charge at 200mW for 45 minutes", ConstantPower(0.2, until_time_s=2700.0)),
        ("Hold at 1V for 20 seconds", ConstantVoltage(1.0, until_time_s=20.0)),
        ("Rest for 10 minutes", Rest(600.0)),
        ("rest for 1 hour", Rest(3600.0)),
    ],
)
def test_strings_of_pybamm_are_understood(text, step):
    assert step_from_string(text, capacity_mah=2.0) == step


@pytest.mark.parametrize(
    ("text", "wrong", "remedy"),
    [
        ("Chrge at C/10 until 4.3 V", "'chrge'", "Charge, Discharge, Hold or Rest"),
        ("Charge at C/10 until 4.3 K", "'4.3 K'", "V or mV"),
        ("Charge at 10 Ohm until 4.3 V", "'10 Ohm'", "A or mA"),
        ("Charge with C/10 until 4.3 V", "'with C/10'", '"at"'),
        ("Charge at C/10", "never ends", "for 2 hours"),
        ("Charge at C/10 until 50 mA", "'50 mA'", "a voltage"),
        ("Charge at -1 mA until 4.3 V", "'-1 mA'", "direction"),
        ("Hold at 4.3 V until 4.2 V", "'4.2 V'", "a current"),
        ("Hold at C/5 for 1 hour", "'C/5'", "a voltage"),
        ("Rest for 2 fortnights", "'2 fortnights'", "seconds, minutes or hours"),
        ("Rest until 4 V", "'until 4 V'", "Rest for 2 hours"),
        ("Rest for 1 hour (10 second period)", "'1 hour (10 second period)'", "seconds, minutes or hours"),
        ("Charge at C/5 for 1 hour for 2 hours", "'for 2 hours'", "one time"),
    ],
)
def test_what_is_not_understood_is_named_with_what_would_be(text, wrong, remedy):
    with pytest.raises(ValueError, match=re.escape(f"{text!r}: ")) as caught:
        step_from_string(text, capacity_mah=2.0)
    assert wrong in str(caught.value)
    assert remedy in str(caught.value)


def test_a_rate_without_capacity_is_refused_with_its_position():
    with pytest.raises(ProtocolTextError, match="needs the declared capacity") as caught:
        protocol_from_strings(["Rest for 1 hour", "Charge at C/10 until 4.3 V"])
    assert caught.value.position == 1


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ("Rest for 1 hour", "give a list"),
        ([], "give a list"),
        ([{"cycle": ["Rest for 1 hour"]}], "needs cycle and repeat"),
        ([{"cycle": ["Rest for 1 hour"], "repeat": 0}], "1 or more"),
        ([[]], "no cycle"),
        ([[["Rest for 1 hour"]]], "no further cycle"),
    ],
)
def test_lists_that_are_no_experiment_are_refused(entries, says):
    with pytest.raises(ProtocolTextError, match=says):
        protocol_from_strings(entries)


def test_a_table_repeats_its_cycle():
    protocol = protocol_from_strings(
        ["Rest for 1 hour", {"cycle": ["Charge at 1 mA until 4 V", "Rest for 1 s"], "repeat": 10}]
    )
    assert protocol.steps[-1] == Loop(1, 9, id="loop-4")
    assert len(steps_in_order(protocol)) == 1 + 10 * 2


def test_equal_strings_outside_of_a_cycle_stay_as_they_are():
    assert len(protocol_from_strings(["Rest for 1 hour"] * 3).steps) == 3


def test_a_cycle_after_an_equal_string_is_not_joined_with_it():
    protocol = protocol_from_strings(["Rest for 1 hour", ["Rest for 1 hour"], ["Rest for 1 hour"]])
    assert [type(step) for step in protocol.steps] == [Rest, Rest, Loop]


def test_a_capacity_as_end_is_no_pybamm_string():
    with pytest.raises(ValueError, match="'charge-1'"):
        strings_from_protocol(Protocol((ConstantCurrent(1e-3, until_capacity_mah=1.0),)))


def test_loops_written_out_without_end_are_refused():
    with pytest.raises(ValueError, match="more than 10000 steps"):
        steps_in_order(Protocol((Rest(1.0, "a"), Loop("a", 10**9))))


@pytest.mark.slow
def test_pybamm_understands_the_strings_as_we_do(monkeypatch):
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    pybamm = pytest.importorskip("pybamm", reason="needs the extra 'pybamm'")
    protocol = Protocol(
        (
            Rest(600.0),
            ConstantCurrent(1e-5, until_voltage_v=4.3, until_time_s=7200.0),
            ConstantVoltage(4.3, until_current_a=4e-6),
            ConstantCurrent(-2e-3, until_voltage_v=2.8),
            ConstantPower(-1e-3, until_time_s=60.0),
        )
    )
    read = [pybamm.step.string(text) for text in strings_from_protocol(protocol)]
    assert [type(step).__name__ for step in read] == ["Current", "Current", "Voltage", "Current", "Power"]
    assert [step.value for step in read] == pytest.approx([0, -1e-5, 4.3, 2e-3, 1e-3])
    assert [step.duration for step in read[:2]] == [600.0, 7200.0]
    assert [[end.value for end in step.termination] for step in read] == [[], [4.3], [4e-6], [2.8], []]
