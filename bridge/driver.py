"""The EC-Lab driver as its Channel Access client sees it: samples and states that come, orders that go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from caproto import CaprotoError
from caproto.asyncio.client import PV, Context

from .step import ParameterValue

logger = logging.getLogger(__name__)
SETTLE_S = 0.015
"""Updates of one poll come within this time, s: they make one reading."""
PUT_LIMIT_S = 5.0
ANSWER_LIMIT_S = 2.0
STOP_LIMIT_S = 5.0
VALUES = ("EWE", "I", "TIME", "STATE")
STOPPED, RUNNING = 0, 1


class DriverError(RuntimeError):
    """The driver does not answer, or does not do what it was asked to."""


@dataclass(frozen=True)
class Reading:
    """What one poll of the driver brought.

    Attributes
    ----------
    time_s : float
        Time stamp of the newest value, UNIX s.
    voltage_v, current_a : float
        EWE and I.
    states : tuple of int
        States that were passed through since the reading before.
    """

    time_s: float
    voltage_v: float
    current_a: float
    states: tuple[int, ...] = ()


class EcLabDriver:
    """Client of one channel of the driver.

    Parameters
    ----------
    prefix
        Of the channel, such as `IN:ECLAB_01:C0:`.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.state: int | None = None
        self._readings: asyncio.Queue[Reading] = asyncio.Queue()
        self._values: dict[str, float] = {}
        self._newest_s = 0.0
        self._states: list[int] = []
        self._changed = asyncio.Event()
        self._flush: asyncio.TimerHandle | None = None
        self._context = Context(timeout=PUT_LIMIT_S)
        self._pvs: dict[str, PV] = {}
        self._order: asyncio.Future[None] | None = None
        self._callbacks: list[Callable[..., Awaitable[None]]] = []

    async def connect(self) -> None:
        """Subscribe to what the driver polls; nothing is waited for, the driver may come later."""
        pvs = await self._context.get_pvs(*(f"{self.prefix}{name}" for name in VALUES))
        for name, pv in zip(VALUES, pvs, strict=True):
            callback = self._listener(name)
            # Caproto keeps weak references only.
            self._callbacks.append(callback)
            pv.subscribe(data_type="time").add_callback(callback)

    async def reading(self) -> Reading:
        """Wait for the next reading."""
        return await self._readings.get()

    async def answers(self) -> bool:
        """Ask the driver for its state, and tell whether it answers within `ANSWER_LIMIT_S`."""
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await (await self._variable("STATE")).read()
        except (CaprotoError, TimeoutError):
            return False
        return True

    async def begin(self, technique: str, parameters: Mapping[str, ParameterValue]) -> None:
        """Load one technique with its parameters and start it.

        Raises
        ------
        DriverError
            If the driver does not confirm, or `open` comes meanwhile.
        """
        self._order = order = asyncio.ensure_future(self._begin(technique, parameters))
        try:
            await order
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise DriverError(f"{technique} was given up: the circuit was opened meanwhile") from None
        finally:
            self._order = None

    async def _begin(self, technique: str, parameters: Mapping[str, ParameterValue]) -> None:
        await self.stop()
        # While data are saved the driver reads the instrument five times a second, else once.
        await self._put("SAVEDATA:SP", 1)
        await asyncio.gather(*(self._put(name, value) for name, value in parameters.items()))
        await self._put("LOADTECH:SP", technique.lower())
        await self._put("START", 1)

    async def open(self) -> None:
        """Stop the channel at once: what is being loaded or started is given up.

        A start may be on its way, of which the state does not tell yet: STOP goes after it in any case.

        Raises
        ------
        DriverError
            As of `stop`.
        """
        if self._order is not None:
            self._order.cancel()
        await self._put_stop()

    async def stop(self) -> None:
        """Stop the channel, unless it is, and wait until the driver says so.

        Raises
        ------
        DriverError
            If the driver does not stop within `STOP_LIMIT_S`.
        """
        if self.state != STOPPED:
            await self._put_stop()

    async def _put_stop(self) -> None:
        self._changed.clear()
        await self._put("STOP", 1)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                while self.state != STOPPED:
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            raise DriverError(
                f"{self.prefix}STATE is not Stopped {STOP_LIMIT_S} s after STOP; "
                "open the circuit at the instrument"
            ) from None

    async def _put(self, name: str, value: ParameterValue) -> None:
        try:
            pv = await self._variable(name)
            data = [value] if isinstance(value, str | int | float) else list(value)
            async with asyncio.timeout(PUT_LIMIT_S):
                await pv.write(data, wait=True)
        except (CaprotoError, TimeoutError) as error:
            raise DriverError(
                f"{self.prefix}{name}: {value!r} was not confirmed within {PUT_LIMIT_S} s; "
                "is the driver running and reachable?"
            ) from error

    async def _variable(self, name: str) -> PV:
        if name not in self._pvs:
            (self._pvs[name],) = await self._context.get_pvs(f"{self.prefix}{name}")
        return self._pvs[name]

    def _listener(self, name: str) -> Callable[..., Awaitable[None]]:
        async def listen(sub: object, response: Any) -> None:  # noqa: ANN401
            del sub
            self._take(name, float(response.data[0]), float(response.metadata.timestamp))

        return listen

    def _take(self, name: str, value: float, stamp_s: float) -> None:
        if name == "STATE":
            self.state = int(value)
            self._states.append(self.state)
            self._changed.set()
        else:
            self._values[name] = value
        self._newest_s = max(self._newest_s, stamp_s)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(SETTLE_S, self._hand_on)

    def _hand_on(self) -> None:
        self._flush = None
        if not {"EWE", "I"} <= self._values.keys():
            return
        states, self._states = tuple(self._states), []
        self._readings.put_nowait(Reading(self._newest_s, self._values["EWE"], self._values["I"], states))
