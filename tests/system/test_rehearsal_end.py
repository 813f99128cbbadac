"""A rehearsal that is ended by Ctrl-C, early or in its middle, leaves neither process nor port behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from operando_run import assert_documents_are_whole, journal_of, points, write_experiment
from waiting import until

pytest.importorskip("tiled.server", reason="needs the extra 'rehearsal'")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc"),
]
END_S = 20.0


def processes_of(root):
    """Ids of the processes that were started for a data root, by their environment."""
    mark = f"OPERANDO_DATA={root}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ")))
        except OSError:
            continue
    return found


def ports_of(root):
    """Ports of the simulated servers and of Tiled, as far as they are known yet."""
    ports = []
    if (root / "run" / "beamline.json").exists():
        ports += json.loads((root / "run" / "beamline.json").read_text())["ports"].values()
    if (root / "run" / "tiled.json").exists():
        ports.append(json.loads((root / "run" / "tiled.json").read_text())["port"])
    return ports


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def rehearsal(tmp_path):
    """``operando rehearse`` as a process of its own, and its data root."""
    root = tmp_path / "data"
    command = [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(write_experiment(tmp_path))]
    with (tmp_path / "rehearsal.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | {"OPERANDO_DATA": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield process, root
    if process.poll() is None:
        process.terminate()
        process.wait(60)


def assert_ends_clean(process, root):
    assert len(processes_of(root)) > 1
    ports, began = ports_of(root), time.monotonic()
    process.send_signal(signal.SIGINT)
    said = root.parent / "rehearsal.log"
    assert process.wait(60) == 130, said.read_text()
    assert time.monotonic() - began < END_S, said.read_text()
    assert processes_of(root) == []
    assert all(map(is_free, ports))
    assert "was killed" not in said.read_text()
    assert "ended after SIGINT" in said.read_text()


def test_ctrl_c_while_the_services_start_leaves_nothing(rehearsal):
    process, root = rehearsal
    until((root / "run" / "live_fits.pid").exists)
    assert_ends_clean(process, root)
    assert journal_of(root) == []


def test_ctrl_c_in_the_middle_leaves_closed_runs_and_nothing_else(rehearsal):
    process, root = rehearsal
    until(lambda: len(points(root)) >= 5)
    assert len(ports_of(root)) >= 4
    assert_ends_clean(process, root)
    said = (root.parent / "rehearsal.log").read_text()
    assert f"data so far: {root}" in said
    assert "ending the simulated beamline" in said
    assert all(run.stop is not None for run in journal_of(root))
    assert_documents_are_whole(root)
    assert "repeater" not in (root / "run" / "acquisition.log").read_text().lower()
    assert "Traceback" not in (root / "run" / "acquisition.log").read_text()
