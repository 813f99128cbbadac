"""Events per second of the RunEngine: journal and forwarder, no subscriber, TiledWriter."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import bluesky.plans as bp
import httpx
from bluesky.run_engine import RunEngine
from bluesky_tiled_plugins import TiledWriter
from operando.callbacks.tiled.journal import Journal, runs
from operando.callbacks.tiled.projection import read_note
from operando.experiment.followers import forwarder
from operando.experiment.process import HelperProcess
from operando.experiment.settings import DataRoot
from operando.experiment.tiled_server import TiledServer
from tiled.client import from_uri

from .figure import Figure

EVENTS = 2000
DIRECT_EVENTS = 40
ROUNDS = 5
KEYS = tuple(f"number_{index}" for index in range(11))


class SoftPoint:
    """Readable of eleven numbers, as many as a point of `xanes` has, that costs next to nothing to read."""

    name = "point"
    parent = None
    hints: dict[str, Any] = {}  # noqa: RUF012

    def describe(self) -> dict[str, Any]:
        """Describe eleven numbers."""
        return {key: {"dtype": "number", "shape": [], "source": "soft"} for key in KEYS}

    def read(self) -> dict[str, Any]:
        """Read them."""
        now = time.time()
        return {key: {"value": now + index, "timestamp": now} for index, key in enumerate(KEYS)}

    def describe_configuration(self) -> dict[str, Any]:
        """Nothing is configured."""
        return {}

    def read_configuration(self) -> dict[str, Any]:
        """Nothing is configured."""
        return {}


def events_per_s(count: int, subscriber: Callable[..., object] | None = None) -> float:
    """Rate of a run of `count` events, its start and stop included."""
    engine = RunEngine(context_managers=[])
    if subscriber is not None:
        engine.subscribe(subscriber)
    began = time.perf_counter()
    engine(bp.count([SoftPoint()], count))
    return count / (time.perf_counter() - began)


@contextmanager
def forwarding(data_root: Path) -> Iterator[Callable[[], None]]:
    """Run Tiled and forwarder as in a rehearsal; gives a function that waits until all runs are in Tiled."""
    with TiledServer(data_root):
        helper = forwarder(DataRoot(data_root))
        helper.start()
        try:
            yield lambda: wait_for_tiled(data_root / "journal", helper)
        finally:
            helper.end(60.0)


def wait_for_tiled(journal: Path, helper: HelperProcess) -> None:
    """Wait until every run has been read back.

    Raises
    ------
    RuntimeError
        If that takes a minute, if the forwarder has ended, or if a run differs.
    """
    deadline = time.monotonic() + 60.0
    notes = [read_note(journal, run.uid) for run in runs(journal)]
    while None in notes:
        if not helper.is_running or time.monotonic() > deadline:
            raise RuntimeError("the forwarder does not bring the benchmark's runs to Tiled")
        threading.Event().wait(0.2)
        notes = [read_note(journal, run.uid) for run in runs(journal)]
    if any(note["verdict"] != "complete" for note in notes if note is not None):
        raise RuntimeError(f"a run of the benchmark is not whole in Tiled: {notes}")


def journal_rates(folder: Path) -> tuple[list[float], list[float]]:
    """Rates with journal and forwarder, and with no subscriber, in turn."""
    with forwarding(folder) as wait, Journal(folder / "journal", minimum_free_bytes=0) as journal:
        events_per_s(20, journal)
        wait()
        journaled, bare = [], []
        for _ in range(ROUNDS):
            journaled.append(events_per_s(EVENTS, journal))
            wait()
            bare.append(events_per_s(EVENTS))
        return journaled, bare


@contextmanager
def plain_tiled(folder: Path) -> Iterator[Any]:
    """Run a plain Tiled server, with the SQL storage that TiledWriter needs; gives a client."""
    key = secrets.token_hex(16)
    address = (folder / "port").as_posix()
    program = (
        "import socket, sys; from tiled.commandline.main import cli_app; s = socket.socket(); "
        f"s.bind(('127.0.0.1', 0)); p = str(s.getsockname()[1]); s.close(); open({address!r}, 'w').write(p); "
        "cli_app(['serve', 'catalog', '--temp', '--host', '127.0.0.1', '--port', p])"
    )
    environment = {**os.environ, "TILED_SINGLE_USER_API_KEY": key}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", program], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    try:
        yield from_uri(_answering(folder, server), api_key=key)
    finally:
        server.terminate()
        server.wait(30)


def _answering(folder: Path, server: subprocess.Popen[bytes]) -> str:
    deadline, pause = time.monotonic() + 60.0, threading.Event()
    while server.poll() is None and time.monotonic() < deadline:
        pause.wait(0.1)
        if not (folder / "port").exists():
            continue
        url = f"http://127.0.0.1:{(folder / 'port').read_text()}"
        try:
            if httpx.get(f"{url}/healthz").is_success:
                return url
        except httpx.TransportError:
            continue
    raise RuntimeError(f"Tiled did not start: {(folder / 'log').read_text()[-500:]}")


def direct_rate(folder: Path) -> float:
    """Rate with TiledWriter in the RunEngine's process, every event written at once."""
    with plain_tiled(folder) as client:
        events_per_s(3, TiledWriter(client, batch_size=1))
        return events_per_s(DIRECT_EVENTS, TiledWriter(client, batch_size=1))


def run() -> list[Figure]:
    """Measure 2,000 events of 11 numbers, five times in turn, and 40 with TiledWriter."""
    with tempfile.TemporaryDirectory() as folder:
        journaled, bare = journal_rates(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        direct = direct_rate(Path(folder))
    name, unit = "RunEngine with journal and forwarder", "events/s"
    value, ratio = median(journaled), median(a / b for a, b in zip(journaled, bare, strict=True))
    return [
        Figure(name, value, "RunEngine with no subscriber", median(bare), ratio, ">= 0.8 x", unit),
        Figure(name, value, "TiledWriter, batch size 1", direct, value / direct, ">= 10 x", unit),
    ]
