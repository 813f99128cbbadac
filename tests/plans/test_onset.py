"""An onset that live analysis tells of opens, closes and fires triggers; without one the cell goes on."""

import threading
from functools import partial

import pytest
from bluesky.utils import RunEngineInterrupted
from operando.callbacks.analysis.phase_onset import JudgedFrame, Onset, OnsetCriterion, Sign
from operando.plans.gate import Gate
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.operando import operando
from operando.plans.resume import ResumePoint
from operando.plans.xanes import xanes
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline
from soft_station import collected, events

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
H3, M = OnsetCriterion("H3"), OnsetCriterion("M")
EVERY = "every lithium_content 0.01"
FIRST_X, CONFIRMED_X = 0.985, 0.975


def frame(x):
    signs = {"H3": Sign(9.0, 0.06), "M": Sign(90.0, 0.94)}
    return JudgedFrame("xrd", "abcdef0123", 4, 1000 * (1 - x), 4.2, x, "mixture", signs)


class Analysis:
    """Confirms H3 once the cell is at a lithium content; `asked` counts how often it is asked."""

    def __init__(self, line, at=CONFIRMED_X):
        self.line, self.at, self.asked = line, at, 0

    def __call__(self, criterion):
        self.asked += 1
        if criterion != H3 or self.at is None or self.line.cell.lithium_content.get() > self.at:
            return "no frame was analysed; does the live analysis run?"
        return Onset(criterion, frame(FIRST_X), frame(CONFIRMED_X), 3)


@pytest.fixture
def line():
    """A cell whose second trigger is quick, so that news come every 0.005 of lithium."""
    return SoftBeamline(intervals=(0.01, 0.005))


def experiment(line, gates, onsets, rules=None, resume=None):
    names = ("a", "b")
    plan = partial(xanes, line, grid=GRID, element="Ni")
    return operando(
        line.cell,
        PROTOCOL,
        [Measurement(name, plan) for name in names],
        {"a": EVERY, "b": "every lithium_content 0.005", **(rules or {})},
        gates=gates,
        onsets=onsets,
        limits=LIMITS,
        experiment={"uid": "e1", "name": "test"},
        resume=resume,
        poll_s=0.01,
    )


def ledger(documents, *keys):
    keys = keys or ("measurement", "status", "count")
    entries = events(documents, "ledger_count")
    return [tuple(data[f"ledger_{key}"] for key in keys) for data in entries]


def test_a_measurement_is_active_from_the_onset_on_and_another_until_then(line, engine):
    documents = collected(engine)
    gates = {"a": Gate(after=H3), "b": Gate(until=H3)}
    result = engine(experiment(line, gates, Analysis(line))).plan_result
    entries = ledger(documents, "measurement", "status", "lithium_content")
    at = [status for _, status, _ in entries].index("onset")
    assert {name for name, _, _ in entries[:at]} == {"b"}
    assert [x for name, _, x in entries if name == "a"] == pytest.approx([0.97, 0.96, 0.95])
    assert [x for name, _, x in entries if name == "b"] == pytest.approx([0.995, 0.99, 0.985, 0.98, 0.975])
    assert (result.done, result.missed) == (8, 0)


def test_a_measurement_fires_once_at_the_onset_and_the_ledger_tells_how_late(line, engine):
    documents = collected(engine)
    fires = {"a": Gate(after=H3, fires=True)}
    engine(experiment(line, fires, Analysis(line), rules={"a": "manual"}))
    entries = ledger(documents, "measurement", "status", "count", "late_s", "rule", "reason")
    (onset,) = [entry for entry in entries if entry[1] == "onset"]
    (fired,) = [entry for entry in entries if entry[0] == "a"]
    assert fired[:3] == ("a", "done", 1)
    assert fired[3] == pytest.approx(onset[3], abs=2.0) == pytest.approx(11.0, abs=3.0)
    assert fired[4] == onset[4] == "onset H3 frames 3 significance 5"
    assert "first seen in frame 4 of run abcdef01 (x = 0.9850" in onset[5]
    assert "0.0100 of lithium later; acted upon at x = 0.97" in onset[5]
    (start,) = [doc for name, doc in documents if name == "start" and doc.get("measurement") == "a"]
    assert start["trigger"]["late_s"] == pytest.approx(fired[3])


def test_the_cell_is_armed_with_rules_that_count_from_zero_and_waits_for_the_onset_disarmed(line, engine):
    line.cell.trigger_1.count.put(7)
    engine(experiment(line, {"a": Gate(after=H3)}, Analysis(line, at=None)))
    assert line.cell.trigger_1.rule.history == [EVERY, EVERY]
    assert (line.cell.trigger_1.count.get(), line.cell.trigger_1.arm.get()) == (0, 0)


def test_without_an_onset_the_cell_goes_on_and_the_measurement_is_missed_with_the_reason(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, {"a": Gate(after=H3)}, Analysis(line, at=None))).plan_result
    assert (result.done, result.missed, result.fault) == (10, 1, "")
    missed = ledger(documents, "measurement", "status", "count", "reason")[-1]
    assert missed == (
        "a",
        "missed",
        0,
        "no onset of H3: no frame was analysed; does the live analysis run?",
    )


def test_an_onset_that_is_found_after_the_end_is_told_and_nothing_is_measured(line, engine):
    documents = collected(engine)
    engine(experiment(line, {"a": Gate(after=H3)}, Analysis(line, at=0.95)))
    (entry,) = [each for each in ledger(documents, "measurement", "status", "reason") if each[0] == "a"]
    assert entry[1] == "missed"
    assert entry[2].startswith("no onset of H3: found after the protocol had ended: H3 first seen in frame 4")


def test_a_fault_of_the_cell_misses_what_waits_for_an_onset(line, engine):
    documents = collected(engine)
    line.events[2] = lambda: (line.cell.limits.trip.put(1), line.cell.limits.cause.put("VMAX"))
    engine(experiment(line, {"a": Gate(after=H3)}, Analysis(line, at=None)))
    assert ("a", "missed", 0) in ledger(documents)


def test_a_trigger_that_an_onset_has_closed_is_not_opened_by_another(line, engine):
    documents = collected(engine)
    both = {"a": Gate(after=M, until=H3)}
    engine(experiment(line, both, lambda criterion: Onset(criterion, frame(0.99), frame(0.98), 1)))
    assert {name for name, status, _ in ledger(documents) if status == "done"} == {"b"}
    assert [status for _, status, _ in ledger(documents)].count("onset") == 2


@pytest.mark.parametrize(("rule", "fires"), [("manual", True), (EVERY, False)])
def test_a_pause_neither_fires_twice_nor_counts_anew(line, engine, rule, fires):
    documents = collected(engine)
    analysis, pauses = Analysis(line), [threading.Thread(target=engine.request_pause)]

    def pausing(criterion):
        news = analysis(criterion)
        if isinstance(news, Onset):
            pauses.pop().start()
        return news

    gates = {"a": Gate(after=H3, fires=fires)}
    with pytest.raises(RunEngineInterrupted):
        engine(experiment(line, gates, pausing, rules={"a": rule}))
    engine.resume()
    assert line.cell.trigger_1.rule.history == [rule, rule, rule]
    done = [count for name, status, count in ledger(documents) if (name, status) == ("a", "done")]
    assert done == ([1] if fires else [1, 2, 3])


def taken_over(line, seen=None, onsets=None):
    """A cell of experiment e1 that an acquisition left at x = 0.97."""
    line.cell.experiment_uid.put("e1")
    line.cell.state.put("Running")
    line.cell.live(30)
    return ResumePoint("dead", last_sample=20, last_time_s=21.0, seen=seen or {}, onsets=onsets or {})


def test_an_onset_that_a_dead_acquisition_acted_upon_is_not_acted_upon_again(line, engine):
    line.cell.trigger_1.set("manual")
    line.cell.trigger_1.latch(line.cell)
    line.cell.trigger_2.set("every lithium_content 0.005")
    resume = taken_over(line, {1: 1, 2: 1}, {str(H3): 15.0})
    documents = collected(engine)
    gates = {"a": Gate(after=H3, fires=True), "b": Gate(after=H3)}
    engine(experiment(line, gates, Analysis(line), rules={"a": "manual"}, resume=resume))
    assert "onset" not in [status for _, status, _ in ledger(documents)]
    assert line.cell.trigger_1.count.get() == 1
    assert line.cell.trigger_2.rule.history == ["every lithium_content 0.005"]


def test_one_that_died_between_acting_and_telling_fires_nothing_twice(line, engine):
    line.cell.trigger_1.set("manual")
    line.cell.trigger_1.latch(line.cell)
    line.cell.trigger_2.set("every lithium_content 0.005")
    resume = taken_over(line)
    documents = collected(engine)
    gates = {"a": Gate(after=H3, fires=True), "b": Gate(after=H3)}
    engine(experiment(line, gates, Analysis(line), rules={"a": "manual"}, resume=resume))
    assert line.cell.trigger_1.count.get() == 1
    assert line.cell.trigger_2.rule.history == ["every lithium_content 0.005"]
    assert [status for _, status, _ in ledger(documents)].count("onset") == 1
    assert [name for name, status, _ in ledger(documents) if status == "done"].count("a") == 1


def test_an_onset_found_while_nobody_followed_is_acted_upon_by_the_next(line, engine):
    line.cell.trigger_1.set(EVERY)
    line.cell.trigger_1.set("")
    resume = taken_over(line)
    documents = collected(engine)
    engine(experiment(line, {"a": Gate(after=H3)}, Analysis(line), resume=resume))
    assert [name for name, status, _ in ledger(documents) if status == "done"].count("a") == 2
    assert line.cell.trigger_1.rule.history == [EVERY, EVERY, EVERY]


def test_a_gate_that_could_never_be_open_is_refused():
    with pytest.raises(ValueError, match="never open"):
        Gate(after=H3, until=H3)
    with pytest.raises(ValueError, match="fires at no onset"):
        Gate(fires=True)
