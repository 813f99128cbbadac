"""The onset of a phase in an experiment file: accepted, told, estimated, or refused with line and remedy."""

from pathlib import Path

import operando.experiment
import pytest
from event_model import compose_run
from operando.callbacks.analysis.phase_onset import OnsetCriterion
from operando.callbacks.tiled.journal import Journal
from operando.experiment.cells_file import ManyCells
from operando.experiment.check import problems
from operando.experiment.conversion import gates_of, told_rules_of, triggers_of
from operando.experiment.estimate import measurement_estimates
from operando.experiment.reading import read_experiment, read_file
from operando.experiment.resumption import remains_of, resume_point
from operando.experiment.toml_source import ExperimentFileError
from operando.plans.duration import Timing
from operando.plans.gate import Gate

SHIPPED = Path(operando.experiment.__file__).parent / "lno-onset.toml"
CELLS = SHIPPED.with_name("nmc811-two-cells.toml")
DENSE = 'trigger = { every_lithium_content = 0.005, after_onset = "H3" }'


def changed(tmp_path, old, new):
    text = SHIPPED.read_text()
    assert text.count(old) >= 1
    path = tmp_path / "onset.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def refused(tmp_path, old, new):
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(changed(tmp_path, old, new))
    return " ".join(str(caught.value).split())


def test_the_shipped_file_is_denser_from_the_onset_on():
    experiment, h3 = read_experiment(SHIPPED), OnsetCriterion("H3")
    assert gates_of(experiment) == {
        "diffraction": Gate(until=h3),
        "diffraction_h3": Gate(after=h3),
        "ni_k": Gate(until=h3),
        "ni_k_onset": Gate(after=h3, fires=True),
        "ni_k_h3": Gate(after=h3),
    }
    assert triggers_of(experiment)["ni_k_onset"] == "manual"
    assert told_rules_of(experiment)["ni_k_onset"] == "onset H3 frames 3 significance 5"
    told = told_rules_of(experiment)["diffraction_h3"]
    assert told == "every lithium_content 0.005 after onset H3 frames 3 significance 5"


def test_what_confirms_it_can_be_said_in_full(tmp_path):
    full = 'after_onset = { phase = "M", frames = 5, significance = 8, measurement = "diffraction" } }'
    path = changed(tmp_path, DENSE, f"trigger = {{ every_lithium_content = 0.005, {full}")
    gate = gates_of(read_experiment(path))["diffraction_h3"]
    assert gate.after == OnsetCriterion("M", 5, 8.0, "diffraction")


def test_any_rule_may_wait_for_an_onset_that_in_the_words_of_the_cycler_too(tmp_path):
    path = changed(tmp_path, DENSE, 'trigger = { when = "at voltage 4.25 rising", after_onset = "H3" }')
    assert told_rules_of(read_experiment(path))["diffraction_h3"].startswith(
        "at voltage 4.25 rising after onset"
    )


def test_a_measurement_at_the_onset_is_expected_once():
    counts = {each.name: each.count for each in measurement_estimates(read_experiment(SHIPPED), Timing())}
    assert counts["ni_k_onset"] == 1
    assert counts["diffraction_h3"] > counts["diffraction"]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ('trigger = { onset_confirmed = "H3", once_per = "cycle" }', "once_per beside onset_confirmed"),
        ('trigger = { onset_confirmed = "H3", until_onset = "M" }', "until_onset beside onset_confirmed"),
        ('trigger = { every_time_s = 60, after_onset = "H3", until_onset = "H3" }', "name two onsets"),
        ('trigger = { after_onset = "H3" }', "needs exactly one rule, has none"),
        ('trigger = { onset_confirmed = { phase = "H3", frames = 1 } }', "greater than or equal to 2"),
        (
            'trigger = { onset_confirmed = { phase = "H3", measurement = "ni_k" } }',
            "'ni_k' takes no diffraction frames, so no onset is ever found; those that do: diffraction",
        ),
    ],
)
def test_an_onset_that_could_never_be_is_refused_with_a_remedy(tmp_path, new, says):
    assert says in refused(tmp_path, DENSE, new)


def test_frames_that_wait_for_the_onset_they_should_show_are_refused(tmp_path):
    early = 'trigger = { every_lithium_content = 0.01, until_onset = "H3" }'
    late = 'trigger = { every_lithium_content = 0.01, after_onset = "H3" }'
    told = refused(tmp_path, early, late)
    assert "could only be seen in diffraction, diffraction_h3, which waits for it itself" in told


def test_a_phase_that_is_not_looked_for_in_this_chemistry_is_warned_of(tmp_path):
    assert problems(read_experiment(SHIPPED)) == []
    path = changed(tmp_path, 'after_onset = "H3"', 'after_onset = "LCO H1-3"')
    (warning,) = problems(read_experiment(path))
    assert not warning.is_fatal
    assert "'LCO H1-3' is not among the phases that are looked for in LNO" in warning.text
    assert "those are H1, M, H2, H3, O1, " in warning.text


def test_of_several_cells_none_waits_for_an_onset(tmp_path):
    text = CELLS.read_text()
    assert isinstance(read_file(CELLS), ManyCells)
    (tmp_path / "cells.toml").write_text(text.replace("trigger.", 'trigger.after_onset = "H3"\ntrigger.', 1))
    with pytest.raises(ExperimentFileError, match=r"of several cells none can wait|no measurement takes"):
        read_file(tmp_path / "cells.toml")


def test_an_onset_in_the_ledger_is_what_a_takeover_goes_on_from(tmp_path):
    experiment = {"uid": "u" * 36, "name": "lno"}
    run = compose_run(metadata={"purpose": "cycling", "experiment": experiment, "measurements": []})
    row = {"ledger_status": "onset", "ledger_rule": str(OnsetCriterion("H3")), "ledger_measurement": ""}
    row |= {"ledger_time": 900.0, "ledger_late_s": 300.0}
    keys = {key: {"source": "x", "dtype": "string", "shape": []} for key in row}
    stream = run.compose_descriptor(name="triggers", data_keys=keys)
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", run.start_doc)
        journal("descriptor", stream.descriptor_doc)
        journal("event", stream.compose_event(data=row, timestamps=dict.fromkeys(row, 0.0)))
    point = resume_point(remains_of(tmp_path, experiment["uid"]))
    assert point.onsets == {"onset H3 frames 3 significance 5": 600.0}
    assert "onsets" not in point.metadata()["gap"]
