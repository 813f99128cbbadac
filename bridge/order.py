"""Process variables of a bridge that are written: orders, protocol, limits, triggers, record."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from caproto import ChannelData

from .channel import CHANNELS
from .cycler import BridgedCycler
from .driver import DriverError
from .instrument import (
    ACTIONS,
    BLOCK_ROWS,
    COLUMNS,
    PAGE_COLUMNS,
    PAGE_LATCHES,
    SETTINGS,
    Hook,
    integer,
    kept,
    number,
    numbers,
    plain,
    text,
    word,
)
from .state import RefusedError, State
from .step import ARRAY_LENGTH, INSTANCES, PARAMETERS, ParameterValue, steps_of
from .supervision import LOSS_ACTIONS

ACCEPTED = "accepted"
OPENED = "the relays were opened by hand (SAFETY:OPEN)"
LONGEST_LIST = 4096


class Orders:
    """What clients may write, each carried out and answered before the put is confirmed.

    Parameters
    ----------
    cycler
        Gets the orders.
    publish
        Posts what has changed.
    """

    def __init__(self, cycler: BridgedCycler, publish: Callable[[], Awaitable[None]]) -> None:
        self._cycler = cycler
        self._publish = publish
        self._parameters: dict[str, ParameterValue] = {}
        self.loaded = ""
        self._reply = text()
        self._block = numbers([0.0], BLOCK_ROWS * len(COLUMNS))
        self._block_start = integer()

    def channels(self) -> dict[str, ChannelData]:
        """All of them, by their name below the prefix of the channel."""
        channels = self._command_channels() | self._program_channels() | self._cell_channels()
        for index in CHANNELS:
            channels |= self._trigger_channels(index)
        return channels

    def _command_channels(self) -> dict[str, ChannelData]:
        watch = self._cycler.supervision
        return {
            "START": integer(0, self._answered(lambda on: self._give("start") if on else None)),
            "STOP": integer(0, self._answered(lambda on: self._give("stop") if on else None)),
            "PAUSE": integer(0, self._answered(lambda on: self._give("pause" if on else "resume"))),
            "COMMAND": word("", self._answered(lambda order: self._give(plain(order)))),
            "REPLY": self._reply,
            "EXPERIMENT:UID": word("", kept),
            "HEARTBEAT": number(0.0, self._plainly(lambda _: self._beat())),
            "WATCHDOG:TIMEOUT": number(0.0, self._plainly(self._set_timeout), units="s"),
            "WATCHDOG:ACTION": word("continue", self._plainly(self._set_action)),
            "SAMPLES:TIMEOUT": number(watch.timeout_s, self._plainly(self._set_loss_timeout), units="s"),
            "SAMPLES:ACTION": word(watch.action, self._plainly(self._set_loss_action)),
            "REC:FROM": integer(0, self._fetch),
            "REC:BLOCK": self._block,
            "REC:START": self._block_start,
        }

    def _program_channels(self) -> dict[str, ChannelData]:
        channels: dict[str, ChannelData] = {
            "LOADTECH:SP": text("", self._answered(self._load), most=LONGEST_LIST)
        }
        for name, parameters in PARAMETERS.items():
            for index in range(INSTANCES):
                for key, default in parameters.items():
                    channels[f"T:{name}:{index}:{key}:SP"] = self._parameter(f"{name}:{index}:{key}", default)
        return channels

    def _parameter(self, key: str, default: Any) -> ChannelData:  # noqa: ANN401
        async def keep(value: Any) -> None:  # noqa: ANN401
            self._parameters[key] = value if isinstance(value, str | int | float) else list(value)

        async def keep_text(value: object) -> None:
            self._parameters[key] = plain(value)

        if isinstance(default, str):
            return text(default, keep_text) if key.endswith(":UNTIL") else word(default, keep_text)
        if isinstance(default, int | float):
            return number(float(default), keep)
        return numbers(list(default), ARRAY_LENGTH, keep)

    def _cell_channels(self) -> dict[str, ChannelData]:
        charge, held = self._cycler.charge, self._cycler.safety
        channels = {
            f"SAFETY:{name}": number(getattr(held, name.lower()), self._plainly(self._limit_setter(name)))
            for name in SETTINGS
        }
        return channels | {
            "SAFETY:OPEN": integer(0, self._answered(lambda on: self._give("open") if on else None)),
            "SAFETY:RESET": word("idle", self._plainly(self._reset)),
            "CELL:MASS": number(0.0, kept, units="mg"),
            "CELL:CAPACITY": number(charge.capacity_mah, self._plainly(self._set_capacity), units="mA h"),
            "CELL:X0": number(charge.x0, self._plainly(self._set_content)),
        }

    def _trigger_channels(self, index: int) -> dict[str, ChannelData]:
        channel, reply = self._cycler.triggers[index], text()
        block = numbers([0.0], PAGE_LATCHES * PAGE_COLUMNS)

        async def fetch(first: int) -> None:
            page = [float(value) for latch in channel.page(int(first), PAGE_LATCHES) for value in latch.row]
            await block.write(page or [0.0], verify_value=False)

        def fire(on: object) -> None:
            if on:
                channel.fire(self._cycler.sample)

        def arm(on: object) -> None:
            if on:
                self._cycler.arm(index)
            else:
                channel.disarm()

        return {
            f"TRIG:{index}:RULE": text("", self._answered(lambda rule: channel.set_rule(plain(rule)), reply)),
            f"TRIG:{index}:ARM": integer(0, self._answered(arm, reply)),
            f"TRIG:{index}:FIRE": integer(0, self._answered(fire, reply)),
            f"TRIG:{index}:FROM": integer(0, fetch),
            f"TRIG:{index}:BLOCK": block,
            f"TRIG:{index}:REPLY": reply,
        }

    async def _fetch(self, first: int) -> None:
        rows = self._cycler.record.fetch(int(first))
        await self._block_start.write(int(rows[0, 0]) if len(rows) else int(first), verify_value=False)
        await self._block.write(rows.ravel().tolist(), verify_value=False)

    def _plainly(self, act: Callable[[Any], None]) -> Hook:
        async def hook(value: object) -> None:
            act(value)
            await self._publish()

        return hook

    def _answered(self, act: Callable[[Any], Any], reply: ChannelData | None = None) -> Hook:
        answer = self._reply if reply is None else reply

        async def hook(value: object) -> None:
            try:
                outcome = act(value)
                if inspect.isawaitable(outcome):
                    await outcome
            except (RefusedError, DriverError, ValueError) as error:
                await answer.write(str(error), verify_value=False)
                # A trip is shown even where the driver did not confirm that the circuit is open.
                await self._publish()
                raise
            await answer.write(ACCEPTED, verify_value=False)
            await self._publish()

        return hook

    async def _give(self, order: str) -> None:
        acts: Mapping[str, Callable[[], Awaitable[None]]] = {
            "check": self._check,
            "start": self._cycler.start,
            "open": lambda: self._cycler.open(OPENED),
            "stop": self._cycler.stop,
            "pause": lambda: self._cycler.hold("rest"),
            "resume": self._cycler.resume,
            "trigger": self._cycler.trigger,
            "rest": lambda: self._cycler.hold("rest"),
            "hold_voltage": lambda: self._cycler.hold("hold_voltage"),
            "hold_current": lambda: self._cycler.hold("hold_current"),
        }
        if order not in acts:
            raise RefusedError(f"there is no order {order!r}; use {', '.join(acts)}")
        self._beat()
        await acts[order]()

    async def _check(self) -> None:
        if refusal := self._cycler.start_refusal():
            raise RefusedError(refusal)

    def _load(self, load_list: object) -> None:
        techniques = plain(load_list)
        self._cycler.load(steps_of(techniques, self._parameters))
        self.loaded = techniques

    def _beat(self) -> None:
        self._cycler.watchdog.beat(time.monotonic())

    def _limit_setter(self, name: str) -> Callable[[float], None]:
        def set_limit(value: float) -> None:
            if math.isnan(value) and self._cycler.state is not State.STOPPED:
                raise RefusedError(f"SAFETY:{name} cannot be taken away while the cell is cycling")
            setattr(self._cycler.safety, name.lower(), float(value))

        return set_limit

    def _reset(self, value: object) -> None:
        step = plain(value)
        if step == "request":
            self._cycler.safety.request_reset(time.monotonic())
        elif step == "confirm":
            refusal = self._cycler.safety.confirm_reset(time.monotonic(), self._cycler.sample)
            self._cycler.message = refusal or "the trip is cleared"
        elif step != "idle":
            raise RefusedError(f"SAFETY:RESET {step!r}: write request, then confirm")

    def _set_capacity(self, capacity_mah: float) -> None:
        if not capacity_mah > 0:
            raise RefusedError(f"CELL:CAPACITY {capacity_mah} mA h must be positive")
        self._cycler.charge.capacity_mah = capacity_mah

    def _set_content(self, content: float) -> None:
        # The driver of a cell at rest gives no new sample, and a trigger may be armed at the present one.
        self._cycler.charge.set_content(content)
        known = {"lithium_content": content, "state_of_charge": 1.0 - content}
        self._cycler.sample = replace(self._cycler.sample, **known)

    def _set_timeout(self, timeout_s: float) -> None:
        self._cycler.watchdog.timeout_s = float(timeout_s)
        self._beat()

    def _set_action(self, value: object) -> None:
        action = plain(value)
        if action not in ACTIONS:
            raise RefusedError(f"WATCHDOG:ACTION {action!r} is unknown; use {', '.join(ACTIONS)}")
        self._cycler.watchdog.action = action

    def _set_loss_timeout(self, timeout_s: float) -> None:
        if not timeout_s > 0:
            raise RefusedError(f"SAMPLES:TIMEOUT {timeout_s} s must be positive")
        self._cycler.supervision.timeout_s = float(timeout_s)

    def _set_loss_action(self, value: object) -> None:
        action = plain(value)
        if action not in LOSS_ACTIONS:
            raise RefusedError(f"SAMPLES:ACTION {action!r} is unknown; use {', '.join(LOSS_ACTIONS)}")
        self._cycler.supervision.action = "continue" if action == "continue" else "stop"
