"""Titrations and voltammograms as steps of an experiment file."""

from dataclasses import replace
from pathlib import Path

import pytest
from operando.devices.protocol import cyclic_voltammetry, gitt, pitt
from operando.experiment.conversion import protocol_of
from operando.experiment.expected_course import course_of
from operando.experiment.protocol_files.export import export
from operando.experiment.protocol_files.loss import inexpressible
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError

FILE = (Path(__file__).parents[2] / "experiment" / "nmc811.toml").read_text()
STEPS = FILE[FILE.index("[[protocol.steps]]") : FILE.index("[[references]]")]
GITT = """
[[protocol.steps]]
technique = "gitt"
id = "titration"
direction = "charge"
rate = "C/20"
pulse_s = "10 min"
rest_s = "2 h"
pulses = 20
until_voltage_v = 4.2
relaxed_mv_h = 3.6
tags = ["slow"]
"""
PITT = """
[[protocol.steps]]
technique = "pitt"
from_voltage_v = 3.8
to_voltage_v = 3.74
stair_mv = 20
until_current_ma = 0.01
until_time_s = "1 h"
"""
CV = """
[[protocol.steps]]
technique = "cyclic_voltammetry"
id = "sweep"
first_voltage_v = 4.2
second_voltage_v = 3.0
scan_rate_mv_s = 0.1
cycles = 3
"""
LOOP = """
[[protocol.steps]]
technique = "loop"
to_step = "titration"
repeat = 1
"""
TRIGGER = "trigger.every_lithium_content = 0.02"


def read(tmp_path, *steps, trigger=TRIGGER):
    path = tmp_path / "cell.toml"
    path.write_text(FILE.replace(STEPS, "\n".join(steps) + "\n").replace(TRIGGER, trigger))
    return read_experiment(path)


def refusal(tmp_path, *steps, trigger=TRIGGER):
    with pytest.raises(ExperimentFileError) as told:
        read(tmp_path, *steps, trigger=trigger)
    return str(told.value)


def test_titrations_become_the_steps_that_the_generators_make(tmp_path):
    steps = protocol_of(read(tmp_path, GITT, PITT, CV)).steps
    titration = gitt(
        2.011e-3 / 20,
        pulse_s=600.0,
        rest_s=7200.0,
        pulses=20,
        until_voltage_v=4.2,
        relaxed_v_s=1e-6,
        id_prefix="titration",
        tags=("slow",),
    )
    stair = pitt(3.8, 3.74, 0.02, until_current_a=1e-5, until_time_s=3600.0, id_prefix="1_pitt")
    sweep = cyclic_voltammetry(4.2, 3.0, 1e-4, cycles=3, id_prefix="sweep")
    pulse = replace(steps[0], current_a=titration[0].current_a)
    assert steps[0].current_a == pytest.approx(titration[0].current_a)
    assert (pulse, *steps[1:]) == (*titration, *stair, *sweep)


def test_a_loop_goes_back_to_a_titration_by_its_id(tmp_path):
    loop = protocol_of(read(tmp_path, GITT, LOOP)).steps[-1]
    assert loop.to_step == "titration-pulse"


def test_the_course_of_a_titration_is_estimated_with_its_rests(tmp_path):
    course = course_of(read(tmp_path, GITT))
    assert course.duration_s == pytest.approx(20 * (600 + 7200), rel=0.02)
    assert course.travel == pytest.approx(20 * 600 / 3600 / 20, rel=0.02)


def test_a_step_of_a_titration_can_be_asked_for_by_its_id(tmp_path):
    trigger = 'trigger.step_end = "titration-rest"'
    assert read(tmp_path, GITT, trigger=trigger).measurements[0].trigger.rule() == "step end titration-rest"
    told = refusal(tmp_path, GITT, trigger='trigger.step_end = "titration"')
    assert "steps: titration-pulse, titration-rest" in told


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [GITT.replace("4.2", "4.9")],
            "until_voltage_v: step 'titration-pulse': 4.9 V is not inside the limits",
        ),
        ([GITT.replace('rate = "C/20"', "")], "needs exactly one of current_ma"),
        (
            [GITT.replace('rate = "C/20"', "current_ma = 5000")],
            "current_ma: step 'titration-pulse': 5000 mA is",
        ),
        ([GITT.replace("pulses = 20", "pulses = 0")], "greater than 0"),
        ([GITT, GITT], "protocol.steps[1].id: step 'titration-pulse': id 'titration-pulse' is used twice"),
        ([PITT.replace("20", "0.1")], "stairs are more than 100"),
        (
            [PITT.replace("3.8", "3.0").replace("20", "10"), PITT.replace("3.8", "3.0")],
            "when titrations are written",
        ),
        ([PITT.replace('until_current_ma = 0.01\nuntil_time_s = "1 h"', "")], "never ends"),
        ([CV.replace("3.0", "4.2")], "are the same"),
        ([CV.replace("4.2", "4.6")], "protocol.steps[0]: step 'sweep-first': 4.6 V is not inside"),
        ([CV.replace("sweep", "s" * 33)], "at most 32 characters"),
        ([GITT.replace('"gitt"', '"git"')], "needs technique = one of rest, constant_current"),
    ],
)
def test_what_is_wrong_with_a_titration_is_told_where_it_is_written(tmp_path, steps, message):
    assert message in refusal(tmp_path, *steps)


def test_a_titration_is_exported_as_its_steps(tmp_path):
    plain = GITT.replace("relaxed_mv_h = 3.6\n", "").replace('tags = ["slow"]', "")
    protocol = protocol_of(read(tmp_path, plain))
    text = export(protocol, "pybamm", name="cell", capacity_mah=2.011, drop=["record"])
    assert text.count("Rest for") == 20
    slow = protocol_of(read(tmp_path, GITT))
    assert inexpressible(slow, "biologic")[0].startswith("step 'titration-rest': until = 'voltage_rate below")
