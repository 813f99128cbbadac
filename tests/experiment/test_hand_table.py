"""What a console shows of runs that are taken by hand."""

import pytest
from bluesky.plans import count, scan
from bluesky.run_engine import RunEngine
from event_model import RunRouter
from operando.experiment.hand_table import hand_table
from ophyd import Component, Device, Signal
from ophyd.sim import motor


class Chambers(Device):
    """Currents as ion chambers give them, A."""

    i0 = Component(Signal, value=4.5171e-8, kind="hinted")
    it = Component(Signal, value=-1.25e-11, kind="hinted")


@pytest.fixture
def engine():
    engine = RunEngine(call_returns_result=True)
    engine.subscribe(RunRouter([hand_table]))
    return engine


def test_points_are_shown_with_what_was_moved_and_currents_of_nanoamperes(engine, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    engine(scan([Chambers(name="chambers")], motor, 8333.25, 8334.25, 2))
    told = capsys.readouterr().out
    rows = [line for line in told.splitlines() if line.startswith(("|", "+"))]
    assert len({len(row) for row in rows}) == 1
    titles = next(line for line in told.splitlines() if "seq_num" in line)
    assert titles.split("|")[3].strip() == "motor"
    assert "8333.25" in told
    assert "4.5171e-08" in told
    assert "-1.25e-11" in told


def test_the_table_is_no_wider_than_the_terminal(engine, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "64")
    engine(scan([Chambers(name="chambers")], motor, 0, 1, 2))
    told = capsys.readouterr().out
    assert "chambers_i0" in told
    assert "chambers_it" not in told
    assert max(map(len, told.splitlines())) <= 64


def test_a_run_of_an_experiment_is_left_to_its_display(engine, capsys):
    engine(count([Chambers(name="chambers")], md={"experiment": {"uid": "0123", "name": "demo"}}))
    assert capsys.readouterr().out == ""
