"""A simulated beamline for system tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from channels import connected
from operando.callbacks.tiled.journal import Journal
from operando.devices.beamline import Beamline
from operando.experiment import followers, tiled_server
from operando.experiment.tiled_server import TiledServer
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import OPTIONAL_SERVERS, SERVERS, BeamlineProcess, Launcher
from second_try import pytest_runtest_makereport as pytest_runtest_makereport
from second_try import pytest_runtest_teardown as pytest_runtest_teardown


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try a test of several processes twice more: what it waits for may be late on a busy machine.

    Each try begins with fresh servers (`second_try`). Lost or doubled documents are never late: a test that
    finds some fails at once.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=2, rerun_except=["DocumentsLostError"]))


@pytest.fixture(scope="session", autouse=True)
def _nobody_gives_way() -> Iterator[None]:
    """Tiled and followers that a test starts are what it waits for: they get their share of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((tiled_server, "NICENESS"), (followers, "NICENESS"), (followers, "LAST")):
            patch.setattr(module, name, 0)
        patch.setitem(followers.GIVES_WAY, "niceness", 0)
        yield


@dataclass(frozen=True)
class SimulatedBeamline:
    """What a system test may do to the beamline behind its devices.

    `settings` is the beamline settings file for `load_beamline`; `clock` and `board` are those of the
    servers, to look at or to set a mode; `launcher.start_server(name)` starts a server again, on the same
    port, that the test killed by `kill(name)`.
    """

    launcher: Launcher
    process: BeamlineProcess
    clock: SharedClock
    board: Board
    settings: Path
    prefix: str
    kill: Callable[[str], None]


@pytest.fixture(scope="module")
def simulated_beamline(request, tmp_path_factory, beamline_ports) -> Iterator[SimulatedBeamline]:
    """Servers of "nmc811-first-charge" in processes of their own, elastic time with factor 500.

    A module that needs a camera or the trigger box says so: `WITH_CAMERA = True`, `WITH_TRIGGER_BOX = True`.

    Module scope: every test module gets fresh servers on the ports of the session, so that ophyd devices of
    an earlier module find their variables again. Tests of one module share state: put shutters, faults and
    clock back.

    Use it in the same process as your devices: the root conftest has set Channel Access' environment before
    ophyd was first imported. `beamline` gives all devices, connected.
    """
    folder = tmp_path_factory.mktemp("beamline")
    wanted = {name: getattr(request.module, f"WITH_{name.upper()}", False) for name in OPTIONAL_SERVERS}
    launcher = Launcher(
        folder,
        scenario="nmc811-first-charge",
        servers=SERVERS + tuple(name for name, is_wanted in wanted.items() if is_wanted),
        ports=beamline_ports,
        data_folder=folder / "frames",
    )
    process = launcher.start("elastic", 500.0)
    clock, board = (
        SharedClock(launcher.run_folder / "clock"),
        Board(launcher.run_folder / "board"),
    )
    settings = Path(__file__).resolve().parents[2] / "simulated_beamline" / "beamline.toml"
    yield SimulatedBeamline(launcher, process, clock, board, settings, "OP:", launcher.kill_server)
    clock.close()
    board.close()
    launcher.stop()


@pytest.fixture(scope="module")
def beamline(simulated_beamline: SimulatedBeamline) -> Iterator[Beamline]:
    """All devices of the simulated beamline."""
    with connected(simulated_beamline.settings) as devices:
        yield devices


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[TiledServer]:
    """A Tiled server on a data root of its own."""
    server = TiledServer(tmp_path_factory.mktemp("data"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def journal(tmp_path) -> Iterator[Journal]:
    """An empty journal that keeps no room free."""
    with Journal(tmp_path / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        yield journal
