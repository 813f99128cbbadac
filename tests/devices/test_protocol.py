import pytest
from operando.devices.eclab import load_list, techniques
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantVoltage,
    Limits,
    Loop,
    Protocol,
    Recording,
    Rest,
    Watchdog,
    current_from_c_rate,
)

FORMATION = Protocol(
    (
        ConstantCurrent(1e-3, until_voltage_v=4.3, id="charge"),
        ConstantVoltage(4.3, until_current_a=1e-4, until_time_s=3600.0),
        ConstantCurrent(-1e-3, until_voltage_v=3.0, until_capacity_mah=2.0),
        Loop("charge", 2),
    ),
    Recording(dt_s=5.0),
)


def test_a_protocol_survives_its_document():
    assert Protocol.from_dict(FORMATION.to_dict()) == FORMATION


@pytest.mark.parametrize(
    ("text", "milliamperes"), [("C/10", 0.2), ("-C/2", -1.0), ("2C", 4.0), ("1.5C/3", 1.0), (0.5, 1.0)]
)
def test_c_rates_become_currents(text, milliamperes):
    assert current_from_c_rate(text, 2.0) * 1e3 == pytest.approx(milliamperes)


@pytest.mark.parametrize("text", ["", "10", "C/0", "C/x", "C//2"])
def test_a_c_rate_that_is_not_understood_is_refused(text):
    with pytest.raises(ValueError, match="write it as C/10"):
        current_from_c_rate(text, 2.0)


def test_a_current_without_an_end_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"step 'charge' never ends: give until_voltage_v"):
        ConstantCurrent(1e-3, id="charge")


def test_a_loop_forward_is_refused():
    with pytest.raises(ValueError, match="goes back to an earlier step"):
        Protocol((Loop(1, 2), Rest(1.0)))


def test_doubled_ids_are_refused():
    with pytest.raises(ValueError, match="two steps carry it"):
        Protocol((Rest(1.0, id="a"), Rest(1.0, id="a")))


def test_an_unknown_field_names_step_and_known_fields():
    with pytest.raises(ValueError, match=r"step 1: minutes is 3; rest knows duration_s, id"):
        Protocol.from_dict({"steps": [{"technique": "rest", "minutes": 3}]})


def test_limits_refuse_a_protocol_that_passes_them():
    with pytest.raises(
        ValueError, match=r"step 'charge': until_voltage_v is 4.3; the limits are 2.5 to 4.2 V"
    ):
        Limits(4.2, 2.5, 1e-2, 3.0).check(FORMATION)
    with pytest.raises(ValueError, match=r"current_max_a is 0\.0005 A"):
        Limits(4.4, 2.5, 5e-4, 3.0).check(FORMATION)


def test_an_unknown_watchdog_action_is_refused():
    with pytest.raises(ValueError, match="use one of continue, rest"):
        Watchdog(10.0, "explode")  # type: ignore[arg-type]


def test_a_protocol_becomes_eclab_techniques():
    program = techniques(FORMATION)
    assert load_list(program) == "cplimit,calimit,cplimit,loop"
    charge, _, discharge, loop = (dict(technique.parameters) for technique in program)
    assert charge["TEST1CONF"] == (5,)
    assert discharge["TEST1CONF"] == (1,)
    assert program[2].suffix("ISTEP") == "T:CPLIMIT:1:ISTEP:SP"
    assert (loop["NLOOP"], loop["PROT"]) == (2, 0)
