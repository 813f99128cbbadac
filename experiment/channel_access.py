"""The repeater of Channel Access' beacons, without which every client complains."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .process import HelperProcess
from .settings import DataRoot

PORT_VARIABLE, PORT = "EPICS_CA_REPEATER_PORT", "5065"
"""Where clients look for the repeater of their computer, and its port unless that says otherwise."""

START_LIMIT_S, ANSWER_LIMIT_S = 5.0, 0.3
"""Longest wait until a repeater is there, and for its answer, s."""


def ca_repeater(root: DataRoot, port: int) -> HelperProcess:
    """Process of a repeater at a port; EPICS base, which has one, need not be installed."""
    command = [sys.executable, "-m", "operando.experiment.ca_repeater"]
    return HelperProcess("ca_repeater", command, root.run, {PORT_VARIABLE: str(port)}, restarts_left=5)


def start_repeater(root: DataRoot) -> HelperProcess | None:
    """Start a repeater before the first channel is looked for; None where this computer has one."""
    port = int(os.environ.get(PORT_VARIABLE, PORT))
    if _is_taken(port):
        return None
    repeater = ca_repeater(root, port)
    repeater.start()
    for _ in range(round(START_LIMIT_S / 0.05)):
        if repeater.wait(0.05) or _is_taken(port):
            break
    return repeater


@contextmanager
def repeating(root: DataRoot) -> Iterator[None]:
    """Have a repeater for a block, one of this computer or an own one."""
    repeater = start_repeater(root)
    try:
        yield
    finally:
        if repeater is not None:
            repeater.end()


def free_udp_port() -> int:
    """Port of the loopback interface that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_taken(port: int) -> bool:
    """Whether a repeater, or anything else, has the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(ANSWER_LIMIT_S)
        client.connect(("127.0.0.1", port))
        try:
            client.send(b"")
            client.recv(64)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
    return True
