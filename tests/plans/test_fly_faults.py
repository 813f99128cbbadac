"""What goes wrong in a sweep: pauses, beam dumps, a dead box; nothing counts twice, all is left in order."""

import threading

import pytest
from bluesky.utils import RunEngineInterrupted
from operando.devices.gate_record import GatesMissingError
from operando.plans import fly_taking
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.fly_sweeps import FlySweeps
from operando.plans.fly_taking import SweepFailedError
from operando.plans.fly_xanes import fly_xanes
from operando.plans.grids import grid_from_regions
from ophyd.status import Status
from soft_fly import VELOCITY_DEG_S, FlyStation, missing
from soft_station import collected, events

GRID = grid_from_regions([(-20, 0, 2, 0.5), (0, 15, 0.5, 1.0), (15, 40, 2.0, 0.5)], e0="Ni_K")
FLY = {"grid": GRID, "element": "Ni", "duration_s": 2.0}
GATES = FlySweeps(GRID, 2.0).gates


@pytest.fixture
def station():
    return FlyStation()


def sweeps(documents):
    """Number, attempt, status and place in the file of each sweep that was told of."""
    told = events(documents, "sweep_number")
    keys = ("sweep_number", "sweep_attempt", "sweep_status", "sweep_first_gate")
    return [tuple(one[key] for key in keys) for one in told]


def points(documents):
    return sum("mono_energy" in doc["data"] for kind, doc in documents if kind == "event")


def pausing(station, engine, *, stops):
    """The first sweep is paused under way; it goes on to its end then, or is stopped by the pause."""
    bragg, usual, pauses = station.mono.bragg, station.mono.bragg.begin, [1]

    def begin(position, tolerance, done):
        if not pauses or bragg.velocity.get() == VELOCITY_DEG_S:
            usual(position, tolerance, done)
            return
        pauses.pop()
        if stops:
            station.trigger_box.faults = [missing(), None, None]

        def go():
            engine.request_pause()
            usual(position, tolerance, done)

        threading.Thread(target=go).start()

    bragg.begin = begin


@pytest.mark.parametrize("stops", [False, True])
def test_a_pause_in_a_sweep_counts_nothing_twice(station, engine, stops):
    documents = collected(engine)
    pausing(station, engine, stops=stops)
    with pytest.raises(RunEngineInterrupted):
        engine(fly_xanes(station, **FLY, sweeps=2))
    engine.resume()
    first = [(0, 1, "redone", -1), (0, 2, "good", 0)] if stops else [(0, 1, "good", 0)]
    assert sweeps(documents) == [*first, (1, 1, "good", GATES)]
    assert points(documents) == len(GRID)
    assert station.mono.bragg.velocity.get() == VELOCITY_DEG_S
    assert station.photon_shutter.get() == "closed"


def test_a_pause_while_a_sweep_is_made_ready_orders_no_gate_twice(station, engine):
    documents, box = collected(engine), station.trigger_box
    usual, pauses = box.set, [threading.Thread(target=engine.request_pause)]

    def wait_for_gates(gates):
        status = usual(gates)
        if not pauses:
            return status
        slow = Status(box)
        pauses.pop().start()
        threading.Timer(0.3, slow.set_finished).start()
        return slow

    box.set = wait_for_gates
    with pytest.raises(RunEngineInterrupted):
        engine(fly_xanes(station, **FLY))
    engine.resume()
    assert sweeps(documents) == [(0, 1, "good", 0)]
    assert len(box.passes) == 1


def test_an_abort_after_a_pause_in_a_sweep_leaves_all_in_order(station, engine):
    documents = collected(engine)
    pausing(station, engine, stops=False)
    with pytest.raises(RunEngineInterrupted):
        engine(fly_xanes(station, **FLY, sweeps=2))
    engine.abort()
    (stop,) = (doc for kind, doc in documents if kind == "stop")
    assert stop["exit_status"] == "abort"
    assert station.mono.bragg.velocity.get() == VELOCITY_DEG_S
    assert station.photon_shutter.get() == "closed"
    assert station.trigger_box.stopped


def test_a_beam_dump_in_a_sweep_has_it_taken_again_when_the_beam_is_back(station, engine):
    documents, box = collected(engine), station.trigger_box
    rates = iter((lambda energy: 1e-7 * (energy < 8335.0) + 1e-13, box.rate_a))
    prepare = box.prepare

    def next_rate(series):
        box.rate_a = next(rates)
        return prepare(series)

    box.prepare = next_rate
    engine(fly_xanes(station, **FLY, guard=BeamGuard()))
    assert sweeps(documents) == [(0, 1, "redone", -1), (0, 2, "good", 0)]
    assert points(documents) == len(GRID)


def test_a_shutter_that_stays_shut_after_a_beam_dump_fails_as_beam_lost(station, engine):
    shutter, usual = station.photon_shutter, station.photon_shutter.set
    station.trigger_box.rate_a = lambda energy: 1e-7 * (energy < 8335.0) + 1e-13
    opened = []

    def no_permit(value):
        if value == "open" and opened:
            raise RuntimeError("photon_shutter may not open: no permit")
        opened.append(value)
        return usual(value)

    shutter.set = no_permit
    with pytest.raises(BeamLostError, match=r"beam lost: i0.*not yet back.*no permit"):
        engine(fly_xanes(station, **FLY, guard=BeamGuard()))
    assert shutter.get() == "closed"


@pytest.mark.parametrize("verb", ["prepare", "set", "trigger", "complete"])
def test_a_dead_box_ends_the_scan_in_bounded_time_with_its_name(station, engine, monkeypatch, verb):
    monkeypatch.setattr(fly_taking, "WAIT_S", 0.05)
    documents = collected(engine)
    setattr(station.trigger_box, verb, lambda *_: Status(station.trigger_box))
    with pytest.raises(SweepFailedError, match=r"trigger_box: not done after .* is its server running\?"):
        engine(fly_xanes(station, **FLY))
    (stop,) = (doc for kind, doc in documents if kind == "stop")
    assert stop["exit_status"] == "fail"
    assert station.mono.bragg.velocity.get() == VELOCITY_DEG_S
    assert station.photon_shutter.get() == "closed"


def test_lost_pulses_are_told_with_both_numbers(station, engine):
    documents = collected(engine)
    lost = GatesMissingError("trigger_box", GATES, GATES - 7, "")
    station.trigger_box.faults = [lost]
    engine(fly_xanes(station, **FLY))
    reason = next(doc["data"]["sweep_reason"] for kind, doc in documents if kind == "event")
    assert str(GATES) in reason
    assert str(GATES - 7) in reason
    assert sweeps(documents) == [(0, 1, "redone", -1), (0, 2, "good", 0)]
