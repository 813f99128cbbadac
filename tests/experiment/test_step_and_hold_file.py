"""Step and hold in an experiment file: states in place of triggers, and what it will take."""

import re

import pytest
from operando.devices.beamline import read_settings
from operando.experiment.conversion import dead_times, states_of, triggers_of
from operando.experiment.estimate import measurement_estimates, relaxing_s
from operando.experiment.mode import mode_document
from operando.experiment.reading import ExperimentFileError, read_experiment
from operando.experiment.rehearsal import simulated_settings
from operando.plans.hold import State
from operando.plans.relaxation import Relaxation

FILE = """
[experiment]
name = "held"
[cell]
chemistry = "NMC811"
active_mass_mg = 7.3
area_cm2 = 1.327
declared_capacity_mah = 2.011
initial_lithium_content = 0.93
[limits]
voltage_max_v = 4.4
voltage_min_v = 2.0
current_max_ma = 9.0
[[protocol.steps]]
technique = "constant_current"
direction = "charge"
rate = "C/2"
until_voltage_v = 4.3
[acquisition]
mode = "step_and_hold"
states = [{ lithium_content = 0.8 }, { voltage_v = 4.1 }]
relaxation = { window_s = "10 min", longest_s = "2h" }
[[measurements]]
name = "ni_k"
technique = "xanes"
element = "Ni"
grid.regions = [[-20, 40, 3, 0.1]]
"""


def read(tmp_path, old="", new=""):
    assert old in FILE
    path = tmp_path / "held.toml"
    path.write_text(FILE.replace(old, new) if old else FILE)
    return read_experiment(path)


def test_states_and_relaxation_are_what_the_plan_takes(tmp_path):
    experiment = read(tmp_path)
    assert states_of(experiment) == [State("lithium_content", 0.8), State("voltage", 4.1)]
    relaxation = Relaxation(**experiment.acquisition.relaxation.model_dump())
    assert relaxation == Relaxation(slope_max_mv_h=5.0, window_s=600.0, longest_s=7200.0, for_s=60.0)
    assert triggers_of(experiment) == {"ni_k": "at lithium_content 0.8 both once"}
    assert mode_document(experiment)["states"][1] == {"quantity": "voltage", "value": 4.1}


def test_each_state_is_one_spectrum_without_blur_and_its_rest_is_estimated(tmp_path):
    experiment = read(tmp_path)
    (estimate,) = measurement_estimates(experiment, dead_times(read_settings(simulated_settings()).timing))
    assert (estimate.count, estimate.blur) == (2, 0.0)
    assert relaxing_s(experiment) == (1320.0, 14400.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("states = [{ lithium_content = 0.8 }, { voltage_v = 4.1 }]\n", "", "needs states"),
        ("{ voltage_v = 4.1 }", "{ voltage_v = 4.35 }", "4.35 V is outside"),
        ("{ voltage_v = 4.1 }", "{ }", "a state is one of"),
        ("{ voltage_v = 4.1 }", "{ voltage_v = 4.1, lithium_content = 0.5 }", "voltage_v"),
        ('mode = "step_and_hold"\n', "", "belong to mode"),
        ("grid.regions", "trigger.every_time_s = 60\ngrid.regions", "no meaning in step and hold"),
        ("grid.regions", "max_lateness_s = 60\ngrid.regions", "relaxation would use it up"),
        ('longest_s = "2h"', 'longest_s = "5 min"', "no slope would ever be known"),
        ('"10 min", longest_s', '"10 min", for_s = "2h", longest_s', "no slope would ever be known"),
        ("[acquisition]", '[policies]\non_pause = "rest"\n[acquisition]', "would end a hold early"),
    ],
)
def test_what_does_not_go_with_the_mode_is_refused(tmp_path, old, new, message):
    with pytest.raises(ExperimentFileError, match=re.escape(message)):
        read(tmp_path, old, new)


def test_one_trigger_is_left_to_the_relaxation(tmp_path):
    begin = FILE.index("[[measurements]]")
    more = "".join(FILE[begin:].replace("ni_k", f"ni_{number}") for number in range(8))
    with pytest.raises(ExperimentFileError, match="at most 7 measurements"):
        read(tmp_path, FILE[begin:], more)


def test_a_measurement_without_trigger_needs_the_mode(tmp_path):
    begin, end = FILE.index("[acquisition]"), FILE.index("[[measurements]]")
    with pytest.raises(ExperimentFileError, match="say what sets the measurement off"):
        read(tmp_path, FILE[begin:end], "")
