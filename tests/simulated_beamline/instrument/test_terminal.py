"""What the instrument sees and drives at its terminals."""

import copy
from dataclasses import replace

import pytest
from cycler_bench import CELL, ONE_C_A, VMIN_V, Course, charging, current_step, live, load, made, rows
from operando.simulated_beamline.instrument.cycler import RefusedError, State
from operando.simulated_beamline.instrument.terminal import Compliance, Terminal, Wiring
from operando.simulated_beamline.physics.cell import HalfCell

HALF_C_A = 0.5 * ONE_C_A


@pytest.fixture
def terminal():
    return Terminal(HalfCell(CELL, lithium_content=0.7), Compliance(largest_a=5e-3))


def test_through_leads_that_are_right_the_cell_is_seen_as_it_is(terminal):
    seen = terminal.step(60.0, current_a=HALF_C_A)
    truth = terminal.cell.state
    assert (seen.voltage_v, seen.current_a, seen.charge_c) == (
        truth.voltage_v,
        truth.current_a,
        truth.charge_c,
    )
    assert terminal.shortfall == ""


def test_a_snapshot_stays_as_it_was(terminal):
    before = copy.copy(terminal)
    terminal.step(60.0, current_a=HALF_C_A)
    assert before.state.charge_c == 0.0
    assert terminal.state.charge_c > 0.0


def test_a_current_beyond_the_compliance_is_not_delivered_and_that_is_told(terminal):
    seen = terminal.step(10.0, current_a=8e-3)
    assert seen.current_a == pytest.approx(5e-3)
    assert (terminal.current_limited, terminal.voltage_limited) == (True, False)
    assert terminal.shortfall == "0.008 A needs more than the 0.005 A that the instrument can drive"


def test_a_voltage_that_needs_more_than_the_compliance_gets_the_largest_current(terminal):
    seen = terminal.step(1.0, voltage_v=4.3)
    assert seen.current_a == pytest.approx(5e-3)
    assert seen.voltage_v < 4.3
    assert terminal.current_limited


def test_at_the_compliance_the_voltage_stays_and_the_current_falls(terminal):
    terminal.compliance = replace(terminal.compliance, highest_v=terminal.state.voltage_v + 0.05)
    currents = []
    for _ in range(200):
        seen = terminal.step(10.0, current_a=HALF_C_A)
        currents.append(seen.current_a)
    assert seen.voltage_v == pytest.approx(terminal.compliance.highest_v, abs=1e-6)
    assert terminal.voltage_limited
    assert currents[-1] < 0.8 * HALF_C_A
    assert "cannot be driven, the compliance is reached at" in terminal.shortfall


def test_an_open_lead_takes_no_current_and_shows_the_compliance(terminal):
    terminal.contact = False
    for asked_a, shown_v in ((HALF_C_A, 5.5), (-HALF_C_A, -5.5), (0.0, 0.0)):
        seen = terminal.step(1.0, current_a=asked_a)
        assert (seen.voltage_v, seen.current_a) == (shown_v, 0.0)
    assert terminal.step(1.0, voltage_v=4.2).voltage_v == 4.2
    assert terminal.cell.state.charge_c == pytest.approx(0.0, abs=1e-12)


def test_reversed_leads_show_the_opposite_and_do_the_opposite(terminal):
    terminal.wiring = Wiring.REVERSED
    assert terminal.state.voltage_v == -terminal.cell.state.voltage_v
    seen = terminal.step(60.0, current_a=HALF_C_A)
    assert seen.current_a == pytest.approx(HALF_C_A)
    assert terminal.cell.state.current_a == pytest.approx(-HALF_C_A)
    assert seen.charge_c == pytest.approx(60.0 * HALF_C_A)


def test_the_counter_of_charge_does_not_jump_when_leads_are_plugged(terminal):
    before_c = terminal.step(60.0, current_a=HALF_C_A).charge_c
    terminal.wiring = Wiring.REVERSED
    assert terminal.state.charge_c == pytest.approx(before_c)


def test_a_voltage_loop_with_reversed_current_leads_runs_away_to_the_compliance(terminal):
    terminal.wiring = Wiring.CURRENT_REVERSED
    seen = terminal.step(0.1, voltage_v=terminal.state.voltage_v + 0.01)
    assert terminal.cell.state.current_a == pytest.approx(-5e-3)
    assert seen.voltage_v < 3.8
    assert terminal.current_limited


def test_a_lost_contact_under_current_trips_vmax_after_the_delay_and_the_cell_gets_nothing():
    cycler = charging(delay_s=0.5)
    live(cycler, 100.0)
    charge_c = cycler.cell.state.charge_c
    cycler.set_leads(contact=False)
    lost_s = cycler.time_s
    assert cycler.sample.voltage == 5.5
    Course().live(cycler, 10.0, until_stopped=True)
    assert cycler.time_s - lost_s == pytest.approx(0.5, abs=0.01)
    assert cycler.safety.cause == "voltage 5.5 V above VMAX 4.4 V"
    assert cycler.cell.state.charge_c == pytest.approx(charge_c, abs=1e-12)


def test_a_cut_off_that_an_open_lead_passes_does_not_end_the_step_before_the_limit_trips():
    cycler = made(delay_s=0.5)
    load(cycler, "cplimit,cplimit", current_step(0, HALF_C_A, until_v=4.2), current_step(1, -HALF_C_A))
    cycler.start()
    live(cycler, 50.0)
    cycler.set_leads(contact=False)
    Course().live(cycler, 10.0, until_stopped=True)
    assert "VMAX" in cycler.safety.cause
    assert rows(cycler)[-1, 8] == 0


def test_leads_reversed_while_cycling_trip_after_the_delay():
    cycler = charging()
    live(cycler, 100.0)
    cycler.set_leads(wiring=Wiring.REVERSED)
    course = Course().live(cycler, 10.0, until_stopped=True)
    assert "below VMIN" in cycler.safety.cause
    assert course.time_s[-1] - course.time_s[0] < 0.2
    assert min(course.voltage_v) > VMIN_V


def test_the_current_that_flows_is_recorded_where_the_asked_one_cannot():
    cycler = made()
    cycler.terminal.compliance = replace(cycler.terminal.compliance, largest_a=0.4e-3)
    load(cycler, "cplimit", current_step(0, HALF_C_A))
    cycler.start()
    live(cycler, 100.0)
    assert cycler.sample.current == pytest.approx(0.4e-3)
    assert cycler.told.startswith("running; 0.00100")
    cycler.stop()
    assert cycler.told == "stopped; load again before the next start"


def test_a_voltage_beyond_the_limits_is_not_held():
    cycler = charging(delay_s=5.0)
    cycler.set_leads(contact=False)
    with pytest.raises(RefusedError, match=r"5.5 V, beyond 4.4 V .* not held"):
        cycler.hold("hold_voltage")
    assert cycler.state is State.RUNNING
    cycler.act_unattended("hold_voltage")
    assert cycler.state is State.STOPPED


def test_the_counter_electrode_is_negative_while_lithium_is_plated():
    cycler = charging(1.0)
    live(cycler, 10.0)
    charging_v = cycler.counter_electrode_v
    assert -0.1 < charging_v < -1e-3
    cycler.stop()
    assert cycler.counter_electrode_v == pytest.approx(0.0, abs=1e-9)
    load(cycler, "cplimit", current_step(0, -ONE_C_A))
    cycler.start()
    assert cycler.counter_electrode_v == pytest.approx(-charging_v, rel=0.05)
