"""Live fits that hang, die or meet a corrupt run do not touch the timing of the scans, and catch up."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from event_model import compose_run
from operando.callbacks.tiled.journal import Journal
from operando_run import (
    POINTS,
    Acquisition,
    assert_documents_are_whole,
    assert_one_experiment_without_doubles,
    events,
    of_purpose,
    points,
    until,
    write_experiment,
)

pytestmark = pytest.mark.system

ALLOWED_S = 0.1
"""By how much the longest gap of a scan, in the median, may exceed that of scans whose analysis is well, s: a
single gap that is longer is what a busy machine does."""


class LiveFits:
    """The process that fits each spectrum, as `operando rehearse` starts it."""

    def __init__(self, root):
        (root / "journal").mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "operando.callbacks.live.edge_fits"]
        self.log = root / "live_fits.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--journal", str(root / "journal")], stdout=log, stderr=log
            )

    def end(self):
        """End it whatever state it is in, in order where it can."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(20)


def fitted(root):
    """Uids of the runs that have a result, in the order of the results."""
    runs = of_purpose(root, "analysis")
    return [event["data"]["measurement_run"] for run in runs for event in events(run, "measurement_run")]


def write_corrupt_run(root):
    """A measurement that some other program wrote, whose events are not numbers."""
    run = compose_run(metadata={"purpose": "measurement", "experiment": {"uid": "x", "name": "other"}})
    key = {"source": "test", "dtype": "number", "shape": []}
    stream = run.compose_descriptor(name="primary", data_keys={"mono_energy": key})
    event = stream.compose_event(data={"mono_energy": {}}, timestamps={"mono_energy": 0.0}, validate=False)
    with Journal(root / "journal") as journal:
        journal("start", run.start_doc)
        journal("descriptor", stream.descriptor_doc)
        journal("event", event)
        journal("stop", run.compose_stop())
    return next(path for path in (root / "journal").glob("*.journal") if run.start_doc["uid"] in path.name)


def longest_gap_s(run):
    """Longest time between two points of a spectrum, in s on the host's clock."""
    return float(np.diff([event["time"] for event in events(run, "mono_energy")]).max())


@pytest.fixture
def fits(tmp_path):
    started = [LiveFits(tmp_path / "data")]
    yield started
    for one in started:
        if one.process.poll() is None:
            one.end()


def test_live_fits_that_hang_die_or_meet_a_corrupt_run_leave_the_scans_alone(
    simulated_beamline, fits, tmp_path
):
    root, file = tmp_path / "data", write_experiment(tmp_path, charge_s=160)
    with Acquisition(file, simulated_beamline.settings, root) as acquisition:
        until(lambda: len(fitted(root)) == 2)
        os.kill(fits[0].process.pid, signal.SIGSTOP)
        acquisition.wait_for_points(4 * POINTS + 5)
        assert len(fitted(root)) <= 3
        fits[0].process.kill()
        corrupt = write_corrupt_run(root)
        fits.append(LiveFits(root))
        assert acquisition.wait() == 0, acquisition.said()
    measured = of_purpose(root, "measurement")
    measured = [run for run in measured if run.path != corrupt]
    assert len(measured) >= 6
    until(lambda: len(fitted(root)) == len(measured), 30)
    fits[1].end()
    assert sorted(fitted(root)) == sorted(run.uid for run in measured)
    assert "makes no sense" in fits[1].log.read_text()
    gaps = [longest_gap_s(run) for run in measured]
    assert np.median(gaps[2:]) < np.median(gaps[:2]) + ALLOWED_S, gaps
    corrupt.unlink()
    assert len(points(root)) == len(measured) * POINTS
    assert_documents_are_whole(root)
    assert_one_experiment_without_doubles(root)
