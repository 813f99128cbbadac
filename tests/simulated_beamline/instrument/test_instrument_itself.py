"""Ranges, memory, clock and start checks of the instrument."""

import numpy as np
import pytest
from cycler_bench import ONE_C_A, charging, current_step, live, load, made, rows
from operando.simulated_beamline.instrument.clock import InstrumentClock
from operando.simulated_beamline.instrument.cycler import RefusedError, State
from operando.simulated_beamline.instrument.record import RecordBuffer
from operando.simulated_beamline.instrument.sample import Sample
from operando.simulated_beamline.instrument.terminal import Wiring

HALF_C_A = 0.5 * ONE_C_A
SAMPLE = Sample(1.7e9, 3.7, 1e-3, 0.1, 0.9, 0.1, 25.0)


def with_transient(delay_s):
    """A cycler whose range switches from 5 mA to 0.5 mA after 100 s, with a transient of 1 V and 2.5 mA."""
    cycler = made(delay_s=delay_s)
    cycler.meter.range_transient_v, cycler.meter.range_transient_share = 1.0, 0.5
    cycler.safety.vmax = 4.2
    steps = (current_step(0, HALF_C_A, 100.0), current_step(1, 0.2 * HALF_C_A, 100.0))
    load(cycler, "cplimit,cplimit", *steps)
    cycler.start()
    return cycler


def test_a_transient_of_a_range_does_not_trip_a_limit_with_persistence():
    cycler = with_transient(delay_s=0.1)
    live(cycler, 300.0)
    assert cycler.message == "the protocol has ended"
    shown = rows(cycler)
    glitches = shown[(shown[:, 2] > 4.2) & (shown[:, 8] == 1)]
    assert len(glitches)
    assert glitches[:, 3].max() == pytest.approx(0.2 * HALF_C_A + 2.5e-3)


def test_the_same_transient_trips_a_limit_without_delay():
    cycler = with_transient(delay_s=0.0)
    live(cycler, 300.0)
    assert "above VMAX 4.2 V" in cycler.safety.cause


def test_a_transient_is_over_within_milliseconds_and_is_not_in_the_cell():
    cycler = with_transient(delay_s=0.1)
    live(cycler, 300.0)
    shown = rows(cycler)
    begun = shown[:, 1] - shown[shown[:, 8] == 1][0, 1]
    settled = shown[(begun > 0.006) & (begun < 90.0)]
    assert settled[:, 2].max() < 3.9
    assert settled[:, 3] == pytest.approx(0.2 * HALF_C_A)


def test_a_narrower_range_is_taken_only_well_inside_it():
    meter = made().meter
    ranges = []
    for current_a in (6e-3, 4.9e-3, 4.6e-3, 4.4e-3, 4.9e-3, 5.1e-3, 0.0, 4.9e-3):
        meter.choose_range(current_a, 0.0)
        ranges.append(meter.range_a)
    assert ranges == pytest.approx([0.05, 0.05, 0.05, 0.005, 0.005, 0.05, None, 0.005])


def filled(capacity, samples):
    buffer = RecordBuffer(capacity)
    fill(buffer, samples)
    return buffer


def fill(buffer, samples):
    for _ in range(samples):
        buffer.append(SAMPLE)


def test_a_memory_that_nobody_reads_fills_then_loses_its_oldest_samples():
    buffer = filled(100, 100)
    assert (buffer.filled, buffer.lost) == (100, 0)
    fill(buffer, 1)
    assert (buffer.filled, buffer.lost) == (100, 1)
    assert buffer.block(0)[0, 0] == 1


def test_what_was_fetched_is_free_and_no_loss_when_it_is_replaced():
    buffer = filled(1000, 900)
    assert len(buffer.fetch(0)) == 500
    assert buffer.filled == 400
    fill(buffer, 600)
    assert (buffer.filled, buffer.lost) == (1000, 0)
    fill(buffer, 1)
    assert buffer.lost == 1


def test_a_memory_made_smaller_keeps_the_newest():
    buffer = filled(100, 90)
    buffer.resize(30)
    assert buffer.block(0)[:, 0].tolist() == list(range(60, 90))
    assert (buffer.lost, buffer.capacity) == (60, 30)
    with pytest.raises(ValueError, match="memory of 0 rows"):
        buffer.resize(0)


def test_a_loss_is_told_with_its_size():
    cycler = charging(record_dt_s=1.0)
    cycler.record.resize(50)
    live(cycler, 100.0)
    assert cycler.record.lost == cycler.record.count - 50
    assert cycler.told == f"running; the record is full, {cycler.record.lost} samples were lost unread"


def test_stamps_go_by_the_instruments_own_clock():
    cycler = made()
    cycler.clock = InstrumentClock(cycler.time_s, offset_s=12.5, drift_ppm=200.0)
    load(cycler, "ocv", {"OCV:0:RTT": 20_000.0})
    cycler.triggers[1].set_rule("every time 100")
    cycler.start()
    cycler.arm(1)
    begun_s = cycler.time_s
    live(cycler, 10_000.0)
    assert rows(cycler)[0, 1] == pytest.approx(begun_s + 12.5, abs=1e-3)
    assert cycler.sample.time == pytest.approx(begun_s + 12.5 + 10_002.0, abs=1e-3)
    assert cycler.sample.protocol_time == pytest.approx(10_002.0, abs=1e-3)
    assert cycler.triggers[1].count == 100
    assert np.diff([latch.sample.time for latch in cycler.triggers[1].log]) == pytest.approx(100.0, abs=1e-3)


def test_the_offset_is_told_within_its_uncertainty_and_follows_the_drift():
    clock = InstrumentClock(0.0, offset_s=-3.0, drift_ppm=100.0, random=np.random.default_rng(3))
    for time_s in np.arange(0.0, 20_000.0, 500.0):
        compared = clock.compare(float(time_s))
        assert compared.uncertainty_s < 0.01
        assert compared.offset_s == pytest.approx(3.0 - 1e-4 * time_s, abs=compared.uncertainty_s)


def test_a_drift_that_changes_does_not_let_the_clock_jump():
    clock = InstrumentClock(0.0, drift_ppm=1000.0)
    before_s = clock.reading(1000.0)
    clock.set_drift(1000.0, -1000.0)
    assert clock.reading(1000.0) == before_s == pytest.approx(1001.0)
    assert clock.reading(2000.0) == pytest.approx(2000.0)


def loaded(current_a=HALF_C_A, **options):
    cycler = made(**options)
    load(cycler, "ocv,cplimit", {"OCV:0:RTT": 60.0}, current_step(0, current_a))
    return cycler


def refusal(cycler):
    with pytest.raises(RefusedError) as caught:
        cycler.start()
    assert cycler.state is State.STOPPED
    with pytest.raises(RefusedError):
        cycler.check()
    return str(caught.value)


def test_a_cell_outside_the_window_of_the_limits_is_not_started():
    cycler = loaded()
    cycler.safety.vmin = 3.9
    assert refusal(cycler).startswith("the open-circuit voltage is 3.736 V, it must be 3.9 to 4.4 V: check")


def test_a_narrower_window_for_the_start_holds():
    cycler = loaded()
    cycler.safety.ocvmin, cycler.safety.ocvmax = 3.0, 3.6
    assert "it must be 3 to 3.6 V" in refusal(cycler)
    cycler.safety.ocvmax = 3.8
    cycler.start()


def test_reversed_leads_are_told_before_a_start():
    cycler = loaded()
    cycler.set_leads(wiring=Wiring.REVERSED)
    assert "it is negative, the leads are reversed" in refusal(cycler)


def test_leads_that_are_off_are_told_before_a_start():
    cycler = loaded()
    cycler.set_leads(contact=False)
    assert "no cell is connected, or it is shorted" in refusal(cycler)


def test_a_current_in_the_wrong_unit_is_refused_with_numbers_and_remedy():
    told = refusal(loaded(current_a=1.0))
    assert told.startswith("step step0 asks for 1000 mA, 497.2 C of CELL:CAPACITY 2.011 mA h")
    assert told.endswith("SAFETY:CRATEMAX is 30: correct the current or the capacity, or raise CRATEMAX")


def test_a_current_beyond_the_widest_range_is_refused_and_not_given_in_part():
    cycler = loaded(current_a=0.04)
    cycler.meter.current_range_a = 0.01
    told = refusal(cycler)
    assert told.startswith(
        "step step0 asks for 40 mA, and the widest range of this channel is 10 mA: lower the rate"
    )


def test_a_power_is_judged_where_it_takes_most_current():
    cycler = made()
    load(cycler, "cpower", {"CPOWER:0:PSTEP": [0.2], "CPOWER:0:DURSTEP": [10.0]})
    assert "asks for 80 mA" in refusal(cycler)


def test_reversed_current_leads_trip_as_soon_as_the_first_current_flows():
    cycler = loaded()
    cycler.set_leads(wiring=Wiring.CURRENT_REVERSED)
    cycler.start()
    live(cycler, 70.0)
    assert cycler.safety.tripped
    assert "fell by" in cycler.safety.cause
    assert "the current leads are reversed" in cycler.safety.cause
    assert cycler.cell.state.charge_c == pytest.approx(-HALF_C_A * 0.02, rel=0.1)


@pytest.mark.parametrize("rate", [0.02, 0.5, -0.5, 3.0])
def test_leads_that_are_right_never_trip_the_look_at_the_first_current(rate):
    cycler = charging(2.0, noise_v=5e-5)
    live(cycler, 300.0)
    cycler.stop()
    load(cycler, "cplimit", current_step(0, rate * ONE_C_A))
    cycler.start()
    live(cycler, 5.0)
    assert cycler.state is State.RUNNING, cycler.told


def test_a_smaller_current_after_a_hold_is_no_sign_of_reversed_leads():
    cycler = made()
    hold_v = cycler.sample.voltage + 0.1
    hold = {"CALIMIT:0:VSTEP": [hold_v], "CALIMIT:0:DURSTEP": [20.0], "CALIMIT:0:ID": "hold"}
    load(cycler, "calimit,cplimit", hold, current_step(0, 0.1 * HALF_C_A))
    cycler.start()
    live(cycler, 19.0)
    assert cycler.sample.current > 0.2 * HALF_C_A
    live(cycler, 10.0)
    assert cycler.state is State.RUNNING, cycler.told
    assert cycler.sample.step == 1


def test_reversed_current_leads_are_seen_at_the_first_current_from_rest_after_a_hold():
    cycler = made()
    hold = {"CALIMIT:0:VSTEP": [cycler.sample.voltage], "CALIMIT:0:DURSTEP": [20.0], "CALIMIT:0:ID": "hold"}
    rest = {"OCV:0:RTT": 20.0}
    load(cycler, "calimit,ocv,cplimit", hold, rest, current_step(0, HALF_C_A))
    cycler.start()
    live(cycler, 30.0)
    cycler.set_leads(wiring=Wiring.CURRENT_REVERSED)
    live(cycler, 20.0)
    assert "the current leads are reversed" in cycler.safety.cause


@pytest.mark.parametrize("state", State)
def test_the_relays_open_from_any_state_and_both_steps_close_them(state):
    cycler = loaded(current_a=HALF_C_A) if state is State.STOPPED else charging()
    if state is State.PAUSED:
        cycler.hold("hold_current")
    assert cycler.state is state
    cycler.open()
    assert (cycler.state, cycler.sample.current) == (State.STOPPED, 0.0)
    assert cycler.safety.cause == "the relays were opened by hand (SAFETY:OPEN)"
    with pytest.raises(RefusedError):
        cycler.start()
    cycler.safety.request_reset(1.0)
    assert cycler.safety.confirm_reset(2.0, cycler.sample) == ""
    load(cycler, "cplimit", current_step(0, HALF_C_A))
    cycler.start()
    assert cycler.state is State.RUNNING
