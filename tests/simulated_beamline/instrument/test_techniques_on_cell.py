"""What is loaded in EC-Lab's words and carried out on a cell obeys, as recorded, the protocol's limits."""

import numpy as np
import pytest
from operando.devices.eclab import load_list, techniques
from operando.devices.protocol import (
    ConstantCurrent,
    ConstantPower,
    ConstantVoltage,
    CutOff,
    Protocol,
    Recording,
    Rest,
    TriggerOut,
    VoltageRamp,
    WaitForTrigger,
    cyclic_voltammetry,
    gitt,
    pitt,
)
from operando.simulated_beamline.instrument.cycler import Cycler, RefusedError, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.technique import compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

CELL = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
ONE_C_A = CELL.theoretical_capacity_mah / 1000
TIME, VOLTAGE, CURRENT, CAPACITY, CONTENT, STEP = 1, 2, 3, 4, 5, 8


def loaded(*steps, content=0.6, dt_s=5.0):
    """Cycler that has begun a protocol as the device words it."""
    protocol = Protocol(steps, Recording(dt_s=dt_s, de_v=0.002))
    program = techniques(protocol)
    values = {f"{one.name}:{one.index}:{key}": value for one in program for key, value in one.parameters}
    meter = Meter(0.0, 0.0, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1))
    coulometry = Coulometry(CELL.theoretical_capacity_mah, content)
    cell = HalfCell(CELL, lithium_content=content)
    cycler = Cycler(cell, meter, coulometry, temperature_degc=25.0, time_s=1.7e9)
    cycler.safety.vmax, cycler.safety.vmin, cycler.safety.imax = 4.5, 2.5, 1.0
    cycler.safety.qmax, cycler.safety.tmax = 5.0, 60.0
    cycler.load(compile_program(load_list(program), values))
    cycler.start()
    return cycler


def lived(cycler, until_s=1e5):
    """Record of a cycler left alone until its protocol ended, without the open circuit after it."""
    end_s = cycler.time_s + until_s
    while cycler.time_s < end_s - 1e-3 and cycler.state is State.RUNNING:
        cycler.advance(end_s, 1000)
    assert cycler.state is State.STOPPED
    return cycler.record.block(0, 100_000)[:-1]


def rows_of(record, step):
    return record[record[:, STEP] == step]


def test_a_power_is_kept_at_every_sample_until_the_voltage_ends_it():
    power_w = 2 * ONE_C_A
    record = lived(loaded(ConstantPower(power_w, until_voltage_v=4.1), dt_s=30.0))[1:]
    assert record[:, VOLTAGE] * record[:, CURRENT] == pytest.approx(power_w, rel=1e-4)
    assert 4.1 <= record[-1, VOLTAGE] <= 4.1003


def test_a_discharge_at_constant_power_ends_at_its_capacity():
    record = lived(loaded(ConstantPower(-2 * ONE_C_A, until_capacity_mah=0.1)))
    assert record[-1, CAPACITY] == pytest.approx(-0.1, abs=2e-5)


def test_a_sweep_keeps_its_rate_and_ends_at_its_target():
    record = lived(loaded(VoltageRamp(4.1, 1e-3, from_voltage_v=3.9)))[2:]
    asked_v = 3.9 + 1e-3 * (record[:, TIME] - 1.7e9)
    assert record[:, VOLTAGE] == pytest.approx(asked_v, abs=1.1e-3)
    assert record[-1, VOLTAGE] == pytest.approx(4.1, abs=1e-6)
    assert record[-1, TIME] - 1.7e9 == pytest.approx(200.0, abs=1e-3)


def test_a_sweep_ended_early_by_current_stays_within_a_stair():
    until = CutOff("current", "above", ONE_C_A)
    record = lived(loaded(VoltageRamp(4.4, 1e-3, until=until)))
    assert ONE_C_A <= record[-1, CURRENT] < 1.05 * ONE_C_A
    assert record[-1, VOLTAGE] < 4.3


def test_a_pause_does_not_move_a_sweep_on():
    cycler = loaded(VoltageRamp(4.1, 1e-3, from_voltage_v=3.9))
    cycler.advance(cycler.time_s + 50.0, 10_000)
    cycler.hold("rest")
    cycler.advance(cycler.time_s + 500.0, 10_000)
    cycler.resume()
    assert cycler.sample.voltage == pytest.approx(3.95, abs=1.1e-3)
    assert lived(cycler)[-1, TIME] - 1.7e9 == pytest.approx(700.0, abs=0.01)


def test_a_voltammogram_turns_at_its_vertices_and_counts_half_cycles():
    record = lived(loaded(*cyclic_voltammetry(3.95, 3.8, 4e-3, cycles=2)))
    assert record[:, VOLTAGE].max() == pytest.approx(3.95, abs=1e-6)
    assert record[-1, VOLTAGE] == pytest.approx(3.8, abs=1e-6)
    assert sorted(set(record[:, 10])) == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("until", "column", "level", "tolerance"),
    [
        (CutOff("lithium_content", "below", 0.58), CONTENT, 0.58, 2e-6),
        (CutOff("time", "above", 123.0), TIME, 1.7e9 + 123.0, 2e-3),
        (CutOff("capacity", "above", 0.02), CAPACITY, 0.02, 2e-5),
        (CutOff("voltage", "above", 3.9), VOLTAGE, 3.9, 3e-4),
    ],
)
def test_a_charge_ends_at_its_cut_off(until, column, level, tolerance):
    record = lived(loaded(ConstantCurrent(ONE_C_A / 2, until=until)))
    assert record[-1, column] == pytest.approx(level, abs=tolerance)


def test_all_of_joined_ends_must_hold_and_one_of_alternatives_is_enough():
    early, late = CutOff("time", "above", 20.0), CutOff("time", "above", 60.0)
    both = lived(loaded(Rest(600.0, until=early & late)))
    assert both[-1, TIME] - 1.7e9 == pytest.approx(60.0, abs=0.01)
    one = lived(loaded(Rest(600.0, until=early | late)))
    assert one[-1, TIME] - 1.7e9 == pytest.approx(20.0, abs=0.01)


def test_a_rest_ends_when_the_voltage_moves_slowly_enough():
    level_v_s = 2e-6
    steps = (
        ConstantCurrent(ONE_C_A, until_time_s=120.0),
        Rest(7200.0, until=CutOff("voltage_rate", "below", level_v_s)),
    )
    record = rows_of(lived(loaded(*steps, dt_s=2.0)), 1)
    slope_v_s = abs(record[-1, VOLTAGE] - record[-6, VOLTAGE]) / (record[-1, TIME] - record[-6, TIME])
    assert 60.0 < record[-1, TIME] - record[0, TIME] < 7000.0
    assert slope_v_s == pytest.approx(level_v_s, rel=0.1)


def test_a_hold_ends_when_its_current_moves_slowly_enough():
    until = CutOff("current_rate", "below", 1e-7)
    record = lived(loaded(ConstantVoltage(3.95, until=until), dt_s=2.0))
    slope = abs(record[-1, CURRENT] - record[-6, CURRENT]) / (record[-1, TIME] - record[-6, TIME])
    assert slope == pytest.approx(1e-7, rel=0.15)


def test_a_galvanostatic_titration_gives_each_pulse_its_charge_and_each_rest_its_time():
    pulses, pulse_s, rest_s = 4, 100.0, 300.0
    record = lived(loaded(*gitt(ONE_C_A / 2, pulse_s=pulse_s, rest_s=rest_s, pulses=pulses)))
    assert record[-1, TIME] - 1.7e9 == pytest.approx(pulses * (pulse_s + rest_s), abs=0.1)
    assert record[-1, CAPACITY] == pytest.approx(pulses * ONE_C_A / 2 * pulse_s / 3.6, rel=1e-4)
    assert np.all(rows_of(record, 1)[1:, CURRENT] == 0.0)


def test_a_potentiostatic_titration_holds_each_stair_until_its_current_has_decayed():
    until_a = ONE_C_A / 10
    stairs = pitt(3.82, 3.88, 0.02, until_current_a=until_a, until_time_s=3600.0)
    record = lived(loaded(*stairs))
    for number, stair in enumerate(stairs):
        rows = rows_of(record, number)[1:]
        assert rows[:, VOLTAGE] == pytest.approx(stair.voltage_v, abs=1e-6)
        assert abs(rows[-1, CURRENT]) <= until_a * 1.0001


def test_a_waiting_cell_goes_on_at_the_trigger():
    cycler = loaded(WaitForTrigger(600.0), Rest(10.0))
    assert not cycler.advance(cycler.time_s + 30.0, 1000)
    cycler.trigger()
    assert cycler.step.step_id == "rest-2"
    assert cycler.message == "running"


def test_a_wait_without_a_trigger_ends_by_its_time_out():
    assert lived(loaded(WaitForTrigger(60.0), Rest(10.0)))[-1, TIME] - 1.7e9 == pytest.approx(70.0, abs=0.1)


def test_a_wait_may_stop_the_protocol_at_its_time_out():
    cycler = loaded(WaitForTrigger(60.0, on_timeout="stop", id="beam"), Rest(10.0))
    assert lived(cycler)[-1, TIME] - 1.7e9 == pytest.approx(60.0, abs=0.1)
    assert cycler.message == "stopped by step beam: no trigger came within 60 s"


def test_a_cell_may_hold_its_voltage_while_it_waits():
    cycler = loaded(ConstantCurrent(ONE_C_A, until_time_s=60.0), WaitForTrigger(60.0, waiting="hold_voltage"))
    record = lived(cycler)
    end_v = rows_of(record, 0)[-1, VOLTAGE]
    assert rows_of(record, 1)[1:, VOLTAGE] == pytest.approx(end_v, abs=1e-6)


def test_a_trigger_that_nobody_waits_for_is_refused():
    with pytest.raises(RefusedError, match="no step waits for a trigger"):
        loaded(Rest(10.0)).trigger()


def test_a_trigger_out_is_counted_and_stamped_and_takes_no_time():
    cycler = loaded(Rest(10.0), TriggerOut(id="shoot"), Rest(10.0))
    cycler.triggers[1].set_rule("step start shoot")
    cycler.arm(1)
    record = lived(cycler)
    assert (cycler.given, cycler.given_s - 1.7e9) == (1, pytest.approx(10.0, abs=1e-3))
    assert cycler.triggers[1].count == 1
    assert record[-1, TIME] - 1.7e9 == pytest.approx(20.0, abs=0.01)


def test_a_fast_sweep_keeps_its_time_while_its_ends_are_watched():
    until = CutOff("current_rate", "above", 1.0) | CutOff("voltage", "above", 4.39)
    record = lived(loaded(VoltageRamp(4.3, 0.1, from_voltage_v=3.9, until=until)))
    assert record[-1, TIME] - 1.7e9 == pytest.approx(4.0, abs=1e-3)
