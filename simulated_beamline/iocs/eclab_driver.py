"""A cell behind the process variables of the ISIS EPICS-ECLab driver, and no others.

No latched triggers, no limits, no watchdog, no record: techniques are loaded and started, values are polled.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from caproto import ChannelData, ChannelEnum

from ..board import Board
from ..clock import SharedClock
from ..instrument.cycler import RefusedError, State
from ..instrument.safety import SafetyLimits
from ..instrument.technique import PARAMETERS, TECHNIQUE_IDS, EngineStep, ProgramError, compile_program
from ..scenario import load_scenario
from .channel import Hook, choice, plain, word
from .eclab_record import STATES, UNNAMED, channel_records, instrument_records, parameter_records
from .eclab_scan import SCAN, SCAN_ID, scan_steps
from .potentiostat import build_cycler
from .server import ServerSettings, parse_settings, serve

logger = logging.getLogger(__name__)
DRIVER = "ECLAB_01:"
CHANNEL = "C0:"
TICK_S = 0.004
# Its two tasks (ECLabDriver.cpp): values always; data too, if they are saved, often while any come.
VALUES_S = 1.0
DATA_S, IDLE_DATA_S = 0.2, 2.0
SHORTEST_POLL_S = 0.03
STEPS_PER_TICK = 40
# Tests of EC-Lab look at the voltage and the current; bits as in sp240.py of the driver.
TESTED_VARIABLES = (0, 3)
VARIABLE_BIT = 5


class EcLabDriverIOC:
    """The driver with one channel and a simulated half cell on it; time stamps are those of simulated time.

    Parameters
    ----------
    settings
        Arguments of the server.
    clock, board
        Of this simulated beamline; this server is the pacemaker.
    """

    def __init__(self, settings: ServerSettings, clock: SharedClock, board: Board) -> None:
        self._clock = clock
        self._board = board
        self.cycler = build_cycler(load_scenario(settings.scenario), settings.seed, clock.now())
        # Whatever the technique does not end by itself goes on.
        inf = math.inf
        self.cycler.safety = SafetyLimits(vmax=inf, vmin=-inf, imax=inf, qmax=inf, tmax=inf)
        self._parameters = parameter_records()
        self._records = channel_records() | self._order_records()
        self._posted: dict[str, object] = {}
        self._next_values_s = self._next_data_s = self._last_poll_wall_s = -math.inf
        self._last_wall_s = time.monotonic()

    def channels(self) -> dict[str, ChannelData]:
        """Process variables by their name below the prefix of the driver."""
        of_channel = self._records | self._parameters
        return instrument_records() | {f"{CHANNEL}{name}": record for name, record in of_channel.items()}

    async def run(self, async_lib: object = None) -> None:
        """Let the cell live as long as the server."""
        del async_lib
        await self._poll()
        while True:
            await self._live()
            await asyncio.sleep(TICK_S)

    async def _live(self) -> None:
        wall_s = time.monotonic()
        target_s = self._target_s(wall_s)
        noticed = self.cycler.advance(target_s, STEPS_PER_TICK)
        self._clock.grant(self.cycler.time_s)
        if noticed:
            self._clock.notice()
        self._tell_board()
        if noticed or (self._is_due() and wall_s - self._last_poll_wall_s >= SHORTEST_POLL_S):
            await self._poll()

    def _is_due(self) -> bool:
        now_s = self.cycler.time_s
        values, data = now_s >= self._next_values_s, now_s >= self._next_data_s
        if values:
            self._next_values_s = now_s + VALUES_S
        if data:
            is_busy = self.cycler.state is not State.STOPPED
            self._next_data_s = now_s + (DATA_S if is_busy and self._saves_data() else IDLE_DATA_S)
        return values or (data and self._saves_data())

    def _saves_data(self) -> bool:
        return self._records["SAVEDATA:SP"].value == "Yes"

    def _target_s(self, wall_s: float) -> float:
        elapsed_s, self._last_wall_s = wall_s - self._last_wall_s, wall_s
        proposed_s = self._clock.proposed()
        if self.cycler.state is State.STOPPED:
            return max(self._clock.now(), min(proposed_s, self.cycler.time_s + elapsed_s))
        return proposed_s

    def _tell_board(self) -> None:
        truth = self.cycler.cell.state
        self._board.update(
            {
                "lithium_content": truth.lithium_content,
                "spot_lithium_content": truth.spot_lithium_content,
                "cell_voltage_v": truth.voltage_v,
                "cell_current_a": truth.current_a,
                "cell_temperature_degc": self.cycler.temperature_degc,
                "cell_time": self.cycler.time_s,
            }
        )

    async def _poll(self) -> None:
        self._last_poll_wall_s = time.monotonic()
        for name, value in self._values().items():
            if self._posted.get(name) != value:
                self._posted[name] = value
                stamp_s = self.cycler.time_s
                await self._records[name].write(value, verify_value=False, timestamp=stamp_s)

    def _values(self) -> dict[str, Any]:
        # In the order of the driver's own parameters, which is the one in which updates arrive.
        cycler, sample, step = self.cycler, self.cycler.sample, self.cycler.step
        stopped = cycler.state is State.STOPPED
        values: dict[str, Any] = {
            "NUMTECH": len({one.technique_index for one in cycler.program}),
            "EWE": _single(sample.voltage),
            "I": _single(sample.current),
        }
        if not stopped:
            values["TIME"] = sample.time - cycler.started_s
        values |= {
            "STATE": STATES[cycler.state],
            "DATADONE": "Yes" if stopped else "No",
            "EOVERFLOW": int(cycler.meter.voltage_overflow),
            "IOVERFLOW": int(cycler.meter.current_overflow),
            "FREQ": cycler.frequency_hz,
        }
        if step is not None:
            values |= {"TECHIND": step.technique_index, "TECHID": TECHNIQUE_IDS.get(step.technique, SCAN_ID)}
        return values

    def _order_records(self) -> dict[str, ChannelData]:
        return {
            "START": choice(("", "Starting"), "", self._ordered(self.cycler.start, "Starting")),
            "STOP": choice(("", "Stopping"), "", self._ordered(self.cycler.stop, "Stopping")),
            "UPDATE:SP": choice(UNNAMED, "", None),
            "LOADTECH:SP": word("", self._load),
        }

    def _ordered(self, act: Any, pressed: str) -> Hook:  # noqa: ANN401
        async def hook(value: object) -> None:
            if value not in (1, pressed):
                return
            try:
                act()
            except RefusedError as error:
                # As with the driver: the client sees an alarm at most, and the state.
                logger.warning("not done: %s", error)
            self._clock.notice()
            await self._poll()

        return hook

    async def _load(self, value: object) -> None:
        techniques = plain(value)
        try:
            self.cycler.load(self._compiled(techniques))
        except (RefusedError, ProgramError) as error:
            logger.warning("%r is not loaded: %s", techniques, error)
            return
        await self._records["LOADTECH"].write(techniques, verify_value=False)
        await self._poll()

    def _compiled(self, techniques: str) -> tuple[EngineStep, ...]:
        if techniques.strip().upper() != SCAN:
            return compile_program(techniques, self._held(techniques))
        first = f"T:{SCAN}:0:"
        held = {
            name.removeprefix(first).removesuffix(":SP"): _plain_value(record)
            for name, record in self._parameters.items()
            if name.startswith(first) and name.endswith(":SP")
        }
        return scan_steps(held)

    def _held(self, techniques: str) -> dict[str, Any]:
        held: dict[str, Any] = {}
        for name in {one.strip().upper() for one in techniques.split(",") if one.strip()}:
            for parameter in PARAMETERS.get(name, ()):
                for index in (0, 1):
                    record = self._parameters.get(f"T:{name}:{index}:{parameter}:SP")
                    if record is not None:
                        held[f"{name}:{index}:{parameter}"] = _plain_value(record)
        for key, value in held.items():
            if key.endswith("CONF") and any(
                int(one) >> VARIABLE_BIT not in TESTED_VARIABLES for one in value
            ):
                raise ProgramError(f"{key} {value}: EC-Lab tests the voltage and the current alone")
        return held


def _plain_value(record: ChannelData) -> float | list[float]:
    value = record.value
    if isinstance(record, ChannelEnum):
        return float(record.enum_strings.index(value))
    values = [float(one) for one in (list(value) if isinstance(value, bytes) else np.atleast_1d(value))]
    return values if (record.max_length or 1) > 1 else values[0]


def _single(value: float) -> float:
    return float(np.float32(value))


def main(arguments: list[str] | None = None) -> None:
    """Serve the driver of a scenario."""
    settings = parse_settings("EC-Lab driver with a simulated half cell", arguments or sys.argv[1:])
    clock = settings.clock()

    def build() -> Mapping[str, ChannelData]:
        server = EcLabDriverIOC(settings, clock, settings.board())
        pvs = {f"{settings.prefix}{DRIVER}{name}": record for name, record in server.channels().items()}
        pvs[f"{settings.prefix}{DRIVER}{CHANNEL}START"].server_startup = server.run  # type: ignore[attr-defined]
        return pvs

    serve(settings, build)


if __name__ == "__main__":
    main()
