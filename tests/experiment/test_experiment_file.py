"""Bad experiment files are refused before anything moves, with file, line, key and remedy."""

from pathlib import Path
from types import SimpleNamespace

import operando.experiment
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.devices.beamline import Timing
from operando.experiment import acquisition
from operando.experiment.conversion import policies_of
from operando.experiment.quantity import c_rate, seconds
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError, key_lines
from operando.plans.beam_guard import BeamLostError

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"


def refuse(tmp_path: Path, old: str, new: str) -> tuple[str, int]:
    """The message for the default file with a change, and the line of the change."""
    text = DEFAULT.read_text()
    assert old in text
    changed = text.replace(old, new, 1)
    path = tmp_path / "bad.toml"
    path.write_text(changed)
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(path)
    return str(caught.value), text[: text.index(old)].count("\n") + 1


def test_default_experiment_is_accepted():
    experiment = read_experiment(DEFAULT)
    assert experiment.measurements[0].trigger.rule() == "every lithium_content 0.02"
    assert experiment.cell.full_capacity_mah == pytest.approx(2.011, abs=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('operator = "rehearsal"', 'opperator = "me"', "did you mean 'operator'"),
        ("until_voltage_v = 4.3", "until_voltage = 4.3", "did you mean 'until_voltage_v'"),
        ('until_time_s = "5 min"', "until_time_min = 5", "did you mean 'until_time_s'"),
        ("until_voltage_v = 4.3", "until_voltage_v = 4300", "mV, write 4.3"),
        ('until_time_s = "5 min"', 'until_time_s = "5 minutes"', "is not a duration"),
        ('rate = "C/2"', "current_ma = 0.0000016", "is it in A"),
        ('rate = "C/2"', "current_ma = 1653", "is it in uA"),
        ('rate = "C/2"', 'rate = "C/0.2"', "above limits.current_max_ma"),
        ('rate = "C/2"', "rate = 0.5", "is not a C-rate"),
        ("declared_capacity_mah = 2.011", "# none", "declared_capacity_mah, which is missing"),
        ("until_voltage_v = 4.3", "until_voltage_v = 4.5", "not inside the limits 2.5 to 4.4 V"),
        ("voltage_min_v = 2.5", "voltage_min_v = 4.5", "not below voltage_max_v"),
        (
            "voltage_min_v = 2.5",
            "voltage_min_v = 2.5\nstart_voltage_min_v = 2.0",
            "at the start would be 2 to 4.4 V",
        ),
        ('technique = "rest"', 'technique = "relax"', "constant_voltage"),
        ('chemistry = "NMC811"', 'chemistry = "NMC118"', "known are LNO"),
        ("trigger.every_lithium_content = 0.02", "trigger.at_voltage_v = [5.0]", "never fire"),
        ("trigger.every_lithium_content = 0.02", 'trigger.step_end = "charging"', "never fire"),
        ("trigger.every_lithium_content = 0.02", "trigger.every_voltage_v = 2.0", "never fire"),
        ("trigger.every_lithium_content = 0.02", "trigger.zzz = 0.02", "known here"),
        ("trigger.every_lithium_content = 0.02", "trigger.at_lithium_content = [0.1]", "never fire"),
        ("trigger.every_lithium_content = 0.02", "trigger.at_state_of_charge = [0.95]", "never fire"),
        ("trigger.every_lithium_content = 0.02", 'trigger.every_time_s = "30 d"', "never fire"),
        ("initial_lithium_content = 0.93", "initial_lithium_content = 93", "per cent? write 0.93"),
        ('scenario = "nmc811-first-charge"', 'scenario = "nmc811"', "those are lno-first-charge"),
        ("[-155, -45, 22, 0.5]", "[-155, -45, -22, 0.5]", "region 1"),
        ("active_mass_mg = 7.3", "active_mass_mg = -7.3", "greater than 0"),
        ('scenario = "nmc811-first-charge"', "", "is missing"),
        ('id = "rest"', 'id = "first rest"', "no space or comma"),
        ("[policies]", '[policies]\nbeam_wait_max_s = "40 d"', "less than or equal to 2592000"),
        ("[policies]", "[policies]\npause_max_s = 0", "is not a duration above 0 s"),
        ("temperature_max_degc = 50.0", "delay_s = 30.0", "less than or equal to 10"),
    ],
)
def test_bad_file_is_refused_with_its_line_and_a_remedy(tmp_path, old, new, says):
    message, line = refuse(tmp_path, old, new)
    assert says in message
    assert "bad.toml:" in message
    if "missing" not in says:
        lines = {int(part.split(":")[1]) for part in message.splitlines()}
        assert any(abs(found - line) <= 3 for found in lines), message


def test_the_file_says_how_long_beam_and_a_paused_cell_are_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "patient.toml"
    told = '[policies]\nbeam_wait_max_s = "2 d"\npause_max_s = "30 min"'
    path.write_text(DEFAULT.read_text().replace("[policies]", told, 1))
    experiment, usual = read_experiment(path), policies_of(read_experiment(DEFAULT))
    found = policies_of(experiment)
    assert (found.beam_wait_max_s, found.pause_max_s) == (2 * 86400.0, 1800.0)
    assert (usual.beam_wait_max_s, usual.pause_max_s) == (6 * 3600.0, 6 * 3600.0)

    def wait_for_first_beam(*_, longest_s):
        raise BeamLostError(f"waited for {longest_s:g} s")

    for before in ("set_all", "describe_cell", "check_cell"):
        monkeypatch.setattr(acquisition, before, lambda *_: iter(()))
    monkeypatch.setattr(acquisition, "wait_for_first_beam", wait_for_first_beam)
    devices = dict.fromkeys(("photon_shutter", "front_end_shutter", "ring", "microscope"))
    beamline = SimpleNamespace(timing=Timing(), cell=None, **devices)
    with pytest.raises(BeamLostError, match="waited for 172800 s"):
        list(acquisition.whole_experiment(experiment, beamline, acquisition.Start("uid"), tmp_path))


def test_the_largest_c_rate_is_that_of_the_limits(tmp_path):
    message, _ = refuse(tmp_path, "voltage_min_v = 2.5", "voltage_min_v = 2.5\nc_rate_max = 0.1")
    assert "1.0055 mA is 0.5 C for a cell of 2.01 mA h; limits.c_rate_max is 0.1" in message


def test_an_element_that_is_none_is_told_once_for_each_table(tmp_path):
    path = tmp_path / "nl.toml"
    path.write_text(DEFAULT.read_text().replace('element = "Ni"', 'element = "Nl"'))
    with pytest.raises(ExperimentFileError) as refused:
        read_experiment(path)
    assert [line.split(": ")[1].rpartition(".")[2] for line in str(refused.value).splitlines()] == [
        "element"
    ] * 5


def test_element_absent_from_the_cell_is_refused(tmp_path):
    text = DEFAULT.read_text().replace('element = "Ni"\nedge = "K"', 'element = "Fe"\nedge = "K"')
    path = tmp_path / "iron.toml"
    path.write_text(text)
    with pytest.raises(
        ExperimentFileError, match=r"iron\.toml:\d+: measurements\[0\]\.element: NMC811 has no Fe"
    ):
        read_experiment(path)


def test_soft_edge_is_out_of_reach(tmp_path):
    text = DEFAULT.read_text().replace('element = "Ni"\nedge = "K"', 'element = "Ni"\nedge = "L3"')
    path = tmp_path / "soft.toml"
    path.write_text(text)
    with pytest.raises(ExperimentFileError, match="outside 2000 to 80000 eV"):
        read_experiment(path)


def test_level_that_the_protocol_never_crosses_in_that_direction_is_refused(tmp_path):
    text = DEFAULT.read_text().replace('direction = "discharge"', 'direction = "charge"')
    rule = 'trigger = { at_voltage_v = [3.9], direction = "falling" }'
    path = tmp_path / "falling.toml"
    path.write_text(text.replace("trigger.every_lithium_content = 0.02", rule))
    with pytest.raises(ExperimentFileError, match=r"direction: voltage is never falling.*never fire"):
        read_experiment(path)


def test_invalid_toml_names_the_line(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("[experiment]\nname = nmc\n")
    with pytest.raises(ExperimentFileError, match=r"broken\.toml: not valid toml: .*line 2"):
        read_experiment(path)


def test_absent_file_is_named(tmp_path):
    with pytest.raises(ExperimentFileError, match="cannot be read"):
        read_experiment(tmp_path / "absent.toml")


def test_every_key_of_an_array_of_tables_has_its_line():
    lines = key_lines('[a]\nb = 1\n[[a.c]]\nd.e = """x\ny = 2\n"""\n[[a.c]]\nd = 1 # z = 2\n')
    assert lines[("a", "b")] == 2
    assert lines[("a", "c", 0, "d", "e")] == 4
    assert lines[("a", "c", 1, "d")] == 8
    assert ("a", "c", 0, "y") not in lines


@given(st.floats(min_value=1e-3, max_value=1e6), st.sampled_from(["s", "min", "h", "d"]))
def test_durations_with_units_are_read_in_seconds(number, unit):
    factor = {"s": 1, "min": 60, "h": 3600, "d": 86400}[unit]
    assert seconds(f"{number!r} {unit}") == pytest.approx(number * factor)


@given(st.text(max_size=20))
def test_any_text_is_either_a_rate_or_refused_in_words(text):
    try:
        rate = c_rate(text)
    except ValueError:
        return
    assert 1e-3 <= rate <= 100


def test_a_level_that_the_cell_reaches_at_the_end_of_a_hold_is_accepted(tmp_path):
    text = DEFAULT.read_text()
    for old, new in (
        ("trigger.every_lithium_content = 0.02", "trigger.at_lithium_content = [0.3]"),
        (
            'technique = "rest"\nuntil_time_s = "5 min"',
            'technique = "constant_voltage"\nvoltage_v = 4.3\nuntil_time_s = "9h"',
        ),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "hold.toml"
    path.write_text(text)
    assert read_experiment(path).measurements[0].trigger.at_lithium_content == [0.3]
