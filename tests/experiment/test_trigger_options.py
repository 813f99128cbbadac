import math
from pathlib import Path

import pytest
from operando.experiment.expected_course import Course
from operando.experiment.measurement_file import XanesFile
from operando.experiment.reading import read_experiment
from operando.experiment.request_count import expected_requests
from operando.experiment.toml_source import ExperimentFileError
from operando.experiment.trigger_file import TriggerFile
from operando.plans.trigger_text import trigger_from_text
from operando.simulated_beamline.instrument.trigger import parse_rule
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        (
            {"at_voltage_v": [4.0], "direction": "rising", "hysteresis": 0.01, "for_s": "5 s"},
            "at voltage 4 rising hysteresis 0.01 for 5",
        ),
        ({"every_voltage_v": 0.01, "dead_band": 0.02}, "every voltage 0.01 dead_band 0.02"),
        ({"every_time_s": "1 h", "once_per": "cycle"}, "every time 3600 each cycle"),
        ({"step_end": True, "once_per": "arming"}, "step end once"),
        (
            {"every_capacity_mah": 0.1, "once_per": "half_cycle", "min_interval_s": "2 min"},
            "every capacity 0.1 each half_cycle min_interval 120",
        ),
        ({"every_step_time_s": "10 min"}, "every step_time 600"),
        ({"at_protocol_time_s": ["1 h", "2 h"], "direction": "rising"}, "at protocol_time 3600,7200 rising"),
        (
            {"at_current_ma": [0.05], "direction": "falling", "hysteresis": 0.01},
            "at current 5e-05 falling hysteresis 1e-05",
        ),
        ({"at_voltage_rate_mv_h": [3.6]}, "at voltage_rate 1e-06 both"),
        ({"dqdv_confirmed": True, "direction": "rising"}, "dqdv confirmed charging"),
        ({"dqdv_approach_v": [3.73, 4.0]}, "dqdv approach 3.73,4 margin 0.02"),
        (
            {"dqdv_approach_v": "last", "margin_v": 0.03, "direction": "falling"},
            "dqdv approach last discharging margin 0.03",
        ),
        ({"ttl": "rising", "once_per": "cycle"}, "ttl rising each cycle"),
        ({"manual": True}, "manual"),
        (
            {"every_lithium_content": 0.02, "only_while": ["in_step charge", "voltage above 3.7 for 60"]},
            "every lithium_content 0.02 and in_step charge and voltage above 3.7 for 60",
        ),
        (
            {"when": "at voltage 3.7 rising and in_step charge-2 for 60  or cycle 3 once"},
            "at voltage 3.7 rising and in_step charge-2 for 60 or cycle 3 once",
        ),
    ],
)
def test_options_of_a_trigger_are_written_in_words_the_cycler_understands(keys, rule):
    trigger = TriggerFile.model_validate(keys)
    assert trigger.rule() == rule
    parse_rule(rule)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"every_voltage_v": 0.01, "for_s": 5}, "for_s belong to the at_"),
        ({"step_start": True, "dead_band": 0.1}, "dead_band belongs to"),
        ({"for_s": 5}, "exactly one rule"),
        ({"every_time_s": 5, "once_per": "week"}, "once_per"),
        ({"when": "at voltage 3.7 rizing"}, "direction 'rizing' is unknown; use one of rising"),
        ({"when": "manual", "once_per": "cycle"}, "once_per beside when: write all of it into when"),
        ({"when": "manual", "ttl": "rising"}, "has ttl and when"),
        ({"manual": True, "only_while": ["at voltage 3.7 rising"]}, "no state that holds"),
        ({"manual": True, "only_while": ["cycle 1 or cycle 2"]}, "no state that holds"),
        ({"ttl": "rising", "direction": "falling"}, "direction, hysteresis and for_s belong to"),
        ({"dqdv_confirmed": True, "margin_v": 0.1}, "margin_v belongs to dqdv_approach_v"),
        ({"at_voltage_rate_mv_h": [-1.0]}, "greater than 0"),
    ],
)
def test_options_that_do_not_belong_to_the_rule_are_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        TriggerFile.model_validate(keys)


def test_skipping_needs_a_deadline():
    entry = {
        "name": "ni",
        "technique": "xanes",
        "element": "Ni",
        "grid": {"regions": [[-10, 10, 1, 1.0]]},
        "trigger": {"every_time_s": 60},
        "on_miss": "skip",
    }
    with pytest.raises(ValidationError, match="give max_lateness_s"):
        XanesFile.model_validate(entry)
    assert XanesFile.model_validate(entry | {"max_lateness_s": "10 min"}).max_lateness_s == 600.0


FILE = (Path(__file__).parents[2] / "experiment" / "nmc811.toml").read_text()
RULE = "trigger.every_lithium_content = 0.02"


def refusal(tmp_path, rule):
    path = tmp_path / "cell.toml"
    path.write_text(FILE.replace(RULE, rule, 1))
    with pytest.raises(ExperimentFileError) as told:
        read_experiment(path)
    return str(told.value)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            'trigger.when = "at voltage 4.9 rising"',
            "when: 'at voltage 4.9 rising': level 4.9 V is never",
        ),
        ('trigger.when = "step end chargd"', "there is no step 'chargd', the steps are"),
        ('trigger.when = "cycle 40 or ttl high"', "the last cycle of this protocol is"),
        (
            "trigger.at_current_ma = [500.0]",
            "at_current_ma: 'at current 0.5 both': level 0.5 A is",
        ),
        ('trigger.every_time_s = "400 d"', "every_time_s"),
        ("trigger.dqdv_approach_v = [3.7, 4.9]", "4.9 V is never approached"),
        ('trigger.manual = true\ntrigger.only_while = ["in_step chargd"]', "no step 'chargd'"),
        ('trigger.when = "at voltage"', "'at voltage' is none of: every QUANTITY"),
    ],
)
def test_a_trigger_that_can_never_fire_is_refused_with_its_key(tmp_path, rule, message):
    assert message in refusal(tmp_path, rule)


@pytest.mark.parametrize(
    ("rule", "count", "interval_s"),
    [
        ("every time 60", 600, 60.0),
        ("every time 60 min_interval 600", 61, 600.0),
        ("every time 60 or every time 360", 700, 60.0),
        ("every time 60 and in_step charge", 600, 60.0),
        ("every lithium_content 0.1", 20, 1080.0),
        ("at voltage 3.7,4.0 both once", 1, math.inf),
        ("at voltage 3.7,4.0 both each half_cycle", 4, math.inf),
        ("dqdv confirmed", 12, math.inf),
        ("dqdv approach 3.7,4.0 margin 0.02", 8, math.inf),
        ("in_step charge and voltage above 4", 4, math.inf),
        ("cycle 1", 1, math.inf),
        ("manual", 0, math.inf),
    ],
)
def test_requests_of_any_rule_are_estimated(rule, count, interval_s):
    course = Course(duration_s=36000.0, travel=2.0, current_max_a=1e-3, half_cycles=4)
    assert expected_requests(trigger_from_text(rule), course, 3.0) == (count, pytest.approx(interval_s))
