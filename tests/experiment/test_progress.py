"""The display of a running experiment tells what a user looks for."""

import pytest
from documents import ExperimentDocuments, whole_experiment
from operando.experiment.pace import CATCHING_UP_S, LEAST_FRACTION, Pace, spoken
from operando.experiment.progress import Progress
from rich.console import Console


def seen(progress):
    console = Console(width=80, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(progress)
    return captured.get()


def follow(documents, **options):
    progress = Progress("demo", expected_s=3600.0, **options)
    for name, doc in documents:
        progress(name, doc)
    return progress


def test_before_the_first_document_it_connects():
    told = seen(Progress("demo", 3600.0, expected_count=69))
    assert "connecting to the beamline" in told
    assert "of about 69" in told
    assert "1.00 h of the cell's 1.00 h" in told


def test_cell_counts_and_last_fit_are_shown():
    progress = follow(whole_experiment(spectra=3, stop=False))
    told = seen(progress)
    state = progress.cell
    assert f"{state['cell_voltage']:.3f} V" in told
    assert f"{state['cell_lithium_content']:.4f}" in told
    assert "3 done, 0 late, 0 missed" in told
    assert f"Ni valence {progress.fit['valence']:.2f} +- 0.02" in told
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 80


def test_time_left_comes_from_what_has_passed_on_both_clocks():
    documents = list(whole_experiment(spectra=1, stop=False))
    progress = follow(documents)
    with_cell = [doc["time"] for name, doc in documents if name == "event" and "cell_time" in doc["data"]]
    assert 0 < progress.fraction < 1
    passed_s = max(with_cell) - min(with_cell)
    assert progress.wall_left_s == pytest.approx(passed_s * (1 / progress.fraction - 1))
    assert f"about {spoken(progress.wall_left_s)}" in seen(progress)


def test_time_left_of_an_experiment_that_is_gone_on_with_counts_from_where_its_protocol_began():
    dead = ExperimentDocuments(name="demo")
    first = [*dead.begin(), *dead.cycle(100, step_s=18.0)]  # half of the hour that is expected
    further = ExperimentDocuments("demo", dead.uid, host_t0=dead.host_s + 600.0, clock_s=dead.clock_s)
    again = [*further.begin(resumes=dead.cycling.start_doc["uid"]), *further.cycle(5, step_s=18.0)]
    progress = follow([*first, *again], since=dead.host_s + 300.0)
    assert progress.fraction == pytest.approx(104 * 18.0 / 3600.0)
    assert progress.wall_left_s is None  # what was fetched at once is no pace
    assert "0.48 h of the cell's 1.00 h" in seen(progress)


def test_counts_of_an_experiment_that_is_gone_on_with_include_those_before():
    dead = ExperimentDocuments(name="demo")
    first = [*dead.begin(), *dead.cycle(), *dead.measure(points=5), *dead.cycle(), *dead.measure(points=5)]
    again = ExperimentDocuments("demo", dead.uid, host_t0=dead.host_s + 600.0, clock_s=dead.clock_s)
    further = [*again.begin(resumes=dead.cycling.start_doc["uid"]), *again.cycle(), *again.measure(points=5)]
    assert follow([*first, *further], since=dead.host_s + 300.0).counts() == "3 done, 0 late, 0 missed"
    anew = ExperimentDocuments("demo", host_t0=dead.host_s + 600.0)
    others = [*anew.begin(), *anew.cycle(), *anew.measure(points=5)]
    assert follow([*first, *others], since=dead.host_s + 300.0).counts() == "1 done, 0 late, 0 missed"


def test_the_pace_of_an_experiment_that_is_gone_on_with_is_that_of_what_it_has_lived_through():
    pace = Pace(1000.0)
    pace.begin("dead")
    pace.take_sample("dead", 0.0)
    pace.begin("further", "dead")
    for cell_s, host_s in ((0.0, 10.0), (500.0, 10.0 + CATCHING_UP_S)):
        pace.take_time(cell_s, host_s)
    pace.take_time(500.0 + 900.0 * LEAST_FRACTION, 30.0)
    assert pace.wall_left_s is None
    pace.take_time(600.0, 10.0 + CATCHING_UP_S + 20.0)
    assert pace.fraction == pytest.approx(0.6)
    assert pace.wall_left_s == pytest.approx(80.0)  # 20 s for a tenth of it
    pace.take_time(1200.0, 200.0)
    assert pace.wall_left_s is None  # longer than was expected: how much is not known


def test_a_running_scan_tells_its_point_and_a_missed_one_its_reason():
    writer = ExperimentDocuments(name="demo")
    documents = [*writer.begin(), *writer.cycle(), *writer.measure(fail="no beam until the protocol ended")]
    scan = [*writer.measure(points=20, stop=False)][:12]
    told = seen(follow([*documents, *scan]))
    assert "1 missed" in told
    assert "missed: no beam until the protocol ended" in told
    assert "scanning Ni K XANES, point 10" in told


def test_the_end_is_the_end():
    progress = follow(whole_experiment(spectra=1))
    assert progress.fraction == 1.0
    assert "the protocol has ended" in seen(progress)


def test_an_end_before_its_time_is_not_told_as_the_end_of_the_protocol():
    progress = follow(whole_experiment(spectra=1, stop=False))
    before = progress.fraction
    progress("stop", {"run_start": progress.cycling_run, "exit_status": "abort"})
    assert "ended before its time: abort" in seen(progress)
    assert progress.fraction == before


def test_older_and_other_experiments_are_not_shown():
    documents = whole_experiment(spectra=1)
    assert follow(documents, since=2e9).uid == ""
    assert follow(whole_experiment(name="other", spectra=1)).uid == ""


def test_a_series_of_frames_tells_how_many_are_written_and_no_fit_is_awaited_for_it():
    writer = ExperimentDocuments(name="demo")
    opened = [*writer.begin(), *writer.cycle()]
    scan = [*writer.measure(points=20)]
    renamed = {"technique": "xrd", "measurement": "xrd", "num_points": 100}
    start = {**scan[0][1], **renamed}
    frames = [
        (name, {**doc, "data": {**doc["data"], "camera_frames": 7}} if name == "event" else doc)
        for name, doc in scan[1:-1]
    ]
    begun = [*opened, ("start", start), *frames[:-1]]
    assert "scanning xrd, point 7 of 100" in seen(follow(begun))
    ended = follow([*begun, frames[-1], scan[-1]])
    assert ended.ledger["done"] == 1
    assert not ended.awaits_fits


def test_no_fit_is_awaited_of_a_series_that_is_settled_before_its_journal_is_read():
    common = {"experiment": {"uid": "e", "name": "demo"}, "time": 0.0}
    series = {"uid": "s", "purpose": "measurement", "technique": "xrd", "num_points": 1, **common}
    entry = {"ledger_status": "done", "ledger_run": "s", "ledger_measurement": "xrd"}
    progress = follow(
        [
            ("start", {"uid": "c", "purpose": "cycling", **common}),
            ("descriptor", {"uid": "l", "run_start": "c"}),
            ("event", {"descriptor": "l", "time": 2.0, "data": entry}),
            ("start", series),
        ]
    )
    assert not progress.awaits_fits


def test_a_frame_is_awaited_until_it_has_its_verdict_and_those_of_failed_series_are_not():
    experiment = {"uid": "e", "name": "demo"}
    common = {"experiment": experiment, "time": 0.0}
    series = {"purpose": "measurement", "technique": "xrd", "num_points": 1, **common}
    pattern, verdict = {"measurement_run": "whole", "intensity": [1.0]}, {"measurement_run": "whole"}
    verdict |= {"verdict": "single", "a_angstrom": 2.86, "c_angstrom": 14.3, "lithium_content": 0.5}
    analysis = {"uid": "fit", "purpose": "analysis", "analysis": {"name": "pattern_fit"}, **common}
    progress = follow(
        [
            *(("start", {"uid": uid, **series}) for uid in ("whole", "cut")),
            ("stop", {"run_start": "cut", "exit_status": "fail"}),
            ("stop", {"run_start": "whole", "exit_status": "success"}),
            ("start", analysis),
            ("descriptor", {"uid": "d", "run_start": "fit"}),
            ("event", {"descriptor": "d", "data": pattern, "time": 0.0}),
        ]
    )
    assert (progress.awaits_patterns, progress.patterns, progress.frames) == (True, 0, 1)
    progress("event", {"descriptor": "d", "data": verdict, "time": 0.0})
    assert (progress.awaits_patterns, progress.patterns) == (False, 1)
    assert "a 2.8600, c 14.300 angstrom" in seen(progress)
