"""Acquisition goes on without a gap while Tiled is away or the disk full, and nothing is lost or doubled."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import bluesky.plan_stubs as bps
import numpy as np
import pytest
from bluesky.run_engine import RunEngine
from bluesky.utils import RunEngineInterrupted
from operando_run import documents_counted
from steady_acquisition import Camera

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from operando.callbacks.tiled.access import reader_client, writer_client
from operando.callbacks.tiled.forwarder import Forwarder
from operando.callbacks.tiled.journal import Journal, read_journal, runs
from operando.callbacks.tiled.note import read_note
from operando.callbacks.tiled.replay import replay
from operando.callbacks.tiled.verify import verify
from waiting import until

pytestmark = pytest.mark.system

LONGEST_GAP_S = 0.1
PROGRAM = Path(__file__).with_name("steady_acquisition.py")


def acquire(folder, events, period_s=0.01, side=8):
    command = [sys.executable, PROGRAM, folder, events, period_s, side, 0]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)


def forward(journal, server):
    environment = {**os.environ, "TILED_RETRY_ATTEMPTS": "2", "TILED_RETRY_TIMEOUT": "1"}
    command = [sys.executable, "-m", "operando.callbacks.tiled.forwarder", "--interval", "0.1"]
    options = ["--journal", str(journal), "--tiled", str(server.data_root)]
    with (journal.parent / "forwarder.log").open("wb") as log:
        return subprocess.Popen([*command, *options], env=environment, stderr=log)


def events_of(journal):
    (run,) = runs(journal)
    return [doc for name, doc in read_journal(run.path) if name == "event"]


@pytest.mark.parametrize("away", ["from the start", "in mid run"])
def test_tiled_away_leaves_no_gap_in_the_run_and_loses_nothing(tmp_path, server, away):
    journal = tmp_path / "journal"
    journal.mkdir()
    if away == "from the start":
        server.stop()
    forwarder = forward(journal, server)
    log = tmp_path / "forwarder.log"
    try:
        if away == "from the start":
            until(lambda: "Tiled is away" in log.read_text())
        until(lambda: (journal / "forwarded" / ".lock").exists())
        acquisition = acquire(tmp_path, events=500)
        (run,) = until(lambda: runs(journal))
        if away == "in mid run":
            until(lambda: run.uid in list(reader_client(server.data_root)))
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            until(lambda: "Tiled is away" in log.read_text())
            assert acquisition.poll() is None
        told = json.loads(acquisition.communicate(timeout=60)[0])
        server.start()
        note = until(lambda: read_note(journal, run.uid))
    finally:
        forwarder.kill()
        forwarder.wait()
    events = events_of(journal)
    data = reader_client(server.data_root)[run.uid]["primary"].read()
    with documents_counted():
        assert (told["events"], len(events), note["verdict"]) == (500, 500, "complete")
        assert data["number"].values.tolist() == list(range(1, 501))
        assert data["image"].values[:, 3, 5].tolist() == list(range(1, 501))
    assert np.diff([event["time"] for event in events]).max() < LONGEST_GAP_S


def test_a_run_paused_and_resumed_has_one_row_per_point_in_tiled(tmp_path, server):
    camera, seen = Camera(side=4), []

    def plan():
        yield from bps.open_run()
        yield from bps.checkpoint()
        for point in range(4):
            yield from bps.trigger_and_read([camera])
            if point == 2 and not seen:
                seen.append(point)
                yield from bps.pause()
        yield from bps.close_run()

    with Journal(tmp_path / "journal", minimum_free_bytes=0) as journal:
        engine = RunEngine(context_managers=[])
        engine.subscribe(journal)
        with pytest.raises(RunEngineInterrupted):
            engine(plan())
        Forwarder(journal.folder, lambda: writer_client(server.data_root)).step()
        (uid,) = engine.resume()
    numbers = [event["seq_num"] for event in events_of(tmp_path / "journal")]
    assert numbers == [1, 2, 3, 1, 2, 3, 4]
    report = replay(tmp_path / "journal", writer_client(server.data_root))
    assert report.written == (uid,)
    data = reader_client(server.data_root)[uid]["primary"].read()
    assert data["number"].values.tolist() == [4.0, 5.0, 6.0, 7.0]
    assert data["image"].values[:, 0, 0].tolist() == [4.0, 5.0, 6.0, 7.0]


def in_a_small_disk(mount_point, size_mb, command):
    """Run a command in a mount namespace of its own, a file system of this size on the mount point."""
    mount = f"mount -t tmpfs -o size={size_mb}m none '{mount_point}'"
    keep = f"cp -r '{mount_point}/journal' '{mount_point.parent}/kept'"
    script = f'{mount} || exit 77; "$@"; code=$?; {keep}; exit $code'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *map(str, command)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_disk_that_really_fills_ends_the_run_in_order_with_nothing_lost(tmp_path, server):
    if shutil.which("unshare") is None:
        pytest.skip("no unshare: a small file system cannot be made")
    small = tmp_path / "small"
    small.mkdir()
    done = in_a_small_disk(small, 3, [sys.executable, PROGRAM, small, 1000, 0, 64, 100_000])
    if not done.stdout:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    (run,) = runs(tmp_path / "kept")
    assert "the journal's disk is full" in told["error"]
    assert told["cleaned_up"]
    assert 10 < told["events"] == len(events_of(tmp_path / "kept"))
    assert (run.stop["exit_status"], run.stop["num_events"]) == ("fail", {"primary": told["events"]})
    replay(tmp_path / "kept", writer_client(server.data_root))
    assert verify(run.path, reader_client(server.data_root)).streams["primary"].recovered == told["events"]
