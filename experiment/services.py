"""Processes around an acquisition: simulated beamline, Tiled, forwarder, live fits; ended with it."""

import fcntl
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO

from ..callbacks.tiled.access import TiledConnection
from .channel_access import PORT_VARIABLE, ca_repeater, free_udp_port
from .file import RehearsalSection
from .followers import followers
from .process import HelperProcess
from .settings import DataRoot
from .tiled_server import TiledServer
from .wanted_devices import WantedDevices

logger = logging.getLogger(__name__)

START_LIMIT_S = 90.0
"""Longest time that the simulated beamline may take to start, s."""

FORWARD_LIMIT_S = 30.0
"""Time that a helper has to hand on what it holds before it is killed, s."""


class BusyError(RuntimeError):
    """Another process already runs services in this data root."""


@dataclass(frozen=True)
class Services:
    """Helper processes that run.

    Attributes
    ----------
    environment
        What an acquisition needs to reach the beamline.
    helpers
        Processes that are watched.
    tiled
        The Tiled server, once it answers.
    """

    environment: dict[str, str]
    helpers: tuple[HelperProcess, ...]
    tiled: Future[TiledConnection]

    @property
    def tiled_url(self) -> str:
        """Address of the Tiled server; waits until it answers.

        Raises
        ------
        TiledServerError
            When it did not start.
        """
        return self.tiled.result().url

    def tend(self) -> list[str]:
        """Start what has ended again where that is allowed; gives the names of what stays down."""
        return [helper.name for helper in self.helpers if not helper.tend()]


@contextmanager
def lock(root: DataRoot) -> Iterator[IO[str]]:
    """Hold the right to run services in a data root.

    Raises
    ------
    BusyError
        When another process holds it.
    OSError
        When the data root cannot be written.
    """
    try:
        root.run.mkdir(parents=True, exist_ok=True)
        held = (root.run / "services.lock").open("w")
    except OSError as error:
        raise OSError(
            f"data root {root.path} cannot be written ({error.strerror}): set OPERANDO_DATA to another"
        ) from None
    with held as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"services already run in {root.path}: end them, or set OPERANDO_DATA to another folder"
            ) from None
        yield file


@contextmanager
def running_services(
    root: DataRoot,
    rehearsal: RehearsalSection | None,
    scenarios: Sequence[str] = (),
    *,
    wanted: WantedDevices,
    external_roots: tuple[Path, ...] = (),
) -> Iterator[Services]:
    """Run Tiled, forwarder and live fits, and a simulated beamline where one is wanted, for a block.

    They end in the order in which each can still hand on what it holds: pictures and fits, forwarder, Tiled.
    When the block is interrupted the forwarder leaves what it has not carried yet:
    the journal keeps it, `operando replay` brings it to Tiled.

    Parameters
    ----------
    root
        Where data, logs and process ids go.
    rehearsal
        Which cell to simulate, or None for a real beamline.
    scenarios
        Of several cells, channel 1 first, each as ``name@X,Y`` with its place (mm).
    wanted
        What a simulated beamline has, and what is analysed live.
    external_roots
        Folders outside the data root whose files may be served, such as that of a camera.

    Raises
    ------
    BusyError, ProcessError
        When services already run here, or one does not start.
    """
    with ExitStack() as stack:
        stack.enter_context(lock(root))
        beamline: HelperProcess | None = None
        if rehearsal is not None:
            cells = scenarios or (rehearsal.scenario,)
            beamline = simulated_beamline(root, cells, rehearsal.speed, wanted)
            stack.callback(beamline.end)
            (root.run / "beamline.json").unlink(missing_ok=True)
            beamline.start()
        # Nothing that measures needs Tiled: it comes up beside the beamline, the forwarder waits for it.
        server = TiledServer(root.path, external_roots=external_roots)
        stack.callback(server.stop)
        starter = stack.enter_context(ThreadPoolExecutor(1, "tiled"))
        # First of the two: it cuts short a start that is still under way, for which the executor would wait.
        stack.callback(server.stop)
        tiled = starter.submit(server.start)
        helpers = followers(root, external_roots, wanted)
        for helper in helpers:
            stack.callback(helper.end, FORWARD_LIMIT_S)
            helper.start()
        stack.push(partial(_hasten, helpers))
        environment = {"OPERANDO_DATA": str(root.path)}
        if beamline is not None:
            beamline.wait_for(root.run / "beamline.json", START_LIMIT_S)
            port = free_udp_port()
            repeater = ca_repeater(root, port)
            stack.callback(repeater.end)
            repeater.start()
            environment |= epics_environment(root.run / "beamline.json") | {PORT_VARIABLE: str(port)}
            helpers += [beamline, repeater]
        yield Services(environment, tuple(helpers), tiled)


def _hasten(
    helpers: list[HelperProcess],
    kind: type[BaseException] | None,
    _error: BaseException | None,
    _trace: TracebackType | None,
) -> None:
    """Tell all helpers at once to end after what they are at, when the block was interrupted."""
    if kind is not None and not issubclass(kind, Exception):
        for helper in helpers:
            helper.restarts_left = 0
            helper.ask_to_end(signal.SIGINT)


def epics_environment(beamline_json: Path) -> dict[str, str]:
    """Variables with which clients find the servers of a simulated beamline."""
    addresses = json.loads(beamline_json.read_text())["ca_addr_list"]
    # Without beacons a client looks for a server that is back only at this period, by default 300 s.
    return {
        "EPICS_CA_ADDR_LIST": addresses,
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_MAX_SEARCH_PERIOD": "60",
    }


def simulated_beamline(
    root: DataRoot, scenarios: Sequence[str], speed: float, wanted: WantedDevices
) -> HelperProcess:
    """Servers of a simulated beamline; the cells live there and are never started again by themselves."""
    options = [word for scenario in scenarios for word in ("--scenario", scenario)]
    options += ["--run-folder", str(root.run), "--factor", str(speed)]
    further = [f"--{name.replace('_', '-')}" for name, is_wanted in asdict(wanted).items() if is_wanted]
    options += further
    if further:
        options += ["--data-folder", str(root.frames)]
    command = [sys.executable, "-m", "operando.simulated_beamline", *options]
    return HelperProcess("beamline", command, root.run)
