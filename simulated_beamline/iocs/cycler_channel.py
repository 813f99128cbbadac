"""Process variables that are written alike whoever drives the cell: orders, limits, triggers, record."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ClassVar, Protocol

from caproto import ChannelData

from ..instrument.record import BLOCK_ROWS, RecordBuffer
from ..instrument.safety import ACTIONS, SETTINGS, ClientWatchdog, SafetyLimits
from ..instrument.sample import COLUMNS, Sample
from ..instrument.state import RefusedError, State
from ..instrument.trigger import PAGE_COLUMNS, PAGE_LATCHES, TriggerChannel
from .channel import Hook, integer, kept, number, numbers, plain, text, word

ACCEPTED = "accepted"
LONGEST_LIST = 4096
"""Letters of a list of techniques at most."""


class WrittenCycler(Protocol):
    """What a client writes to: a simulated cycler, or one behind a bridge."""

    state: State
    message: str
    sample: Sample
    safety: SafetyLimits
    triggers: dict[int, TriggerChannel]
    record: RecordBuffer

    def start(self) -> Any:  # noqa: ANN401 - behind a bridge these are awaited
        """Begin the loaded protocol."""
        ...

    def stop(self) -> Any:  # noqa: ANN401
        """End it."""
        ...

    def hold(self, word: str) -> Any:  # noqa: ANN401
        """Suspend it: rest, hold_voltage or hold_current."""
        ...

    def resume(self) -> Any:  # noqa: ANN401
        """Go on with what was suspended."""
        ...

    def trigger(self) -> Any:  # noqa: ANN401
        """End the step that waits for a trigger."""
        ...

    def arm(self, number: int) -> None:
        """Let a trigger be watched from the present sample on."""
        ...


class CyclerChannels:
    """What clients may write of any cycler, each carried out and answered before the put is confirmed.

    Parameters
    ----------
    cycler
        Gets the orders.
    watchdog
        Gets the heartbeat.
    publish
        Posts what has changed.
    """

    refusals: ClassVar[tuple[type[Exception], ...]] = (RefusedError, ValueError)
    """What is answered in `REPLY`."""

    def __init__(
        self, cycler: WrittenCycler, watchdog: ClientWatchdog, publish: Callable[[], Awaitable[None]]
    ) -> None:
        self._written, self._watchdog, self._publish = cycler, watchdog, publish
        self._parameters: dict[str, Any] = {}
        self._reply = text()
        self._block = numbers([0.0], BLOCK_ROWS * len(COLUMNS))
        self._block_start = integer()

    def _notice(self) -> None:
        """Something has happened that who waits for the cell is to see at once."""

    def _acts(self) -> dict[str, Callable[[], Any]]:
        """Tell what is done, or awaited, at each order."""
        cycler = self._written
        return {
            "start": cycler.start,
            "stop": cycler.stop,
            "pause": partial(cycler.hold, "rest"),
            "resume": cycler.resume,
            "trigger": cycler.trigger,
            **{word: partial(cycler.hold, word) for word in ("rest", "hold_voltage", "hold_current")},
        }

    def _give(self, order: str) -> Awaitable[None] | None:
        """Carry out an order by its word, such as "start".

        Raises
        ------
        RefusedError
            If it is not carried out.
        """
        acts = self._acts()
        if order not in acts:
            raise RefusedError(f"there is no order {order!r}; use {', '.join(acts)}")
        self._beat()
        outcome = acts[order]()
        self._notice()
        return outcome

    def _order_channels(self) -> dict[str, ChannelData]:
        return {
            "START": integer(0, self._pressed("start")),
            "STOP": integer(0, self._pressed("stop")),
            "PAUSE": integer(0, self._answered(lambda on: self._give("pause" if on else "resume"))),
            "COMMAND": word("", self._answered(lambda order: self._give(plain(order)))),
            "REPLY": self._reply,
            "EXPERIMENT:UID": word("", kept),
            "SAFETY:OPEN": integer(0, self._pressed("open")),
            "HEARTBEAT": number(0.0, self._plainly(lambda _: self._beat())),
            "WATCHDOG:TIMEOUT": number(0.0, self._plainly(self._set_timeout), units="s"),
            "WATCHDOG:ACTION": word("continue", self._plainly(self._set_action)),
        }

    def _safety_channels(self) -> dict[str, ChannelData]:
        held = self._written.safety
        limits = {
            f"SAFETY:{name}": number(getattr(held, name.lower()), self._plainly(self._limit_setter(name)))
            for name in SETTINGS
        }
        return limits | {"SAFETY:RESET": word("idle", self._plainly(self._reset))}

    def _record_channels(self) -> dict[str, ChannelData]:
        return {"REC:FROM": integer(0, self._fetch), "REC:BLOCK": self._block, "REC:START": self._block_start}

    def _trigger_channels(self, index: int) -> dict[str, ChannelData]:
        channel, reply = self._written.triggers[index], text()
        block = numbers([0.0], PAGE_LATCHES * PAGE_COLUMNS)

        def arm(on: object) -> None:
            if on:
                self._written.arm(index)
            else:
                channel.disarm()

        def fire(on: object) -> None:
            if on:
                channel.fire(self._written.sample)
                self._notice()

        async def fetch(first: int) -> None:
            page = [float(value) for latch in channel.page(int(first), PAGE_LATCHES) for value in latch.row]
            await block.write(page or [0.0], verify_value=False)

        return {
            f"TRIG:{index}:RULE": text("", self._answered(lambda rule: channel.set_rule(plain(rule)), reply)),
            f"TRIG:{index}:ARM": integer(0, self._answered(arm, reply)),
            f"TRIG:{index}:FIRE": integer(0, self._answered(fire, reply)),
            f"TRIG:{index}:FROM": integer(0, fetch),
            f"TRIG:{index}:BLOCK": block,
            f"TRIG:{index}:REPLY": reply,
        }

    def _parameter(self, key: str, default: Any, length: int) -> ChannelData:  # noqa: ANN401
        """Process variable of a parameter of a technique; `length`: numbers of a list at most."""

        async def keep(value: Any) -> None:  # noqa: ANN401
            self._parameters[key] = value if isinstance(value, int | float) else list(value)

        async def keep_text(value: object) -> None:
            self._parameters[key] = plain(value)

        if isinstance(default, str):
            return text("", keep_text) if key.endswith(":UNTIL") else word(default, keep_text)
        if isinstance(default, int | float):
            return number(float(default), keep)
        return numbers(list(default), length, keep)

    async def _fetch(self, first: int) -> None:
        rows = self._written.record.fetch(int(first))
        await self._block_start.write(int(rows[0, 0]) if len(rows) else int(first), verify_value=False)
        await self._block.write(rows.ravel().tolist(), verify_value=False)

    def _pressed(self, order: str) -> Hook:
        return self._answered(lambda on: self._give(order) if on else None)

    def _plainly(self, act: Callable[[Any], None]) -> Hook:
        async def hook(value: object) -> None:
            act(value)
            await self._publish()

        return hook

    def _answered(self, act: Callable[[Any], Any], reply: ChannelData | None = None) -> Hook:
        """Make a hook that awaits what it does, and writes into a reply whether that was accepted."""
        answer = self._reply if reply is None else reply

        async def hook(value: object) -> None:
            try:
                outcome = act(value)
                if inspect.isawaitable(outcome):
                    await outcome
            except self.refusals as error:
                await answer.write(str(error), verify_value=False)
                # A trip is shown even where it is not confirmed that the circuit is open.
                await self._publish()
                raise
            await answer.write(ACCEPTED, verify_value=False)
            await self._publish()

        return hook

    def _limit_setter(self, name: str) -> Callable[[float], None]:
        def set_limit(value: float) -> None:
            if math.isnan(value) and self._written.state is not State.STOPPED:
                raise RefusedError(f"SAFETY:{name} cannot be taken away while the cell is cycling")
            setattr(self._written.safety, name.lower(), float(value))

        return set_limit

    def _reset(self, value: object) -> None:
        step = plain(value)
        if step == "request":
            self._written.safety.request_reset(time.monotonic())
        elif step == "confirm":
            refusal = self._written.safety.confirm_reset(time.monotonic(), self._written.sample)
            self._written.message = refusal or "the trip is cleared"
        elif step != "idle":
            raise RefusedError(f"SAFETY:RESET {step!r}: write request, then confirm")

    def _beat(self) -> None:
        self._watchdog.beat(time.monotonic())

    def _set_timeout(self, timeout_s: float) -> None:
        self._watchdog.timeout_s = float(timeout_s)
        self._beat()

    def _set_action(self, value: object) -> None:
        action = plain(value)
        if action not in ACTIONS:
            raise RefusedError(f"WATCHDOG:ACTION {action!r} is unknown; use {', '.join(ACTIONS)}")
        self._watchdog.action = action


def positive_capacity(value: float) -> float:
    """Give what is written to `CELL:CAPACITY`, mA h.

    Raises
    ------
    RefusedError
        If it is not positive.
    """
    if not value > 0:
        raise RefusedError(f"CELL:CAPACITY {value} mA h must be positive")
    return value
