"""Process variables of the cycler that are written: orders, program, limits, triggers, faults."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from caproto import ChannelData

from ..clock import SharedClock, mode_named
from ..instrument.cycler import CHANNELS, Cycler, RefusedError, State
from ..instrument.record import BLOCK_ROWS
from ..instrument.safety import ACTIONS, SETTINGS, ClientWatchdog
from ..instrument.sample import COLUMNS
from ..instrument.technique import ARRAY_LENGTH, INSTANCES, PARAMETERS, compile_program
from ..instrument.trigger import PAGE_COLUMNS, PAGE_LATCHES
from .channel import Hook, choice, integer, kept, number, numbers, plain, text, word
from .cycler_fault import fault_channels
from .impedance_page import page_channels

ACCEPTED = "accepted"
LONGEST_LIST = 4096
_PARAMETER = re.compile(r"T:([A-Z]+):(0|[1-9]\d?):([A-Z0-9]+):SP")
CLOCK_MODES = ("elastic", "constant", "real")


class CyclerOrders:
    """What clients may write, each carried out and answered before the put is confirmed.

    Parameters
    ----------
    cycler
        Gets the orders.
    watchdog
        Gets the heartbeat.
    clock
        Simulated time.
    publish
        Posts what has changed.
    """

    def __init__(
        self,
        cycler: Cycler,
        watchdog: ClientWatchdog,
        clock: SharedClock,
        publish: Callable[[], Awaitable[None]],
    ) -> None:
        self._cycler = cycler
        self._watchdog = watchdog
        self._clock = clock
        self._publish = publish
        self._parameters: dict[str, Any] = {}
        self._load_list = ""
        self.loaded = text()
        self._reply = text()
        self._block = numbers([0.0], BLOCK_ROWS * len(COLUMNS))
        self._block_start = integer()

    def channels(self) -> dict[str, ChannelData]:
        """All of them, by their name below the prefix of the channel."""
        pvs = self._command_channels() | self._program_channels() | self._safety_channels()
        for index in CHANNELS:
            pvs |= self._trigger_channels(index)
        pvs |= page_channels(self._cycler.impedance.record)
        return pvs | self._cell_channels() | self._record_channels()

    def _command_channels(self) -> dict[str, ChannelData]:
        return {
            "START": integer(0, self._pressed("start")),
            "STOP": integer(0, self._pressed("stop")),
            "PAUSE": integer(
                0, self._answered(lambda on: self._give("pause" if on else "resume"), self._reply)
            ),
            "COMMAND": word("", self._answered(lambda order: self._give(plain(order)), self._reply)),
            "REPLY": self._reply,
            "EXPERIMENT:UID": word("", kept),
            "HEARTBEAT": number(0.0, self._plainly(lambda _: self._watchdog.beat(time.monotonic()))),
            "WATCHDOG:TIMEOUT": number(0.0, self._plainly(self._set_timeout), units="s"),
            "WATCHDOG:ACTION": word("continue", self._plainly(self._set_action)),
            "CLOCK:FACTOR": number(self._clock.factor, self._plainly(self._set_factor)),
            "CLOCK:MODE": choice(CLOCK_MODES, self._clock.mode.name.lower(), self._plainly(self._set_mode)),
        }

    def _program_channels(self) -> dict[str, ChannelData]:
        return {
            "LOADTECH:SP": text("", self._answered(self._load, self._reply), most=LONGEST_LIST),
            "DEFINETECH:SP": text("", self._answered(self._load, self._reply), most=LONGEST_LIST),
            "LOADTECH": self.loaded,
            "UPDATE:SP": integer(0, self._answered(self._update, self._reply)),
        }

    def parameter(self, name: str) -> ChannelData | None:
        """Make the process variable of a parameter, `T:<TECH>:<i>:<PARAM>:SP`; None if there is none."""
        if not (found := _PARAMETER.fullmatch(name)):
            return None
        technique, index, key = found.groups()
        if int(index) >= INSTANCES or key not in PARAMETERS.get(technique, {}):
            return None
        return self._parameter(f"{technique}:{index}:{key}", PARAMETERS[technique][key])

    def _parameter(self, key: str, default: object) -> ChannelData:
        async def keep(value: object) -> None:
            self._parameters[key] = value if isinstance(value, str | int | float) else list(value)  # type: ignore[call-overload]

        async def keep_text(value: object) -> None:
            self._parameters[key] = plain(value)

        if key.endswith(":UNTIL"):
            return text("", keep_text)
        if isinstance(default, str):
            return word(default, keep)
        if isinstance(default, int | float):
            return number(float(default), keep)
        return numbers(list(default), ARRAY_LENGTH, keep)  # type: ignore[call-overload]

    def _safety_channels(self) -> dict[str, ChannelData]:
        held = self._cycler.safety
        pvs = {
            f"SAFETY:{name}": number(getattr(held, name.lower()), self._plainly(self._limit_setter(name)))
            for name in SETTINGS
        }
        return pvs | {
            "SAFETY:RESET": word("idle", self._plainly(self._reset)),
            "SAFETY:OPEN": integer(0, self._pressed("open")),
        }

    def _trigger_channels(self, index: int) -> dict[str, ChannelData]:
        channel, reply = self._cycler.triggers[index], text()
        block = numbers([0.0], PAGE_LATCHES * PAGE_COLUMNS)

        def arm(on: object) -> None:
            if on:
                self._cycler.arm(index)
            else:
                channel.disarm()

        def fire(on: object) -> None:
            if on:
                channel.fire(self._cycler.sample)
                self._clock.notice()

        async def fetch(first: int) -> None:
            page = [float(value) for latch in channel.page(int(first), PAGE_LATCHES) for value in latch.row]
            await block.write(page or [0.0], verify_value=False)

        return {
            f"TRIG:{index}:FIRE": integer(0, self._answered(fire, reply)),
            f"TRIG:{index}:FROM": integer(0, fetch),
            f"TRIG:{index}:BLOCK": block,
            f"TRIG:{index}:RULE": text("", self._answered(lambda rule: channel.set_rule(plain(rule)), reply)),
            f"TRIG:{index}:ARM": integer(0, self._answered(arm, reply)),
            f"TRIG:{index}:REPLY": reply,
        }

    def _cell_channels(self) -> dict[str, ChannelData]:
        coulometry, cycler = self._cycler.coulometry, self._cycler

        def set_capacity(value: float) -> None:
            if not value > 0:
                raise RefusedError(f"CELL:CAPACITY {value} mA h must be positive")
            coulometry.capacity_mah = value

        return fault_channels(cycler, self._plainly) | {
            "CELL:MASS": number(0.0, kept, units="mg"),
            "CELL:CAPACITY": number(coulometry.capacity_mah, self._plainly(set_capacity), units="mA h"),
            "CELL:X0": number(coulometry.x0, self._plainly(cycler.set_initial_content)),
            "SIM:TTL": integer(0, self._plainly(lambda high: self._set_line(bool(high)))),
            "SIM:NOISE": number(
                1.0, self._plainly(lambda factor: setattr(cycler.meter, "noise_factor", factor))
            ),
        }

    def _record_channels(self) -> dict[str, ChannelData]:
        return {"REC:FROM": integer(0, self._fetch), "REC:BLOCK": self._block, "REC:START": self._block_start}

    async def _fetch(self, first: int) -> None:
        rows = self._cycler.record.fetch(int(first))
        await self._block_start.write(int(rows[0, 0]) if len(rows) else int(first), verify_value=False)
        await self._block.write(rows.ravel().tolist(), verify_value=False)

    def _plainly(self, act: Callable[[Any], None]) -> Hook:
        async def hook(value: object) -> None:
            act(value)
            await self._publish()

        return hook

    def _answered(self, act: Callable[[Any], None], reply: ChannelData) -> Hook:
        async def hook(value: object) -> None:
            try:
                act(value)
            except (RefusedError, ValueError) as error:
                await reply.write(str(error), verify_value=False)
                raise
            await reply.write(ACCEPTED, verify_value=False)
            await self._publish()

        return hook

    def _pressed(self, order: str) -> Hook:
        return self._answered(lambda on: self._give(order) if on else None, self._reply)

    def _give(self, order: str) -> None:
        acts: Mapping[str, Callable[[], None]] = {
            "check": self._cycler.check,
            "start": self._cycler.start,
            "open": self._cycler.open,
            "stop": self._cycler.stop,
            "pause": lambda: self._hold("rest"),
            "resume": self._cycler.resume,
            "trigger": self._cycler.trigger,
            "rest": lambda: self._hold("rest"),
            "hold_voltage": lambda: self._hold("hold_voltage"),
            "hold_current": lambda: self._hold("hold_current"),
        }
        if order not in acts:
            raise RefusedError(f"there is no order {order!r}; use {', '.join(acts)}")
        self._watchdog.beat(time.monotonic())
        acts[order]()
        self._clock.notice()

    def _set_line(self, high: bool) -> None:
        self._cycler.set_line(high)
        self._clock.notice()

    def _hold(self, word_: str) -> None:
        self._cycler.hold(word_)

    def _load(self, load_list: object) -> None:
        self._cycler.load(compile_program(plain(load_list), self._parameters))
        self._load_list = plain(load_list)

    def _update(self, on: object) -> None:
        if on:
            self._cycler.update(compile_program(self._load_list, self._parameters))
            self._clock.notice()

    def _limit_setter(self, name: str) -> Callable[[float], None]:
        def set_limit(value: float) -> None:
            if value != value and self._cycler.state is not State.STOPPED:
                raise RefusedError(f"SAFETY:{name} cannot be taken away while the cell is cycling")
            setattr(self._cycler.safety, name.lower(), float(value))

        return set_limit

    def _reset(self, value: object) -> None:
        word_ = plain(value)
        if word_ == "request":
            self._cycler.safety.request_reset(time.monotonic())
        elif word_ == "confirm":
            refusal = self._cycler.safety.confirm_reset(time.monotonic(), self._cycler.sample)
            self._cycler.message = refusal or "the trip is cleared"
        elif word_ != "idle":
            raise RefusedError(f"SAFETY:RESET {word_!r}: write request, then confirm")

    def _set_timeout(self, timeout_s: float) -> None:
        self._watchdog.timeout_s = float(timeout_s)
        self._watchdog.beat(time.monotonic())

    def _set_action(self, value: object) -> None:
        action = plain(value)
        if action not in ACTIONS:
            raise RefusedError(f"WATCHDOG:ACTION {action!r} is unknown; use {', '.join(ACTIONS)}")
        self._watchdog.action = action

    def _set_factor(self, factor: float) -> None:
        self._clock.set_mode(self._clock.mode, float(factor))

    def _set_mode(self, value: object) -> None:
        mode = value if isinstance(value, str) else CLOCK_MODES[int(value)]  # type: ignore[call-overload]
        self._clock.set_mode(mode_named(mode), self._clock.factor)
