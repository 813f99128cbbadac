import pytest
from operando.experiment.measurement_file import MeasurementFile, TriggerFile
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
        MeasurementFile.model_validate(entry)
    assert MeasurementFile.model_validate(entry | {"max_lateness_s": "10 min"}).max_lateness_s == 600.0
