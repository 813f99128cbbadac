"""An acquisition that is killed, told to end or loses the beam leaves cell, shutter and data in order."""

import random
import re
import signal
import sys
import threading
from itertools import pairwise

import pytest
from channels import variables
from operando_run import (
    STEADY,
    Acquisition,
    assert_documents_are_whole,
    assert_one_experiment_without_doubles,
    events,
    journal_of,
    ledger,
    of_purpose,
    until,
    write_experiment,
)

pytestmark = pytest.mark.system

SEED = 811
CLOSED, OPEN = 0, 1


@pytest.fixture(scope="module")
def seen(simulated_beamline):
    """Process variables by which a test looks at the beamline, and puts it back."""
    cell = "OP:ECLAB_01:C1:"
    names = {
        "state": f"{cell}STATE",
        "command": f"{cell}COMMAND",
        "uid": f"{cell}EXPERIMENT:UID",
        "trip": f"{cell}SAFETY:TRIP",
        "voltage": f"{cell}EWE",
        "shutter": "OP:PSS:STATUS",
        "front_end": "OP:FES:STATUS",
        "dump": "OP:RING:SIM:DUMP",
    }
    with variables(*names.values()) as found:
        yield dict(zip(names, found, strict=True))


@pytest.fixture
def beamline(simulated_beamline, seen):
    """Simulated beamline with a cell that stands still before and after the test."""
    simulated_beamline.clock.set_mode("elastic", STEADY)
    yield simulated_beamline
    seen["dump"].put(0, wait=True)
    seen["command"].put("stop", wait=True)


@pytest.fixture
def launch(beamline, tmp_path):
    file = write_experiment(tmp_path)
    return lambda: Acquisition(file, beamline.settings, tmp_path / "data")


def state(seen):
    return seen["state"].get(as_string=True, use_monitor=False)


def assert_cell_is_inside_its_limits(seen):
    assert seen["trip"].get(use_monitor=False) == 0
    assert 2.0 < seen["voltage"].get(use_monitor=False) < 4.4


def random_moment(what, most=35):
    """Number of points after which something happens; the seed is in the report of a failure."""
    moment = random.Random(f"{SEED} {what}").randint(3, most)
    sys.stdout.write(f"seed {SEED}: {what} after {moment} points\n")
    return moment


def end_while_the_cell_lives_slowly(acquisition, beamline, *numbers):
    """Send signals to an acquisition whose cell shall still cycle when it has ended; gives the exit code."""
    beamline.clock.set_mode("elastic", 2.0)
    for number in numbers[:-1]:
        acquisition.process.send_signal(number)
        threading.Event().wait(0.1)
    return acquisition.end(numbers[-1])


def begin_again(launch, beamline):
    """Start an acquisition while the cell lives slowly, and let it live on once it is taken over."""
    acquisition = launch()
    before = len(acquisition.said())
    until(lambda: "going on with" in acquisition.said()[before:], 60, "taking over")
    beamline.clock.set_mode("elastic", STEADY)
    return acquisition


def test_an_experiment_goes_on_after_its_acquisition_was_killed_twice(launch, beamline, seen, tmp_path):
    root = tmp_path / "data"
    moments = sorted(random_moment(f"kill {number}") for number in (1, 2))
    with launch() as acquisition:
        acquisition.wait_for_points(moments[0])
        end_while_the_cell_lives_slowly(acquisition, beamline, signal.SIGKILL)
    for moment in (moments[0] + moments[1], None):
        assert state(seen) == "Running"
        assert_cell_is_inside_its_limits(seen)
        with begin_again(launch, beamline) as acquisition:
            if moment is None:
                assert acquisition.wait() == 0, acquisition.said()
            else:
                acquisition.wait_for_points(moment)
                end_while_the_cell_lives_slowly(acquisition, beamline, signal.SIGKILL)
    assert seen["shutter"].get() == CLOSED
    cycling = of_purpose(root, "cycling")
    assert [run.stop["exit_status"] for run in cycling] == ["abort", "abort", "success"]
    for before, after in pairwise(cycling):
        assert after.start["resumes"] == before.uid
        last = events(before, "cell_sample")[-1]["data"]
        gap = after.start["gap"]
        assert (gap["last_sample"], gap["last_time_s"]) == (last["cell_sample"], last["cell_time"])
    assert_documents_are_whole(root)
    assert_one_experiment_without_doubles(root)


@pytest.mark.parametrize("names", [["SIGHUP"], ["SIGINT", "SIGINT"]])
def test_an_acquisition_that_is_told_to_end_leaves_everything_in_order(
    launch, beamline, seen, tmp_path, names
):
    with launch() as acquisition:
        acquisition.wait_for_points(random_moment(names[0]))
        numbers = [signal.Signals[name] for name in names]
        assert end_while_the_cell_lives_slowly(acquisition, beamline, *numbers) == 130
    assert f"ended in order after {names[0]}" in acquisition.said()
    assert "Traceback" not in acquisition.said()
    assert seen["shutter"].get(use_monitor=False) == CLOSED
    assert state(seen) == "Running"
    assert_cell_is_inside_its_limits(seen)
    assert all(run.stop is not None for run in journal_of(tmp_path / "data"))
    (cycling,) = of_purpose(tmp_path / "data", "cycling")
    assert cycling.stop["exit_status"] == "abort"
    assert "ended on request" in cycling.stop["reason"]
    assert_documents_are_whole(tmp_path / "data")


def test_a_cell_that_is_held_by_policy_goes_on_with_the_next_start(beamline, seen, tmp_path):
    root, file = tmp_path / "data", write_experiment(tmp_path, on_abort="hold_voltage", charge_s=70)

    def launch():
        return Acquisition(file, beamline.settings, root)

    with launch() as acquisition:
        acquisition.wait_for_points(random_moment("SIGTERM"))
        assert end_while_the_cell_lives_slowly(acquisition, beamline, signal.SIGTERM) == 130
    assert seen["shutter"].get(use_monitor=False) == CLOSED
    assert state(seen) == "Paused"
    with begin_again(launch, beamline) as acquisition:
        assert acquisition.wait() == 0, acquisition.said()
    assert "its protocol goes on" in acquisition.said()
    assert_documents_are_whole(root)
    assert_one_experiment_without_doubles(root)


def test_the_record_of_a_protocol_that_ended_unattended_is_completed(launch, beamline, seen, tmp_path):
    root = tmp_path / "data"
    with launch() as acquisition:
        acquisition.wait_for_points(15)
        acquisition.end(signal.SIGKILL)
    beamline.clock.set_mode("elastic", 5000.0)
    until(lambda: state(seen) == "Stopped")
    with launch() as acquisition:
        assert acquisition.wait() == 0, acquisition.said()
    assert "the protocol ended while no acquisition ran" in acquisition.said()
    assert [run.stop["exit_status"] for run in of_purpose(root, "cycling")] == ["abort", "success"]
    assert (
        events(of_purpose(root, "cycling")[-1], "cell_sample")[-1]["data"]["cell_time"]
        - events(of_purpose(root, "cycling")[0], "cell_sample")[0]["data"]["cell_time"]
        >= 120
    )
    missed = [entry for entry in ledger(root) if entry["ledger_status"] == "missed"]
    assert len(missed) >= 3
    assert {entry["ledger_reason"] for entry in missed} == {"the protocol ended while no acquisition ran"}
    assert_documents_are_whole(root)
    assert_one_experiment_without_doubles(root)


def test_a_beam_dump_in_a_scan_costs_one_attempt_and_the_cell_rests_meanwhile(beamline, seen, tmp_path):
    root = tmp_path / "data"
    # At rest, lest the cell latches anew, and supersedes its request, while the beam comes back.
    file = write_experiment(tmp_path, on_beam_loss="rest", charge_s=60)
    with Acquisition(file, beamline.settings, root) as acquisition:
        acquisition.wait_for_points(33)
        # In real time the scan, which has some 25 points left, does not end before the beam is lost.
        beamline.clock.set_mode("real")
        seen["dump"].put(1, wait=True)
        until(lambda: "no beam: measurements wait" in acquisition.said())
        until(lambda: state(seen) == "Paused")
        assert seen["shutter"].get(use_monitor=False) == CLOSED
        beamline.clock.set_mode("elastic", 100.0)
        seen["dump"].put(0, wait=True)
        until(lambda: beamline.board["ring_current_ma"] > 5.0)
        beamline.clock.set_mode("elastic", 1.0)
        until(lambda: any(run.start["attempt"] == 2 for run in of_purpose(root, "measurement")))
        beamline.clock.set_mode("elastic", STEADY)
        assert acquisition.wait() == 0, acquisition.said()
    assert seen["front_end"].get(use_monitor=False) == OPEN
    measured = of_purpose(root, "measurement")
    failed = [run for run in measured if run.stop["exit_status"] == "fail"]
    assert len(failed) == 1
    assert "beam lost" in failed[0].stop["reason"]
    count = failed[0].start["trigger"]["count"]
    attempts = [run for run in measured if run.start["trigger"]["count"] == count]
    assert [run.start["attempt"] for run in attempts] == [1, 2]
    assert attempts[1].stop["exit_status"] == "success"
    (entry,) = [entry for entry in ledger(root) if entry["ledger_count"] == count]
    assert entry["ledger_status"] == "done"
    assert "redone: beam lost" in entry["ledger_reason"]
    assert_documents_are_whole(root)
    assert_one_experiment_without_doubles(root)


@pytest.mark.parametrize(
    ("server", "named"), [("potentiostat", "OP:ECLAB_01:C1:"), ("machine", r"OP:(RING|PSS|FES):")]
)
def test_an_experiment_whose_potentiostat_or_shutters_die_ends_in_time_and_says_which(
    beamline, seen, tmp_path, server, named
):
    root = tmp_path / "data"
    with Acquisition(write_experiment(tmp_path), beamline.settings, root) as acquisition:
        acquisition.wait_for_points(random_moment(server))
        beamline.clock.set_mode("elastic", 2.0)
        beamline.kill(server)
        try:
            assert acquisition.wait(120) == 1, acquisition.said()
        finally:
            beamline.launcher.start_server(server)
            until(lambda: all(variable.connected for variable in seen.values()), 120, "servers again")
    assert re.search(named, "".join(acquisition.said().split())), acquisition.said()
    assert "Traceback" not in acquisition.said()
    assert all(run.stop is not None for run in journal_of(root))
    assert {run.stop["exit_status"] for run in of_purpose(root, "cycling")} == {"fail"}
    if server == "potentiostat":
        assert seen["shutter"].get(use_monitor=False) == CLOSED
    else:
        assert state(seen) == "Running"
        assert_cell_is_inside_its_limits(seen)
    assert_documents_are_whole(root)
