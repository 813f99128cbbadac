"""Techniques from the protocol through process variables to the record of the simulated cycler."""

import numpy as np
import pytest
from operando.devices.cycler_setting import CyclerRefusalError
from operando.devices.potentiostat import Potentiostat
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantPower,
    CutOff,
    Limits,
    Protocol,
    Recording,
    Rest,
    TriggerOut,
    VoltageRamp,
    WaitForTrigger,
    Watchdog,
    current_from_c_rate,
    gitt,
    pitt,
)

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def connected(simulated_beamline):
    simulated_beamline.clock.set_mode("elastic", 2000.0)
    device = Potentiostat(f"{simulated_beamline.prefix}ECLAB_01:C1:", name="cell")
    device.wait_for_connection(timeout=20)
    yield device
    device.destroy()


@pytest.fixture
def cell(connected):
    """The cycler stopped, with limits that these protocols keep."""
    connected.command.set("stop").wait(10)
    connected.limits.set(Limits(4.45, 2.4, 2e-2, 2 * connected.cell_capacity.get())).wait(10)
    connected.limits.clear_trip().wait(10)
    connected.watchdog.set(Watchdog(1e6, "continue")).wait(10)
    return connected


def record_of(cell, *steps):
    """What the cycler recorded of a protocol, by key; without the open circuit after its end."""
    cell.program.set(Protocol(steps, Recording(dt_s=30.0))).wait(60)
    cell.kickoff().wait(10)
    cell.command.set("start").wait(10)
    cell.complete().wait(90)
    pages = [page["data"] for page in cell.collect_pages()]
    joined = {key: np.concatenate([page[key] for page in pages]) for key in pages[0]}
    begun = np.flatnonzero(np.diff(joined["cell_capacity"]))
    assert begun.size
    return {key: values[:-1] for key, values in joined.items()}


def test_power_sweep_and_joined_ends_are_recorded_as_they_were_asked_for(cell):
    current_a = current_from_c_rate("C/2", cell.cell_capacity.get())
    low = CutOff("lithium_content", "below", cell.lithium_content.get() - 0.05)
    record = record_of(
        cell,
        ConstantPower(4 * current_a, until_voltage_v=4.3, until=low | CutOff("time", "above", 3600.0)),
        VoltageRamp(3.7, 1e-3),
    )
    power = record["cell_step"] == 0
    watts = record["cell_voltage"][power] * record["cell_current"][power]
    assert watts[2:-1] == pytest.approx(4 * current_a, rel=2e-3)
    assert record["cell_lithium_content"][power][-1] == pytest.approx(low.level, abs=2e-4)
    assert record["cell_voltage"][-1] == pytest.approx(3.7, abs=2e-3)


def test_titrations_run_with_every_stair_and_pulse(cell):
    current_a = current_from_c_rate("C/5", cell.cell_capacity.get())
    stairs = pitt(3.70, 3.76, 0.004, until_time_s=60.0)
    pulses = gitt(current_a, pulse_s=60.0, rest_s=240.0, pulses=4, relaxed_v_s=1e-4)
    record = record_of(cell, *stairs, *pulses)
    assert set(record["cell_step"]) == set(range(len(stairs) + 2))
    held_v = [record["cell_voltage"][record["cell_step"] == n][1] for n in range(len(stairs))]
    assert held_v == pytest.approx([stair.voltage_v for stair in stairs], abs=1e-3)


def test_cell_and_beamline_wait_for_each_other(cell):
    steps = (Rest(60.0), TriggerOut(), WaitForTrigger(1e6), Rest(30.0))
    cell.program.set(Protocol(steps)).wait(30)
    seen = int(cell.trigger_out.count.get())
    with pytest.raises(CyclerRefusalError, match="no step waits for a trigger"):
        cell.command.set("trigger").wait(10)
    cell.command.set("start").wait(10)
    cell.trigger_out.set(seen, timeout_s=30).wait(31)
    assert cell.waiting.get() == 1
    cell.command.set("trigger").wait(10)
    cell.complete().wait(30)
    assert cell.message.get() == "the protocol has ended"


def test_an_end_that_a_program_had_is_gone_with_the_next(cell):
    current_a = current_from_c_rate("C/2", cell.cell_capacity.get())
    short = ConstantCurrent(-current_a, until_time_s=120.0, until=CutOff("time", "above", 30.0))
    long = ConstantCurrent(-current_a, until_time_s=120.0)
    for step, lasts_s in ((short, 30.0), (long, 120.0)):
        charge_mah = record_of(cell, step)["cell_capacity"][-1]
        assert charge_mah == pytest.approx(-current_a * lasts_s / 3.6, rel=1e-3)
