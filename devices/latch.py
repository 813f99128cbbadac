"""Latched triggers of a cycler: rules it watches on its own samples, and what it latched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalRO
from ophyd.status import DeviceStatus

from .bounded import fresh, in_background, write

ACCEPTED = "accepted"
CYCLING = ("Running", "Paused")
LOG_COLUMNS = 6
PAGE_COLUMNS = 7


@dataclass(frozen=True)
class Latch:
    """State of the cell at the instant a rule was met, interpolated between samples.

    Parameters
    ----------
    count
        Number of this latch since the rule was armed, from 1.
    time
        Cycler's clock, UNIX s.
    voltage, current, capacity, lithium_content
        V, A, mA h, 0..1 per formula unit.
    late_s
        How long before the latch the feature that it tells of was passed, s; 0 for what is seen at once.
    """

    count: int
    time: float
    voltage: float
    current: float
    capacity: float
    lithium_content: float
    late_s: float = 0.0


class TriggerChannel(Device):
    """One of the cycler's rules; `set(rule_text)` arms it anew, `set("")` disarms it.

    After `page.set(n)` signal `block` holds the latches from count n on, 500 at most (`page_latches`).
    `latch_by_hand()` latches now, whatever the rule.
    """

    rule = Cpt(EpicsSignal, "RULE", string=True, put_complete=True, kind="omitted")
    arm = Cpt(EpicsSignal, "ARM", put_complete=True, auto_monitor=True, kind="omitted")
    count = Cpt(EpicsSignalRO, "COUNT", auto_monitor=True, kind="omitted")
    latch_time = Cpt(EpicsSignalRO, "T", auto_monitor=True, kind="omitted")
    latch_voltage = Cpt(EpicsSignalRO, "V", auto_monitor=True, kind="omitted")
    latch_current = Cpt(EpicsSignalRO, "I", auto_monitor=True, kind="omitted")
    latch_capacity = Cpt(EpicsSignalRO, "Q", auto_monitor=True, kind="omitted")
    latch_lithium_content = Cpt(EpicsSignalRO, "X", auto_monitor=True, kind="omitted")
    history = Cpt(EpicsSignalRO, "LOG", kind="omitted")
    page = Cpt(EpicsSignal, "FROM", put_complete=True, kind="omitted")
    block = Cpt(EpicsSignalRO, "BLOCK", kind="omitted")
    fire = Cpt(EpicsSignal, "FIRE", put_complete=True, kind="omitted")
    reply = Cpt(EpicsSignalRO, "REPLY", string=True, kind="omitted")

    timeout_s = 5.0

    def set(self, rule_text: str) -> DeviceStatus:
        """Arm the rule (grammar: `plans.triggers`), its count starting again at 0; an empty text disarms.

        Raises
        ------
        ValueError
            Through the status: with the cycler's words, when it does not understand the rule.
        TimeoutError
            Through the status: when the cycler does not confirm.
        """
        return in_background(self, lambda: self._arm(rule_text))

    def _arm(self, rule_text: str) -> None:
        write(self.arm, 0, self.timeout_s)
        if not rule_text:
            return
        for signal, value in ((self.rule, rule_text), (self.arm, 1)):
            write(signal, value, self.timeout_s)
            reply = fresh(self.reply, self.timeout_s)
            if reply != ACCEPTED:
                raise ValueError(f"{self.name}: the cycler refuses the rule {rule_text!r}: {reply}")

    def latch_by_hand(self) -> DeviceStatus:
        """Latch now, whatever the rule says; done once the cycler has taken it.

        Raises
        ------
        RuntimeError
            Through the status: with the cycler's words, when it refuses, as on a channel that is not armed.
        TimeoutError
            Through the status: when the cycler does not confirm.
        """
        return in_background(self, self._fire)

    def _fire(self) -> None:
        write(self.fire, 1, self.timeout_s)
        reply = fresh(self.reply, self.timeout_s)
        if reply != ACCEPTED:
            raise RuntimeError(f"{self.name}: the cycler refuses a latch by hand: {reply}")

    def read_log(self) -> list[Latch]:
        """Last latches (at most 64), oldest first."""
        return latches(fresh(self.history, self.timeout_s))


def latches(values: np.ndarray) -> list[Latch]:
    """Latches of the flat rows `count, time, voltage, current, capacity, lithium_content`."""
    return _latches(values, LOG_COLUMNS)


def page_latches(values: np.ndarray) -> list[Latch]:
    """Latches of a page: flat rows as of `latches`, with `late_s` as the last column."""
    return _latches(values, PAGE_COLUMNS)


def _latches(values: np.ndarray, columns: int) -> list[Latch]:
    rows = np.atleast_1d(np.asarray(values, dtype=float))
    rows = rows[: rows.size // columns * columns].reshape(-1, columns)
    return [Latch(int(row[0]), *(float(value) for value in row[1:])) for row in rows if row[0] > 0]


class News(Device):
    """Waits for something to react to: `set({channel: count already seen})`.

    Done when a counter is no longer at the count seen, when the cell is suspended or let go on, or when it
    is stopped. A network gap of up to `patience_s` is waited for.
    """

    patience_s = 60.0

    def set(self, seen: Mapping[int, int], timeout_s: float | None = None) -> DeviceStatus:
        """Watch the channels given; the status ends with the first news.

        Parameters
        ----------
        seen
            Channel (1..8) and the count that is already known.
        timeout_s
            Longest wait; None: as long as the cell cycles, or stays suspended.

        Raises
        ------
        KeyError
            If there is no such channel.
        ConnectionError
            Through the status: the cycler was not reachable for `patience_s`.
        """
        potentiostat = cast(Any, self.parent)
        channels = {number: potentiostat.triggers[number] for number in seen}
        status = DeviceStatus(self, timeout=timeout_s)
        watch = _Watch(status, potentiostat.state, self.patience_s)
        begun = potentiostat.state.get()

        def look(**_: object) -> None:
            counts = {number: channel.count.get() for number, channel in channels.items()}
            gone_on = any(count is not None and int(count) != seen[n] for n, count in counts.items())
            state = potentiostat.state.get()
            if gone_on or state != begun or state not in CYCLING:
                watch.finish()

        signals = [potentiostat.state, *(channel.count for channel in channels.values())]
        watch.start(signals, look)
        return status


class _Watch:
    """Subscriptions of one wait; they end with it."""

    def __init__(self, status: DeviceStatus, state: EpicsSignalRO, patience_s: float) -> None:
        self._status = status
        self._state = state
        self._patience_s = patience_s
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def start(self, signals: list[EpicsSignalRO], look: Callable[..., None]) -> None:
        tokens = [(signal, signal.subscribe(look, run=False)) for signal in signals]
        tokens.append((self._state, self._state.subscribe(self._connection, event_type="meta", run=True)))

        def leave(_: DeviceStatus) -> None:
            self._cancel()
            for signal, token in tokens:
                signal.unsubscribe(token)

        self._status.add_callback(leave)
        look()

    def finish(self) -> None:
        with self._lock:
            if not self._status.done:
                self._status.set_finished()

    def _connection(self, *, connected: bool = True, **_: object) -> None:
        self._cancel()
        if not connected and not self._status.done:
            self._timer = threading.Timer(self._patience_s, self._give_up)
            self._timer.daemon = True
            self._timer.start()

    def _give_up(self) -> None:
        with self._lock:
            if not self._status.done:
                self._status.set_exception(
                    ConnectionError(
                        f"{self._state.name}: the cycler has not been reachable for {self._patience_s} s; "
                        "the cell is cycled by it all the same; check network and server"
                    )
                )

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
