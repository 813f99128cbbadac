"""Helper processes start, are started again, and leave nothing behind."""

import os
import socket
import sys

import pytest
from operando.experiment import manual_trigger
from operando.experiment.channel_access import free_udp_port, repeating, start_repeater
from operando.experiment.process import HelperProcess, ProcessError
from operando.experiment.settings import DataRoot

pytestmark = pytest.mark.system


def helper(tmp_path, code, **options):
    return HelperProcess("helper", [sys.executable, "-c", code], tmp_path, **options)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_that_ignores_sigterm_is_killed(tmp_path):
    ready = tmp_path / "ready"
    code = (
        "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); signal.pause()\nwhile True: signal.pause()"
    )
    process = helper(tmp_path, code)
    process.start()
    process.wait_for(ready, 20)
    pid = process.pid
    process.end(grace_s=0.2)
    assert not is_alive(pid)
    assert not (tmp_path / "helper.pid").exists()


def test_a_process_that_ends_is_started_again_as_often_as_allowed(tmp_path):
    process = helper(tmp_path, "pass", restarts_left=1)
    process.start()
    assert process.wait(20)
    assert process.tend()
    assert process.wait(20)
    assert not process.tend()
    process.end()


def test_a_process_that_dies_before_it_is_ready_is_reported_with_its_log(tmp_path):
    process = helper(tmp_path, "raise SystemExit('no beam today')")
    process.start()
    with pytest.raises(ProcessError, match="no beam today"):
        process.wait_for(tmp_path / "never", 20)


def test_a_repeater_is_started_where_none_answers_and_confirms_clients(tmp_path, monkeypatch):
    port = free_udp_port()
    monkeypatch.setenv("EPICS_CA_REPEATER_PORT", str(port))
    with repeating(DataRoot(tmp_path)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        # As pyepics' library registers: other repeaters leave an empty datagram unanswered.
        client.sendto(b"", ("127.0.0.1", port))
        assert int.from_bytes(client.recv(64)[:2], "big") == 17
        assert start_repeater(DataRoot(tmp_path)) is None
    again = start_repeater(DataRoot(tmp_path))
    assert again is not None
    again.end()


def test_a_trigger_by_hand_has_a_repeater_before_it_looks_for_the_potentiostat(tmp_path, monkeypatch):
    monkeypatch.setenv("EPICS_CA_REPEATER_PORT", str(free_udp_port()))
    others = []

    def load(*_, **__):
        others.append(start_repeater(DataRoot(tmp_path)))
        raise RuntimeError("no beamline here")

    monkeypatch.setattr(manual_trigger, "load_beamline", load)
    with pytest.raises(RuntimeError, match="no beamline here"):
        manual_trigger.fire_trigger("ni_k", tmp_path / "beamline.toml", DataRoot(tmp_path))
    assert others == [None]  # it is there, so that none needs to be started
    again = start_repeater(DataRoot(tmp_path))
    assert again is not None  # and goes with the command
    again.end()
