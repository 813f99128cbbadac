import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bluesky import RunEngine
from channels import variables
from operando.callbacks.tiled.journal import Journal
from operando.devices.cycler_setting import CyclerRefusalError
from operando.devices.latch import page_latches
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import (
    ConstantCurrent,
    Limits,
    Protocol,
    Recording,
    Rest,
    Watchdog,
    current_from_c_rate,
)
from operando.experiment.manual_trigger import ManualTriggerError, fire_trigger
from operando.experiment.settings import DataRoot
from operando.plans.start import StartRefusedError, check_cell

pytestmark = pytest.mark.system
CHANNEL = "ECLAB_01:C1:"
DYING_CLIENT = """
import os, signal
from operando.devices.potentiostat import Potentiostat
cell = Potentiostat("{prefix}", name="cell")
cell.wait_for_connection(timeout=20)
cell.command.set("start").wait(10)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def connected(simulated_beamline):
    simulated_beamline.clock.set_mode("elastic", 2000.0)
    device = Potentiostat(f"{simulated_beamline.prefix}{CHANNEL}", name="cell")
    device.wait_for_connection(timeout=20)
    yield device
    device.destroy()


@pytest.fixture
def cell(connected):
    """The cycler stopped, without trip, watchdog or rules, with limits that a C/2 charge keeps."""
    capacity_mah = connected.cell_capacity.get()
    connected.command.set("stop").wait(10)
    connected.limits.set(Limits(4.45, 2.4, 5e-3, 2 * capacity_mah)).wait(10)
    connected.limits.clear_trip().wait(10)
    connected.watchdog.set(Watchdog(1e6, "continue")).wait(10)
    for channel in (1, 2):
        connected.triggers[channel].set("").wait(10)
    return connected


@pytest.fixture
def unhurried(simulated_beamline):
    """The clock goes so slowly that a charge does not end before a busy machine has acted on it."""
    simulated_beamline.clock.set_mode("elastic", 10.0)
    yield
    simulated_beamline.clock.set_mode("elastic", 2000.0)


@pytest.fixture
def fault(cell, unhurried):
    """Lets something go wrong at the cycler, `fault("LEADS", "reversed")`, and puts it right afterwards."""
    right = {"LEADS": "right", "CONTACT": 1, "MEMORY": 200_000, "COMPLIANCE:I": 0.1, "CLOCK:OFFSET": 0.0}
    with variables(*(f"{cell.prefix}SIM:{name}" for name in right)) as found:
        by_name = dict(zip(right, found, strict=True))

        def happens(name, value):
            assert by_name[name].put(value, wait=True, timeout=20)

        yield happens
        cell.command.set("stop").wait(10)
        for name, value in right.items():
            happens(name, value)


def half_c(cell):
    return current_from_c_rate("C/2", cell.cell_capacity.get())


def stopped(cell, timeout_s=60.0):
    cell.complete().wait(timeout_s)


def test_a_start_without_a_load_is_refused_with_the_reason(cell):
    with pytest.raises(CyclerRefusalError, match="no protocol is loaded"):
        cell.command.set("start").wait(10)


def test_a_charge_latches_every_step_of_lithium_and_its_record_has_no_hole(cell):
    protocol = Protocol((ConstantCurrent(half_c(cell), until_voltage_v=4.3, id="charge"), Rest(120.0)))
    cell.program.set(protocol).wait(10)
    cell.triggers[1].set("every lithium_content 0.05").wait(10)
    cell.kickoff().wait(10)
    start_x = cell.lithium_content.get()
    cell.command.set("start").wait(10)
    samples, voltages, contents = [], [], []
    seen = 0
    while cell.state.get() == "Running":
        cell.news.set({1: seen}).wait(60)
        seen = cell.triggers[1].count.get()
        for page in cell.collect_pages():
            samples += page["data"]["cell_sample"]
            voltages += page["data"]["cell_voltage"]
            contents += page["data"]["cell_lithium_content"]
    assert samples == list(range(samples[0], samples[0] + len(samples)))
    assert 4.299 <= max(voltages) <= 4.301
    latches = cell.triggers[1].read_log()
    assert len(latches) == int((start_x - min(contents)) / 0.05)
    assert [latch.lithium_content for latch in latches] == pytest.approx(
        [start_x - 0.05 * latch.count for latch in latches], abs=1e-6
    )


def test_a_latch_by_hand_is_on_the_page_that_is_asked_for(cell):
    cell.triggers[2].set("manual").wait(10)
    for _ in range(3):
        cell.triggers[2].latch_by_hand().wait(10)
    cell.triggers[2].page.set(2).wait(10)
    page = page_latches(cell.triggers[2].block.get(use_monitor=False))
    assert [(latch.count, latch.late_s) for latch in page] == [(2, 0.0), (3, 0.0)]
    assert page[0].time > 1e9


def test_a_trip_opens_the_circuit_latches_and_needs_both_steps_to_clear(cell):
    cell.program.set(Protocol((ConstantCurrent(-half_c(cell), until_voltage_v=3.0),))).wait(10)
    cell.command.set("start").wait(10)
    cell.limits.voltage_min.set(cell.voltage.get() - 0.02).wait(10)
    stopped(cell)
    assert cell.limits.trip.get(use_monitor=False) == 1
    assert "VMIN" in cell.limits.cause.get(use_monitor=False)
    assert cell.current.get(use_monitor=False) == 0.0
    cell.limits.reset_order.set("confirm").wait(10)
    assert cell.limits.trip.get(use_monitor=False) == 1
    cell.limits.voltage_min.set(4.4).wait(10)
    with pytest.raises(CyclerRefusalError, match="stays"):
        cell.limits.clear_trip().wait(10)


def test_the_watchdog_takes_its_action_when_the_heartbeat_stays_away(cell):
    cell.program.set(Protocol((Rest(1e6),))).wait(10)
    cell.command.set("start").wait(10)
    cell.watchdog.set(Watchdog(0.5, "stop")).wait(10)
    stopped(cell, 10.0)
    assert "watchdog" in cell.message.get(use_monitor=False)


def test_the_cell_goes_on_cycling_when_its_client_is_killed(cell):
    cell.program.set(Protocol((Rest(1e7),))).wait(10)
    script = DYING_CLIENT.format(prefix=cell.prefix)
    result = subprocess.run([sys.executable, "-c", script], env=os.environ, timeout=60, check=False)
    assert result.returncode < 0
    before_s = cell.time.get(use_monitor=False)
    deadline_s = time.monotonic() + 10
    while cell.time.get(use_monitor=False) < before_s + 60 and time.monotonic() < deadline_s:
        pass
    assert cell.time.get(use_monitor=False) > before_s + 60
    assert cell.state.get() == "Running"


@pytest.fixture
def journal_of_cell(cell, tmp_path):
    """Data root of an experiment that the cell runs, with two measurements of which the second is manual."""
    root = DataRoot(tmp_path)
    asked = [{"name": "co_k", "rule": "every time 1e6"}, {"name": "ni_k", "rule": "manual"}]
    start = {
        "uid": "run-by-hand",
        "time": time.time(),
        "purpose": "cycling",
        "experiment": {"uid": "by-hand", "name": "by-hand"},
        "measurements": asked,
    }
    with Journal(root.journal, minimum_free_bytes=0) as journal:
        journal("start", start)
    cell.experiment_uid.set("by-hand").wait(10)
    yield root
    cell.experiment_uid.set("").wait(10)


def test_a_measurement_asked_for_by_hand_is_one_latch_of_its_own_trigger(
    cell, journal_of_cell, simulated_beamline
):
    settings = simulated_beamline.settings
    with pytest.raises(ManualTriggerError, match="the cell is stopped"):
        fire_trigger("ni_k", settings, journal_of_cell)
    cell.program.set(Protocol((Rest(1e6),))).wait(10)
    for number, rule in ((1, "every time 1e6"), (2, "manual")):
        cell.triggers[number].set(rule).wait(10)
    cell.command.set("start").wait(10)
    latch = fire_trigger("ni_k", settings, journal_of_cell)
    assert latch.count == 1
    assert latch.voltage == pytest.approx(cell.voltage.get(), abs=0.01)
    assert [cell.triggers[number].count.get() for number in (1, 2)] == [0, 1]
    with pytest.raises(ManualTriggerError, match="no measurement 'fe_k'; it has co_k, ni_k"):
        fire_trigger("fe_k", settings, journal_of_cell)
    cell.triggers[2].set("").wait(10)
    with pytest.raises(RuntimeError, match="not armed"):
        fire_trigger("ni_k", settings, journal_of_cell)


def charging(cell, **options):
    return Protocol((ConstantCurrent(half_c(cell), until_voltage_v=4.3, id="charge"),), **options)


def start_charging(cell):
    cell.program.set(charging(cell)).wait(10)
    cell.command.set("start").wait(10)


def cause_of_trip(cell):
    stopped(cell)
    assert cell.limits.trip.get(use_monitor=False) == 1
    assert cell.current.get(use_monitor=False) == 0.0
    return cell.limits.cause.get(use_monitor=False)


def test_a_reversed_lead_is_refused_through_device_and_plan_before_anything_moves(cell, fault):
    fault("LEADS", "reversed")
    cell.program.set(charging(cell)).wait(10)
    with pytest.raises(
        CyclerRefusalError, match=r"refuses 'start': .* it is negative, the leads are reversed"
    ):
        cell.command.set("start").wait(10)
    with pytest.raises(StartRefusedError, match="the leads are reversed"):
        RunEngine()(check_cell(cell, charging(cell), Limits(4.45, 2.4, 5e-3, 4.0)))
    assert cell.state.get(use_monitor=False) == "Stopped"


def test_reversed_current_leads_trip_with_the_first_current(cell, fault):
    fault("LEADS", "current reversed")
    start_charging(cell)
    assert "the current leads are reversed" in cause_of_trip(cell)


def test_a_lost_contact_trips_at_the_compliance(cell, fault):
    start_charging(cell)
    fault("CONTACT", 0)
    assert "voltage 5 V above VMAX" in cause_of_trip(cell)


def test_a_current_in_the_wrong_unit_is_refused_with_numbers(cell):
    limits = Limits(4.45, 2.4, 20.0, 4.0)
    protocol = Protocol((ConstantCurrent(1.0, until_voltage_v=4.3, id="charge"),))
    with pytest.raises(StartRefusedError, match=r"step charge asks for 1000 mA, .* C of CELL:CAPACITY"):
        RunEngine()(check_cell(cell, protocol, limits))


@pytest.mark.usefixtures("unhurried")
def test_the_relays_open_by_an_order_and_both_steps_close_them(cell):
    start_charging(cell)
    cell.command.set("open").wait(10)
    assert "opened by hand" in cause_of_trip(cell)
    cell.program.set(charging(cell)).wait(10)
    with pytest.raises(CyclerRefusalError, match="tripped: the relays were opened by hand"):
        cell.command.set("start").wait(10)
    cell.limits.clear_trip().wait(10)
    cell.command.set("start").wait(10)
    assert cell.state.get() == "Running"


def test_what_a_full_memory_has_lost_is_told_by_the_device(cell, fault, simulated_beamline):
    simulated_beamline.clock.set_mode("elastic", 2000.0)
    cell.program.set(Protocol((Rest(900.0),), Recording(dt_s=5.0))).wait(10)
    cell.kickoff().wait(10)
    fault("MEMORY", 50)
    first = cell.record.samples()
    cell.command.set("start").wait(10)
    stopped(cell)
    samples = [number for page in cell.collect_pages() for number in page["data"]["cell_sample"]]
    assert samples == list(range(samples[-1] - 49, samples[-1] + 1))
    assert cell.record.hole.get().startswith(f"samples {first} to {samples[0] - 1} are lost")
    cell.record.hole.set("").wait(1)


def test_the_offset_of_the_cyclers_clock_is_told_within_its_uncertainty(cell, fault):
    before_s = cell.time.get(use_monitor=False)
    fault("CLOCK:OFFSET", -1234.5)
    cell.program.set(charging(cell)).wait(10)
    cell.command.set("start").wait(10)
    offset_s, uncertainty_s = cell.clock.offset.get(use_monitor=False), cell.clock.uncertainty.get()
    assert 0.0 < uncertainty_s < 0.01
    assert abs(offset_s - 1234.5) <= uncertainty_s
    assert cell.time.get(use_monitor=False) < before_s
    assert cell.elapsed.get(use_monitor=False) < 1e6


def test_a_current_beyond_the_compliance_flows_as_far_as_it_can_and_that_is_shown(cell, fault):
    fault("COMPLIANCE:I", 0.2e-3)
    start_charging(cell)
    with variables(f"{cell.prefix}IOVERFLOW") as (overflow,):
        assert overflow.get(use_monitor=False) == 1
    assert cell.current.get(use_monitor=False) == pytest.approx(0.2e-3, rel=1e-3)
    assert "that the instrument can drive" in cell.message.get(use_monitor=False)


def test_values_that_are_updated_hold_at_once_and_the_record_is_saved_to_a_file(cell, unhurried):
    names = ("T:CPLIMIT:0:ISTEP:SP", "UPDATE:SP", "SAVEDATA:SP", "FILEPREFIX:SP", "FILENAME")
    with variables(*(f"{cell.prefix}{name}" for name in names)) as (level, update, save, prefix, name):
        prefix.put("run_", wait=True)
        save.put(1, wait=True)
        cell.program.set(charging(cell)).wait(10)
        cell.command.set("start").wait(10)
        level.put([0.5 * half_c(cell)], wait=True)
        update.put(1, wait=True)
        assert cell.current.get(use_monitor=False) == pytest.approx(0.5 * half_c(cell), rel=1e-2)
        cell.command.set("stop").wait(10)
        save.put(0, wait=True)
        saved = Path(name.get(as_string=True, use_monitor=False))
    assert saved.name.startswith("run_")
    first, *rows = saved.read_text().splitlines()
    assert first.startswith("sample,time,voltage,current")
    assert len(rows) >= 2
