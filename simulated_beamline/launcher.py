"""Starts the servers of a simulated beamline as child processes and ends them together."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from threading import Event, Thread

from .clock import ClockMode, SharedClock
from .server_process import ServerProcess

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
SERVERS = ("machine", "monochromator", "ion_chambers", "potentiostat")
OPTIONAL_SERVERS = ("camera", "trigger_box")
"""Started only where they are asked for; a camera needs a scenario with a section [diffraction]."""
NANOPROBE_SERVERS = ("fluorescence_detector", "nanostage")
"""Likewise; they need a scenario with a section [particle], the detector also [fluorescence]."""
MICROSCOPE_SERVERS = ("microscope", "microscope_camera", "heater")
"""Likewise; they need a scenario with a section [microscope]."""
PORTS = range(10_000, 32_000)
"""Where free ports are looked for: above those with names, below those of clients (32768 on Linux)."""
PORTS_OF_PROCESS = 64
"""How far from each other two processes begin to look."""
_taken = count()
START_LIMIT_S = 60.0
END_LIMIT_S = 5.0
POLL_S = 0.05


@dataclass(frozen=True)
class BeamlineProcess:
    """A simulated beamline that runs.

    Attributes
    ----------
    ca_addr_list : str
        What clients need as EPICS_CA_ADDR_LIST.
    pids, ports : Mapping
        Per server.
    """

    ca_addr_list: str
    pids: Mapping[str, int]
    ports: Mapping[str, int]

    def as_json(self) -> str:
        """Give what `beamline.json` holds."""
        content = {"ca_addr_list": self.ca_addr_list, "pids": dict(self.pids), "ports": dict(self.ports)}
        return json.dumps(content)


class Launcher:
    """Children of this process, one per server; they end when this process ends, however it ends.

    Parameters
    ----------
    run_folder
        Where clock, board, logs and `beamline.json` go.
    scenario
        Name or path; several, one for each channel of the cycler, with `@X,Y` the place of its cell.
    prefix
        Start of every process variable.
    servers
        Which to start.
    ports
        Fixed ports per server; free ones are chosen for the others.
    data_folder
        Where the camera may write files; in the run folder unless given.
    """

    def __init__(
        self,
        run_folder: Path,
        *,
        scenario: str | Sequence[str],
        prefix: str = "OP:",
        servers: tuple[str, ...] = SERVERS,
        ports: Mapping[str, int] | None = None,
        data_folder: Path | None = None,
    ) -> None:
        self.run_folder = Path(run_folder)
        self._scenarios = (scenario,) if isinstance(scenario, str) else tuple(scenario)
        self._prefix = prefix
        self._servers = servers
        self._data_folder = data_folder
        self._ports = _complete_ports(servers, ports or {})
        self._children: dict[str, ServerProcess] = {}

    def start(self, mode: ClockMode | str = ClockMode.ELASTIC, factor: float = 1.0) -> BeamlineProcess:
        """Start all servers and wait until they listen.

        Parameters
        ----------
        mode, factor
            How simulated time shall pass.

        Returns
        -------
        BeamlineProcess
            As written to `beamline.json`.

        Raises
        ------
        RuntimeError
            If a server ends or does not listen within `START_LIMIT_S`; names its log.
        """
        self.run_folder.mkdir(parents=True, exist_ok=True)
        for name in ("clock", "board", "moves", "wire", "beamline.json"):
            (self.run_folder / name).unlink(missing_ok=True)
        clock = SharedClock(self.run_folder / "clock")
        clock.set_mode(mode, factor)
        clock.close()
        for name in self._servers:
            self.start_server(name)
        self._wait_until_they_listen()
        running = BeamlineProcess(
            ca_addr_list=" ".join(f"{LOOPBACK}:{port}" for port in self._ports.values()),
            pids={name: child.pid for name, child in self._children.items()},
            ports=self._ports,
        )
        _write_whole(self.run_folder / "beamline.json", running.as_json())
        return running

    def start_server(self, name: str) -> None:
        """Start one server on its port (again, after it ended)."""
        arguments = ["--port", str(self._ports[name]), "--prefix", self._prefix]
        arguments += ["--run-folder", str(self.run_folder), "--until-stdin-closes"]
        arguments += [word for scenario in self._scenarios for word in ("--scenario", scenario)]
        if self._data_folder is not None:
            arguments += ["--data-folder", str(self._data_folder)]
        self._children[name] = ServerProcess(name, arguments, self.run_folder / f"{name}.log")

    def kill_server(self, name: str) -> None:
        """End one server at once, as a crash would."""
        child = self._children[name]
        child.kill()
        child.wait()

    def watch(self, stop: Event) -> None:
        """Wait until told to stop; log a server that ends by itself."""
        reported: set[str] = set()
        while not stop.wait(0.5):
            for name, child in self._children.items():
                if (code := child.poll()) is not None and name not in reported:
                    reported.add(name)
                    logger.error("server %s ended with %s: see %s.log", name, code, name)

    def stop(self) -> None:
        """End all servers, those that do not listen by force, and remove the files that only they need."""
        for child in self._children.values():
            child.terminate()
        for name, child in self._children.items():
            if not child.wait(END_LIMIT_S):
                logger.warning("server %s did not end within %s s: killed", name, END_LIMIT_S)
                child.kill()
                child.wait()
        for name in ("clock", "board", "moves", "wire", "beamline.json"):
            (self.run_folder / name).unlink(missing_ok=True)

    def _wait_until_they_listen(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        pause = Event()
        for name, child in self._children.items():
            while not _listens(self._ports[name]):
                log = self.run_folder / f"{name}.log"
                if (code := child.poll()) is not None:
                    self.stop()
                    raise RuntimeError(f"server {name} ended with {code} while starting: see {log}")
                if time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"server {name} does not listen after {START_LIMIT_S} s: see {log}")
                pause.wait(POLL_S)


def run(launcher: Launcher, *, mode: str, factor: float) -> None:
    """Start a beamline, tell so in one line of JSON on standard output, and end it at SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # By another thread: the main one, in which handlers run, may hold the event's lock.
        signal.signal(number, lambda *_: Thread(target=stop.set).start())
    _leave_the_terminals_group()
    try:
        running = launcher.start(mode, factor)
        sys.stdout.write(f"{running.as_json()}\n")
        sys.stdout.flush()
        launcher.watch(stop)
    finally:
        launcher.stop()


def free_ports(number: int) -> list[int]:
    """Find ports of 127.0.0.1 that nobody uses, neither for TCP nor for UDP; never the same twice.

    They lie below those that the kernel gives to clients, one of which would else take a port before its
    server does; each process begins elsewhere, so that two which look at the same time do not meet.
    """
    candidates = (PORTS[(os.getpid() * PORTS_OF_PROCESS + next(_taken)) % len(PORTS)] for _ in PORTS)
    free = list(islice(filter(_is_free, candidates), number))
    if len(free) < number:
        raise RuntimeError(f"only {len(free)} of {number} ports from {PORTS.start} to {PORTS.stop} are free")
    return free


def _is_free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind((LOOPBACK, port))
    except OSError:
        return False
    return True


def _complete_ports(servers: tuple[str, ...], given: Mapping[str, int]) -> dict[str, int]:
    chosen = iter(free_ports(len(servers)))
    return {name: given.get(name) or next(chosen) for name in servers}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _leave_the_terminals_group() -> None:
    """Keep a Ctrl-C meant for the acquisition away; a process that leads its group was started for itself."""
    if os.getpgrp() != os.getpid():
        os.setsid()
