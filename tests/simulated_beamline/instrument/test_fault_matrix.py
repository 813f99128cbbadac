"""Each fault of the instrument with each policy: the cell stays inside its limits, its record stays whole."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from cycler_bench import (
    IMAX_A,
    ONE_C_A,
    QMAX_MAH,
    VMAX_V,
    VMIN_V,
    Course,
    current_step,
    load,
    made,
    rows,
)
from operando.simulated_beamline.instrument.cycler import RefusedError, State
from operando.simulated_beamline.instrument.lead import OPEN_CIRCUIT
from operando.simulated_beamline.instrument.safety import ClientWatchdog
from operando.simulated_beamline.instrument.terminal import Wiring

POLICIES = ("continue", "hold_voltage", "hold_current", "rest", "stop")


def memory_full(cycler):
    cycler.record.resize(12)


def range_transient(cycler):
    cycler.meter.range_transient_v, cycler.meter.range_transient_share = 1.0, 0.5


def current_compliance(cycler):
    cycler.terminal.compliance = replace(cycler.terminal.compliance, largest_a=0.3e-3)


def voltage_compliance(cycler):
    cycler.terminal.compliance = replace(cycler.terminal.compliance, highest_v=cycler.sample.voltage + 0.002)


def stopped_and_not_loaded(cycler):
    cycler.stop()
    with pytest.raises(RefusedError, match="loaded again"):
        cycler.start()


def leads_reversed(cycler):
    cycler.set_leads(wiring=Wiring.REVERSED)


def current_leads_reversed(cycler):
    cycler.set_leads(wiring=Wiring.CURRENT_REVERSED)


def contact_lost(cycler):
    cycler.set_leads(contact=False)


def contact_lost_and_found(cycler):
    cycler.set_leads(contact=False)
    cycler.advance(cycler.time_s + 0.05)
    cycler.set_leads(contact=True)


def clock_wrong(cycler):
    cycler.clock.set_drift(cycler.time_s, 500.0)


def client_silent(cycler):
    """The watchdog's action is all that happens."""


def voltage_max(cycler):
    cycler.safety.vmax = cycler.sample.voltage + 0.003


def voltage_min(cycler):
    cycler.safety.vmin = cycler.sample.voltage - 0.003


def current_max(cycler):
    cycler.safety.imax = 0.9 * abs(cycler.sample.current)


def charge_max(cycler):
    cycler.safety.qmax = abs(cycler.sample.capacity) + 0.005


def temperature_max(cycler):
    cycler.temperature_degc = 61.0


def time_max(cycler):
    cycler.safety.timemax = cycler.sample.protocol_time + 20.0


def emergency_open(cycler):
    cycler.open()


# With which policies a fault ends in a trip; with the others the limit is not reached, or the order that
# would reach it is refused, and the cell is at open circuit.
TRIPS = {
    memory_full: (),
    range_transient: (),
    current_compliance: (),
    voltage_compliance: (),
    stopped_and_not_loaded: (),
    leads_reversed: ("continue", "hold_current", "rest"),
    current_leads_reversed: ("hold_voltage",),
    contact_lost: ("continue", "hold_current", "rest"),
    contact_lost_and_found: (),
    clock_wrong: (),
    client_silent: (),
    voltage_max: ("continue", "hold_current"),
    voltage_min: ("continue", "rest"),
    current_max: ("continue", "hold_voltage", "hold_current"),
    charge_max: ("continue", "hold_voltage", "hold_current"),
    temperature_max: ("continue", "hold_voltage", "hold_current", "rest"),
    time_max: ("continue", "hold_voltage", "hold_current", "rest"),
    emergency_open: POLICIES,
}


def cycling():
    """Charge and discharge in turn, at currents of different ranges, with noise."""
    cycler = made(noise_v=5e-5)
    cycler.clock.set_offset(cycler.time_s, 3600.0)
    load(
        cycler,
        "cplimit,cplimit,loop",
        current_step(0, 0.5 * ONE_C_A, 250.0, until_v=4.3),
        current_step(1, -0.2 * ONE_C_A, 150.0, until_v=3.0),
        {"LOOP:0:PROT": 0, "LOOP:0:NLOOP": 9},
    )
    cycler.start()
    return cycler


def let_silence_act(cycler, policy):
    """What the server does when the heartbeat has stayed away: once, while the cell cycles."""
    watchdog = ClientWatchdog(timeout_s=5.0, action=policy)
    watchdog.beat(0.0)
    assert not watchdog.expired(4.0)
    if cycler.state is State.RUNNING and watchdog.expired(6.0):
        cycler.act_unattended(watchdog.action)


def order(cycler, policy):
    """The same as an order of a client; what would need a current after a trip is refused."""
    with suppress(RefusedError):
        if policy == "stop":
            cycler.stop()
        elif policy != "continue":
            cycler.hold(policy)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fault", TRIPS, ids=lambda fault: fault.__name__)
def test_after_a_fault_the_cell_is_inside_its_limits_and_the_record_is_whole(fault, policy):
    cycler, course = cycling(), Course()
    course.live(cycler, 100.0)
    fault(cycler)
    let_silence_act(cycler, policy)
    course.note(cycler)
    course.live(cycler, 400.0)
    order(cycler, policy)
    course.live(cycler, 200.0)
    assert_inside_limits(cycler, course)
    assert_record_is_whole(cycler)
    assert cycler.safety.tripped == (policy in TRIPS[fault]), cycler.told
    assert_trip_holds(cycler)


def assert_inside_limits(cycler, course):
    for limit_v, sign in ((VMAX_V, 1), (VMIN_V, -1)):
        excess_v, allowed_v = course.excess_v(limit_v, sign)
        assert excess_v <= allowed_v + 1e-3
    truth = cycler.cell.state
    assert VMIN_V < truth.voltage_v < VMAX_V
    assert abs(truth.current_a) <= IMAX_A
    assert abs(cycler.sample.capacity) < QMAX_MAH


def assert_record_is_whole(cycler):
    record = rows(cycler)
    lost = cycler.record.lost
    assert record[:, 0].tolist() == list(range(lost, cycler.record.count))
    assert np.diff(record[:, 1]).min() >= 0
    if lost:
        assert f"{lost} samples were lost unread" in cycler.told


def assert_trip_holds(cycler):
    """A trip opens the circuit, is latched with its cause, and needs both steps of the reset."""
    if not cycler.safety.tripped:
        return
    assert cycler.control == OPEN_CIRCUIT
    assert cycler.cell.state.current_a == pytest.approx(0.0, abs=1e-12)
    assert cycler.safety.cause
    for start in (cycler.start, cycler.resume, lambda: cycler.hold("hold_voltage")):
        with pytest.raises(RefusedError):
            start()
    assert "request first" in cycler.safety.confirm_reset(10.0, cycler.sample)
    assert cycler.safety.tripped
