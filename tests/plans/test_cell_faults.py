"""What a plan does about a cycler that refuses, has lost samples, or whose clock is wrong."""

from functools import partial

import pytest
from operando.devices.protocol import ConstantCurrent, Protocol
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.start import StartRefusedError, check_cell
from operando.plans.xanes import xanes
from ophyd.status import DeviceStatus
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, of_stream

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
REASON = "the open-circuit voltage is -3.7 V: it is negative, the leads are reversed"


@pytest.fixture
def line():
    return SoftBeamline()


def experiment(line, **options):
    measurement = Measurement("ni", partial(xanes, line, grid=GRID, element="Ni"))
    return operando(
        line.cell,
        PROTOCOL,
        [measurement],
        {"ni": "every lithium_content 0.02"},
        limits=LIMITS,
        experiment={"uid": "e1", "name": "test"},
        poll_s=0.01,
        **options,
    )


def refusing(cell, *words):
    """Let the cycler refuse these orders; gives the list of all that it was told."""
    told, give = [], cell.command.set

    def set_(word, **options):
        told.append(word)
        if word not in words:
            return give(word, **options)
        status = DeviceStatus(cell)
        status.set_exception(RuntimeError(REASON))
        return status

    cell.command.set = set_
    return told


def test_a_cell_that_is_refused_is_told_with_the_reason_before_anything_moves(line, engine):
    told = refusing(line.cell, "check")
    with pytest.raises(StartRefusedError, match="it is negative, the leads are reversed"):
        engine(check_cell(line.cell, PROTOCOL, LIMITS))
    assert told == ["check"]
    assert line.cell.program.get() == PROTOCOL
    assert line.cell.state.get() == "Stopped"


def test_a_held_cell_is_stopped_before_it_is_asked_and_a_running_one_is_left_alone(line, engine):
    told = refusing(line.cell)
    line.cell.state.put("Paused")
    engine(check_cell(line.cell, PROTOCOL, LIMITS))
    assert told == ["stop", "check"]
    line.cell.state.put("Running")
    engine(check_cell(line.cell, Protocol((ConstantCurrent(-1e-3, until_time_s=1.0),)), LIMITS))
    assert told == ["stop", "check"]


def test_a_start_that_is_refused_ends_the_run_with_the_reason_and_nothing_was_measured(line, engine):
    documents = []
    engine.subscribe(lambda name, doc: documents.append((name, doc)))
    refusing(line.cell, "start")
    with pytest.raises(StartRefusedError, match="it is negative"):
        engine(experiment(line))
    stops = [doc for name, doc in documents if name == "stop"]
    assert len(stops) == 1
    assert stops[0]["exit_status"] == "fail"
    assert "the leads are reversed" in stops[0]["reason"]


def test_a_hole_in_the_record_is_entered_into_the_ledger_once(line, engine):
    documents = []
    engine.subscribe(lambda name, doc: documents.append((name, doc)))
    line.events[2] = lambda: line.cell.record.hole.put("samples 12 to 24 are lost")
    result = engine(experiment(line)).plan_result
    faults = [data for data in of_stream(documents, "triggers") if data["ledger_status"] == "fault"]
    assert [data["ledger_reason"] for data in faults] == [
        "the record of the cell has a hole: samples 12 to 24 are lost"
    ]
    assert result.fault == ""
    assert (result.done, result.missed) == (5, 0)


def test_the_cycling_run_tells_how_far_the_cells_clock_is_off_at_its_begin_and_end(line, engine):
    documents = collected(engine)
    line.events[2] = lambda: line.cell.clock.offset.put(-3.2)
    engine(experiment(line))
    (cycling,) = [doc for name, doc in documents if name == "start" and doc["purpose"] == "cycling"]
    assert (cycling["clock_offset_s"], cycling["clock_uncertainty_s"]) == (-3.0, 0.005)
    events = of_stream(documents, "clock")
    assert [data["cell_clock_offset"] for data in events] == [-3.0, -3.2]
    assert events[1]["cell_time"] > events[0]["cell_time"]
