"""Server that gives one channel of the EC-Lab driver the process variables of the contract."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from caproto import ChannelData
from caproto.asyncio.server import Context

from .cycler import BridgedCycler
from .driver import DriverError, EcLabDriver
from .instrument import RefusedError, latch_values
from .order import Orders
from .supervision import SampleSupervision
from .variable import ALARMED, measured, severity, shown_channels, status
from .watch import Watch

logger = logging.getLogger(__name__)
WATCH_S = 0.1
ASK_S = 1.0


class EcLabBridge:
    """The driver's samples, and what a cycler tells of them.

    Parameters
    ----------
    driver
        Client of the channel.
    """

    def __init__(self, driver: EcLabDriver) -> None:
        self._driver = driver
        self.cycler = BridgedCycler(driver)
        self._shown = shown_channels()
        self._orders = Orders(self.cycler, self.publish)
        self._posted: dict[str, object] = {}
        self._watched = Watch(self.cycler)
        self._alarmed = False

    @property
    def _supervision(self) -> SampleSupervision:
        return self.cycler.supervision

    def channels(self) -> dict[str, ChannelData]:
        """Process variables by their name below the prefix of the channel."""
        return self._orders.channels() | self._shown

    async def run(self, async_lib: object = None) -> None:
        """Look at the driver's readings as long as the server lives."""
        del async_lib
        await self._driver.connect()
        self._supervision.begin(time.monotonic())
        await asyncio.gather(self._read(), self._watch(), self._ask())

    async def publish(self) -> None:
        """Post what has changed since the last time."""
        # Whoever waits for the end of the protocol then finds all that has latched.
        values = measured(self.cycler) | latch_values(self.cycler.triggers)
        values |= status(self.cycler, self._orders.loaded)
        for name, value in values.items():
            if self._posted.get(name) != value:
                self._posted[name] = value
                await self._shown[name].write(value, verify_value=False)
        await self._show_loss(self._watched.loss)

    async def _show_loss(self, loss: str) -> None:
        """Give what depends on samples the severity of an alarm while none come."""
        if bool(loss) == self._alarmed:
            return
        self._alarmed = bool(loss)
        self._posted["SAMPLES:LOST"] = int(self._alarmed)
        for name in ALARMED:
            alarm, told = severity(lost=self._alarmed)
            value = self._posted[name]
            await self._shown[name].write(value, verify_value=False, status=alarm, severity=told)

    async def _read(self) -> NoReturn:
        while True:
            reading = await self._driver.reading()
            self.cycler.clock.compare(reading.time_s, time.time())
            self._supervision.sampled_s = time.monotonic()
            try:
                await self.cycler.take(reading)
            except (DriverError, RefusedError) as error:
                self._complain(error)
            await self.publish()

    async def _watch(self) -> NoReturn:
        while True:
            await asyncio.sleep(WATCH_S)
            before = self.cycler.state, self._watched.loss
            try:
                await self._watched.look(time.monotonic())
            except (DriverError, RefusedError) as error:
                self._complain(error)
            if (self.cycler.state, self._watched.loss) != before:
                await self.publish()

    async def _ask(self) -> NoReturn:
        """Ask the driver whether it lives: one that stands still posts no values."""
        while True:
            if await self._driver.answers():
                self._supervision.answered_s = time.monotonic()
            await asyncio.sleep(ASK_S)

    def _complain(self, error: Exception) -> None:
        logger.error("%s", error)
        if str(error) not in self.cycler.message:
            self.cycler.message = f"{self.cycler.message}; {error}"[:500]


def main(arguments: list[str] | None = None) -> None:
    """Serve a channel until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m operando.bridge.server", description=__doc__)
    parser.add_argument("--driver", required=True, help="prefix of the driver's channel: IN:ECLAB_01:C0:")
    parser.add_argument("--prefix", required=True, help="prefix of what is served: BL01:CELL1:")
    parser.add_argument("--port", type=int, default=5064, help="Channel Access port")
    parser.add_argument("--interface", default="127.0.0.1", help="address that the server listens on")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent process")
    settings = parser.parse_args(arguments)
    if not is_free(settings.interface, settings.port):
        parser.error(f"port {settings.port} of {settings.interface} is taken: give another --port")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    os.environ.update(EPICS_CA_SERVER_PORT=str(settings.port), EPICS_CAS_AUTO_BEACON_ADDR_LIST="NO")
    asyncio.run(_serve(settings))


def is_free(interface: str, port: int) -> bool:
    """Whether a server may listen there; the library would take another port, where no client looks."""
    try:
        socket.create_server((interface, port)).close()
    except OSError:
        return False
    return True


async def _serve(settings: argparse.Namespace) -> None:
    bridge = EcLabBridge(EcLabDriver(settings.driver))
    context = Context(_named(settings.prefix, bridge.channels()), [settings.interface])
    task = asyncio.ensure_future(context.run(startup_hook=bridge.run))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if settings.until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _end_with_parent, task)
    try:
        await task
    except asyncio.CancelledError:
        logger.info("bridge on port %d ended", settings.port)


def _named(prefix: str, channels: Mapping[str, ChannelData]) -> dict[str, Any]:
    return {f"{prefix}{name}": channel for name, channel in channels.items()}


def _end_with_parent(task: asyncio.Future[None]) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        task.cancel()


if __name__ == "__main__":
    main()
