"""Process variables of the cycler that are written: orders, program, limits, triggers, faults."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from caproto import ChannelData

from ..clock import SharedClock, mode_named
from ..instrument.cycler import CHANNELS, Cycler
from ..instrument.safety import ClientWatchdog
from ..instrument.technique import ARRAY_LENGTH, INSTANCES, PARAMETERS, compile_program
from .channel import choice, integer, kept, number, plain, text
from .cycler_channel import LONGEST_LIST, CyclerChannels, positive_capacity
from .cycler_fault import fault_channels
from .impedance_page import page_channels

_PARAMETER = re.compile(r"T:([A-Z]+):(0|[1-9]\d?):([A-Z0-9]+):SP")
CLOCK_MODES = ("elastic", "constant", "real")


class CyclerOrders(CyclerChannels):
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
        super().__init__(cycler, watchdog, publish)
        self._cycler, self._clock = cycler, clock
        self._load_list = ""
        self.loaded = text()

    def channels(self) -> dict[str, ChannelData]:
        """All of them, by their name below the prefix of the channel."""
        pvs = self._order_channels() | self._safety_channels()
        pvs |= self._clock_channels() | self._program_channels()
        for index in CHANNELS:
            pvs |= self._trigger_channels(index)
        pvs |= page_channels(self._cycler.impedance.record)
        return pvs | self._cell_channels() | self._record_channels()

    def _clock_channels(self) -> dict[str, ChannelData]:
        return {
            "CLOCK:FACTOR": number(self._clock.factor, self._plainly(self._set_factor)),
            "CLOCK:MODE": choice(CLOCK_MODES, self._clock.mode.name.lower(), self._plainly(self._set_mode)),
        }

    def _program_channels(self) -> dict[str, ChannelData]:
        return {
            "LOADTECH:SP": text("", self._answered(self._load), most=LONGEST_LIST),
            "DEFINETECH:SP": text("", self._answered(self._load), most=LONGEST_LIST),
            "LOADTECH": self.loaded,
            "UPDATE:SP": integer(0, self._answered(self._update)),
        }

    def parameter(self, name: str) -> ChannelData | None:
        """Make the process variable of a parameter, `T:<TECH>:<i>:<PARAM>:SP`; None if there is none."""
        if not (found := _PARAMETER.fullmatch(name)):
            return None
        technique, index, key = found.groups()
        if int(index) >= INSTANCES or key not in PARAMETERS.get(technique, {}):
            return None
        return self._parameter(f"{technique}:{index}:{key}", PARAMETERS[technique][key], ARRAY_LENGTH)

    def _cell_channels(self) -> dict[str, ChannelData]:
        coulometry, cycler = self._cycler.coulometry, self._cycler

        def set_capacity(value: float) -> None:
            coulometry.capacity_mah = positive_capacity(value)

        return fault_channels(cycler, self._plainly) | {
            "CELL:MASS": number(0.0, kept, units="mg"),
            "CELL:CAPACITY": number(coulometry.capacity_mah, self._plainly(set_capacity), units="mA h"),
            "CELL:X0": number(coulometry.x0, self._plainly(cycler.set_initial_content)),
            "SIM:TTL": integer(0, self._plainly(lambda high: self._set_line(bool(high)))),
            "SIM:NOISE": number(
                1.0, self._plainly(lambda factor: setattr(cycler.meter, "noise_factor", factor))
            ),
        }

    def _notice(self) -> None:
        self._clock.notice()

    def _acts(self) -> dict[str, Callable[[], None]]:
        return {"check": self._cycler.check, "open": self._cycler.open} | super()._acts()

    def _set_line(self, high: bool) -> None:
        self._cycler.set_line(high)
        self._clock.notice()

    def _load(self, load_list: object) -> None:
        self._cycler.load(compile_program(plain(load_list), self._parameters))
        self._load_list = plain(load_list)

    def _update(self, on: object) -> None:
        if on:
            self._cycler.update(compile_program(self._load_list, self._parameters))
            self._clock.notice()

    def _set_factor(self, factor: float) -> None:
        self._clock.set_mode(self._clock.mode, float(factor))

    def _set_mode(self, value: object) -> None:
        mode = value if isinstance(value, str) else CLOCK_MODES[int(value)]  # type: ignore[call-overload]
        self._clock.set_mode(mode_named(mode), self._clock.factor)
