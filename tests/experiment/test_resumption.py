"""What a dead acquisition left is found in the journal, and nothing is measured twice."""

import pytest
from event_model import compose_run
from operando.callbacks.tiled.journal import Journal
from operando.experiment.resumption import (
    changed_since,
    close_dead_runs,
    hold_point,
    remains_of,
    resume_point,
)

EXPERIMENT = {"uid": "u" * 36, "name": "test"}


def number_keys(names):
    return {name: {"source": "test", "dtype": "number", "shape": []} for name in names}


def leave_a_dead_experiment(folder):
    cycling = compose_run(
        metadata={
            "purpose": "cycling",
            "experiment": EXPERIMENT,
            "measurements": [{"name": "mn_k"}, {"name": "ni_k"}],
        }
    )
    samples = cycling.compose_descriptor(
        name="electrochemistry", data_keys=number_keys(["cell_sample", "cell_time"])
    )
    spectra = cycling.compose_descriptor(name="impedance", data_keys=number_keys(["cell_impedance_point"]))
    measured = compose_run(
        metadata={
            "purpose": "measurement",
            "experiment": EXPERIMENT,
            "measurement": "ni_k",
            "trigger": {"count": 7},
        }
    )
    with Journal(folder, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", cycling.start_doc)
        journal("descriptor", samples.descriptor_doc)
        for sample in range(5):
            data = {"cell_sample": sample, "cell_time": 100.0 + sample}
            journal("event", samples.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))
        journal("descriptor", spectra.descriptor_doc)
        for point in range(3):
            data = {"cell_impedance_point": point}
            journal("event", spectra.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))
        journal("start", measured.start_doc)
        journal("stop", measured.compose_stop())
    return cycling.start_doc["uid"]


def test_the_last_sample_and_the_newest_measured_request_are_found(tmp_path):
    cycling = leave_a_dead_experiment(tmp_path)
    remains = remains_of(tmp_path, EXPERIMENT["uid"])
    assert remains is not None
    assert remains.is_open
    point = resume_point(remains)
    assert (point.cycling_run, point.last_sample, point.last_time_s) == (cycling, 4, 104.0)
    assert point.last_point == 2
    assert dict(point.seen) == {2: 7}
    assert point.unlisted[2].latch.count == 7
    assert point.unlisted[2].run == remains.measurements[0].uid


def test_without_a_stored_sample_the_record_begins_where_the_experiment_did(tmp_path):
    cycling = compose_run(
        metadata={"purpose": "cycling", "experiment": EXPERIMENT, "measurements": []}
        | {"first_sample": 40, "first_point": 7}
    )
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", cycling.start_doc)
    remains = remains_of(tmp_path, EXPERIMENT["uid"])
    assert remains is not None
    point = resume_point(remains)
    assert (point.last_sample, point.last_point) == (39, 6)


@pytest.mark.parametrize(
    ("exit_status", "reason", "ended"),
    [
        ("success", "", True),
        ("fail", "cycler fault: VMAX 4.5 V", True),
        ("abort", "the acquisition received SIGTERM", False),
        ("fail", "the journal's disk is full", False),
    ],
)
def test_an_experiment_has_ended_when_its_protocol_was_followed_to_the_end(
    tmp_path, exit_status, reason, ended
):
    cycling = compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT, "measurements": []})
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", cycling.start_doc)
        journal("stop", cycling.compose_stop(exit_status=exit_status, reason=reason))
    remains = remains_of(tmp_path, EXPERIMENT["uid"])
    assert remains is not None
    assert remains.has_ended is ended


def test_runs_of_dead_processes_are_closed_once(tmp_path):
    cycling = leave_a_dead_experiment(tmp_path)
    assert close_dead_runs(tmp_path) == [cycling]
    assert close_dead_runs(tmp_path) == []


def test_an_unknown_experiment_has_no_remains(tmp_path):
    leave_a_dead_experiment(tmp_path)
    assert remains_of(tmp_path, "other") is None


PROTOCOL = {"steps": ({"id": "charge", "current_a": 1e-3}, {"id": "rest", "duration_s": 60.0}), "record": {}}
LIMITS = {"voltage_max_v": 4.4}
RULES = {"ni_k": "every lithium_content 0.02"}


@pytest.mark.parametrize(
    ("protocol", "limits", "rules", "told"),
    [
        (PROTOCOL, LIMITS, RULES, ()),
        ({**PROTOCOL, "steps": PROTOCOL["steps"][:1]}, LIMITS, RULES, ("protocol step rest",)),
        (
            {**PROTOCOL, "steps": ({"id": "charge", "current_a": 2e-3}, PROTOCOL["steps"][1])},
            {"voltage_max_v": 4.5},
            RULES,
            ("protocol step charge", "limits"),
        ),
        ({**PROTOCOL, "record": {"dt_s": 1.0}}, LIMITS, RULES, ("protocol record",)),
        (PROTOCOL, LIMITS, {"ni_k": "every time 60"}, ("measurements and their triggers",)),
    ],
)
def test_what_a_file_says_otherwise_than_the_running_experiment_is_named(
    tmp_path, protocol, limits, rules, told
):
    started = compose_run(
        metadata={
            "purpose": "cycling",
            "experiment": EXPERIMENT,
            "protocol": PROTOCOL,
            "limits": LIMITS,
            "measurements": [{"name": name, "rule": rule} for name, rule in RULES.items()],
        }
    )
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", started.start_doc)
    remains = remains_of(tmp_path, EXPERIMENT["uid"])
    assert remains is not None
    assert changed_since(remains, protocol, limits, rules) == told


def leave_a_dead_hold(folder):
    """Two states were passed; of the second there is one spectrum, without an entry in the ledger."""
    names = ["mn_k", "ni_k"]
    cycling = compose_run(
        metadata={
            "purpose": "cycling",
            "experiment": EXPERIMENT,
            "measurements": [{"name": name} for name in names],
        }
    )
    keys = {**number_keys(["ledger_count", "ledger_time"]), **text_keys(["ledger_measurement"])}
    ledger = cycling.compose_descriptor(name="triggers", data_keys=keys)
    scans = [("mn_k", 100.0), ("ni_k", 100.0), ("ni_k", 900.0)]
    with Journal(folder, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", cycling.start_doc)
        journal("descriptor", ledger.descriptor_doc)
        for name, time_s in scans:
            latch = {"count": 1, "time": time_s}
            about = {"purpose": "measurement", "measurement": name, "trigger": latch}
            scan = compose_run(metadata={**about, "experiment": EXPERIMENT})
            journal("start", scan.start_doc)
            journal("stop", scan.compose_stop())
        for name in names:
            data = {"ledger_count": 1, "ledger_time": 100.0, "ledger_measurement": name}
            journal("event", ledger.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))


def text_keys(names):
    return {name: {"source": "test", "dtype": "string", "shape": []} for name in names}


def test_of_step_and_hold_the_states_passed_are_told_apart_by_their_time(tmp_path):
    leave_a_dead_hold(tmp_path)
    remains = remains_of(tmp_path, EXPERIMENT["uid"])
    assert remains is not None
    point = hold_point(remains)
    assert point.crossed_s == {1: (100.0,), 2: (100.0,)}
    assert dict(point.seen) == {}
    assert {number: one.latch.time for number, one in point.unlisted.items()} == {2: 900.0}
