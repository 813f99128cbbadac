"""Beam on the cell is dose in its spot, and dose slows the spot."""

from importlib.resources import files
from pathlib import Path

import pytest
from bluesky import RunEngine
from channels import connected
from operando.devices.protocol import ConstantCurrent, Limits, Protocol
from operando.plans.waiting import set_all
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import Launcher
from waiting import until

pytestmark = pytest.mark.system
DELICATE_MGY = 0.002
EXPOSURE_S = 60.0


@pytest.fixture(scope="module")
def delicate(tmp_path_factory, beamline_ports):
    """Servers of a cell whose rate falls by e with each 2 kGy; gives their board and clock."""
    folder = tmp_path_factory.mktemp("delicate")
    scenario = files("operando.simulated_beamline.scenarios") / "nmc811-first-charge.toml"
    text = scenario.read_text(encoding="utf-8")
    assert "dose_mgy = 1000.0" in text
    path = folder / "delicate.toml"
    path.write_text(text.replace("dose_mgy = 1000.0", f"dose_mgy = {DELICATE_MGY}"), encoding="utf-8")
    launcher = Launcher(folder / "run", scenario=str(path), ports=beamline_ports)
    launcher.start("elastic", 500.0)
    board, clock = Board(launcher.run_folder / "board"), SharedClock(launcher.run_folder / "clock")
    yield board, clock
    board.close()
    clock.close()
    launcher.stop()


@pytest.fixture(scope="module")
def beamline(delicate):
    with connected(Path(str(files("operando.simulated_beamline") / "beamline.toml"))) as devices:
        yield devices


def expose(beamline, duration_s):
    """Open the shutter, count once, close it."""
    engine = RunEngine({})
    chambers, shutter = beamline.ion_chambers, beamline.photon_shutter
    engine(set_all({beamline.front_end_shutter: "open", chambers.averaging_time: duration_s}))
    engine(set_all({shutter: "open"}))
    chambers.trigger().wait(10)
    engine(set_all({shutter: "closed"}))


def charge(beamline, duration_s):
    """Charge at C/2 for a time of the cell (s)."""
    cell = beamline.cell
    cell.limits.set(Limits(4.5, 2.0, 10e-3, 20.0)).wait(10)
    current_a = 0.5e-3 * 2.011
    cell.program.set(Protocol((ConstantCurrent(current_a, until_time_s=duration_s),))).wait(10)
    cell.command.set("start").wait(10)
    cell.complete().wait(60)


def lag(board):
    """Lithium that the spot has more than the whole electrode."""
    return board["spot_lithium_content"] - board["lithium_content"]


def test_dose_is_counted_while_the_beam_hits_the_cell_and_slows_its_spot(delicate, beamline):
    board, clock = delicate
    charge(beamline, 360.0)
    lag_before = lag(board)
    assert board["spot_dose_gy"] == 0.0

    expose(beamline, EXPOSURE_S)
    until(lambda: board["cell_time"] >= clock.now() - 1.0 and board["spot_dose_rate_gy_s"] == 0.0)
    dose_gy = board["spot_dose_gy"]
    assert 100.0 * EXPOSURE_S < dose_gy < 1000.0 * EXPOSURE_S

    charge(beamline, 720.0)
    assert board["spot_dose_gy"] == dose_gy
    assert lag(board) > lag_before + 0.02


def test_a_reference_in_the_beam_costs_the_cell_nothing(delicate, beamline):
    board, _ = delicate
    dose_gy = board["spot_dose_gy"]
    beamline.stage.x.set(20.0).wait(20)
    try:
        expose(beamline, EXPOSURE_S)
    finally:
        beamline.stage.x.set(0.0).wait(20)
    until(lambda: board["spot_dose_gy"] > 0.0)
    assert board["spot_dose_gy"] == pytest.approx(dose_gy, abs=1.0)
