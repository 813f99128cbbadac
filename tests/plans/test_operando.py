import threading
from functools import partial

import pytest
from bluesky.utils import RunEngineInterrupted
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.burst import BurstLostError
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.policies import Policies
from operando.plans.resume import ResumePoint
from operando.plans.xanes import xanes
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, column

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
SLOW = grid_from_regions([(0, 2, 1, 8.0)], e0="Ni_K")
EXPERIMENT = {"uid": "e1", "name": "test"}
GUARD = BeamGuard()


@pytest.fixture
def line():
    return SoftBeamline()


def measurement(line, grid=GRID, name="ni", **options):
    return Measurement(name, partial(xanes, line, grid=grid, element="Ni", guard=GUARD), **options)


def experiment(line, *measurements, policies=None, **options):
    measurements = measurements or (measurement(line),)
    return operando(
        line.cell,
        PROTOCOL,
        measurements,
        {each.name: "every lithium_content 0.01" for each in measurements},
        policies,
        **{
            "limits": LIMITS,
            "experiment": EXPERIMENT,
            "guard": GUARD,
            "ring": line.ring,
            "poll_s": 0.01,
            **options,
        },
    )


def pause_soon(engine):
    """The RunEngine is paused from another thread, as by Ctrl-C."""
    return lambda: threading.Thread(target=engine.request_pause).start()


def starts(documents):
    return [doc for name, doc in documents if name == "start"]


def ledger(documents):
    keys = ("count", "status", "reason", "run", "delay_s")
    return [
        {key: doc["data"][f"ledger_{key}"] for key in keys}
        for name, doc in documents
        if name == "event" and "ledger_count" in doc["data"]
    ]


def test_every_latch_is_measured_and_entered_into_the_ledger(line, engine):
    documents = collected(engine)
    result = engine(experiment(line)).plan_result
    assert (result.done, result.late, result.missed, result.fault) == (5, 0, 0, "")
    runs = [doc for doc in starts(documents) if doc["purpose"] == "measurement"]
    assert [doc["trigger"]["count"] for doc in runs] == [1, 2, 3, 4, 5]
    assert [doc["trigger"]["lithium_content"] for doc in runs] == pytest.approx(
        [0.99, 0.98, 0.97, 0.96, 0.95]
    )
    assert [entry["run"] for entry in ledger(documents)] == [doc["uid"] for doc in runs]
    assert {doc["experiment"]["uid"] for doc in starts(documents)} == {"e1"}
    assert {doc["cycling_run"] for doc in runs} == {result.cycling_run}


def test_the_cycling_run_stays_open_and_holds_every_sample(line, engine):
    documents = collected(engine)
    result = engine(experiment(line)).plan_result
    assert documents[0][1]["uid"] == result.cycling_run
    assert documents[-1][1]["run_start"] == result.cycling_run
    assert documents[-1][1]["exit_status"] == "success"
    samples = [
        number
        for name, doc in documents
        if name == "event_page" and "cell_sample" in doc["data"]
        for number in doc["data"]["cell_sample"]
    ]
    assert samples == list(range(50))


def test_the_potentiostat_is_loaded_guarded_and_armed_before_it_starts(line, engine):
    engine(experiment(line))
    cell = line.cell
    assert cell.limits.history == [LIMITS]
    assert cell.program.history == [PROTOCOL]
    assert cell.experiment_uid.get() == "e1"
    assert cell.trigger_1.rule.history == ["every lithium_content 0.01"]
    assert cell.trigger_2.rule.history == [""]
    assert cell.command.history == ["start", "rest"]
    assert len(cell.heartbeat.history) > 1


def test_the_newest_latch_is_measured_and_older_ones_are_superseded(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, measurement(line, SLOW))).plan_result
    entries = ledger(documents)
    assert result.missed == 2
    assert "superseded by latch 3" in entries[1]["reason"]
    assert entries[1]["count"] == 2
    assert result.done + result.missed == 5


def test_a_measurement_that_starts_too_late_is_called_late(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, measurement(line, SLOW, max_lateness_s=2))).plan_result
    assert result.late > 0
    late = next(entry for entry in ledger(documents) if entry["status"] == "late")
    assert late["delay_s"] > 2
    assert "accepted 2 s" in late["reason"]


def test_a_spectrum_without_beam_is_redone_once_the_beam_is_back(line, engine):
    documents = collected(engine)
    line.events[5] = lambda: line.ring.put(0.0)
    waited = []

    def beam_back(name, doc):
        if name == "event_page" and line.ring.get() == 0.0:
            waited.append(doc)
            if len(waited) == 2:
                line.ring.put(300.0)

    engine.subscribe(beam_back)
    result = engine(experiment(line)).plan_result
    failed = [doc for name, doc in documents if name == "stop" and doc["exit_status"] == "fail"]
    assert len(failed) == 1
    assert "beam lost" in failed[0]["reason"]
    assert result.done + result.missed == 5
    assert result.done >= 2


def test_a_failed_spectrum_is_tried_again_for_the_same_latch(line, engine):
    documents = collected(engine)

    def fail():
        raise OSError("ion_chambers: no answer")

    line.events[2] = fail
    result = engine(experiment(line)).plan_result
    attempts = [doc["attempt"] for doc in starts(documents) if doc["purpose"] == "measurement"]
    assert attempts == [1, 2, 1, 1, 1, 1]
    assert result.done == 5
    assert ledger(documents)[0]["reason"] == "redone: ion_chambers: no answer"


def test_what_has_passed_is_not_tried_again(line, engine):
    def fail(md):
        raise BurstLostError("the beam is lost")
        yield

    documents = collected(engine)
    engine(experiment(line, Measurement("ni", fail)))
    assert ledger(documents)[0]["reason"] == "gave up after 1 attempts: the beam is lost"


def test_a_measurement_that_always_fails_is_missed_and_the_cell_goes_on(line, engine):
    def fail(md):
        raise OSError("broken")
        yield

    documents = collected(engine)
    result = engine(experiment(line, Measurement("ni", fail), max_attempts=2)).plan_result
    assert (result.done, result.missed) == (0, 5)
    assert ledger(documents)[0]["reason"] == "gave up after 2 attempts: broken"


@pytest.mark.parametrize("policy", ["hold_voltage", "hold_current", "rest"])
def test_without_beam_the_cell_is_held_as_the_policy_says(line, engine, policy):
    line.events[2] = lambda: line.ring.put(0.0)
    line.cell.command.subscribe(
        lambda value, **_: line.ring.put(300.0) if value == policy else None, run=False
    )
    result = engine(experiment(line, policies=Policies(on_beam_loss=policy))).plan_result
    assert line.cell.command.history[:3] == ["start", policy, "resume"]
    assert (result.done, result.missed) == (5, 0)


def test_beam_that_never_comes_back_does_not_hang_the_plan(line, engine):
    line.ring.put(0.0)
    result = engine(experiment(line)).plan_result
    assert (result.done, result.missed) == (0, 5)


def test_beam_that_stays_away_longer_than_the_policies_say_ends_the_experiment(line, engine):
    line.ring.put(0.0)
    policies = Policies(beam_wait_max_s=1e-6, on_abort="rest")
    with pytest.raises(BeamLostError, match=r"no beam for 1e-06 s .*: the experiment ends"):
        engine(experiment(line, policies=policies))
    assert line.cell.command.history == ["start", "rest"]


def test_a_trip_of_the_cycler_ends_the_experiment_with_its_cause_in_the_ledger(line, engine):
    documents = collected(engine)

    def trip():
        line.cell.limits.trip.put(1)
        line.cell.limits.cause.put("VMAX 4.41 V")
        line.cell.state.put("Stopped")

    line.events[4] = trip
    result = engine(experiment(line)).plan_result
    assert result.fault == "cycler fault: VMAX 4.41 V"
    fault = next(entry for entry in ledger(documents) if entry["status"] == "fault")
    assert fault["reason"] == "cycler fault: VMAX 4.41 V"
    assert documents[-1][1]["reason"] == "cycler fault: VMAX 4.41 V"


@pytest.mark.parametrize(("policy", "orders"), [("continue", ["start"]), ("rest", ["start", "rest"])])
def test_an_exception_leaves_the_cell_as_the_policy_says_and_closes_everything(line, engine, policy, orders):
    documents = collected(engine)

    def fail():
        raise KeyError("a bug in a device")

    line.events[2] = fail
    with pytest.raises(KeyError):
        engine(experiment(line, policies=Policies(on_abort=policy)))
    assert line.cell.command.history == orders
    assert line.photon_shutter.get() == "closed"
    stops = [doc for name, doc in documents if name == "stop"]
    assert [doc["exit_status"] for doc in stops] == ["fail", "fail"]


@pytest.mark.parametrize(("policy", "during"), [("continue", "Running"), ("hold_voltage", "Paused")])
def test_an_abort_after_a_pause_leaves_the_cell_by_policy(line, engine, policy, during):
    documents = collected(engine)
    line.events[2] = pause_soon(engine)
    with pytest.raises(RunEngineInterrupted):
        engine(experiment(line, policies=Policies(on_pause=policy)))
    assert line.cell.state.get() == during
    engine.abort()
    assert line.photon_shutter.get() == "closed"
    stops = [doc for name, doc in documents if name == "stop"]
    assert [doc["exit_status"] for doc in stops] == ["abort", "abort"]


def test_a_pause_in_a_scan_doubles_no_order_and_no_latch(line, engine):
    line.events[2] = pause_soon(engine)
    with pytest.raises(RunEngineInterrupted):
        engine(experiment(line))
    result = engine.resume().plan_result
    assert line.cell.command.history == ["start", "rest"]
    assert (result.done, result.missed) == (5, 0)


def test_a_running_cell_is_not_started_again(line, engine):
    line.cell.state.put("Running")
    line.cell.experiment_uid.put("other")
    with pytest.raises(ValueError, match="already runs experiment other"):
        engine(experiment(line))


def test_a_cell_that_another_experiment_left_paused_is_stopped_before_loading(line, engine):
    line.cell.state.put("Paused")
    line.cell.experiment_uid.put("other")
    engine(experiment(line))
    assert line.cell.command.history[:2] == ["stop", "start"]


def test_a_paused_cell_of_this_experiment_is_not_started_anew(line, engine):
    line.cell.state.put("Paused")
    line.cell.experiment_uid.put("e1")
    with pytest.raises(ValueError, match="already runs experiment e1"):
        engine(experiment(line))


def test_a_second_start_goes_on_with_the_running_cell(line, engine):
    cell = line.cell
    cell.experiment_uid.put("e1")
    cell.trigger_1.set("every lithium_content 0.01")
    cell.state.put("Running")
    cell.live(25)
    documents = collected(engine)
    point = ResumePoint("dead", last_sample=11, last_time_s=12.0, seen={1: 1})
    result = engine(experiment(line, resume=point)).plan_result
    start = starts(documents)[0]
    assert start["resumes"] == "dead"
    assert start["gap"] == {"last_sample": 11, "last_time_s": 12.0, "seen": {"1": 1}, "last_point": -1}
    assert cell.program.history == []
    assert "start" not in cell.command.history
    assert [entry["count"] for entry in ledger(documents)] == [2, 3, 4, 5]
    assert result.done == 4
    first = next(doc for name, doc in documents if name == "event_page")
    assert first["data"]["cell_sample"][0] == 12


def test_another_experiment_is_not_taken_over(line, engine):
    line.cell.experiment_uid.put("other")
    with pytest.raises(ValueError, match="runs experiment other"):
        engine(experiment(line, resume=ResumePoint("dead")))


def test_two_measurements_share_the_beam(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, measurement(line), measurement(line, name="co"))).plan_result
    assert result.done == 7
    names = [doc["measurement"] for doc in starts(documents) if doc["purpose"] == "measurement"]
    assert names.count("ni") == 5
    assert names.count("co") == 2


def test_a_scan_that_would_blur_is_announced_before_anything_moves(line, engine):
    told = []
    blurred = measurement(line, duration_s=900, max_blur=0.01)
    documents = collected(engine)
    engine(experiment(line, blurred, capacity_mah=1.0, announce=told.append))
    assert "ni: lithium content changes by 0.25 in the 900 s of a scan at 1 mA, accepted 0.01" in told[0]
    assert starts(documents)[0]["announcements"] == told


@pytest.mark.parametrize(
    ("names", "triggers", "message"),
    [
        (["a"], {"b": "every time 1"}, "a, b: each measurement needs one trigger"),
        (["a", "a"], {"a": "every time 1"}, "a given more than once"),
    ],
)
def test_names_that_do_not_match_are_refused(line, engine, names, triggers, message):
    measurements = [measurement(line, name=name) for name in names]
    with pytest.raises(ValueError, match=message):
        engine(operando(line.cell, PROTOCOL, measurements, triggers, limits=LIMITS, experiment=EXPERIMENT))


@pytest.mark.parametrize("key", ["beam_wait_max_s", "pause_max_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_every_wait_is_bounded(key, value):
    with pytest.raises(ValueError, match=f"policies: {key} is .*; give a positive number of s"):
        Policies(**{key: value})


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="on_abort = 'open'"):
        Policies(on_abort="open")


def test_events_of_a_measurement_carry_the_state_of_the_cell(line, engine):
    documents = collected(engine)
    engine(experiment(line))
    assert (column(documents, "cell_lithium_content")[0:3]).tolist() == [0.989, 0.988, 0.987]


def test_every_latch_of_a_long_absence_is_in_the_ledger(engine):
    line = SoftBeamline(intervals=(0.001, 0.02))
    documents = collected(engine)
    engine(experiment(line, measurement(line, SLOW)))
    entries = ledger(documents)
    assert [entry["count"] for entry in entries] == list(range(1, 51))
    assert {entry["status"] for entry in entries} == {"done", "missed"}


def test_a_plan_of_several_runs_is_in_the_ledger_by_the_last_of_them(line, engine):
    # The words of a whole tuple stood there, which no run is called.
    def both(*, md):
        first = yield from xanes(line, grid=GRID, element="Ni", guard=GUARD, md=md)
        return first, (yield from xanes(line, grid=GRID, element="Ni", guard=GUARD, md=md))

    documents = collected(engine)
    engine(experiment(line, Measurement("both", both)))
    runs = {doc["uid"] for doc in starts(documents)}
    told = [entry["run"] for entry in ledger(documents) if entry["status"] == "done"]
    assert told
    assert set(told) <= runs
