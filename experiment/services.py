"""Processes around an acquisition: simulated beamline, Tiled, forwarder, live fits; ended with it."""

import fcntl
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO

from ..callbacks.tiled.access import TiledConnection
from .channel_access import ca_repeater, free_udp_port
from .file import RehearsalSection
from .process import HelperProcess
from .settings import DataRoot
from .tiled_server import TiledServer

logger = logging.getLogger(__name__)

START_LIMIT_S = 90.0
"""Longest time that the simulated beamline may take to start, s."""

FORWARD_LIMIT_S = 30.0
"""Time that a helper has to hand on what it holds before it is killed, s."""

RESTARTS = 5
"""How often forwarder and live fits are started again."""

NICENESS = 10
"""How far forwarder and pictures give way; a fit is wanted before the next scan and gives way to nobody."""


LAST = 19
"""Niceness of what may take as long as it likes."""


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
    external_roots: tuple[Path, ...] = (),
    camera: bool = False,
    nanoprobe: bool = False,
    trigger_box: bool = False,
    microscope: bool = False,
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
    external_roots
        Folders outside the data root whose files may be served, such as that of a camera.
    camera
        Whether frames are taken: they are analysed live, and a simulated beamline has a camera.
    nanoprobe
        Likewise maps and a nanoprobe.
    trigger_box, microscope
        Whether a simulated beamline has a trigger box; a microscope, whose tomograms are then shown live and
        reconstructed where they ask for it.

    Raises
    ------
    BusyError, ProcessError
        When services already run here, or one does not start.
    """
    with ExitStack() as stack:
        stack.enter_context(lock(root))
        beamline: HelperProcess | None = None
        if rehearsal is not None:
            wanted = {"camera": camera, "nanoprobe": nanoprobe}
            wanted |= {"trigger_box": trigger_box, "microscope": microscope}
            cells = scenarios or (rehearsal.scenario,)
            beamline = simulated_beamline(root, cells, rehearsal.speed, **wanted)
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
        helpers = [forwarder(root, external_roots), live_fits(root), live_picture(root)]
        if camera:
            helpers.append(live_patterns(root, external_roots))
        if nanoprobe:
            helpers.append(live_maps(root, external_roots))
        if microscope:
            helpers += [live_slices(root, external_roots), live_volumes(root)]
        for helper in helpers:
            stack.callback(helper.end, FORWARD_LIMIT_S)
            helper.start()
        stack.push(partial(_hasten, helpers))
        environment = {"OPERANDO_DATA": str(root.path)}
        if beamline is not None:
            beamline.wait_for(root.run / "beamline.json", START_LIMIT_S)
            repeater_port = free_udp_port()
            repeater = ca_repeater(root, repeater_port)
            stack.callback(repeater.end)
            repeater.start()
            environment |= epics_environment(root.run / "beamline.json")
            environment["EPICS_CA_REPEATER_PORT"] = str(repeater_port)
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
    root: DataRoot,
    scenarios: Sequence[str],
    speed: float,
    *,
    camera: bool = False,
    nanoprobe: bool = False,
    trigger_box: bool = False,
    microscope: bool = False,
) -> HelperProcess:
    """Servers of a simulated beamline; the cells live there and are never started again by themselves."""
    options = [word for scenario in scenarios for word in ("--scenario", scenario)]
    options += ["--run-folder", str(root.run), "--factor", str(speed)]
    options += ["--camera"] if camera else []
    options += ["--nanoprobe"] if nanoprobe else []
    options += ["--trigger-box"] if trigger_box else []
    options += ["--microscope"] if microscope else []
    if camera or nanoprobe or trigger_box or microscope:
        options += ["--data-folder", str(root.frames)]
    command = [sys.executable, "-m", "operando.simulated_beamline", *options]
    return HelperProcess("beamline", command, root.run)


def live_fits(root: DataRoot) -> HelperProcess:
    """Process that fits each spectrum as it finishes."""
    return _follower("live_fits", "operando.callbacks.live.edge_fits", root, ["--journal", str(root.journal)])


def live_picture(root: DataRoot) -> HelperProcess:
    """Process that redraws the picture of the running experiment."""
    options = ["--journal", str(root.journal), "--experiments", str(root.path / "experiments")]
    helper = _follower("live_picture", "operando.callbacks.live.picture", root, options)
    return replace(helper, niceness=NICENESS)


def live_patterns(root: DataRoot, external_roots: tuple[Path, ...] = ()) -> HelperProcess:
    """Process that integrates each frame and finds its phases."""
    options = ["--journal", str(root.journal)]
    options += [word for folder in external_roots for word in ("--root", str(folder))]
    helper = _follower("live_patterns", "operando.callbacks.live.patterns", root, options)
    return replace(helper, environment={"OMP_NUM_THREADS": "1"}, niceness=NICENESS)


def live_maps(root: DataRoot, external_roots: tuple[Path, ...] = ()) -> HelperProcess:
    """Process that fits each row of a map."""
    options = ["--journal", str(root.journal)]
    options += [word for folder in external_roots for word in ("--root", str(folder))]
    helper = _follower("live_maps", "operando.callbacks.live.maps", root, options)
    return replace(helper, environment={"OMP_NUM_THREADS": "1"}, niceness=NICENESS)


def live_slices(root: DataRoot, external_roots: tuple[Path, ...] = ()) -> HelperProcess:
    """Process that shows three slices of each tomogram while it is taken."""
    options = ["--journal", str(root.journal), "--experiments", str(root.path / "experiments")]
    options += [word for folder in external_roots for word in ("--root", str(folder))]
    helper = _follower("live_slices", "operando.callbacks.live.slices", root, options)
    return replace(helper, environment={"OMP_NUM_THREADS": "1"}, niceness=NICENESS)


def live_volumes(root: DataRoot) -> HelperProcess:
    """Process that reconstructs each tomogram that asks for a volume, with what others leave of the cores."""
    helper = _follower(
        "live_volumes", "operando.callbacks.live.volumes", root, ["--journal", str(root.journal)]
    )
    return replace(helper, environment={"OMP_NUM_THREADS": "1"}, niceness=LAST)


def forwarder(root: DataRoot, external_roots: tuple[Path, ...] = ()) -> HelperProcess:
    """Process that brings the journal to Tiled; it outlasts an outage itself, so requests give up soon."""
    options = ["--journal", str(root.journal)]
    options += [word for folder in external_roots for word in ("--root", str(folder))]
    helper = _follower("forwarder", "operando.callbacks.tiled.forwarder", root, options)
    environment = {"TILED_RETRY_ATTEMPTS": "3", "TILED_RETRY_TIMEOUT": "5"}
    return replace(helper, environment=environment, niceness=NICENESS)


def _follower(name: str, module: str, root: DataRoot, options: list[str]) -> HelperProcess:
    return HelperProcess(name, [sys.executable, "-m", module, *options], root.run, restarts_left=RESTARTS)
