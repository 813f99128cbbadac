"""Onsets are found in the journal, in the results of one experiment, those of a dead process included."""

import threading
import uuid

import pytest
from operando.callbacks.analysis.phase_onset import OnsetCriterion
from operando.callbacks.live.result import ResultRun
from operando.callbacks.tiled.journal import Journal
from operando.experiment.onset_watch import OnsetWatch, watching_onsets
from operando.plans.gate import Gate

EXPERIMENT = {"uid": "e" * 36, "name": "lno"}
H3 = OnsetCriterion("H3")


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        yield journal


class Analysis:
    """Publishes results as live analysis does: a frame a run, its phases after it."""

    def __init__(self, journal, experiment=EXPERIMENT, name="pattern_fit"):
        self.run = ResultRun(journal, experiment, {"chemistry": "LNO"}, "c", {}, name=name)
        self.frames = 0

    def frame(self, significance, candidates="H3", verdict="mixture"):
        number, self.frames = self.frames, self.frames + 1
        head = {"measurement_run": str(uuid.uuid4()), "measurement": "xrd", "frame": 0}
        head |= {"time": 100.0 * number, "voltage": 4.2, "lithium_content": 0.3 - 0.01 * number}
        self.run.add(head | {"verdict": verdict})
        for phase, value in (("M", 300.0), ("H3", significance)):
            if value is not None:
                told = {"phase": phase, "candidates": phase if phase == "M" else candidates}
                values = {"significance": value, "fraction": 0.1, "frames_seen": 1}
                self.run.add(head | told | values, "phases")


def watch(folder, uid=EXPERIMENT["uid"]):
    found = OnsetWatch((H3,), folder, uid)
    found.look()
    return found


def test_an_onset_is_told_once_it_is_confirmed_and_until_then_why_not(journal, tmp_path):
    watched = watch(tmp_path)
    assert watched(H3) == "no frame was analysed; does the live analysis run?"
    analysis = Analysis(journal)
    for significance in (None, 8.0, 8.0):
        analysis.frame(significance)
    watched.look()
    assert watched(H3) == (
        "in 3 analysed frames, the last at x = 0.2800, it was seen in 2 in a row at most, 3 are asked for"
    )
    analysis.frame(8.0)
    watched.look()
    onset = watched(H3)
    assert (onset.first.lithium_content, onset.confirmed.lithium_content) == pytest.approx((0.29, 0.27))
    assert onset.frames_before == 1


def test_what_a_dead_acquisition_had_been_told_is_read_from_the_journal(journal, tmp_path):
    analysis = Analysis(journal)
    for significance in (None, 8.0):
        analysis.frame(significance)
    analysis.run.close()
    further = Analysis(journal)
    further.frames = 2
    for _ in range(2):
        further.frame(8.0)
    assert watch(tmp_path)(H3).confirmed.time_s == 300.0


def test_results_of_another_experiment_or_analysis_do_not_count(journal, tmp_path):
    for analysis in (
        Analysis(journal, {"uid": "f" * 36, "name": "other"}),
        Analysis(journal, name="edge_fit"),
    ):
        for _ in range(4):
            analysis.frame(8.0)
    assert watch(tmp_path)(H3) == "no frame was analysed; does the live analysis run?"


def test_a_name_among_several_and_a_weak_frame_tell_nothing(journal, tmp_path):
    analysis = Analysis(journal)
    for options in ({}, {}, {"candidates": "H3, H2"}, {"verdict": "too weak"}):
        analysis.frame(8.0, **options)
    watched = watch(tmp_path)
    assert isinstance(watched(H3), str)
    analysis.frame(8.0)
    watched.look()
    assert watched(H3).confirmed.time_s == 400.0


def test_a_half_written_result_does_no_harm(journal, tmp_path):
    analysis = Analysis(journal)
    for significance in (None, 8.0, 8.0, 8.0):
        analysis.frame(significance)
    (path,) = tmp_path.glob("*.journal")
    whole = path.read_bytes()
    other = tmp_path / "torn"
    other.mkdir()
    torn = other / path.name
    watched = OnsetWatch((H3,), other, EXPERIMENT["uid"])
    for end in (10, 400, len(whole) - 5, len(whole)):
        torn.write_bytes(whole[:end])
        watched.look()
    assert watched(H3).confirmed.time_s == 300.0


def test_the_watch_follows_the_journal_by_itself_and_ends_with_its_block(journal, tmp_path):
    gates = {"a": Gate(after=H3, fires=True), "b": Gate(until=H3)}
    with watching_onsets(gates, tmp_path, EXPERIMENT["uid"]) as onsets:
        analysis = Analysis(journal)
        for significance in (None, 8.0, 8.0, 8.0):
            analysis.frame(significance)
        pause = threading.Event()
        for _ in range(100):
            if not isinstance(onsets(H3), str):
                break
            pause.wait(0.1)
        assert onsets(H3).confirmed.time_s == 300.0
    assert "onset watch" not in [thread.name for thread in threading.enumerate()]


def test_nobody_watches_where_nothing_waits(tmp_path):
    with watching_onsets({}, tmp_path, "e") as onsets:
        assert onsets is None
