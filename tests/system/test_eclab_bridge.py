"""The bridge to the public EC-Lab driver, on servers: a simulated driver, the bridge, and our devices."""

import os
import signal
import subprocess
import sys
import time
from threading import Event

import pytest
from channels import variables
from hall_settings import hall_settings
from operando.devices.beamline import load_beamline
from operando.devices.cycler_setting import CyclerRefusalError
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantPower,
    Limits,
    Protocol,
    Rest,
    TriggerOut,
    VoltageRamp,
    WaitForTrigger,
    Watchdog,
)
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.clock import SharedClock
from waiting import comes

pytestmark = pytest.mark.system
DRIVER, BRIDGE = "OP:ECLAB_01:C0:", "BL:CELL1:"
SETTINGS = hall_settings(BRIDGE, f'EWE = "{DRIVER}EWE"\ncurrent = "{DRIVER}I"')
CAPACITY_MAH = 2.0
INVALID = 3


@pytest.fixture(scope="module")
def driver_clock(tmp_path_factory, beamline_ports):
    """Driver and bridge as processes; gives the simulated cell's clock and board, and the driver."""
    folder = tmp_path_factory.mktemp("eclab")
    clock = SharedClock(folder / "clock")
    clock.set_mode("elastic", 1000.0)
    driver = ["operando.simulated_beamline.iocs.eclab_driver", "--run-folder", str(folder)]
    bridge = ["operando.bridge.server", "--driver", DRIVER, "--prefix", BRIDGE]
    servers = []
    for arguments, port in ((driver, "potentiostat"), (bridge, "machine")):
        command = [sys.executable, "-m", *arguments, "--port", str(beamline_ports[port])]
        with (folder / "log").open("ab") as log:
            servers.append(
                subprocess.Popen(
                    [*command, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=log, stderr=log
                )
            )
    board = Board(folder / "board")
    yield clock, board, servers[0]
    for server in servers:
        server.stdin.close()
        server.wait(10)
    board.close()
    clock.close()
    sys.stdout.write((folder / "log").read_text())


@pytest.fixture(scope="module")
def connected(driver_clock, tmp_path_factory):
    path = tmp_path_factory.mktemp("settings") / "beamline.toml"
    path.write_text(SETTINGS)
    beamline = load_beamline(path)
    beamline.cell.wait_for_connection(timeout=20)
    yield beamline.cell
    beamline.release()


@pytest.fixture
def cell(connected):
    """The cell stopped, with limits that a C/2 charge keeps."""
    connected.command.set("stop").wait(10)
    connected.cell_capacity.set(CAPACITY_MAH).wait(5)
    connected.limits.set(Limits(4.45, 2.4, 5e-3, 2 * CAPACITY_MAH)).wait(10)
    connected.limits.clear_trip().wait(10)
    connected.watchdog.set(Watchdog(1e6, "continue")).wait(10)
    return connected


def charging(until_v):
    return ConstantCurrent(CAPACITY_MAH / 2e3, until_voltage_v=until_v, id="charge")


def test_a_cell_behind_the_drivers_variables_is_charged_and_its_triggers_latch(cell, driver_clock):
    _, board, _ = driver_clock
    protocol = Protocol((charging(4.1), Rest(300.0, id="rest")))
    cell.initial_lithium_content.set(board.get("lithium_content", 1.0)).wait(5)
    cell.program.set(protocol).wait(20)
    cell.triggers[1].set("every lithium_content 0.05").wait(10)
    cell.triggers[2].set("step start rest").wait(10)
    start_x = cell.lithium_content.get(use_monitor=False)
    cell.kickoff().wait(10)
    cell.command.set("start").wait(20)
    cell.complete().wait(60)
    assert cell.message.get(use_monitor=False) == "the protocol has ended"
    pages = list(cell.collect_pages())
    samples, voltages, contents = (
        [value for page in pages for value in page["data"][f"cell_{key}"]]
        for key in ("sample", "voltage", "lithium_content")
    )
    assert samples == list(range(samples[0], samples[0] + len(samples)))
    # A busy machine polls the accelerated cell seldom: its last voltage may be some minutes before the end.
    assert 4.0 < max(voltages) < 4.101
    latches = cell.triggers[1].read_log()
    # The record is thinned: a latch may lie between its last row of the charge and the end of the charge.
    assert 0 <= len(latches) - int((start_x - min(contents)) / 0.05) <= 1
    assert len(latches) > 3
    assert [latch.lithium_content for latch in latches] == pytest.approx(
        [start_x - 0.05 * latch.count for latch in latches], abs=1e-6
    )
    assert [latch.count for latch in cell.triggers[2].read_log()] == [1]
    assert cell.voltage.pvname == f"{DRIVER}EWE"


def test_a_breach_of_a_limit_opens_the_circuit_at_the_driver_and_latches(cell):
    cell.program.set(Protocol((ConstantCurrent(-CAPACITY_MAH / 2e3, until_voltage_v=2.6),))).wait(20)
    cell.command.set("start").wait(20)
    cell.limits.voltage_min.set(3.6).wait(5)
    cell.complete().wait(60)
    assert cell.limits.trip.get(use_monitor=False) == 1
    assert "VMIN" in cell.limits.cause.get(use_monitor=False)
    with variables(f"{DRIVER}STATE") as (state,):
        assert (state.get(), cell.current.get(use_monitor=False)) == (0, 0.0)
    cell.limits.voltage_min.set(2.4).wait(5)


def test_a_cell_that_somebody_stops_at_the_instrument_is_not_started_again(cell):
    steps = (ConstantCurrent(CAPACITY_MAH / 2e3, until_voltage_v=4.4, id="charge"), Rest(1e5))
    cell.program.set(Protocol(steps)).wait(20)
    cell.command.set("start").wait(20)
    assert comes(lambda: cell.record.samples() > 0 and cell.capacity.get() > 0.02, 20)
    with variables(f"{DRIVER}STOP", f"{DRIVER}STATE") as (stop, state):
        stop.put(1, wait=True)
        cell.complete().wait(20)
        assert "ended step 'charge' before its end" in cell.message.get(use_monitor=False)
        assert state.get() == 0


def test_a_missing_heartbeat_takes_the_action_that_was_chosen(cell):
    cell.program.set(Protocol((Rest(1e6),))).wait(20)
    cell.command.set("start").wait(20)
    cell.watchdog.set(Watchdog(0.5, "stop")).wait(10)
    cell.complete().wait(20)
    assert "watchdog" in cell.message.get(use_monitor=False)


def test_a_hold_keeps_the_voltage_and_the_step_goes_on_after_it(cell):
    cell.program.set(Protocol((charging(4.4),))).wait(20)
    cell.command.set("start").wait(20)
    cell.command.set("hold_voltage").wait(20)
    assert comes(lambda: cell.mode.get() == "constant voltage", 10)
    held_v = cell.voltage.get(use_monitor=False)
    cell.command.set("resume").wait(20)
    assert comes(lambda: cell.voltage.get(use_monitor=False) > held_v, 20)
    assert cell.state.get() == "Running"


def test_a_sweep_takes_the_cell_to_its_end_and_the_next_step_follows(cell):
    first_v = cell.voltage.get(use_monitor=False)
    last_v = first_v + (0.1 if first_v < 3.9 else -0.1)
    cell.program.set(Protocol((VoltageRamp(last_v, 1e-4, id="sweep"), Rest(60.0)))).wait(20)
    cell.kickoff().wait(10)
    cell.command.set("start").wait(20)
    assert comes(lambda: cell.mode.get() == "voltage scan", 10)
    cell.complete().wait(40)
    assert cell.message.get(use_monitor=False) == "the protocol has ended"
    seen = [value for page in cell.collect_pages() for value in page["data"]["cell_voltage"]]
    assert abs(min(seen, key=lambda value: abs(value - last_v)) - last_v) < 0.02


def test_the_circuit_is_opened_by_hand_and_stays_so_until_the_trip_is_cleared(cell):
    cell.program.set(Protocol((charging(4.4),))).wait(20)
    cell.command.set("start").wait(20)
    cell.command.set("open").wait(20)
    with variables(f"{DRIVER}STATE") as (state,):
        assert state.get() == 0
    assert "opened by hand" in cell.limits.cause.get(use_monitor=False)
    with pytest.raises(CyclerRefusalError, match="tripped"):
        cell.command.set("hold_voltage").wait(20)


def test_a_circuit_that_is_opened_while_a_start_waits_for_the_driver_never_closes(cell, driver_clock):
    _, _, driver = driver_clock
    cell.program.set(Protocol((charging(4.4),))).wait(20)
    with variables(f"{BRIDGE}SAFETY:OPEN", f"{DRIVER}STATE") as (opens, state):
        os.kill(driver.pid, signal.SIGSTOP)
        try:
            start = cell.command.set("start")
            assert not comes(lambda: start.done, 1.0)
            opens.put(1)
        finally:
            Event().wait(0.5)
            os.kill(driver.pid, signal.SIGCONT)
        assert not comes(lambda: state.get() == 1, 2.0)
        assert comes(lambda: cell.limits.trip.get(use_monitor=False) == 1, 10)
        with pytest.raises(CyclerRefusalError, match=r"given up|tripped"):
            start.wait(20)
        assert state.get() == 0


def test_the_driver_gives_several_samples_a_second_while_a_technique_runs(cell, driver_clock):
    clock, _, _ = driver_clock
    cell.program.set(Protocol((charging(4.4),))).wait(20)
    clock.set_mode("elastic", 1.0)
    try:
        cell.command.set("start").wait(20)
        first, begin_s = cell.record.samples(), time.monotonic()
        assert comes(lambda: cell.record.samples() - first >= 12, 10)
        # Were it read once a second only, these would take 12 s.
        assert time.monotonic() - begin_s < 8.0
    finally:
        cell.command.set("stop").wait(20)
        clock.set_mode("elastic", 1000.0)


def test_a_driver_that_hangs_is_an_alarm_and_its_circuit_is_opened_when_it_is_back(cell, driver_clock):
    _, _, driver = driver_clock
    names = (f"{BRIDGE}SAMPLES:TIMEOUT", f"{BRIDGE}SAMPLES:LOST", f"{DRIVER}STATE")
    with variables(*names) as (timeout, lost, state):
        cell.program.set(Protocol((ConstantCurrent(-CAPACITY_MAH / 2e4, until_voltage_v=2.6),))).wait(20)
        cell.command.set("start").wait(20)
        assert comes(lambda: state.get() == 1, 20)
        timeout.put(2.0, wait=True)
        os.kill(driver.pid, signal.SIGSTOP)
        try:
            cell.complete().wait(40)
            assert comes(lambda: (lost.get(), lost.severity) == (1, INVALID), 20)
            assert cell.limits.trip.get(use_monitor=False) == 1
            assert "SAMPLES: the driver" in cell.limits.cause.get(use_monitor=False)
        finally:
            os.kill(driver.pid, signal.SIGCONT)
            timeout.put(10.0, wait=True)
        assert comes(lambda: state.get() == 0, 60)
        assert comes(lambda: (lost.get(), lost.severity) == (0, 0), 30)


def test_a_technique_that_the_driver_lacks_is_refused_by_name_before_anything_starts(cell):
    with pytest.raises(CyclerRefusalError, match=r"CPOWER.*no technique of constant power"):
        cell.program.set(Protocol((ConstantPower(1e-3, until_time_s=60.0),))).wait(30)


def test_a_cell_behind_the_bridge_waits_for_the_beamline_and_tells_it_when_it_has_gone_on(cell):
    given = cell.trigger_out.count.get(use_monitor=False)
    cell.program.set(Protocol((WaitForTrigger(1e5, id="wait"), TriggerOut(id="shoot"), Rest(60.0)))).wait(20)
    cell.command.set("start").wait(20)
    assert comes(lambda: cell.waiting.get(use_monitor=False) == 1, 20)
    cell.command.set("trigger").wait(20)
    cell.trigger_out.set(given, timeout_s=20).wait(20)
    cell.complete().wait(40)
    assert cell.message.get(use_monitor=False) == "the protocol has ended"
