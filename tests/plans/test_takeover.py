"""An experiment that a dead process left is taken over, whatever its cell does; a pause is told."""

import errno
import time
from functools import partial
from types import SimpleNamespace

import pytest
from operando.devices.latch import Latch
from operando.plans import standstill
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.policies import Policies
from operando.plans.resume import ResumePoint, Unlisted
from operando.plans.standstill import Standstill, StandstillError
from operando.plans.xanes import xanes
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, events

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
LEFT = ResumePoint("dead", last_sample=11, last_time_s=12.0, seen={1: 1})


@pytest.fixture
def line():
    """A cell of experiment e1 that has latched twice."""
    line = SoftBeamline()
    line.cell.experiment_uid.put("e1")
    line.cell.trigger_1.rule.put("every lithium_content 0.01")
    line.cell.state.put("Running")
    line.cell.live(25)
    return line


def go_on(line, resume=LEFT, **policies):
    return operando(
        line.cell,
        PROTOCOL,
        [Measurement("ni", partial(xanes, line, grid=GRID, element="Ni"))],
        {"ni": "every lithium_content 0.01"},
        Policies(**policies),
        limits=LIMITS,
        experiment={"uid": "e1", "name": "test"},
        resume=resume,
        poll_s=0.01,
    )


def ledger(documents):
    keys = ("measurement", "count", "status", "reason", "run")
    entries = events(documents, "ledger_count")
    return [tuple(data[f"ledger_{key}"] for key in keys) for data in entries]


def samples(documents):
    pages = [doc["data"] for name, doc in documents if name == "event_page"]
    return [number for page in pages for number in page["cell_sample"]]


def test_a_held_cell_goes_on_with_its_protocol(line, engine):
    line.cell.state.put("Paused")
    documents = collected(engine)
    assert engine(go_on(line)).plan_result.done == 4
    assert line.cell.command.history == ["resume", "rest"]
    assert samples(documents) == list(range(12, 50))


def test_a_protocol_that_ended_unattended_is_completed_and_nothing_is_measured(line, engine):
    line.cell.live(60)
    assert line.cell.state.get() == "Stopped"
    documents = collected(engine)
    result = engine(go_on(line, on_end="hold_voltage")).plan_result
    assert (result.done, result.missed, result.fault) == (0, 4, "")
    assert {entry[3] for entry in ledger(documents)} == {"the protocol ended while no acquisition ran"}
    assert samples(documents) == list(range(12, 50))
    assert line.cell.command.history == ["hold_voltage"]
    assert line.ion_chambers.triggered == 0
    assert documents[-1][1]["exit_status"] == "success"


def test_a_trip_while_nobody_was_there_is_a_fault_of_the_run(line, engine):
    line.cell.limits.trip.put(1)
    line.cell.limits.cause.put("VMAX 4.41 V")
    line.cell.state.put("Stopped")
    documents = collected(engine)
    result = engine(go_on(line)).plan_result
    assert result.fault == "cycler fault: VMAX 4.41 V"
    assert [entry[2] for entry in ledger(documents)] == ["fault", "missed"]


def test_what_was_measured_without_an_entry_is_entered_and_not_measured_again(line, engine):
    latch = Latch(2, 20.0, 3.7, 1e-3, 0.1, 0.98)
    left = ResumePoint("dead", 11, 12.0, {1: 2}, {1: Unlisted(latch, "run-2")})
    documents = collected(engine)
    engine(go_on(line, left))
    entries = ledger(documents)
    assert [(entry[1], entry[2]) for entry in entries] == [(2, "done"), (3, "done"), (4, "done"), (5, "done")]
    assert entries[0][4] == "run-2"
    assert "entered into the ledger when it went on" in entries[0][3]


def test_a_cell_that_somebody_paused_is_told_in_log_and_ledger_and_waited_for(
    line, engine, caplog, monkeypatch
):
    monkeypatch.setattr(standstill, "PATIENCE_S", 0.0)
    line.events[4] = lambda: line.cell.state.put("Paused")

    def let_go_on(name, doc):
        if name == "event" and doc["data"].get("ledger_status") == "fault":
            line.cell.state.put("Running")

    engine.subscribe(let_go_on)
    documents = collected(engine)
    assert engine(go_on(line)).plan_result.done == 4
    told = [entry[3] for entry in ledger(documents) if entry[2] == "fault"]
    assert len(told) == 1
    assert "paused by its watchdog or at the potentiostat" in told[0]
    assert told[0] in caplog.text
    assert "the cell goes on with its protocol" in caplog.text


def test_a_pause_that_never_ends_ends_the_experiment(line, engine):
    line.cell.state.put("Paused")
    course = SimpleNamespace(cell=line.cell, policies=Policies(pause_max_s=5.0))
    with pytest.raises(StandstillError, match="paused for 5 s"):
        engine(Standstill(since=time.monotonic() - 10.0).look(course))


def test_a_full_disk_ends_the_experiment_instead_of_using_up_attempts(line, engine):
    def full(name, doc):
        if name == "event" and "i0" in doc["data"]:
            raise OSError(errno.ENOSPC, "the journal's disk is full")

    engine.subscribe(full)
    documents = collected(engine)
    with pytest.raises(OSError, match="the journal's disk is full"):
        engine(go_on(line, on_abort="rest"))
    assert line.cell.command.history == ["rest"]
    assert line.photon_shutter.get() == "closed"
    assert "the journal's disk is full" in documents[-1][1]["reason"]
    assert len([doc for name, doc in documents if name == "start" and doc["purpose"] == "measurement"]) == 1
