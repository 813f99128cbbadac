"""Server of the cycler: it makes the cell live in simulated time, and shows what it measures."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from caproto import ChannelData

from ..board import Board
from ..clock import SharedClock
from ..instrument.cycler import CHANNELS, Cycler, State
from ..instrument.lead import Control, Coulometry
from ..instrument.meter import Meter
from ..instrument.safety import ClientWatchdog
from ..instrument.technique import TECHNIQUE_IDS
from ..instrument.trigger import LOG_LENGTH
from ..physics.cell import HalfCell
from ..physics.valence import valences
from ..scenario import Scenario, load_scenario
from .channel import TEXT_LENGTH, choice, integer, number, numbers, text, word
from .cycler_order import CyclerOrders
from .instrument_state import furnish, instrument_channels, instrument_values
from .server import ServerSettings, parse_settings, serve

logger = logging.getLogger(__name__)
CHANNEL = "ECLAB_01:C1:"
TICK_S = 0.004
POLL_S = 1.0
SHORTEST_POST_S = 0.03
STEPS_PER_TICK = 40
STATE_WORDS = ("Stopped", "Running", "Paused")
MODE_WORDS = ("open circuit", "constant current", "constant voltage", "constant power", "voltage scan")


class PotentiostatIOC:
    """One channel of a cycler with a simulated half cell, the pacemaker of simulated time.

    Parameters
    ----------
    settings
        Arguments of the server.
    clock, board
        Of this simulated beamline.
    """

    def __init__(self, settings: ServerSettings, clock: SharedClock, board: Board) -> None:
        scenario = load_scenario(settings.scenario)
        self._clock = clock
        self._board = board
        self._composition = scenario.electrode.composition
        self.cycler = build_cycler(scenario, settings.seed, clock.now())
        self._watchdog = ClientWatchdog()
        self._shown = _shown_channels()
        self._orders = CyclerOrders(self.cycler, self._watchdog, clock, self.publish)
        self._posted: dict[str, object] = {}
        self._last_post = (-1e9, -1e9)
        self._last_wall_s = time.monotonic()

    def channels(self) -> dict[str, ChannelData]:
        """Process variables by their name below the prefix of the channel."""
        return self._orders.channels() | self._shown

    async def run(self, async_lib: object = None) -> None:
        """Let the cell live as long as the server."""
        del async_lib
        self._tell_board()
        await self.publish()
        while True:
            behind = await self._live()
            await asyncio.sleep(0.0 if behind else TICK_S)

    async def _live(self) -> bool:
        wall_s = time.monotonic()
        target_s = self._target_s(wall_s)
        self._watch(wall_s)
        noticed = self._advance(target_s)
        self._clock.grant(self.cycler.time_s)
        if noticed:
            self._clock.notice()
        self._tell_board()
        last_cell_s, last_wall_s = self._last_post
        due = self.cycler.time_s - last_cell_s >= POLL_S and wall_s - last_wall_s >= SHORTEST_POST_S
        if noticed or due:
            await self.publish()
        return self.cycler.time_s < target_s - 1e-3 and not noticed

    def _advance(self, target_s: float) -> bool:
        begin_s = self.cycler.time_s
        noticed = self.cycler.advance(target_s, STEPS_PER_TICK)
        rate_gy_s = self._board.get("spot_dose_rate_gy_s", 0.0)
        if rate_gy_s > 0.0:
            spot = self._spot_mm()
            self.cycler.cell.irradiate(rate_gy_s, self.cycler.time_s - begin_s, position_mm=spot)
        return noticed

    def _spot_mm(self) -> tuple[float, float]:
        return self._board.get("stage_x_mm", 0.0), self._board.get("stage_y_mm", 0.0)

    def _target_s(self, wall_s: float) -> float:
        # A cell that nobody cycles is not at work: time then passes as it does for people.
        elapsed_s, self._last_wall_s = wall_s - self._last_wall_s, wall_s
        proposed = self._clock.proposed()
        if self.cycler.state is State.STOPPED:
            return max(self._clock.now(), min(proposed, self.cycler.time_s + elapsed_s))
        return proposed

    def _watch(self, wall_s: float) -> None:
        if self.cycler.state is not State.RUNNING or not self._watchdog.expired(wall_s):
            return
        action = self._watchdog.action
        logger.warning("no heartbeat for %g s: %s", self._watchdog.timeout_s, action)
        self.cycler.act_unattended(action)
        self._clock.notice()

    def _tell_board(self) -> None:
        truth = self.cycler.cell.state
        self._board.update(
            {
                "lithium_content": truth.lithium_content,
                "spot_lithium_content": truth.spot_lithium_content,
                "cell_voltage_v": truth.voltage_v,
                "cell_current_a": truth.current_a,
                "cell_temperature_degc": self.cycler.temperature_degc,
                "spot_dose_gy": self.cycler.cell.dose_gy(self._spot_mm()),
                "cell_time": self.cycler.time_s,
            }
        )

    async def publish(self) -> None:
        """Post what has changed since the last time."""
        self._last_post = (self.cycler.time_s, time.monotonic())
        for name, value in (self._measured() | self._status() | self._latched()).items():
            if self._posted.get(name) != value:
                self._posted[name] = value
                await self._shown[name].write(value, verify_value=False)

    def _measured(self) -> dict[str, Any]:
        cycler, sample, truth = self.cycler, self.cycler.sample, self.cycler.cell.state
        return {
            "CLOCK:UNIX": sample.time,
            "TIME": sample.protocol_time if cycler.state is not State.STOPPED else 0.0,
            "EWE": sample.voltage,
            "I": sample.current,
            "Q": sample.capacity,
            "X": sample.lithium_content,
            "SOC": sample.state_of_charge,
            "TEMP": sample.temperature,
            "NS": sample.step,
            "CYCLE": sample.cycle,
            "HALFCYCLE": sample.half_cycle,
            "REC:COUNT": cycler.record.count,
            "SIM:X": truth.lithium_content,
            "SIM:X_SPOT": truth.spot_lithium_content,
            "SIM:DOSE": self._board.get("spot_dose_gy", 0.0),
            "SIM:VALENCE:NI": self._nickel_valence(truth.lithium_content),
        }

    def _nickel_valence(self, lithium_content: float) -> float:
        return valences(self._composition, lithium_content).metals.get("Ni", float("nan"))

    def _status(self) -> dict[str, Any]:
        cycler, step = self.cycler, self.cycler.step
        control = cycler.control
        return {
            "STEP:ID": step.step_id if step else "",
            "TECHIND": step.technique_index if step else -1,
            "TECHID": TECHNIQUE_IDS[step.technique] if step else 0,
            "LOOP": sum(cycler.progress.loops.values()),
            "NUMTECH": len({one.technique_index for one in cycler.program}),
            **instrument_values(cycler),
            "MODE": _mode(control),
            "I:SP": control.current_a or 0.0,
            "V:SP": control.voltage_v or 0.0,
            "WAITING": int(cycler.state is State.RUNNING and bool(step and step.waiting)),
            "TRIGOUT:T": cycler.given_s,
            # The count comes last: who sees it move finds the time in place.
            "TRIGOUT:COUNT": cycler.given,
            "SAFETY:CAUSE": cycler.safety.cause,
            "SAFETY:TRIP": int(cycler.safety.tripped),
            "WATCHDOG:FIRED": int(self._watchdog.fired),
            "MESSAGE": cycler.told[:TEXT_LENGTH],
            "DATADONE": int(cycler.state is State.STOPPED),
            "STATE": STATE_WORDS[cycler.state],
        }

    def _latched(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for index, channel in self.cycler.triggers.items():
            if channel.log:
                rows = [(one.count, *_instant(one.sample)) for one in channel.log]
                values[f"TRIG:{index}:LOG"] = [float(value) for row in rows for value in row]
                values |= dict(zip(_instant_names(index), rows[-1][1:], strict=True))
            else:
                values[f"TRIG:{index}:LOG"] = [0.0]
            # The count comes last: who sees it move finds the rest in place.
            values[f"TRIG:{index}:COUNT"] = channel.count
        return values


def build_cycler(scenario: Scenario, seed: int, time_s: float) -> Cycler:
    """Make the cycler of a scenario with its cell on the leads."""
    section, parameters = scenario.cell, scenario.build_cell_parameters()
    meter = Meter(**scenario.potentiostat.model_dump(), random=np.random.default_rng([scenario.seed, seed]))
    cycler = Cycler(
        HalfCell(
            parameters,
            lithium_content=section.initial_lithium_content,
            damage=scenario.build_damage_law(),
        ),
        meter,
        Coulometry(parameters.theoretical_capacity_mah, section.initial_lithium_content),
        temperature_degc=section.temperature_degc,
        time_s=time_s,
    )
    furnish(cycler, scenario.instrument, np.random.default_rng([scenario.seed, seed, 1]))
    return cycler


def _mode(control: Control) -> str:
    if control.rate_v_s:
        return MODE_WORDS[4]
    if control.power_w is not None:
        return MODE_WORDS[3]
    return MODE_WORDS[2 if control.voltage_v is not None else int(bool(control.current_a))]


def _instant(sample: Any) -> tuple[float, ...]:  # noqa: ANN401
    return sample.time, sample.voltage, sample.current, sample.capacity, sample.lithium_content


def _instant_names(index: int) -> list[str]:
    return [f"TRIG:{index}:{name}" for name in ("T", "V", "I", "Q", "X")]


def _shown_channels() -> dict[str, ChannelData]:
    units = {"CLOCK:UNIX": "s", "TIME": "s", "EWE": "V", "I": "A", "Q": "mA h", "TEMP": "degC"}
    units |= {"X": "", "SOC": "", "I:SP": "A", "V:SP": "V", "TRIGOUT:T": "s"}
    units |= {"SIM:X": "", "SIM:X_SPOT": "", "SIM:DOSE": "Gy", "SIM:VALENCE:NI": ""}
    pvs = {name: number(units=unit) for name, unit in units.items()}
    counts = "TECHIND TECHID LOOP NUMTECH IRQSKIPPED DATADONE WAITING"
    counts += " TRIGOUT:COUNT NS CYCLE HALFCYCLE REC:COUNT SAFETY:TRIP WATCHDOG:FIRED"
    pvs |= {name: integer() for name in counts.split()} | instrument_channels()
    pvs |= {"STEP:ID": word(), "MESSAGE": text(), "SAFETY:CAUSE": text()}
    pvs |= {"STATE": choice(STATE_WORDS, "Stopped"), "MODE": choice(MODE_WORDS, MODE_WORDS[0])}
    for index in CHANNELS:
        pvs |= {name: number() for name in _instant_names(index)}
        pvs[f"TRIG:{index}:COUNT"] = integer()
        pvs[f"TRIG:{index}:LOG"] = numbers([0.0], LOG_LENGTH * 6)
    return pvs


def main(arguments: list[str] | None = None) -> None:
    """Serve the cycler of a scenario."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--mode", choices=("elastic", "constant", "real"))
    parser.add_argument("--factor", type=float, default=1.0)
    own, rest = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)
    settings = parse_settings("Cycler with a simulated half cell", rest)
    clock = settings.clock()
    if own.mode is not None:
        clock.set_mode(own.mode, own.factor)

    def build() -> Mapping[str, ChannelData]:
        server = PotentiostatIOC(settings, clock, settings.board())
        pvs = {f"{settings.prefix}{CHANNEL}{name}": channel for name, channel in server.channels().items()}
        # Caproto runs the start-up hook of a channel once the server listens.
        pvs[f"{settings.prefix}{CHANNEL}STATE"].server_startup = server.run  # type: ignore[attr-defined]
        return pvs

    serve(settings, build)


if __name__ == "__main__":
    main()
