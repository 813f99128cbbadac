import copy
from collections import Counter
from functools import partial

import pytest
from operando.devices.latch import Latch
from operando.plans.beam_guard import BeamGuard
from operando.plans.course import Course
from operando.plans.grids import grid_from_regions
from operando.plans.ledger import Ledger
from operando.plans.measurement import Measurement
from operando.plans.news import AnyNews
from operando.plans.operando_many import MountedCell, operando_many
from operando.plans.policies import Policies
from operando.plans.resume import ResumePoint
from operando.plans.scheduler import SampleChanger
from operando.plans.seat import Seat
from operando.plans.xanes import xanes
from ophyd import Component as Cpt
from ophyd import Device
from ophyd.status import DeviceStatus, Status
from soft_cycler import LIMITS, PROTOCOL, SoftCycler
from soft_station import Instant, SoftStation, collected

GRID = grid_from_regions([(0, 2, 1, 1.0)], e0="Ni_K")
PLACES = {"left": (0.0, 0.0), "middle": (20.0, 1.0), "right": (40.0, 2.0)}
CHANGER = SampleChanger(PLACES, speed_mm_s=20.0, settle_s=0.0)


class SoftStage(Device):
    x = Cpt(Instant, value=-1.0)
    y = Cpt(Instant, value=-1.0)


class LiveNews(Device):
    """News at once: the cell lives when its record is fetched."""

    def set(self, seen):
        del seen
        status = DeviceStatus(self)
        status.set_finished()
        return status


class LiveCycler(SoftCycler):
    """Lives one second whenever its record is fetched."""

    news = Cpt(LiveNews, "", kind="omitted")

    def collect_pages(self):
        self.live(1)
        yield from super().collect_pages()


class Bench(SoftStation):
    """Three cells; counting takes the time of all."""

    def __init__(self):
        super().__init__()
        self.stage = SoftStage(name="stage")
        self.cells = {name: LiveCycler(name="cell", intervals=(0.02, 0.05)) for name in PLACES}

    def tick(self):
        for cell in self.cells.values():
            cell.live(self.ion_chambers.averaging_time.get())
        self.events.pop(next(self.counts), lambda: None)()

    def seen_by(self, name):
        station = copy.copy(self)
        station.cell = self.cells[name]
        return station


@pytest.fixture
def bench():
    return Bench()


def mounted(bench, place, **options):
    scan = partial(xanes, bench.seen_by(place), grid=GRID, element="Ni", guard=BeamGuard())
    values = {
        "name": place,
        "cell": bench.cells[place],
        "protocol": PROTOCOL,
        "limits": LIMITS,
        "measurements": [Measurement("ni", scan, duration_s=3.0)],
        "triggers": {"ni": "every lithium_content 0.02"},
        "experiment": {"uid": f"e-{place}", "name": place},
    }
    return MountedCell(**{**values, **options})


def experiment(bench, cells=None, policies=None, **options):
    cells = cells or [mounted(bench, name) for name in PLACES]
    options = {"guard": BeamGuard(), "ring": bench.ring, "poll_s": 0.001, **options}
    return operando_many(cells, bench.stage, CHANGER, policies, **options)


def watched(engine, bench):
    """Documents, and position of the stage at the start of each measurement."""
    documents, positions = collected(engine), []

    def look(name, doc):
        if name == "start" and doc["purpose"] == "measurement":
            positions.append((doc["mounted"]["name"], bench.stage.x.get(), bench.stage.y.get()))

    engine.subscribe(look)
    return documents, positions


def starts(documents, purpose):
    return [doc for name, doc in documents if name == "start" and doc["purpose"] == purpose]


def test_every_latch_of_every_cell_is_measured_at_its_place(bench, engine):
    documents, positions = watched(engine, bench)
    results = engine(experiment(bench)).plan_result
    assert [(each.done, each.late, each.missed, each.fault) for each in results] == [(2, 0, 0, "")] * 3
    assert {(name, *PLACES[name]) for name in PLACES} == set(positions)
    assert Counter(name for name, *_ in positions) == {"left": 2, "middle": 2, "right": 2}
    assert len(starts(documents, "measurement")) == 6


def test_each_cell_is_an_experiment_with_a_run_record_and_ledger_of_its_own(bench, engine):
    documents, _ = watched(engine, bench)
    results = engine(experiment(bench)).plan_result
    runs = {doc["uid"]: doc["experiment"]["name"] for doc in starts(documents, "cycling")}
    assert [runs[each.cycling_run] for each in results] == list(PLACES)
    for doc in starts(documents, "measurement"):
        assert runs[doc["cycling_run"]] == doc["mounted"]["name"] == doc["experiment"]["name"]
    streams = {
        doc["uid"]: (runs[doc["run_start"]], doc["name"])
        for name, doc in documents
        if name == "descriptor" and doc["run_start"] in runs
    }
    rows = Counter()
    for name, doc in documents:
        if name == "event_page" and doc["descriptor"] in streams:
            rows[streams[doc["descriptor"]]] += len(doc["data"]["cell_sample"])
        elif name == "event" and doc["descriptor"] in streams:
            rows[streams[doc["descriptor"]]] += 1
    assert rows == {
        (n, s): c for n in PLACES for s, c in (("electrochemistry", 50), ("triggers", 2), ("clock", 2))
    }
    exits = {doc["run_start"]: doc["exit_status"] for name, doc in documents if name == "stop"}
    assert [exits[run] for run in runs] == ["success"] * 3


def test_a_scan_beats_for_every_cell(bench, engine, monkeypatch):
    monkeypatch.setattr("operando.plans.request.SCAN_BEAT_S", 1e-9)
    beats = []
    bench.events[2] = lambda: beats.append({n: len(c.heartbeat.history) for n, c in bench.cells.items()})
    bench.events[3] = lambda: beats.append({n: len(c.heartbeat.history) for n, c in bench.cells.items()})
    engine(experiment(bench))
    assert all(beats[1][name] > beats[0][name] for name in PLACES)


def test_a_cell_that_trips_ends_alone(bench, engine):
    documents, _ = watched(engine, bench)

    def trip():
        cell = bench.cells["middle"]
        cell.limits.trip.put(1)
        cell.limits.cause.put("VMAX 4.41 V")
        cell.state.put("Stopped")

    bench.events[1] = trip
    left, middle, right = engine(experiment(bench)).plan_result
    assert middle.fault == "cycler fault: VMAX 4.41 V"
    assert (left.done, right.done, left.fault, right.fault) == (2, 2, "", "")
    reasons = [
        doc.get("reason") for name, doc in documents if name == "stop" and doc["exit_status"] == "fail"
    ]
    assert reasons == ["cycler fault: VMAX 4.41 V"]


def test_an_exception_leaves_every_cell_by_policy_and_closes_every_run(bench, engine):
    documents, _ = watched(engine, bench)

    def fail():
        raise KeyError("a bug in a device")

    bench.events[2] = fail
    with pytest.raises(KeyError):
        engine(experiment(bench, policies=Policies(on_abort="rest")))
    assert [cell.command.history for cell in bench.cells.values()] == [["start", "rest"]] * 3
    stops = [doc["exit_status"] for name, doc in documents if name == "stop"]
    assert stops == ["fail"] * 4
    assert bench.photon_shutter.get() == "closed"


def test_a_cell_that_runs_already_is_refused_before_any_is_started(bench, engine):
    bench.cells["right"].state.put("Running")
    bench.cells["right"].experiment_uid.put("other")
    with pytest.raises(ValueError, match="already runs experiment other"):
        engine(experiment(bench))
    assert bench.cells["left"].command.history == []


@pytest.mark.parametrize(
    ("changes", "policies", "message"),
    [
        ({"name": "nowhere"}, None, "no place on the sample changer"),
        ({"name": "left"}, None, "name 'left' is given more than once"),
        ({"experiment": {"uid": "e-left", "name": "x"}}, None, "experiment uid 'e-left'"),
        ({}, Policies(on_beam_loss="rest"), "on_beam_loss"),
    ],
)
def test_what_does_not_fit_is_refused(bench, engine, changes, policies, message):
    cells = [mounted(bench, "left"), mounted(bench, "right", **changes)]
    with pytest.raises(ValueError, match=message):
        engine(experiment(bench, cells, policies))
    assert bench.cells["left"].command.history == []


def test_cells_that_a_dead_process_left_go_on_without_a_new_start(bench, engine):
    for place, cell in bench.cells.items():
        cell.experiment_uid.put(f"e-{place}")
        cell.trigger_1.set("every lithium_content 0.02")
        cell.state.put("Running")
        cell.live(25)
    bench.cells["right"].state.put("Paused")
    documents, _ = watched(engine, bench)
    left = ResumePoint("dead", last_sample=11, last_time_s=12.0)
    cells = [mounted(bench, name, resume=left) for name in PLACES]
    results = engine(experiment(bench, cells)).plan_result
    assert [(each.done, each.missed) for each in results] == [(2, 0)] * 3
    assert [cell.command.history for cell in bench.cells.values()] == [["rest"], ["rest"], ["resume", "rest"]]
    assert {doc["resumes"] for doc in starts(documents, "cycling")} == {"dead"}
    sampled = [n for name, doc in documents if name == "event_page" for n in doc["data"]["cell_sample"]]
    assert Counter(sampled) == dict.fromkeys(range(12, 50), 3)


def test_without_beam_every_cell_is_followed_and_measured_once_it_is_back(bench, engine):
    documents, _ = watched(engine, bench)
    seen = Counter()

    def dark(name, doc):
        if name == "event_page" and bench.ring.get() == 0.0:
            seen[doc["descriptor"]] += 1
            if min([seen[one] for one in seen]) >= 5 and len(seen) == len(PLACES):
                bench.ring.put(300.0)

    engine.subscribe(dark)
    bench.events[1] = lambda: bench.ring.put(0.0)
    results = engine(experiment(bench)).plan_result
    # All three were followed in the dark, and the scan that lost its beam was redone.
    assert len(seen) == len(PLACES)
    assert sum(each.done for each in results) >= 3
    assert sum(each.done + each.missed for each in results) == 6
    assert 2 in [doc["attempt"] for doc in starts(documents, "measurement")]


def test_requests_at_the_end_are_missed_when_the_beam_stays_away(bench, engine):
    bench.ring.put(0.0)
    documents, positions = watched(engine, bench)
    results = engine(experiment(bench)).plan_result
    assert [(each.done, each.missed) for each in results] == [(0, 2)] * 3
    assert positions == []
    reasons = {
        doc["data"]["ledger_reason"]
        for name, doc in documents
        if name == "event" and "ledger_reason" in doc["data"]
    }
    assert all(reason.startswith("no beam until the protocol ended") for reason in reasons)


def test_a_trigger_in_rhythm_is_expected_one_interval_after_its_last_latch(bench):
    cell = mounted(bench, "left")
    course = Course(cell.cell, {1: cell.measurements[0]}, {1: ""}, Policies(), Ledger(name="ledger"))
    seat = Seat(cell, course)
    latches = [Latch(count, 100.0 * count, 3.7, 1e-3, 0.1, 0.9) for count in (1, 2)]
    course.queues[1].take_in(latches)
    seat.learn_rhythm()
    course.queues[1].pending.clear()
    (expected,) = seat.forecasts(0, 250.0)
    assert (expected.release_s, expected.latest_start_s) == (300.0, 400.0)
    assert seat.forecasts(0, 150.0) == []
    assert seat.forecasts(0, 310.0) == []
    assert seat.forecasts(1, 250.0) == []


def test_the_news_of_any_cell_end_the_wait_for_all():
    cells = {name: SoftCycler(name="cell") for name in ("quiet", "busy")}
    asked = {name: [] for name in cells}
    for name, cell in cells.items():
        cell.news.set = lambda seen, name=name: asked[name].append(Status()) or asked[name][-1]
    news = AnyNews({name: cell.news for name, cell in cells.items()})
    seen = {"quiet": {1: 0}, "busy": {1: 0}}
    first = news.set(seen)
    assert not first.done
    asked["busy"][0].set_finished()
    first.wait(5)
    second = news.set({**seen, "busy": {1: 1}})
    assert not second.done
    # The wait of the quiet cell goes on, it is not asked for again.
    assert {name: len(statuses) for name, statuses in asked.items()} == {"quiet": 1, "busy": 2}
    asked["quiet"][0].set_finished()
    second.wait(5)
