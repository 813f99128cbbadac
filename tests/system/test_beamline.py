"""Devices against the servers of the simulated beamline: all there, bounded, each reading of its point."""

import os
import time

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.utils import FailedStatus
from channels import variables
from operando.devices.monochromator import bragg_deg
from operando.devices.motor import MotorNotThereError
from operando.devices.shutter import NoPermitError

pytestmark = pytest.mark.system
FOUND_LIMIT_S = 15.0


@pytest.fixture(scope="module")
def faults(simulated_beamline, beamline):
    """Set variables under SIM:, which devices never touch."""

    def put(name, value):
        with variables(simulated_beamline.prefix + name) as (variable,):
            assert variable.put(value, wait=True, timeout=5) == 1

    return put


@pytest.fixture
def light(beamline):
    beamline.photon_shutter.set("open").wait(10)
    yield
    beamline.photon_shutter.set("closed").wait(10)


def _wait_for(condition, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "condition not reached in time"
        os.sched_yield()


def test_every_process_variable_that_a_device_asks_for_is_in_its_server(beamline):
    report = beamline.connect(FOUND_LIMIT_S)
    assert report.missing == {}
    assert report.connected_count > 60


def test_energy_is_reached_and_read_back(beamline):
    beamline.mono.energy.set(8350.0).wait(10)
    reading = beamline.mono.energy.read()
    assert reading["mono_energy"]["value"] == pytest.approx(8350.0, abs=0.02)
    assert reading["mono_energy_setpoint"]["value"] == 8350.0


def test_true_energy_differs_from_the_readback_by_the_zero_error_of_the_crystal(beamline, simulated_beamline):
    beamline.mono.energy.set(8333.0).wait(10)
    true_deg = simulated_beamline.board["bragg_true_deg"]
    assert true_deg - beamline.mono.bragg.position == pytest.approx(0.0032, abs=1e-6)


def test_offset_renames_the_energy_without_moving_the_crystal(beamline, simulated_beamline):
    beamline.mono.energy.set(8333.0).wait(10)
    before_deg = simulated_beamline.board["bragg_true_deg"]
    spacing = beamline.mono.d_spacing_angstrom
    beamline.mono.bragg.offset.set(bragg_deg(8331.0, spacing) - bragg_deg(8333.0, spacing)).wait(10)
    try:
        _wait_for(lambda: abs(beamline.mono.energy.position - 8331.0) < 0.01)
        assert simulated_beamline.board["bragg_true_deg"] == before_deg
    finally:
        beamline.mono.bragg.offset.set(0.0).wait(10)
        _wait_for(lambda: abs(beamline.mono.energy.position - 8333.0) < 0.01)


def test_currents_that_a_scan_reads_are_those_of_its_own_exposure(beamline, light):
    """The edge step in It and the server's counter both move on with every point."""
    events = []
    run_engine = RunEngine({})
    energies = [8300.0, 8400.0] * 10
    beamline.ion_chambers.counter.kind = "normal"
    try:
        run_engine(
            bp.list_scan([beamline.ion_chambers], beamline.mono.energy, energies),
            {"event": [lambda _, doc: events.append(doc["data"])]},
        )
    finally:
        beamline.ion_chambers.counter.kind = "omitted"
    counts = [event["ion_chambers_counter"] for event in events]
    mu = np.array([np.log(event["i0"] / event["it"]) for event in events])
    assert np.all(np.diff(counts) == 1)
    assert mu[1::2].min() > mu[::2].max() + 0.3
    assert len({event["i0_raw"] for event in events}) == len(events)


def test_reading_after_a_trigger_is_what_the_server_holds(beamline, light):
    chambers = beamline.ion_chambers
    for _ in range(10):
        chambers.trigger().wait(5)
        cached = chambers.it_raw.get()
        assert cached == chambers.it_raw.get(use_monitor=False)


def test_exposure_costs_its_nominal_time(beamline, simulated_beamline, light):
    beamline.ion_chambers.averaging_time.set(20.0).wait(5)
    try:
        before_s = simulated_beamline.clock.now()
        wall = time.monotonic()
        beamline.ion_chambers.trigger().wait(5)
        took_s = simulated_beamline.clock.now() - before_s
        assert 20.0 <= took_s < 20.0 + time.monotonic() - wall + 0.1
    finally:
        beamline.ion_chambers.averaging_time.set(0.5).wait(5)


def test_motor_that_reports_success_without_moving_is_found_out(beamline, faults):
    beamline.mono.energy.set(8340.0).wait(10)
    faults("MONO:BRAGG:SIM:STALL", 1)
    try:
        with pytest.raises(MotorNotThereError, match="mono_bragg reported the end of its move"):
            beamline.mono.energy.set(8390.0).wait(10)
    finally:
        faults("MONO:BRAGG:SIM:STALL", 0)
    beamline.mono.energy.set(8390.0).wait(10)


def test_stage_brings_the_reference_into_the_beam(beamline, light):
    beamline.mono.energy.set(8400.0).wait(10)
    beamline.stage.x.set(10.0).wait(10)
    beamline.ion_chambers.trigger().wait(5)
    through_frame_a = beamline.ion_chambers.it.get()
    beamline.stage.x.set(0.0).wait(10)
    beamline.ion_chambers.trigger().wait(5)
    assert through_frame_a < 0.01 * beamline.ion_chambers.it.get()


def test_beam_dump_closes_the_shutters_and_forbids_opening(beamline, faults, light):
    faults("RING:SIM:DUMP", 1)
    try:
        _wait_for(
            lambda: beamline.photon_shutter.position == "closed" and not beamline.photon_shutter.permitted
        )
        assert beamline.ring.current.get(use_monitor=False) == 0.0
        with pytest.raises(NoPermitError, match="photon_shutter may not open"):
            beamline.photon_shutter.set("open").wait(10)
    finally:
        faults("RING:SIM:DUMP", 0)
        _wait_for(lambda: beamline.front_end_shutter.permitted, 30.0)
        beamline.front_end_shutter.set("open").wait(10)
        _wait_for(lambda: beamline.photon_shutter.permitted)


def test_move_in_constant_time_passes_every_position_and_can_be_stopped(beamline, simulated_beamline):
    simulated_beamline.clock.set_mode("constant", 10.0)
    try:
        seen = []
        token = beamline.stage.y.readback.subscribe(lambda value, **_: seen.append(value), run=False)
        order = beamline.stage.y.set(30.0)
        _wait_for(lambda: any(0.0 < value < 30.0 for value in seen))
        beamline.stage.y.stop()
        with pytest.raises(MotorNotThereError):
            order.wait(10)
        assert 0.0 < beamline.stage.y.position < 30.0
        beamline.stage.y.readback.unsubscribe(token)
    finally:
        simulated_beamline.clock.set_mode("elastic", 500.0)
        beamline.stage.y.set(0.0).wait(20)


def test_server_killed_during_a_set_is_a_bounded_wait_that_names_it(beamline, simulated_beamline):
    simulated_beamline.clock.set_mode("real")
    limit_s, beamline.mono.move_limit_s = beamline.mono.move_limit_s, 1.0
    run_engine = RunEngine({})
    try:
        begun = time.monotonic()
        order = beamline.mono.energy.set(9000.0)
        simulated_beamline.kill("monochromator")
        with pytest.raises(Exception, match=r"mono_energy.*9000"):
            order.wait(30)
        assert time.monotonic() - begun < 20.0
        with pytest.raises((FailedStatus, TimeoutError)):
            run_engine(bps.mv(beamline.mono.energy, 8500.0))
    finally:
        beamline.mono.move_limit_s = limit_s
        simulated_beamline.clock.set_mode("elastic", 500.0)
        simulated_beamline.launcher.start_server("monochromator")
        assert beamline.connect(60.0).missing == {}
    beamline.mono.energy.set(8333.0).wait(20)
