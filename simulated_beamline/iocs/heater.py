"""Server of the heater around the cell: a ramp to a setpoint, and limits that trip and stay tripped."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Mapping

from caproto import ChannelData

from ..board import Board
from ..clock import SharedClock
from ..imaging_scenario import build_heater
from ..imaging_section import HeaterSection
from ..physics.heater import Heater, HeaterState, heated, own_heat_degc
from ..scenario import load_scenario
from .channel import integer, number, text
from .detector_page import OFF_ON, DetectorPage, index_of
from .server import ServerSettings, parse_settings, serve

logger = logging.getLogger(__name__)
TICK_S = 0.02
RATE_S = 0.1
"""Time over which the rate of the temperature is taken, s."""
LOOKS = 4
"""Looks at the clock from one tick to the next."""
LONGEST_STEP_S = 1.0
"""Of the integration while the temperature may pass a limit, s of simulated time."""
RAMP_K_MIN = (0.01, 6000.0)
SETTLED_K = 0.2
HIGHEST_DEGC, LONGEST_DELAY_S = 1000.0, 60.0
"""What the limit and its delay may be set to at most."""
LEAP_S = 1.0
"""How far time goes at once, s, while nothing but the heater is at work."""


class HeaterDriver:
    """Controller of one heater, with the cell in it.

    Parameters
    ----------
    heater
        What they are like.
    high_degc
        Limit at the start.
    clock, board
        Of the simulated beamline.
    """

    def __init__(self, heater: Heater, high_degc: float, clock: SharedClock, board: Board) -> None:
        self._heater, self._clock, self._board = heater, clock, board
        ambient = heater.ambient_degc
        self._state = HeaterState(clock.now(), ambient, ambient)
        self._over_since_s = math.inf
        self._past: deque[tuple[float, float]] = deque([(self._state.time_s, ambient)])
        self.page = self._make_page(ambient, high_degc)
        self.page.channels["RBV"].server_startup = self.run  # type: ignore[attr-defined]
        self._tell_board(ambient)

    async def run(self, async_lib: object = None) -> None:
        """Live as long as the server."""
        del async_lib
        while True:
            self.hasten()
            await self.tick()
            # Cameras, once one is at work, wait for the board.
            looks = 1 if self._clock.only_cell_at_work() else LOOKS
            for _ in range(looks):
                await asyncio.sleep(TICK_S / looks)
                await self._advance()

    async def tick(self) -> None:
        """Go from the last look at the clock to now, and tell it."""
        await self._publish(await self._advance())

    async def _advance(self) -> float:
        """Go to now on the board alone; gives the temperature of the cell, degC."""
        now_s = self._clock.now()
        cell_degc = self._temperature(self._state)
        while self._state.time_s < now_s:
            step_s = min(now_s - self._state.time_s, LONGEST_STEP_S)
            setpoint, ramp = self._aim()
            self._state = heated(
                self._heater, self._state, self._state.time_s + step_s, setpoint_degc=setpoint, ramp_k_s=ramp
            )
            cell_degc = self._temperature(self._state)
            await self._guard(cell_degc)
        self._remember(cell_degc)
        self._tell_board(cell_degc)
        return cell_degc

    def _aim(self) -> tuple[float, float]:
        if self.page["ENABLE"] != "Enable":
            # Without power the cell cools down as it can.
            return self._heater.ambient_degc, 1e6
        return self.page["SP"], self.page["RAMP"] / 60.0

    def _temperature(self, state: HeaterState) -> float:
        return state.cell_degc + own_heat_degc(self._heater, state.runaway_began_s, state.time_s)

    async def _guard(self, cell_degc: float) -> None:
        page, now_s = self.page, self._state.time_s
        if cell_degc <= page["SAFETY:TMAX"]:
            self._over_since_s = math.inf
            return
        self._over_since_s = min(self._over_since_s, now_s)
        if now_s - self._over_since_s >= page["SAFETY:DELAY"] and not page["SAFETY:TRIP"]:
            cause = f"{cell_degc:.1f} degC is above SAFETY:TMAX {page['SAFETY:TMAX']:g} degC"
            logger.warning("heater off: %s", cause)
            await page.show("SAFETY:CAUSE", cause)
            await page.show("SAFETY:TRIP", 1)
            await page.show("ENABLE", "Disable")

    def _remember(self, cell_degc: float) -> None:
        past, now_s = self._past, self._state.time_s
        if now_s > past[-1][0]:
            past.append((now_s, cell_degc))
        while len(past) > 2 and past[1][0] <= now_s - RATE_S:
            past.popleft()

    @property
    def _rate_k_s(self) -> float:
        """Change of the temperature over the last `RATE_S`, K/s, on the clock of its own samples."""
        (then_s, then_degc), (now_s, now_degc) = self._past[0], self._past[-1]
        return (now_degc - then_degc) / (now_s - then_s) if now_s > then_s else 0.0

    def _tell_board(self, cell_degc: float) -> None:
        self._board.update({"heater_degc": cell_degc, "runaway_began_s": self._state.runaway_began_s})
        self._board["heater_rate_k_s"] = self._rate_k_s
        # The time last: who has seen it knows temperature and runaway until then.
        self._board["heater_time"] = self._state.time_s

    async def _publish(self, cell_degc: float) -> None:
        setpoint, _ = self._aim()
        ramping = abs(self._state.target_degc - setpoint) > 1e-6
        shown = {
            "RBV": round(cell_degc, 3),
            "RATE": round(self._rate_k_s, 4),
            "TARGET": round(self._state.target_degc, 3),
            "RAMPING": int(ramping),
            "SIM:RUNAWAY": int(not math.isnan(self._state.runaway_began_s)),
        }
        for name, value in shown.items():
            await self.page.show(name, value)

    def hasten(self) -> None:
        """Let a ramp take less than its time while it is all that happens (elastic time)."""
        on_its_way = self.page["ENABLE"] == "Enable" and not self._settled
        if on_its_way and self._clock.only_cell_at_work():
            self._clock.grant(self._clock.now() + LEAP_S)

    @property
    def _settled(self) -> bool:
        return abs(self._state.cell_degc - self.page["SP"]) < SETTLED_K

    async def _enable(self, word: str) -> None:
        if index_of(OFF_ON, word) and self.page["SAFETY:TRIP"]:
            raise ValueError(f"heater: {self.page['SAFETY:CAUSE']}; put 1 to SAFETY:RESET once it is safe")
        self._state = HeaterState(
            self._clock.now(), self._state.cell_degc, self._state.cell_degc, self._state.runaway_began_s
        )

    async def _check_setpoint(self, value: float) -> None:
        high = self.page["SAFETY:TMAX"]
        if not -100.0 <= value <= high:
            raise ValueError(f"SP {value} degC is outside -100..{high:g} degC (SAFETY:TMAX)")

    async def _reset(self, value: int) -> None:
        if value and self._temperature(self._state) <= self.page["SAFETY:TMAX"]:
            await self.page.show("SAFETY:TRIP", 0)
            await self.page.show("SAFETY:CAUSE", "")

    async def _mend(self, value: int) -> None:
        if value:
            ambient = self._heater.ambient_degc
            self._state = HeaterState(self._clock.now(), ambient, ambient)

    def _make_page(self, ambient_degc: float, high_degc: float) -> DetectorPage:
        page = DetectorPage()
        page.add("RBV", number(ambient_degc, units="degC", precision=2))
        page.add("RATE", number(0.0, units="K/s", precision=3))
        page.add("TARGET", number(ambient_degc, units="degC", precision=2))
        page.add("RAMPING", integer(0))
        page.add_number("SP", ambient_degc, "degC", self._check_setpoint)
        page.add_number("RAMP", 10.0, "K/min", _check_ramp)
        page.add_choice("ENABLE", OFF_ON, "Disable", self._enable)
        page.add_number("SAFETY:TMAX", high_degc, "degC", _check_high)
        page.add_number("SAFETY:DELAY", 0.1, "s", _check_delay)
        page.add("SAFETY:TRIP", integer(0))
        page.add("SAFETY:CAUSE", text(""))
        page.add("SAFETY:RESET", integer(0, self._reset))
        page.add("SIM:RUNAWAY", integer(0))
        page.add("SIM:NEW_CELL", integer(0, self._mend))
        return page


async def _check_ramp(value: float) -> None:
    low, high = RAMP_K_MIN
    if not low <= value <= high:
        raise ValueError(f"RAMP {value} K/min is outside {low:g}..{high:g} K/min")


async def _check_high(value: float) -> None:
    if not -100.0 <= value <= HIGHEST_DEGC:
        raise ValueError(f"SAFETY:TMAX {value} degC is outside -100..{HIGHEST_DEGC:g} degC")


async def _check_delay(value: float) -> None:
    # One that is not a number would never be over.
    if not 0.0 <= value <= LONGEST_DELAY_S:
        raise ValueError(f"SAFETY:DELAY {value} s is outside 0..{LONGEST_DELAY_S:g} s")


def build(settings: ServerSettings) -> Mapping[str, ChannelData]:
    """Make the process variables of the heater.

    Parameters
    ----------
    settings
        Arguments of the server.

    Returns
    -------
    Mapping
        Name to channel.
    """
    scenario = load_scenario(settings.scenario)
    section = scenario.heater or HeaterSection()
    driver = HeaterDriver(build_heater(scenario), section.high_degc, settings.clock(), settings.board())
    return {f"{settings.prefix}TEMP:{name}": channel for name, channel in driver.page.channels.items()}


def main() -> None:
    """Serve until told to end."""
    settings = parse_settings("Heater of the simulated beamline")
    serve(settings, lambda: build(settings))


if __name__ == "__main__":
    main()
