import numpy as np
import pytest
from operando.simulated_beamline.instrument.cycler import Cycler, RefusedError, State
from operando.simulated_beamline.instrument.lead import Coulometry
from operando.simulated_beamline.instrument.meter import Meter
from operando.simulated_beamline.instrument.technique import ProgramError, compile_program
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters

CELL = CellParameters.nmc811(active_mass_mg=7.3, area_cm2=1.327, zone_count=2)
RATE_A = CELL.theoretical_capacity_mah / 1000 / 2


def made(noise_v=0.0):
    meter = Meter(noise_v, 0.0, 0.0, 0.0, (0.0, 5.0), 0.05, np.random.default_rng(1))
    coulometry = Coulometry(CELL.theoretical_capacity_mah, 0.9)
    cycler = Cycler(
        HalfCell(CELL, lithium_content=0.9), meter, coulometry, temperature_degc=25.0, time_s=1.7e9
    )
    cycler.safety.vmax, cycler.safety.vmin, cycler.safety.imax = 4.5, 2.5, 1.0
    cycler.safety.qmax, cycler.safety.tmax = 5.0, 60.0
    return cycler


def charge(until_v=4.0, **more):
    return {
        "CPLIMIT:0:ISTEP": [RATE_A],
        "CPLIMIT:0:DURSTEP": [1e9],
        "CPLIMIT:0:TEST1CONF": [5.0],
        "CPLIMIT:0:TEST1VAL": [until_v],
        "CPLIMIT:0:ID": "charge",
    } | more


def started(load_list="cplimit", parameters=None):
    cycler = made()
    cycler.load(compile_program(load_list, parameters or charge()))
    cycler.start()
    return cycler


def live(cycler, until_s):
    end_s = cycler.time_s + until_s
    while cycler.time_s < end_s - 1e-3:
        cycler.advance(end_s, 1000)


def rows(cycler):
    return cycler.record.block(0, 100_000)


def test_a_charge_ends_within_a_millivolt_of_its_cut_off():
    cycler = started()
    live(cycler, 8000.0)
    assert cycler.state is State.STOPPED
    assert 4.0 <= rows(cycler)[:, 2].max() <= 4.001


def test_a_start_without_limits_is_refused_naming_them():
    cycler = made()
    cycler.safety.vmax = float("nan")
    cycler.load(compile_program("cplimit", charge()))
    with pytest.raises(RefusedError, match="limits not set: VMAX"):
        cycler.start()
    assert cycler.control.current_a == 0.0


def test_a_stop_opens_the_circuit_and_needs_a_new_load():
    cycler = started()
    cycler.stop()
    assert cycler.sample.current == 0.0
    with pytest.raises(RefusedError, match="loaded again"):
        cycler.start()


def test_a_breach_that_lasts_trips_and_opens_the_circuit():
    cycler = started()
    cycler.safety.vmax = 3.9
    live(cycler, 8000.0)
    assert cycler.safety.tripped
    assert "above VMAX 3.9 V" in cycler.safety.cause
    assert (cycler.state, cycler.sample.current) == (State.STOPPED, 0.0)
    assert rows(cycler)[:, 2].max() < 3.91


def test_a_trip_is_reset_in_two_steps_once_its_cause_is_gone():
    cycler = started()
    cycler.safety.vmax = 3.9
    live(cycler, 8000.0)
    assert "request first" in cycler.safety.confirm_reset(10.0, cycler.sample)
    cycler.safety.request_reset(10.0)
    assert cycler.safety.confirm_reset(11.0, cycler.sample) == ""
    assert not cycler.safety.tripped


def test_no_current_flows_after_a_trip():
    cycler = started()
    cycler.safety.vmax = 3.7
    live(cycler, 8000.0)
    for word in ("hold_voltage", "hold_current"):
        with pytest.raises(RefusedError, match="tripped"):
            cycler.hold(word)


def test_a_hold_keeps_the_voltage_and_resume_goes_on_with_the_step():
    cycler = started()
    live(cycler, 300.0)
    cycler.hold("hold_voltage")
    held_v = cycler.sample.voltage
    live(cycler, 300.0)
    assert cycler.sample.voltage == pytest.approx(held_v, abs=1e-6)
    cycler.resume()
    assert cycler.sample.current == pytest.approx(RATE_A)
    live(cycler, 8000.0)
    assert cycler.message == "the protocol has ended"


def test_time_at_hold_does_not_count_for_the_step():
    cycler = started("ocv", {"OCV:0:RTT": 100.0})
    live(cycler, 60.0)
    cycler.hold("rest")
    live(cycler, 500.0)
    cycler.resume()
    live(cycler, 30.0)
    assert cycler.state is State.RUNNING
    live(cycler, 20.0)
    assert cycler.state is State.STOPPED


def test_a_loop_runs_what_lies_between_once_more_than_it_repeats():
    cycler = started("ocv,loop", {"OCV:0:RTT": 10.0, "LOOP:0:PROT": 0, "LOOP:0:NLOOP": 2})
    cycler.triggers[1].set_rule("step end")
    cycler.arm(1)
    live(cycler, 60.0)
    assert cycler.triggers[1].count == 3


def test_charge_and_discharge_are_two_half_cycles():
    discharge = {"CPLIMIT:1:ISTEP": [-RATE_A], "CPLIMIT:1:DURSTEP": [100.0]}
    cycler = started("cplimit,cplimit", charge(3.8, **discharge))
    live(cycler, 5000.0)
    assert sorted(set(rows(cycler)[:, 10])) == [0.0, 1.0]


def test_coulometry_gives_the_lithium_content_of_the_cell():
    cycler = started()
    live(cycler, 600.0)
    assert cycler.sample.lithium_content == pytest.approx(cycler.cell.state.lithium_content, abs=1e-6)


def test_latches_do_not_depend_on_how_time_is_sliced():
    found = []
    for slice_s in (7.0, 33.0, 1e4):
        cycler = made()
        cycler.load(compile_program("cplimit", charge()))
        cycler.triggers[1].set_rule("every lithium_content 0.05")
        cycler.arm(1)
        cycler.start()
        while cycler.state is State.RUNNING:
            cycler.advance(cycler.time_s + slice_s, 1000)
        found.append([latch.sample.time for latch in cycler.triggers[1].log])
    assert len(found[0]) == len(found[1]) == len(found[2]) > 5
    assert found[0] == pytest.approx(found[2], abs=0.5)


def test_the_record_is_taken_by_time_and_has_no_hole():
    cycler = started("ocv", {"OCV:0:RTT": 100.0, "OCV:0:REDT": 10.0})
    live(cycler, 200.0)
    assert rows(cycler)[:, 0].tolist() == list(range(cycler.record.count))
    assert np.diff(rows(cycler)[:, 1]).max() == pytest.approx(10.0, abs=0.01)


def test_a_lost_contact_forces_the_current_to_zero():
    cycler = started()
    live(cycler, 100.0)
    cycler.set_leads(contact=False)
    live(cycler, 100.0)
    assert cycler.sample.current == 0.0


def test_the_circuit_is_opened_when_the_charge_limit_is_passed():
    cycler = started()
    cycler.safety.qmax = 0.2
    live(cycler, 8000.0)
    assert "QMAX" in cycler.safety.cause


@pytest.mark.parametrize("load_list", ["", "foo", "loop", "ocv,loop,nonsense"])
def test_a_list_that_cannot_be_loaded_is_refused(load_list):
    with pytest.raises(ProgramError):
        compile_program(load_list, {})


def test_an_update_goes_on_with_the_new_current():
    cycler = started()
    live(cycler, 60.0)
    cycler.update(compile_program("cplimit", charge(**{"CPLIMIT:0:ISTEP": [0.5 * RATE_A]})))
    live(cycler, 60.0)
    assert cycler.sample.current == pytest.approx(0.5 * RATE_A, rel=1e-6)
    assert cycler.sample.step_time == pytest.approx(120.0, abs=0.1)


@pytest.mark.parametrize(
    ("load_list", "parameters", "says"),
    [
        ("cplimit,ocv", {}, "other ones than those loaded"),
        ("cplimit", {"CPLIMIT:0:ISTEP": [1e4 * RATE_A]}, "CRATEMAX"),
    ],
)
def test_an_update_that_changes_the_steps_or_is_not_plausible_is_refused(load_list, parameters, says):
    cycler = started()
    cycler.safety.imax = 1e9
    with pytest.raises(RefusedError, match=says):
        cycler.update(compile_program(load_list, charge(**parameters)))
    assert cycler.control.current_a == RATE_A
