"""Techniques in an experiment file: what the cycler gets, what is refused, what is expected."""

from pathlib import Path

import operando.experiment
import pytest
from changed_file import changed_file
from operando.devices.protocol import ConstantPower, CutOff, Protocol, TriggerOut, VoltageRamp, WaitForTrigger
from operando.experiment.conversion import protocol_of
from operando.experiment.estimate import course_of
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError

DEFAULT = Path(operando.experiment.__file__).parent / "nmc811.toml"
BEFORE = '[[references]]\nname = "NiO"'
TECHNIQUES = """
[[protocol.steps]]
id = "power"
technique = "constant_power"
direction = "charge"
power_mw = 4.0
until_voltage_v = 4.2
until = "lithium_content below 0.5 or (time above 600 and voltage_rate below 1e-6)"
tags = ["formation"]

[[protocol.steps]]
technique = "voltage_ramp"
to_voltage_v = 3.0
scan_rate_mv_s = 0.5

[[protocol.steps]]
technique = "wait_for_trigger"
timeout_s = "10 min"
on_timeout = "stop"

[[protocol.steps]]
technique = "trigger_out"

"""


def with_techniques(tmp_path, *changes):
    return changed_file(
        tmp_path / "techniques.toml", DEFAULT.read_text().replace(BEFORE, TECHNIQUES + BEFORE), changes
    )


def test_every_technique_of_the_file_reaches_the_cycler(tmp_path):
    protocol = protocol_of(read_experiment(with_techniques(tmp_path)))
    power, ramp, wait, trigger = protocol.steps[-4:]
    assert isinstance(power, ConstantPower)
    assert (power.power_w, power.tags) == (pytest.approx(4e-3), ("formation",))
    assert next(power.until.leaves()) == CutOff("lithium_content", "below", 0.5)
    assert isinstance(ramp, VoltageRamp)
    assert ramp.scan_rate_v_s == pytest.approx(5e-4)
    assert isinstance(wait, WaitForTrigger)
    assert (wait.timeout_s, wait.on_timeout) == (600.0, "stop")
    assert isinstance(trigger, TriggerOut)
    assert Protocol.from_dict(protocol.to_dict()) == protocol


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("power_mw = 4.0", "power_mw = 40.0", "40 mW takes 9.09 mA or more, above limits.current_max_ma"),
        ("power_mw = 4.0", "power_w = 4.0", "did you mean 'power_mw'"),
        ("to_voltage_v = 3.0", "to_voltage_v = 2.0", "2 V is not inside the limits 2.5 to 4.4 V"),
        ('until = "lithium_content below', 'until = "lithium below', "quantity is 'lithium'"),
        (
            'until = "lithium_content below 0.5',
            'until = "voltage above 4.5',
            "4.5 V is not inside the limits",
        ),
        ('on_timeout = "stop"', 'on_timeout = "wait"', "'continue' or 'stop'"),
    ],
)
def test_a_technique_that_cannot_be_is_refused_with_its_remedy(tmp_path, old, new, says):
    with pytest.raises(ExperimentFileError, match=says):
        read_experiment(with_techniques(tmp_path, (old, new)))


def test_the_course_follows_power_sweep_and_wait(tmp_path):
    plain = course_of(read_experiment(DEFAULT))
    course = course_of(read_experiment(with_techniques(tmp_path)))
    assert course.half_cycles == plain.half_cycles + 2
    charge_s = (course.travel - plain.travel) / 2 * 2.011 * 3.6 * 3.8 / 4e-3
    sweep_s = (3.965 - 3.0) / 5e-4
    assert course.duration_s - plain.duration_s == pytest.approx(charge_s + sweep_s + 600.0, rel=0.1)
