"""What all servers of the simulated beamline share: arguments, Channel Access on loopback, their end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from caproto import ChannelData
from caproto.asyncio import server as asyncio_server
from caproto.server import common

from ..board import Board
from ..clock import SharedClock
from ..motion import MoveLog
from ..mount import split_place
from ..scenarios import DEFAULT_SCENARIO
from ..wire import Sight, Wire

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServerSettings:
    """Arguments of one server.

    Attributes
    ----------
    port : int
        Port of Channel Access on 127.0.0.1, TCP and UDP.
    prefix : str
        Start of every process variable, e.g. "OP:".
    run_folder : Path
        Where the clock and the board of this simulated beamline live.
    scenarios : tuple of str
        Name or path of a scenario for each channel of the cycler, with `@X,Y` the place of its cell.
    seed : int
        Seed of this server's chance.
    until_stdin_closes : bool
        Whether the server ends with the process that holds the other end of its standard input.
    data_folder : Path or None
        Where a server that writes files may write; None: in the run folder.
    """

    port: int
    prefix: str
    run_folder: Path
    scenarios: tuple[str, ...]
    seed: int
    until_stdin_closes: bool
    data_folder: Path | None = None

    @property
    def scenario(self) -> str:
        """Name or path of the first scenario, which tells the truth of the beamline."""
        return split_place(self.scenarios[0])[0]

    def clock(self) -> SharedClock:
        """Open the clock of this simulated beamline."""
        return SharedClock(self.run_folder / "clock")

    def board(self) -> Board:
        """Open the board of this simulated beamline."""
        return Board(self.run_folder / "board")

    def sight(self) -> Sight:
        """Open the board for an instrument that takes external triggers."""
        return Sight(self.run_folder / "board")

    def moves(self) -> MoveLog:
        """Open the moves of all motors of this simulated beamline."""
        return MoveLog(self.run_folder / "moves")

    def wire(self) -> Wire:
        """Open the trigger line of this simulated beamline."""
        return Wire(self.run_folder / "wire")


def parse_settings(description: str, arguments: list[str] | None = None) -> ServerSettings:
    """Read the arguments that all servers understand.

    Parameters
    ----------
    description
        One line for `--help`.
    arguments
        Instead of those of the process.

    Returns
    -------
    ServerSettings
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="Channel Access port on 127.0.0.1")
    parser.add_argument("--run-folder", type=Path, required=True, help="where clock and board live")
    parser.add_argument("--prefix", default="OP:", help="start of every process variable")
    parser.add_argument("--scenario", action="append", help="name or path; once for each channel")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent process")
    parser.add_argument("--data-folder", type=Path, help="where files are written (default: run folder)")
    given = vars(parser.parse_args(arguments))
    return ServerSettings(scenarios=tuple(given.pop("scenario") or [DEFAULT_SCENARIO]), **given)


def serve(settings: ServerSettings, build: Callable[[], Mapping[str, ChannelData]]) -> None:
    """Serve process variables until SIGTERM, SIGINT or the end of the parent.

    Parameters
    ----------
    settings
        Arguments of the server.
    build
        Makes the process variables; called once, before the server listens.

    Raises
    ------
    OSError
        If the port is taken.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    os.environ.update(EPICS_CA_SERVER_PORT=str(settings.port), EPICS_CAS_AUTO_BEACON_ADDR_LIST="NO")
    # Caproto gathers updates for 10 ms when they come fast, longer than a whole point of a scan: here each
    # is sent at once.
    common.HIGH_LOAD_TIMEOUT = 0.0
    asyncio.run(_serve(settings, build))


class LoopbackContext(asyncio_server.Context):
    """Caproto's server on exactly one port of 127.0.0.1, without Nagle's delay (40 ms per exchange)."""

    async def _bind_tcp_sockets_with_consistent_port_number(
        self, make_socket: object
    ) -> tuple[int, dict[str, socket.socket]]:
        del make_socket
        port = int(self.ca_server_port)
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.setblocking(False)
        listening.bind((LOOPBACK, port))
        return port, {LOOPBACK: listening}

    async def broadcast_beacon_loop(self) -> NoReturn:
        """Announce nothing: clients have the addresses, and nobody else shall hear of this beamline."""
        while True:
            await asyncio.Event().wait()


async def _serve(settings: ServerSettings, build: Callable[[], Mapping[str, ChannelData]]) -> None:
    context = LoopbackContext(build(), [LOOPBACK])
    task = asyncio.ensure_future(context.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if settings.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _end_with_parent, task)
    logger.info("serving %d process variables on %s:%d", len(context.pvdb), LOOPBACK, settings.port)
    try:
        await task
    except asyncio.CancelledError:
        logger.info("server on port %d ended", settings.port)


def _end_with_parent(task: asyncio.Future[None]) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        task.cancel()
