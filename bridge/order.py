"""Process variables of a bridge that are written: orders, protocol, limits, triggers, record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from caproto import ChannelData

from .channel import CHANNELS
from .cycler import BridgedCycler
from .driver import DriverError
from .instrument import (
    LONGEST_LIST,
    CyclerChannels,
    RefusedError,
    kept,
    number,
    plain,
    positive_capacity,
    text,
    word,
)
from .step import ARRAY_LENGTH, INSTANCES, PARAMETERS, steps_of
from .supervision import LOSS_ACTIONS

OPENED = "the relays were opened by hand (SAFETY:OPEN)"


class Orders(CyclerChannels):
    """What clients may write, each carried out and answered before the put is confirmed.

    Parameters
    ----------
    cycler
        Gets the orders.
    publish
        Posts what has changed.
    """

    refusals = (*CyclerChannels.refusals, DriverError)

    def __init__(self, cycler: BridgedCycler, publish: Callable[[], Awaitable[None]]) -> None:
        super().__init__(cycler, cycler.watchdog, publish)
        self._cycler = cycler
        self.loaded = ""

    def channels(self) -> dict[str, ChannelData]:
        """All of them, by their name below the prefix of the channel."""
        channels = self._order_channels() | self._safety_channels() | self._record_channels()
        channels |= self._program_channels() | self._cell_channels() | self._loss_channels()
        for index in CHANNELS:
            channels |= self._trigger_channels(index)
        return channels

    def _loss_channels(self) -> dict[str, ChannelData]:
        watch = self._cycler.supervision
        return {
            "SAMPLES:TIMEOUT": number(watch.timeout_s, self._plainly(self._set_loss_timeout), units="s"),
            "SAMPLES:ACTION": word(watch.action, self._plainly(self._set_loss_action)),
        }

    def _program_channels(self) -> dict[str, ChannelData]:
        channels: dict[str, ChannelData] = {
            "LOADTECH:SP": text("", self._answered(self._load), most=LONGEST_LIST)
        }
        for name, parameters in PARAMETERS.items():
            for index in range(INSTANCES):
                for key, default in parameters.items():
                    channels[f"T:{name}:{index}:{key}:SP"] = self._parameter(
                        f"{name}:{index}:{key}", default, ARRAY_LENGTH
                    )
        return channels

    def _cell_channels(self) -> dict[str, ChannelData]:
        charge = self._cycler.charge
        return {
            "CELL:MASS": number(0.0, kept, units="mg"),
            "CELL:CAPACITY": number(charge.capacity_mah, self._plainly(self._set_capacity), units="mA h"),
            "CELL:X0": number(charge.x0, self._plainly(self._set_content)),
        }

    def _acts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {"check": self._check, "open": partial(self._cycler.open, OPENED)} | super()._acts()

    async def _check(self) -> None:
        if refusal := self._cycler.start_refusal():
            raise RefusedError(refusal)

    def _load(self, load_list: object) -> None:
        techniques = plain(load_list)
        self._cycler.load(steps_of(techniques, self._parameters))
        self.loaded = techniques

    def _set_capacity(self, capacity_mah: float) -> None:
        self._cycler.charge.capacity_mah = positive_capacity(capacity_mah)

    def _set_content(self, content: float) -> None:
        # The driver of a cell at rest gives no new sample, and a trigger may be armed at the present one.
        self._cycler.charge.set_content(content)
        known = {"lithium_content": content, "state_of_charge": 1.0 - content}
        self._cycler.sample = replace(self._cycler.sample, **known)

    def _set_loss_timeout(self, timeout_s: float) -> None:
        if not timeout_s > 0:
            raise RefusedError(f"SAMPLES:TIMEOUT {timeout_s} s must be positive")
        self._cycler.supervision.timeout_s = float(timeout_s)

    def _set_loss_action(self, value: object) -> None:
        action = plain(value)
        if action not in LOSS_ACTIONS:
            raise RefusedError(f"SAMPLES:ACTION {action!r} is unknown; use {', '.join(LOSS_ACTIONS)}")
        self._cycler.supervision.action = "continue" if action == "continue" else "stop"
