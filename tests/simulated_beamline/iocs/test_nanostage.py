"""Stages of the nanoprobe in process: where the specimen is, and what the interferometers tell."""

import asyncio

import pytest
from caproto import ChannelType
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.iocs import nanostage
from operando.simulated_beamline.iocs.server import ServerSettings
from operando.simulated_beamline.physics.zone_plate import ZonePlate
from operando.simulated_beamline.scenario import load_scenario

SCENARIO = "nmc811-particle"


class Bench:
    """The server's channels, its clock and the board."""

    def __init__(self, folder):
        self.clock = SharedClock(folder / "clock", start_s=1.7e9)
        self.board = Board(folder / "board")
        self.channels = nanostage.build(ServerSettings(0, "T:", folder, (SCENARIO,), 1, False))

    def move(self, *steps):
        """Move axes one after the other, without the limits that the servers' start would set."""

        async def go():
            for axis, value in steps:
                for field, limit in ((".DLLM", -15.0), (".DHLM", 15.0), (".VELO", 100.0)):
                    await self.channels[f"T:NANO:{axis}{field}"].write(limit, verify_value=False)
                await self.channels[f"T:NANO:{axis}"].write(value)
                seen.append(self.board["nano_x_um"])

        seen = []
        asyncio.run(go())
        return seen

    def put(self, name, value):
        asyncio.run(self.channels[f"T:NANO:{name}"].write(value))

    def measured(self, axis):
        return asyncio.run(self.channels[f"T:NANO:{axis}:INTERF"].read(ChannelType.DOUBLE))[1][0]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.clock.close()
    bench.board.close()


def test_coarse_millimetres_and_fine_micrometres_add_up(bench):
    bench.move(("X", 0.002), ("FX", 3.0))
    assert bench.board["nano_x_um"] == pytest.approx(5.0, abs=0.6)
    assert bench.board["nano_y_um"] == 0.0


def test_a_piezo_stands_elsewhere_when_it_comes_from_the_other_side(bench):
    _, rising_um, _, falling_um = bench.move(("FX", -14.0), ("FX", 0.0), ("FX", 14.0), ("FX", 0.0))
    assert falling_um - rising_um == pytest.approx(0.04 * 30.0, rel=0.05)


def test_a_piezo_does_not_leave_its_range(bench):
    bench.move(("FX", 16.0))
    assert bench.board["nano_x_um"] == 0.0


def test_the_interferometer_tells_hysteresis_and_drift_that_the_motor_does_not_know(bench):
    bench.move(("FY", -14.0), ("FY", 2.0))
    drift_um = load_scenario(SCENARIO).nanoprobe.drift_nm * 1e-3
    assert bench.measured("Y") == pytest.approx(bench.board["nano_y_um"], abs=drift_um + 0.006)
    assert abs(bench.board["nano_y_um"] - 2.0) > 0.05


def test_the_zone_plate_starts_in_focus_and_follows_until_told_otherwise(bench):
    start_ev = load_scenario(SCENARIO).monochromator.start_energy_ev
    assert bench.board["zone_plate_mm"] == pytest.approx(ZonePlate().focal_length_mm(start_ev))
    assert bench.board["zone_plate_follows"] == 1.0
    bench.put("ZP:FOLLOW", 0)
    assert bench.board["zone_plate_follows"] == 0.0


def test_a_scenario_without_a_particle_has_no_nanoprobe(tmp_path):
    with pytest.raises(ValueError, match=r"no section \[particle\]"):
        nanostage.build(ServerSettings(0, "T:", tmp_path, ("nmc811-first-charge",), 1, False))
