"""The launcher of the simulated beamline: ends all servers whatever ends it, and outlives its client."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc"),
]
START_S = 60.0
END_S = 15.0
SERVERS = ["machine", "monochromator"]


def command(folder: Path) -> list[str]:
    own = ["-m", "operando.simulated_beamline", "--run-folder", str(folder), "--servers", *SERVERS]
    return [sys.executable, *own]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def running(folder: Path) -> dict:
    """Content of beamline.json once it is there."""
    until((folder / "beamline.json").exists, START_S, "beamline.json")
    return json.loads((folder / "beamline.json").read_text())


def assert_all_ended(told: dict) -> None:
    until(lambda: not any(map(is_alive, told["pids"].values())), END_S, "end of the servers")
    assert all(map(is_free, told["ports"].values()))


@pytest.fixture
def launched(tmp_path):
    """A launcher in a process of its own, and what it says runs."""
    with (tmp_path / "launcher.log").open("wb") as log:
        launcher = subprocess.Popen(command(tmp_path / "run"), stdout=log, stderr=log, start_new_session=True)
    try:
        yield launcher, running(tmp_path / "run")
    finally:
        launcher.kill()
        launcher.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_servers_and_frees_their_ports(launched, tmp_path, number):
    launcher, told = launched
    assert sorted(told["pids"]) == sorted(SERVERS)
    assert not any(map(is_free, told["ports"].values()))
    launcher.send_signal(number)
    assert launcher.wait(END_S) == 0
    assert_all_ended(told)
    assert not (tmp_path / "run" / "beamline.json").exists()


def test_servers_do_not_outlive_a_launcher_that_was_killed(launched):
    launcher, told = launched
    launcher.kill()
    launcher.wait()
    assert_all_ended(told)


def test_a_server_that_ends_is_logged_and_the_others_go_on(launched, tmp_path):
    _, told = launched
    os.kill(told["pids"]["machine"], signal.SIGKILL)
    log = tmp_path / "launcher.log"
    until(lambda: "server machine ended with -9" in log.read_text(), END_S, "the log")
    assert is_alive(told["pids"]["monochromator"])


def test_the_beamline_survives_the_process_that_started_it_and_its_terminal(tmp_path):
    """As an acquisition: it starts the launcher as its child, and its whole process group is then killed."""
    folder = tmp_path / "run"
    program = (
        "import subprocess, sys, threading\n"
        "with open(sys.argv[1], 'wb') as log:\n"
        "    subprocess.Popen(sys.argv[2:], stdout=log, stderr=log)\n"
        "threading.Event().wait()\n"
    )
    acquisition = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "launcher.log"), *command(folder)],
        start_new_session=True,
    )
    told = running(folder)
    launcher_pid = child_of(acquisition.pid)
    try:
        os.killpg(acquisition.pid, signal.SIGINT)
        os.killpg(acquisition.pid, signal.SIGKILL)
        acquisition.wait()
        assert is_alive(launcher_pid)
        assert all(map(is_alive, told["pids"].values()))
        assert not any(map(is_free, told["ports"].values()))
    finally:
        os.kill(launcher_pid, signal.SIGTERM)
    assert_all_ended(told)


def child_of(parent: int) -> int:
    """The one process that another has started."""
    (found,) = (
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if parent_of(path) == parent
    )
    return found


def parent_of(stat: Path) -> int:
    """Process id of the parent; 0 of a process that has ended meanwhile."""
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
