"""Exports say the same protocol, and what a target cannot say is listed and refused, never lost silently."""

import json
import xml.etree.ElementTree as ET

import pytest
from operando.devices.cut_off import CutOff
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantPower,
    ConstantVoltage,
    Limits,
    Loop,
    Protocol,
    Recording,
    Rest,
    TriggerOut,
    VoltageRamp,
)
from operando.experiment.protocol_files.export import InexpressibleError, export, write_export
from operando.experiment.protocol_files.loss import inexpressible
from operando.experiment.protocol_files.pybamm_text import protocol_from_strings
from operando.experiment.protocol_files.safety import Safety
from operando.experiment.protocol_files.unicycler import from_unicycler

needs_library = pytest.mark.skipif(
    pytest.importorskip("importlib.util").find_spec("aurora_unicycler") is None,
    reason="needs the extra 'protocols'",
)
TARGETS = ("biologic", "neware", "pybamm", "tomato", "unicycler")
CYCLE = Protocol(
    (
        Rest(600.0, id="wait"),
        ConstantCurrent(2e-4, until_voltage_v=4.3, until_time_s=54000.0, id="charge"),
        ConstantVoltage(4.3, until_current_a=4e-5, until_time_s=21600.0, id="hold"),
        ConstantCurrent(-2e-4, until_voltage_v=2.8, until_time_s=54000.0, id="discharge"),
        Loop("charge", 9, id="again"),
    )
)
DOWN = ConstantCurrent(-1e-3, until_voltage_v=2.8, id="down")
FILL = ConstantCurrent(1e-3, until_capacity_mah=1.0)
UP = ConstantCurrent(1e-3, until_voltage_v=4.2, id="up")


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "pybamm"])
def test_a_common_protocol_loses_nothing(target):
    assert inexpressible(CYCLE, target, capacity_mah=2.0) == ()


@needs_library
def test_settings_of_ec_lab_hold_currents_ends_and_loop(tmp_path):
    path = tmp_path / "cell.mps"
    text = export(CYCLE, "biologic", name="A1", limits=Safety(4.4, 2.5, 0.01, delay_s=0.5))
    write_export(text, "biologic", path)
    written = path.read_bytes().decode("cp1252")
    assert "\r\n" in written
    rows = {line[:20].strip(): line[20:].split() for line in text.splitlines()}
    assert rows["ctrl_type"] == ["Rest", "CC", "CV", "CC", "Loop"]
    assert rows["ctrl1_val"] == ["200.000", "4.300", "-200.000"]
    assert rows["ctrl1_val_unit"] == ["uA", "V", "uA"]
    assert (rows["ctrl_seq"][-1], rows["ctrl_repeat"][-1]) == ("1", "9")
    assert "Ewe max = 4.40000 V" in text
    assert "|I| = 10.00000 mA" in text
    assert "for t > 500.0 ms" in text


@needs_library
def test_xml_of_neware_holds_currents_in_ma_and_the_end_of_charge():
    steps = next(ET.fromstring(export(CYCLE, "neware", name="A1")).iter("Step_Info"))
    kinds = [step.get("Step_Type") for step in steps]
    assert kinds == ["4", "1", "3", "2", "5", "6"]
    assert float(steps[1].find("Limit/Main/Curr").get("Value")) == pytest.approx(0.2)
    assert float(steps[2].find("Limit/Main/Stop_Curr").get("Value")) == pytest.approx(0.04)
    assert steps[4].find("Limit/Other/Cycle_Count").get("Value") == "10"


@needs_library
def test_a_hold_after_a_discharge_is_one_of_discharge_for_neware():
    protocol = Protocol((DOWN, ConstantVoltage(2.8, until_current_a=1e-4)))
    steps = next(ET.fromstring(export(protocol, "neware")).iter("Step_Info"))
    assert [step.get("Step_Type") for step in steps] == ["2", "19", "6"]


@needs_library
def test_tomato_ends_a_hold_at_a_current_and_records_under_its_own_names():
    method = json.loads(export(CYCLE, "tomato", capacity_mah=2.0, name="A1"))["method"]
    assert method[2]["limit_current_min"] == pytest.approx(4e-5)
    assert (method[1]["record_every_dt"], method[1]["record_every_dE"]) == (10.0, 0.005)
    assert (method[4]["goto"], method[4]["n_gotos"]) == (1, 9)


@needs_library
def test_tomato_ends_a_hold_after_a_discharge_at_a_negative_current():
    hold = ConstantVoltage(2.8, until_current_a=4e-5, until_time_s=3600.0)
    down = ConstantCurrent(-1e-3, until_voltage_v=2.8, until_time_s=3600.0)
    method = json.loads(export(Protocol((down, hold)), "tomato", capacity_mah=2.0))["method"]
    assert method[1]["limit_current_max"] == pytest.approx(-4e-5)
    assert "limit_current_min" not in method[1]


@needs_library
def test_json_of_tomato_has_only_what_its_driver_reads():
    """Keys of version 0.2.3, `drivers/biologic/kbio_wrapper.py`; other keys are passed over by it."""
    timed = {"device", "technique", "time", "I_range", "E_range", "record_every_dt", "record_every_dE"}
    keys = {
        "open_circuit_voltage": timed,
        "constant_current": {*timed, "current", "limit_voltage_max", "limit_voltage_min"},
        "constant_voltage": {*timed, "voltage", "limit_current_min", "limit_current_max"},
        "loop": {"device", "technique", "goto", "n_gotos"},
    }
    for step in json.loads(export(CYCLE, "tomato", capacity_mah=2.0))["method"]:
        assert step.keys() <= keys[step["technique"]]
        assert step["technique"] == "loop" or step["time"] > 0


@needs_library
def test_json_of_tomato_is_one_of_its_schema():
    schema = pytest.importorskip("dgbowl_schemas.tomato")
    payload = schema.to_payload(**json.loads(export(CYCLE, "tomato", capacity_mah=2.0, name="A1")))
    assert [step.technique for step in payload.method][:2] == ["open_circuit_voltage", "constant_current"]


@needs_library
def test_xml_of_neware_has_its_units_and_goes_back_to_the_step_that_it_names():
    """Time in ms, voltage in 0.1 mV, current in mA; steps count from 1, the last one ends the test."""
    steps = next(ET.fromstring(export(CYCLE, "neware", name="A1")).iter("Step_Info"))
    assert steps.get("Num") == str(len(steps))
    assert [step.get("Step_ID") for step in steps] == [str(number + 1) for number in range(len(steps))]
    assert float(steps[0].find("Limit/Main/Time").get("Value")) == 600e3
    assert float(steps[1].find("Limit/Main/Stop_Volt").get("Value")) == 43000
    assert steps[4].find("Limit/Other/Start_Step").get("Value") == "2"


@needs_library
def test_settings_of_ec_lab_have_as_many_values_in_each_row_as_steps():
    """Names of 20 characters, then a column of 20 for each sequence."""
    text = export(CYCLE, "biologic", name="A1")
    rows = text[text.index("Ns  ") :].rstrip("\n").splitlines()
    assert {len(row) for row in rows if row} == {20 * (1 + len(CYCLE.steps))}
    assert rows[0].split() == ["Ns", *map(str, range(len(CYCLE.steps)))]


def test_pybamm_gets_strings_with_loops_written_out():
    strings = json.loads(export(CYCLE, "pybamm", drop=["record"]))
    assert len(strings) == 1 + 3 * 10
    assert protocol_from_strings(strings[:4]).steps[1].until_voltage_v == 4.3


@needs_library
def test_json_of_unicycler_comes_back():
    back = from_unicycler(json.loads(export(CYCLE, "unicycler"))).protocol
    assert [step.id for step in back.steps] == [step.id for step in CYCLE.steps]


@pytest.mark.parametrize(
    ("target", "steps", "says"),
    [
        *(
            (target, [ConstantCurrent(1e-3, until_capacity_mah=1.0, until_time_s=60.0)], "until_capacity_mah")
            for target in TARGETS
        ),
        *((target, [TriggerOut()], "no TriggerOut") for target in TARGETS),
        *((target, [VoltageRamp(4.0, 1e-3, 3.0)], "no VoltageRamp") for target in ("pybamm", "tomato")),
        *(
            (target, [VoltageRamp(4.0, 1e-3)], "where the cell is")
            for target in ("biologic", "neware", "unicycler")
        ),
        *(
            (target, [ConstantPower(1e-3, until_time_s=60.0)], "no ConstantPower")
            for target in TARGETS
            if target != "pybamm"
        ),
        *(
            (target, [Rest(60.0, until=CutOff("voltage_rate", "below", 1e-6))], "voltage_rate below 1e-06")
            for target in TARGETS
        ),
        ("biologic", [ConstantCurrent(1.5, until_time_s=60.0)], "above the largest range"),
        ("biologic", [ConstantCurrent(1e-12, until_time_s=60.0)], "is written as 0.000000 mA"),
        ("biologic", [UP, ConstantVoltage(4.2, until_current_a=3e-7)], "is written as 0.000 mA"),
        ("biologic", [ConstantCurrent(1e-3, until_voltage_v=4.2004)], "give whole mV"),
        ("biologic", [ConstantCurrent(-1e-3, until_voltage_v=0.0)], "0 V is left out"),
        ("tomato", [ConstantCurrent(-1e-3, until_voltage_v=0.0, until_time_s=60.0)], "0 V is left out"),
        ("tomato", [ConstantVoltage(4.2, until_current_a=1e-4, until_time_s=60.0)], "needs the capacity"),
        ("tomato", [UP], "give until_time_s"),
        ("tomato", [ConstantCurrent(0.02, until_time_s=60.0)], "tomato's range of 0.01 A"),
        (
            "tomato",
            [ConstantCurrent(1e-3, until_voltage_v=5.2, until_time_s=60.0)],
            "tomato's range of +-5 V",
        ),
        ("neware", [ConstantVoltage(4.2, until_time_s=60.0)], "needs to know whether it charges"),
        ("neware", [DOWN, ConstantVoltage(2.8, until_time_s=60.0)], "taken for a charge"),
        (
            "biologic",
            [Rest(1.0, "a"), Rest(1.0, "b"), Loop("a", 1, "x"), Rest(1.0, "c"), Loop("b", 1, "y")],
            "back into the loop 'x'",
        ),
    ],
)
def test_what_a_target_cannot_say_is_listed_and_refused(target, steps, says):
    protocol = Protocol(tuple(steps))
    losses = [loss for loss in inexpressible(protocol, target) if loss.startswith("step ")]
    assert len(losses) == 1
    assert says in losses[0]
    with pytest.raises(InexpressibleError) as caught:
        export(protocol, target, drop=["limits", "record", "tags"])
    assert caught.value.losses == tuple(losses)


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        ("biologic", ["capacity_max_mah", "temperature_max_degc", "time_max_s", "delay_s"]),
        ("neware", ["temperature_max_degc", "time_max_s"]),
        ("unicycler", ["temperature_max_degc", "time_max_s"]),
        ("tomato", ["tomato"]),
        ("pybamm", ["pybamm"]),
    ],
)
def test_limits_that_a_target_cannot_hold_are_listed(target, lost):
    limits = Limits(4.4, 2.5, 0.01, 3.0, delay_s=2.0, time_max_s=1e6)
    losses = inexpressible(CYCLE, target, limits=limits, capacity_mah=2.0)
    assert [loss.split()[1] for loss in losses if loss.startswith("limits")] == lost


@needs_library
def test_limits_are_left_out_only_on_demand():
    limits = Limits(4.4, 2.5, 0.01, 3.0)
    with pytest.raises(InexpressibleError, match="temperature_max_degc"):
        export(CYCLE, "neware", limits=limits)
    assert "Upper" in export(CYCLE, "neware", limits=limits, drop=["limits"])


def test_recording_that_ec_lab_rounds_away_is_listed():
    protocol = Protocol(CYCLE.steps, Recording(dt_s=1.0, de_v=1e-4))
    assert inexpressible(protocol, "biologic") == ("record: de_v = 0.0001 V is written as 0.000 V",)


def test_tags_are_listed():
    tagged = Protocol((Rest(60.0, id="wait", tags=("formation",)),))
    assert inexpressible(tagged, "neware") == ("tags: those of 'wait' are left out",)


def test_steps_written_out_without_end_are_listed():
    protocol = Protocol((Rest(1.0, id="a"), Loop("a", 10**6)))
    assert any("more than 10000 steps" in loss for loss in inexpressible(protocol, "pybamm"))


def test_a_range_of_ec_lab_holds_every_voltage():
    pytest.importorskip("aurora_unicycler")
    protocol = Protocol((ConstantCurrent(1e-3, until_voltage_v=5.2),))
    assert "max = 10.00 V" in export(protocol, "biologic")
