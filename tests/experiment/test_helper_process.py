"""Helper processes start, are started again, and leave nothing behind."""

import os
import socket
import sys
from contextlib import suppress

import pytest
from operando.experiment.process import HelperProcess, ProcessError
from operando.experiment.services import ca_repeater
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


def test_the_repeater_confirms_a_client_that_registers_by_an_empty_datagram(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(0.5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        repeater = ca_repeater(DataRoot(tmp_path), port)
        repeater.start()
        confirmed = b""
        for _ in range(40):
            client.sendto(b"", ("127.0.0.1", port))
            with suppress(OSError):
                confirmed = client.recv(64)
                break
        repeater.end()
    assert int.from_bytes(confirmed[:2], "big") == 17, repeater.tail()
