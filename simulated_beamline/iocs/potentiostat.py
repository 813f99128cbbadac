"""Server of the cycler: one simulated half cell per channel, what is measured of it, and orders for it."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

import numpy as np
from caproto import ChannelData

from ..board import Board, cell_slot
from ..clock import SharedClock
from ..instrument.cycler import CHANNELS, Cycler, State
from ..instrument.lead import Control, Coulometry
from ..instrument.meter import Meter
from ..instrument.safety import ClientWatchdog
from ..instrument.technique import TECHNIQUE_IDS
from ..mount import Mount, load_mounts
from ..physics.cell import HalfCell
from ..physics.cycling_history import CyclingHistory
from ..physics.front_memory import FrontMemory
from ..physics.valence import valences
from ..scenario import Scenario
from .catalogue import Catalogue
from .channel import TEXT_LENGTH, choice, integer, number, text, word
from .cycler_file import NO_YES, CyclerFile
from .cycler_order import CyclerOrders
from .cycler_value import STATE_WORDS, latch_channels, latch_values, sample_values
from .instrument_state import furnish, instrument_channels, instrument_values
from .pacemaker import Pacemaker
from .server import ServerSettings, parse_settings, serve

logger = logging.getLogger(__name__)
CYCLER = "ECLAB_01:"
POLL_S = 1.0
SHORTEST_POST_S = 0.03
MODE_WORDS = ("open circuit", "constant current", "constant voltage", "constant power", "voltage scan")


class PotentiostatIOC:
    """One channel of a cycler with a simulated half cell.

    Parameters
    ----------
    mount
        The cell, and its channel.
    settings
        Of the server: seed of the noise, folder of the files.
    clock, board
        Of this simulated beamline.
    time_s
        Simulated UNIX time now, the same for all channels.
    """

    def __init__(
        self, mount: Mount, settings: ServerSettings, clock: SharedClock, board: Board, time_s: float
    ) -> None:
        scenario = mount.scenario
        self._clock = clock
        self._board = board
        self._channel = mount.channel
        self._composition = scenario.electrode.composition
        self._memory = FrontMemory(scenario.particle.front_memory) if scenario.particle else FrontMemory()
        self._history = CyclingHistory()
        # Cells of one scenario are the same, their noise is not.
        self.cycler = build_cycler(scenario, settings.seed + 1000 * (mount.channel - 1), time_s)
        self._watchdog = ClientWatchdog()
        self._shown = _shown_channels()
        self._orders = CyclerOrders(self.cycler, self._watchdog, clock, self.publish)
        self._file = CyclerFile(self.cycler, settings.run_folder, mount.channel)
        self._posted: dict[str, object] = {}
        self._last_post = (-1e9, -1e9)

    def channels(self) -> dict[str, ChannelData]:
        """Process variables by their name below the prefix of the channel."""
        return self._orders.channels() | self._file.channels() | self._shown

    def parameter(self, name: str) -> ChannelData | None:
        """Make the process variable of a technique's parameter; None if there is none of this name."""
        return self._orders.parameter(name)

    def is_due(self, wall_s: float, channels: int) -> bool:
        """Whether it is time to publish again, at a reading of the monotonic clock (s).

        So many channels share the time that publishing takes; the cell in the beam, which is read at every
        point of a scan, is published as often as if it were alone.
        """
        last_cell_s, last_wall_s = self._last_post
        shortest_s = SHORTEST_POST_S * (1 if self._is_lit else channels)
        return self.cycler.time_s - last_cell_s >= POLL_S and wall_s - last_wall_s >= shortest_s

    @property
    def _is_lit(self) -> bool:
        return self._board.get(self._slot("spot_dose_rate_gy_s"), 0.0) > 0.0

    def irradiate(self, duration_s: float) -> None:
        """Let the cell have been in the beam for this time, if it is lit."""
        rate_gy_s = self._board.get(self._slot("spot_dose_rate_gy_s"), 0.0)
        if rate_gy_s > 0.0:
            self.cycler.cell.irradiate(rate_gy_s, duration_s, position_mm=self._spot_mm())

    def _slot(self, name: str) -> str:
        return cell_slot(name, self._channel)

    def _spot_mm(self) -> tuple[float, float]:
        return self._board.get("stage_x_mm", 0.0), self._board.get("stage_y_mm", 0.0)

    def watch(self, wall_s: float) -> None:
        """Take the watchdog's action if no heartbeat has come in time (monotonic clock, s)."""
        if self.cycler.state is not State.RUNNING or not self._watchdog.expired(wall_s):
            return
        action = self._watchdog.action
        logger.warning("no heartbeat for %g s: %s", self._watchdog.timeout_s, action)
        self.cycler.act_unattended(action)
        self._clock.notice()

    def tell_board(self) -> None:
        """Write how the cell is; the time that all cells have reached is written by the pacemaker, last."""
        truth = self.cycler.cell.state
        if self._channel == 1:  # The one around which there may be a heater.
            self.cycler.temperature_degc = self._board.get("heater_degc", self.cycler.temperature_degc)
        worn = self._history.pass_to(truth.lithium_content, self.cycler.time_s)
        told = dict(zip(("cell_cycles", "cell_c_rate"), worn, strict=True)) | {
            "lithium_content": truth.lithium_content,
            "spot_lithium_content": truth.spot_lithium_content,
            "front_charging_share": self._memory.pass_to(truth.spot_lithium_content),
            "cell_voltage_v": truth.voltage_v,
            "cell_current_a": truth.current_a,
            "cell_temperature_degc": self.cycler.temperature_degc,
            "spot_dose_gy": self.cycler.cell.dose_gy(self._spot_mm()),
        }
        self._board.update({self._slot(name): value for name, value in told.items()})

    async def publish(self) -> None:
        """Post what has changed since the last time; the state last: who sees an end has every latch."""
        self._last_post = (self.cycler.time_s, time.monotonic())
        self._file.follow()
        for name, value in (self._measured() | latch_values(self.cycler.triggers) | self._status()).items():
            if self._posted.get(name) != value:
                self._posted[name] = value
                await self._shown[name].write(value, verify_value=False)

    def _measured(self) -> dict[str, Any]:
        cycler, sample, truth = self.cycler, self.cycler.sample, self.cycler.cell.state
        return {
            **sample_values(sample),
            "TIME": sample.protocol_time if cycler.state is not State.STOPPED else 0.0,
            "REC:COUNT": cycler.record.count,
            "EIS:COUNT": cycler.impedance.record.count,
            "FREQ": cycler.frequency_hz,
            "SIM:X": truth.lithium_content,
            "SIM:X_SPOT": truth.spot_lithium_content,
            "SIM:DOSE": self._board.get(self._slot("spot_dose_gy"), 0.0),
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
            **self._file.values(),
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


def _shown_channels() -> dict[str, ChannelData]:
    units = {"CLOCK:UNIX": "s", "TIME": "s", "EWE": "V", "I": "A", "Q": "mA h", "TEMP": "degC"}
    units |= {"FREQ": "Hz", "X": "", "SOC": "", "I:SP": "A", "V:SP": "V", "TRIGOUT:T": "s"}
    units |= {"SIM:X": "", "SIM:X_SPOT": "", "SIM:DOSE": "Gy", "SIM:VALENCE:NI": ""}
    pvs = {name: number(units=unit) for name, unit in units.items()}
    counts = "TECHIND TECHID LOOP NUMTECH DATADONE WAITING"
    counts += " TRIGOUT:COUNT NS CYCLE HALFCYCLE REC:COUNT EIS:COUNT SAFETY:TRIP WATCHDOG:FIRED"
    pvs |= {name: integer() for name in counts.split()} | instrument_channels()
    pvs |= {"STEP:ID": word(), "MESSAGE": text(), "SAFETY:CAUSE": text()}
    pvs |= {"SAVEDATA": choice(NO_YES, NO_YES[0]), "FILEPREFIX": text(), "FILENAME": text()}
    pvs |= {"STATE": choice(STATE_WORDS, "Stopped"), "MODE": choice(MODE_WORDS, MODE_WORDS[0])}
    return pvs | latch_channels(CHANNELS)


def build(settings: ServerSettings, clock: SharedClock) -> Catalogue:
    """Make the process variables of all channels, and the pacemaker that keeps them alive."""
    board, now_s = settings.board(), clock.now()
    mounts = load_mounts(settings.scenarios)
    channels = [PotentiostatIOC(mount, settings, clock, board, now_s) for mount in mounts]
    prefixes = [f"{settings.prefix}{CYCLER}C{mount.channel}:" for mount in mounts]
    pvs = Catalogue(
        {
            f"{prefix}{name}": variable
            for prefix, channel in zip(prefixes, channels, strict=True)
            for name, variable in channel.channels().items()
        },
        {prefix: channel.parameter for prefix, channel in zip(prefixes, channels, strict=True)},
    )
    # Caproto runs the start-up hook of a process variable once the server listens.
    pvs[f"{prefixes[0]}STATE"].server_startup = Pacemaker(clock, board, channels).run  # type: ignore[attr-defined]
    return pvs


def main(arguments: list[str] | None = None) -> None:
    """Serve the cycler of one scenario per channel."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--mode", choices=("elastic", "constant", "real"))
    parser.add_argument("--factor", type=float, default=1.0)
    own, rest = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)
    settings = parse_settings("Cycler with simulated half cells", rest)
    clock = settings.clock()
    if own.mode is not None:
        clock.set_mode(own.mode, own.factor)
    serve(settings, lambda: build(settings, clock))


if __name__ == "__main__":
    main()
