"""Processes that follow the journal end in order: on a signal, on Ctrl-C, and on a disk that is full."""

import logging
import os
import signal

import pytest
from event_model import compose_run
from operando.callbacks.live.result import ResultRun
from operando.callbacks.tiled import follower as module
from operando.callbacks.tiled.follower import Ending, close_left_open, ending_by_signal, process, serve
from operando.callbacks.tiled.frame import MAGIC, encode
from operando.callbacks.tiled.journal import Journal, JournalFullError, runs
from operando.callbacks.tiled.signal_thread import ENDING_SIGNALS, hear_signals

EXPERIMENT = {"uid": "e" * 36, "name": "e"}


class Counter:
    """Publishes a result for each start document of a measurement, one at each step."""

    def __init__(self, publish):
        self.results = ResultRun(publish, EXPERIMENT, {}, "of", {})
        self.waiting, self.done, self.settled, self.closed = [], [], 0, 0
        self.on_step = lambda: None

    def __call__(self, name, doc):
        if name == "start" and doc.get("purpose") == "measurement":
            self.waiting.append(doc["uid"])

    def step(self):
        if not self.waiting:
            return False
        self.on_step()
        self.done.append(self.waiting.pop(0))
        self.results.add({"measurement_run": self.done[-1]})
        return True

    def settle(self):
        self.settled += 1

    def close(self):
        self.closed += 1
        self.results.close()


def write_runs(folder, count):
    with Journal(folder, minimum_free_bytes=0, reserve_bytes=0) as journal:
        for _ in range(count):
            run = compose_run(metadata={"purpose": "measurement"})
            journal("start", run.start_doc)
            journal("stop", run.compose_stop())


def served(folder, ending, prepare=lambda counter: None):
    """Serve a journal until told to end; gives the follower."""
    made = []

    def make(publish):
        made.append(Counter(publish))
        prepare(made[0])
        return made[0]

    serve(folder, make, ending, poll_interval_s=0.01)
    return made[0]


def results_of(folder):
    return [run for run in runs(folder) if run.start.get("purpose") == "analysis"]


def test_a_follower_that_is_told_to_end_does_what_waits_first(tmp_path):
    write_runs(tmp_path, 5)
    ending = Ending()

    def end_at_first(counter):
        counter.on_step = ending.ended.set

    counter = served(tmp_path, ending, end_at_first)
    assert (len(counter.done), counter.closed) == (5, 1)
    assert results_of(tmp_path)[0].stop["exit_status"] == "success"


@pytest.fixture
def own_signals(monkeypatch):
    """Handlers are put back, and the thread that hears signals is ended."""
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    leave = []
    monkeypatch.setattr(module, "hear_signals", lambda tell: leave.append(hear_signals(tell)))
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for each in leave:
        each()


@pytest.mark.usefixtures("own_signals")
def test_a_signal_is_heard_where_the_main_thread_holds_what_obeying_it_needs():
    ending = ending_by_signal()
    # As within `Event.wait`: a handler in the main thread would wait here for the main thread.
    with ending.ended._cond:
        os.kill(os.getpid(), signal.SIGTERM)
        assert not ending.ended.is_set()
    assert ending.ended.wait(5.0)
    assert not ending.at_once.is_set()


@pytest.mark.usefixtures("own_signals")
def test_ctrl_c_ends_it_after_the_piece_under_way_and_its_results_are_closed(tmp_path):
    write_runs(tmp_path, 5)
    ending = ending_by_signal()

    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        assert ending.ended.wait(5.0)

    def interrupt(counter):
        counter.on_step = interrupted

    counter = served(tmp_path, ending, interrupt)
    assert (len(counter.done), counter.closed) == (1, 1)
    assert results_of(tmp_path)[0].stop["num_events"] == {"primary": 1}


def test_what_does_not_end_by_itself_is_left_to_the_next_one_in_time(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "FINISH_S", 0.05)
    ending = Ending()
    ending.ended.set()

    def endless(counter):
        counter.step = lambda: True

    assert served(tmp_path, ending, endless).closed == 1
    assert "who follows this journal next goes on" in caplog.text


def test_a_follower_without_work_settles_and_waits(tmp_path):
    ending = Ending()

    def end_when_settled(counter):
        settle = counter.settle
        counter.settle = lambda: (settle(), ending.ended.set())

    assert served(tmp_path, ending, end_when_settled).settled == 1


def test_a_disk_that_fills_up_ends_the_process_with_one_line_and_its_results_closed(
    tmp_path, monkeypatch, caplog
):
    write_runs(tmp_path, 3)

    def fill_up(self, file, name, data):
        if name == "event":
            file.append(data)
            raise JournalFullError(28, "the journal's disk is full: free some space", str(file.path))
        file.append(data)

    monkeypatch.setattr(Journal, "_write", fill_up)
    with pytest.raises(SystemExit) as caught, process():
        served(tmp_path, Ending())
    assert caught.value.code == 1
    assert "free some space" in caplog.text
    assert "Traceback" not in caplog.text
    assert results_of(tmp_path)[0].stop["exit_status"] == "success"


def test_what_a_dead_predecessor_left_open_is_closed(tmp_path):
    run = compose_run(metadata={"purpose": "analysis"})
    path = tmp_path / f"20260101T000000.000000Z_{run.start_doc['uid']}.journal"
    path.write_bytes(MAGIC + encode("start", dict(run.start_doc)))
    close_left_open(tmp_path, {run.start_doc["uid"]})
    assert results_of(tmp_path)[0].stop["exit_status"] == "abort"


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO)
