"""What is set on a cycler before and while a cell cycles: program, command, limits, watchdog."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, ClassVar, Literal, cast, get_args

import numpy as np
from ophyd import Component as Cpt
from ophyd import Device, EpicsSignal, EpicsSignalRO
from ophyd.status import DeviceStatus

from .bounded import fresh, in_background, write
from .eclab import Value, load_list, techniques
from .latch import ACCEPTED
from .mapped import NOTHING
from .protocol import Limits, Protocol, Watchdog

CommandWord = Literal[
    "check", "start", "pause", "resume", "stop", "rest", "hold_voltage", "hold_current", "trigger", "open"
]
NO_LIMIT = 1e30
LOOK_S = 1.0
_STATE_AFTER = {"check": "Stopped", "start": "Running", "resume": "Running", "trigger": "Running"}
_STATE_AFTER |= {"stop": "Stopped", "open": "Stopped"}


class CyclerRefusalError(RuntimeError):
    """The cycler has answered that it will not do what it was asked to."""


class Program(Device):
    """The loaded protocol; `set(protocol)` uploads one, which needs a stopped cycler."""

    load = Cpt(EpicsSignal, "LOADTECH:SP", string=True, put_complete=True, kind="omitted")
    loaded = Cpt(EpicsSignalRO, "LOADTECH", string=True, kind="omitted")
    technique_count = Cpt(EpicsSignalRO, "NUMTECH", kind="omitted")
    reply = Cpt(EpicsSignalRO, "REPLY", string=True, kind="omitted")

    made_later: ClassVar[tuple[str, ...]] = ("T:",)
    elsewhere: ClassVar[Mapping[str, str]] = NOTHING
    """Parameters that are not below the prefix: suffix and the whole name of the process variable."""
    timeout_s = 5.0
    connect_s = 30.0
    """Time for channels that are new to be found, s: once servers were away, libca searches seldom."""

    def __init__(self, prefix: str = "", *, name: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(prefix, name=name, **kwargs)
        self._parameters: dict[str, EpicsSignal] = {}

    def set(self, protocol: Protocol) -> DeviceStatus:
        """Upload a protocol.

        Raises
        ------
        CyclerRefusalError
            Through the status: with the cycler's reason, such as a cell that is cycling.
        TimeoutError
            Through the status: when the cycler does not confirm.
        """
        return in_background(self, lambda: self._upload(protocol))

    def _upload(self, protocol: Protocol) -> None:
        program = techniques(protocol)
        values = {
            technique.suffix(parameter): value
            for technique in program
            for parameter, value in technique.parameters
        }
        # All are looked for at once: one after the other, each new channel would cost its own search.
        signals = {suffix: self._parameter(suffix, value) for suffix, value in values.items()}
        deadline = time.monotonic() + self.connect_s
        for suffix, signal in signals.items():
            self._find(suffix, signal, max(deadline - time.monotonic(), 0.1))
            value = values[suffix]
            write(
                signal,
                np.asarray(value, dtype=float) if isinstance(value, tuple) else value,
                self.timeout_s,
            )
        write(self.load, load_list(program), self.timeout_s)
        reply = fresh(self.reply, self.timeout_s)
        if reply != ACCEPTED:
            raise CyclerRefusalError(f"{self.name}: the cycler does not load the protocol: {reply}")
        count = int(fresh(self.technique_count, self.timeout_s))
        if count != len(program):
            raise CyclerRefusalError(
                f"{self.name}: {len(program)} techniques were sent and {count} are loaded"
            )

    def _find(self, suffix: str, signal: EpicsSignal, limit_s: float) -> None:
        try:
            signal.wait_for_connection(timeout=limit_s)
        except TimeoutError as error:
            raise TimeoutError(
                f"{self.name}: {signal.setpoint_pvname} was not found within {self.connect_s:g} s; the "
                f"cycler does not know the technique {suffix.split(':')[1]}, or its server is not reachable"
            ) from error

    def destroy(self) -> None:
        """Give back the channels, those of the techniques' parameters included."""
        with ExitStack() as stack:
            stack.callback(super().destroy)
            # Each is given back, also where another one cannot be.
            while self._parameters:
                stack.callback(self._parameters.popitem()[1].destroy)

    def _parameter(self, suffix: str, value: Value) -> EpicsSignal:
        if suffix not in self._parameters:
            name = f"{self.name}_{suffix.replace(':', '_').lower()}"
            kind = type(self.load)
            self._parameters[suffix] = kind(
                self.elsewhere.get(suffix, f"{self.prefix}{suffix}"),
                name=name,
                string=isinstance(value, str),
                put_complete=True,
            )
        return self._parameters[suffix]


class Command(Device):
    """Order to the cycler; `set("stop")` is the only way to end a protocol early."""

    order = Cpt(EpicsSignal, "COMMAND", string=True, put_complete=True, kind="omitted")
    reply = Cpt(EpicsSignalRO, "REPLY", string=True, kind="omitted")

    timeout_s = 5.0
    monitor_s = 30.0
    """Longest time by which the monitor of the state may lag behind the state, s."""

    def set(self, word: CommandWord) -> DeviceStatus:
        """Give an order.

        Parameters
        ----------
        word
            check (would a start be accepted? nothing is changed), start, pause (open circuit, the step is
            kept), resume, stop (open circuit, load again), rest, hold_voltage or hold_current (at what they
            are now; the step is kept for resume), trigger (the step that waits for one ends), open (in an
            emergency: the relays open at once and latch as a trip, see `SafetyLimits.clear_trip`).

        Raises
        ------
        ValueError
            If there is no such order.
        CyclerRefusalError
            Through the status: with the cycler's reason.
        TimeoutError
            Through the status: when the cycler does not confirm.
        """
        if word not in get_args(CommandWord):
            raise ValueError(
                f"{self.name}: there is no order {word!r}; use one of {', '.join(get_args(CommandWord))}"
            )
        return in_background(self, lambda: self._give(word))

    def _give(self, word: CommandWord) -> None:
        write(self.order, word, self.timeout_s)
        reply = fresh(self.reply, self.timeout_s)
        if reply != ACCEPTED:
            raise CyclerRefusalError(f"{self.name}: the cycler refuses {word!r}: {reply}")
        self._await_monitor(_STATE_AFTER.get(word, "Paused"))

    def _await_monitor(self, expected: str) -> None:
        # The answer to a put may overtake the monitor of the state; whoever looks next must see the new one.
        # A state that has moved on already (a short protocol, a trip) is not an error.
        arrived = threading.Event()
        state = cast(Any, self.parent).state

        def look(value: object = None, **_: object) -> None:
            if state.get() == expected:
                arrived.set()

        token = state.subscribe(look, run=True)
        deadline = time.monotonic() + self.monitor_s
        # Taken for stopped, a cell that has just been started would be left at rest.
        while not arrived.wait(LOOK_S) and time.monotonic() < deadline:
            if fresh(state, self.timeout_s) != expected:
                break
        state.unsubscribe(token)


class SafetyLimits(Device):
    """Limits that the cycler keeps by itself; a breach opens the circuit, latches `trip` and its `cause`."""

    voltage_max = Cpt(EpicsSignal, "VMAX", put_complete=True, kind="config")
    voltage_min = Cpt(EpicsSignal, "VMIN", put_complete=True, kind="config")
    current_max = Cpt(EpicsSignal, "IMAX", put_complete=True, kind="config")
    capacity_max = Cpt(EpicsSignal, "QMAX", put_complete=True, kind="config")
    temperature_max = Cpt(EpicsSignal, "TMAX", put_complete=True, kind="config")
    time_max = Cpt(EpicsSignal, "TIMEMAX", put_complete=True, kind="config")
    delay = Cpt(EpicsSignal, "DELAY", put_complete=True, kind="config")
    start_voltage_min = Cpt(EpicsSignal, "OCVMIN", put_complete=True, kind="config")
    start_voltage_max = Cpt(EpicsSignal, "OCVMAX", put_complete=True, kind="config")
    c_rate_max = Cpt(EpicsSignal, "CRATEMAX", put_complete=True, kind="config")
    trip = Cpt(EpicsSignalRO, "TRIP", auto_monitor=True, kind="omitted")
    cause = Cpt(EpicsSignalRO, "CAUSE", string=True, auto_monitor=True, kind="omitted")
    reset_order = Cpt(EpicsSignal, "RESET", string=True, put_complete=True, kind="omitted")

    timeout_s = 5.0

    def set(self, limits: Limits) -> DeviceStatus:
        """Write every limit and compare what the cycler then holds.

        Raises
        ------
        CyclerRefusalError
            Through the status: naming the limit that the cycler did not take.
        TimeoutError
            Through the status: when the cycler does not confirm.
        """
        return in_background(self, lambda: self._write(limits))

    def clear_trip(self) -> DeviceStatus:
        """Acknowledge a trip and confirm it; the cell stays at open circuit until the next order.

        Raises
        ------
        CyclerRefusalError
            Through the status: when the breach is still there.
        """
        return in_background(self, self._clear)

    def _write(self, limits: Limits) -> None:
        wanted = replace(limits, time_max_s=limits.time_max_s or NO_LIMIT)
        pairs = {
            self.voltage_max: wanted.voltage_max_v,
            self.voltage_min: wanted.voltage_min_v,
            self.current_max: wanted.current_max_a,
            self.capacity_max: wanted.capacity_max_mah,
            self.temperature_max: wanted.temperature_max_degc,
            self.time_max: wanted.time_max_s,
            self.delay: wanted.delay_s,
            self.start_voltage_min: wanted.start_window_v[0],
            self.start_voltage_max: wanted.start_window_v[1],
            self.c_rate_max: wanted.c_rate_max,
        }
        for signal, value in pairs.items():
            write(signal, value, self.timeout_s)
            held = float(fresh(signal, self.timeout_s))
            if not np.isclose(held, float(value or 0.0), rtol=1e-6):
                raise CyclerRefusalError(f"{signal.name}: {value} was asked for and the cycler holds {held}")

    def _clear(self) -> None:
        write(self.reset_order, "request", self.timeout_s)
        write(self.reset_order, "confirm", self.timeout_s)
        if fresh(self.trip, self.timeout_s):
            cause = fresh(self.cause, self.timeout_s)
            raise CyclerRefusalError(f"{self.name}: the trip ({cause}) stays; remove its cause, clear again")


class HeartbeatWatchdog(Device):
    """What the cycler does when the heartbeat has not been written for a time."""

    timeout = Cpt(EpicsSignal, "TIMEOUT", put_complete=True, kind="config")
    action = Cpt(EpicsSignal, "ACTION", string=True, put_complete=True, kind="config")
    fired = Cpt(EpicsSignalRO, "FIRED", auto_monitor=True, kind="omitted")

    timeout_s = 5.0

    def set(self, watchdog: Watchdog) -> DeviceStatus:
        """Write action and time-out (wall seconds).

        Raises
        ------
        TimeoutError
            Through the status: when the cycler does not confirm.
        """
        return in_background(self, lambda: self._write(watchdog))

    def _write(self, watchdog: Watchdog) -> None:
        write(self.action, watchdog.action, self.timeout_s)
        write(self.timeout, watchdog.timeout_s, self.timeout_s)
