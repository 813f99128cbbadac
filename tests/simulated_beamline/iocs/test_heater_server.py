"""The heater's server in process: ramp, limit that stays tripped, and what it tells the others."""

import asyncio
import math

import pytest
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import heater
from operando.simulated_beamline.iocs.server import ServerSettings
from page_client import PageClient


class Client(PageClient):
    prefix = "T:TEMP:"

    def __init__(self, folder):
        self.clock = SharedClock(folder / "clock", start_s=1.7e9)
        self.board = Board(folder / "board")
        settings = ServerSettings(0, "T:", folder, ("nmc811-electrode",), 1, False, None)
        self.channels = heater.build(settings)
        self.tick = self.channels["T:TEMP:RBV"].server_startup.__self__.tick

    async def ramp(self, setpoint_degc, seconds):
        for name, value in {"SP": setpoint_degc, "RAMP": 30.0, "ENABLE": "Enable"}.items():
            await self.put(name, value)
        self.clock.grant(self.clock.now() + seconds)
        await self.tick()


@pytest.fixture
def client(tmp_path):
    one = Client(tmp_path)
    yield one
    one.clock.close()
    one.board.close()


def test_the_cell_follows_the_ramp_and_the_others_are_told(client):
    asyncio.run(client.ramp(100.0, 120.0))
    assert client.get("RBV") == pytest.approx(25.0 + 0.5 * (120.0 - 20.0), abs=0.5)
    assert client.get("RAMPING") == 1
    assert client.board["heater_degc"] == pytest.approx(client.get("RBV"), abs=0.01)
    assert math.isnan(client.board["runaway_began_s"])


def test_the_rate_is_that_of_the_ramp_on_the_clock_of_the_samples(client):
    async def main():
        await client.ramp(100.0, 120.0)
        for _ in range(30):
            client.clock.grant(client.clock.now() + 0.05)
            await client.tick()

    asyncio.run(main())
    assert client.get("RATE") == pytest.approx(0.5, abs=0.02)
    assert client.board["heater_rate_k_s"] == pytest.approx(0.5, abs=0.02)


def test_a_limit_trips_and_stays_tripped_until_somebody_resets_it(client):
    async def main():
        await client.ramp(100.0, 120.0)
        await client.put("SAFETY:TMAX", 60.0)
        client.clock.grant(client.clock.now() + 2.0)
        await client.tick()
        assert (client.get("SAFETY:TRIP"), client.get("ENABLE_RBV")) == (1, "Disable")
        with pytest.raises(ValueError, match="put 1 to SAFETY:RESET"):
            await client.put("ENABLE", "Enable")
        client.clock.grant(client.clock.now() + 120.0)
        await client.tick()
        assert client.get("SAFETY:TRIP") == 1
        await client.put("SAFETY:RESET", 1)
        assert client.get("SAFETY:TRIP") == 0

    asyncio.run(main())
    assert client.get("RBV") < 60.0


def test_past_the_threshold_the_cell_runs_away(client):
    asyncio.run(client.ramp(200.0, 400.0))
    assert client.get("SIM:RUNAWAY") == 1
    assert client.board["runaway_began_s"] < client.clock.now()
    assert client.get("RBV") > 300.0
    assert client.get("SAFETY:TRIP") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("SAFETY:DELAY", float("nan")), ("SAFETY:DELAY", 1e6), ("SAFETY:TMAX", float("nan")), ("RAMP", 0.0)],
)
def test_what_would_leave_the_cell_without_a_limit_is_refused(client, name, value):
    # A delay that is not a number is never over: the heater would not have tripped.
    with pytest.raises(ValueError, match="outside"):
        asyncio.run(client.put(name, value))
