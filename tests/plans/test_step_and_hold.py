import math
from functools import partial

import pytest
from operando.devices.latch import Latch
from operando.plans.beam_guard import BeamGuard
from operando.plans.grids import grid_from_regions
from operando.plans.measurement import Measurement
from operando.plans.policies import Policies
from operando.plans.relaxation import Relaxation, recent
from operando.plans.resume import ResumePoint, Unlisted
from operando.plans.step_and_hold import State, step_and_hold
from operando.plans.xanes import xanes
from operando.simulated_beamline.instrument.sample import Sample
from operando.simulated_beamline.instrument.trigger import TriggerChannel
from ophyd import Component as Cpt
from soft_cycler import LIMITS, PROTOCOL, SoftBeamline, SoftCycler, SoftNews, SoftTrigger
from soft_station import collected, events

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
QUICK = Relaxation(60.0, 60.0, 3600.0, for_s=20.0)
DECAY_S, OVERVOLTAGE_V = 60.0, 0.05


class RestTrigger(SoftTrigger):
    """The trigger that tells of a relaxation: as the cycler has it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.channel, self.rules = TriggerChannel(), []

    def set(self, rule):
        if rule:
            self.rules.append(rule)
            self.channel.set_rule(rule)
            self.channel.arm(self.parent.sample())
        else:
            self.channel.disarm()
        return super().set(rule)

    def feed(self, before, after):
        for latch in self.channel.feed(before, after):
            self.count.put(latch.count)
            self.rows.append(list(latch.row))


class RestingNews(SoftNews):
    """The cell lives on while it rests too."""

    def set(self, seen):
        cell = self.parent
        while cell.state.get() != "Running" and cell.trigger_8.count.get() == seen.get(8):
            cell.live(1.0)
        return super().set(seen)


class RestingCycler(SoftCycler):
    """A voltage of 4.7 - x, 50 mV higher under current; at rest the overvoltage decays within minutes.

    Each reading at rest costs 10 s of life. Triggers know the rule `at <quantity> <level> both`.
    """

    news = Cpt(RestingNews, "", kind="omitted")
    trigger_8 = Cpt(RestTrigger, "", kind="omitted")
    rested_s = None
    last = None

    @property
    def triggers(self):
        return super().triggers | {8: self.trigger_8}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.voltages = {}

    def describe_collect(self):
        (stream, keys), *_ = super().describe_collect().items()
        return {stream: keys | {"cell_voltage": keys["cell_time"]}}

    def collect_pages(self):
        for page in super().collect_pages():
            page["data"]["cell_voltage"] = [self.voltages[time] for time in page["data"]["cell_time"]]
            yield page

    def sample(self):
        x, rests = self.lithium_content.get(), self.state.get() != "Running"
        return Sample(self.time.get(), self.voltage.get(), 0.0, 0.0, x, 1 - x, 25.0, at_rest=rests)

    def read(self):
        if self.state.get() == "Paused":
            self.live(10)
        return super().read()

    def live(self, seconds):
        for _ in range(round(seconds)):
            running = self.state.get() == "Running"
            super().live(1)
            self.rested_s = 0 if running or self.rested_s is None else self.rested_s + 1
            self.samples[:] = self.samples if running else [*self.samples, self.time.get()]
            excess = OVERVOLTAGE_V * math.exp(-self.rested_s / DECAY_S)
            self.voltage.put(4.7 - self.lithium_content.get() + excess)
            self.voltages[self.time.get()] = self.voltage.get()
            before, self.last = self.last or self.sample(), self.sample()
            self.trigger_8.feed(before, self.last)

    def _second(self):
        before = {"lithium_content": self.lithium_content.get(), "voltage": self.voltage.get()}
        x = round(self.lithium_content.get() - 0.001, 6)
        self.lithium_content.put(x)
        self.samples.append(self.time.get())
        after = {"lithium_content": x, "voltage": 4.7 - x + OVERVOLTAGE_V}
        self.voltage.put(after["voltage"])
        for trigger in super().triggers.values():
            if trigger.arm.get():
                _, quantity, level, _, once = trigger.rule.get().split()
                if once == "once" and trigger.count.get():
                    continue
                low, high = sorted((before[quantity], after[quantity]))
                if low < float(level) <= high or (high == before[quantity] and low <= float(level) < high):
                    trigger.latch(self)
        if x <= self.end + 1e-9:
            self.state.put("Stopped")


@pytest.fixture
def line():
    line = SoftBeamline()
    line.cell = RestingCycler(name="cell")
    return line


def experiment(line, states, names=("ni",), relaxation=QUICK, **options):
    scan = partial(xanes, line, grid=GRID, element="Ni", guard=BeamGuard())
    return step_and_hold(
        line.cell,
        PROTOCOL,
        [State(*state) for state in states],
        [Measurement(name, scan) for name in names],
        relaxation,
        **{
            "limits": LIMITS,
            "experiment": {"uid": "e1", "name": "test"},
            "guard": BeamGuard(),
            "ring": line.ring,
            "poll_s": 0.001,
            **options,
        },
    )


LITHIUM = [("lithium_content", 0.98), ("lithium_content", 0.96)]


def runs(documents):
    return [doc for name, doc in documents if name == "start" and doc["purpose"] == "measurement"]


def ledger(documents):
    return events(documents, "ledger_status")


def test_each_state_is_held_measured_and_left(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, LITHIUM)).plan_result
    assert (result.done, result.late, result.missed, result.fault) == (2, 0, 0, "")
    assert line.cell.command.history == ["start", "rest", "resume", "rest", "resume", "rest"]
    contents = [
        doc["data"]["cell_lithium_content"]
        for name, doc in documents
        if name == "event" and "cell_lithium_content" in doc["data"]
    ]
    assert contents == pytest.approx([0.98] * 3 + [0.96] * 3)
    assert [doc["trigger"]["rule"] for doc in runs(documents)] == [
        "at lithium_content 0.98 both once",
        "at lithium_content 0.96 both once",
    ]
    assert line.cell.lithium_content.get() == pytest.approx(0.95)


def test_the_relaxation_is_in_the_measurement_and_its_samples_in_the_record(line, engine):
    documents = collected(engine)
    engine(experiment(line, LITHIUM))
    relaxation = runs(documents)[0]["relaxation"]
    assert relaxation["reached"]
    assert abs(relaxation["slope_mv_h"]) <= 60.0
    assert relaxation["voltage_before_v"] == pytest.approx(4.7 - 0.98 + OVERVOLTAGE_V)
    rested_s = relaxation["duration_s"]
    expected_v = 4.7 - 0.98 + OVERVOLTAGE_V * math.exp(-rested_s / DECAY_S)
    assert relaxation["voltage_after_v"] == pytest.approx(expected_v, abs=1e-4)
    # 50 mV that decay by 1/e in 60 s: their mean slope over 60 s is below 60 mV/h after 266 s, then for 20 s.
    mean_v_s = (math.exp(60 / DECAY_S) - 1) * OVERVOLTAGE_V / 60
    assert rested_s == pytest.approx(DECAY_S * math.log(mean_v_s * 3.6e6 / 60.0) + 20.0, abs=1.0)
    assert relaxation["ended_s"] - relaxation["began_s"] == rested_s
    assert line.cell.trigger_8.rules == [QUICK.rule(3600.0, tells_begin=True)] * 2
    sampled = [
        time
        for name, doc in documents
        if name == "event_page" and "cell_time" in doc["data"]
        for time in doc["data"]["cell_time"]
    ]
    assert sampled == list(range(1, len(sampled) + 1))
    assert len(sampled) > 2 * rested_s


def test_a_cell_that_does_not_relax_in_time_is_measured_and_the_document_says_so(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, LITHIUM[:1], relaxation=Relaxation(1e-6, 20.0, 100.0, 0.0))).plan_result
    relaxation = runs(documents)[0]["relaxation"]
    assert result.done == 1
    assert not relaxation["reached"]
    assert relaxation["duration_s"] == pytest.approx(100.0, abs=1e-6)


def test_a_voltage_passed_again_after_the_rest_is_not_measured_twice(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, [("voltage", 3.7700001), ("voltage", 3.79)])).plan_result
    assert (result.done, result.missed) == (2, 0)
    assert [doc["trigger"]["lithium_content"] for doc in runs(documents)] == pytest.approx([0.979, 0.96])


def test_every_measurement_is_done_in_one_hold(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, LITHIUM, names=("ni", "co"))).plan_result
    assert result.done == 4
    assert [doc["measurement"] for doc in runs(documents)] == ["ni", "co", "ni", "co"]
    assert line.cell.command.history.count("resume") == 2


def test_a_state_that_is_not_reached_is_missed_with_its_reason(line, engine):
    documents = collected(engine)
    result = engine(experiment(line, [*LITHIUM, ("lithium_content", 0.5)])).plan_result
    assert (result.done, result.missed) == (2, 1)
    last = ledger(documents)[-1]
    assert last["ledger_rule"] == "at lithium_content 0.5 both once"
    assert "ended before the cell reached" in last["ledger_reason"]


def test_a_held_cell_rests_until_its_beam_is_back(line, engine):
    documents = collected(engine)
    line.events[2] = lambda: line.ring.put(0.0)
    waited = []

    def beam_back(name, doc):
        if name == "event_page" and line.ring.get() == 0.0:
            waited.append(line.cell.state.get())
            if len(waited) == 3:
                line.ring.put(300.0)

    line.cell.news.set = lambda seen: _lives(line)
    engine.subscribe(beam_back)
    result = engine(experiment(line, LITHIUM[:1])).plan_result
    assert result.done == 1
    assert set(waited) == {"Paused"}
    assert [doc["attempt"] for doc in runs(documents)] == [1, 2]
    assert {doc["trigger"]["lithium_content"] for doc in runs(documents)} == {0.98}


def _lives(line):
    line.cell.live(1)
    return line.ion_chambers.averaging_time.set(1.0)


def test_a_failure_in_a_hold_leaves_the_cell_at_rest(line, engine):
    def fail():
        raise KeyError("a bug in a device")

    line.events[2] = fail
    with pytest.raises(KeyError):
        engine(experiment(line, LITHIUM))
    assert line.cell.command.history == ["start", "rest"]
    assert line.photon_shutter.get() == "closed"


@pytest.mark.parametrize(
    ("states", "options", "message"),
    [
        ([], {}, "no state"),
        ([("voltage", 4.9)], {}, "never crossed"),
        (LITHIUM, {"policies": Policies(on_beam_loss="hold_voltage")}, "on_beam_loss"),
    ],
)
def test_what_could_never_be_held_is_refused_before_anything_moves(line, engine, states, options, message):
    with pytest.raises(ValueError, match=message):
        engine(experiment(line, states, **options))
    assert line.cell.command.history == []


def test_sparse_readings_still_give_a_slope():
    assert len(recent([(0.0, 3.9), (500.0, 3.8), (1000.0, 3.8)], 60.0)) == 3


def test_a_rest_that_is_shorter_than_its_window_is_refused():
    with pytest.raises(ValueError, match="no slope would ever be known"):
        Relaxation(5.0, 300.0, 100.0)


def left_held(line, states=1):
    """A cell of experiment e1 that a dead process left at rest at one of its states."""
    line.cell.experiment_uid.put("e1")
    line.cell.trigger_1.set(State(*LITHIUM[states - 1]).rule)
    line.cell.state.put("Running")
    while not line.cell.trigger_1.count.get():
        line.cell.live(1)
    line.cell.command.set("rest")
    line.cell.live(5)
    line.cell.command.history.clear()
    return line.cell.trigger_1.rows[-1][1]


def test_a_cell_that_was_left_held_is_measured_before_it_goes_on(line, engine):
    latched_s = left_held(line)
    documents = collected(engine)
    result = engine(experiment(line, LITHIUM, resume=ResumePoint("dead", 3, 4.0))).plan_result
    assert (result.done, result.missed) == (2, 0)
    assert line.cell.command.history == ["resume", "rest", "resume", "rest"]
    first = runs(documents)[0]
    assert first["trigger"]["time"] == latched_s
    assert first["relaxation"]["voltage_before_v"] == first["trigger"]["voltage"]
    assert line.cell.trigger_8.rules[0].startswith("voltage_rate")
    sampled = [
        number
        for name, doc in documents
        if name == "event_page" and "cell_sample" in doc["data"]
        for number in doc["data"]["cell_sample"]
    ]
    assert sampled == list(range(4, 4 + len(sampled)))


def test_a_cell_that_has_rested_too_long_while_nobody_was_there_still_shows_its_slope(line, engine):
    left_held(line)
    line.cell.live(1000)
    documents = collected(engine)
    short = Relaxation(60.0, 60.0, 600.0, 20.0)
    engine(experiment(line, LITHIUM, relaxation=short, resume=ResumePoint("dead", 3, 4.0)))
    relaxation = runs(documents)[0]["relaxation"]
    assert relaxation["reached"]
    assert 1000 < relaxation["duration_s"] < 1200


def test_a_state_that_was_measured_is_not_measured_again_after_a_death(line, engine):
    latched_s = left_held(line)
    documents = collected(engine)
    left = ResumePoint("dead", 3, 4.0, crossed_s={1: (latched_s,)})
    result = engine(experiment(line, LITHIUM, resume=left)).plan_result
    assert (result.done, result.missed) == (1, 0)
    assert [doc["trigger"]["rule"] for doc in runs(documents)] == ["at lithium_content 0.96 both once"]
    assert line.cell.command.history == ["resume", "rest", "resume", "rest"]


def test_a_spectrum_without_an_entry_is_entered_and_its_state_passed(line, engine):
    latched_s = left_held(line, states=2)
    documents = collected(engine)
    latch = Latch(1, latched_s, 3.7, 1e-3, 0.1, 0.96)
    left = ResumePoint("dead", 3, 4.0, unlisted={1: Unlisted(latch, "scan")}, crossed_s={1: (4.0,)})
    assert engine(experiment(line, LITHIUM, resume=left)).plan_result.done == 1
    assert runs(documents) == []
    assert [(entry["ledger_run"], entry["ledger_status"]) for entry in ledger(documents)] == [
        ("scan", "done")
    ]
    assert line.cell.command.history == ["resume", "rest"]


def test_states_of_a_protocol_that_ended_unattended_are_missed_once_each(line, engine):
    left_held(line)
    line.cell.state.put("Stopped")
    documents = collected(engine)
    result = engine(experiment(line, LITHIUM, resume=ResumePoint("dead", 3, 4.0))).plan_result
    assert (result.done, result.missed) == (0, 2)
    assert [entry["ledger_rule"] for entry in ledger(documents)] == [State(*state).rule for state in LITHIUM]
