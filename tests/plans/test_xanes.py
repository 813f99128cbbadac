import time

import pytest
from bluesky.simulators import RunEngineSimulator, assert_message_and_return_remaining
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.darks import take_darks
from operando.plans.duration import Timing, estimate_duration_s, expected_blur
from operando.plans.edge_signal import NoFluorescenceError
from operando.plans.grids import grid_from_regions
from operando.plans.xanes import xanes
from soft_station import SoftChambersWithDiode, SoftStation, collected, column

GRID = grid_from_regions([(-10, 0, 5, 0.5), (0, 4, 2, 1.0)], e0="Ni_K")


@pytest.fixture
def station():
    return SoftStation()


def test_a_scan_reads_every_point_with_the_state_of_the_cell(station, engine):
    documents = collected(engine)
    engine(xanes(station, grid=GRID, element="Ni"))
    assert column(documents, "mono_energy").tolist() == GRID.energy_ev.tolist()
    assert column(documents, "cell_time").tolist() == [0.5, 1.0, 2.0, 3.0, 4.0]
    keys = set(next(doc for name, doc in documents if name == "descriptor")["data_keys"])
    assert {"i0", "it", "ir", "ring_current", "cell_voltage", "cell_current", "cell_capacity"} <= keys


def test_the_start_document_says_what_is_measured_and_for_how_long(station, engine):
    documents = collected(engine)
    engine(xanes(station, grid=GRID, element="Ni", timing=Timing(start_s=0), md={"purpose": "reference"}))
    start = documents[0][1]
    assert (start["plan_name"], start["technique"], start["element"], start["edge"]) == (
        "xanes",
        "xanes",
        "Ni",
        "K",
    )
    assert start["purpose"] == "reference"
    assert start["estimated_duration_s"] == pytest.approx(4.0 + 5 * 0.05)
    assert start["detector_live_fraction"] == pytest.approx(4.0 / 4.25)


def test_the_averaging_time_is_set_only_when_it_changes(station, engine):
    engine(xanes(station, grid=GRID, element="Ni"))
    assert station.ion_chambers.averaging_time.history == [0.5, 1.0]


def test_the_shutter_opens_once_the_first_energy_is_reached_and_closes_at_the_end(station):
    messages = RunEngineSimulator().simulate_plan(xanes(station, grid=GRID, element="Ni"))
    rest = assert_message_and_return_remaining(
        messages, lambda msg: msg.command == "set" and msg.obj is station.mono.energy
    )
    rest = assert_message_and_return_remaining(
        rest, lambda msg: msg.command == "set" and msg.obj is station.photon_shutter and msg.args == ("open",)
    )
    rest = assert_message_and_return_remaining(rest, lambda msg: msg.command == "close_run")
    assert_message_and_return_remaining(
        rest,
        lambda msg: msg.command == "set" and msg.obj is station.photon_shutter and msg.args == ("closed",),
    )


def test_the_shutter_closes_when_a_device_fails(station, engine):
    def fail():
        raise OSError("ion_chambers: no answer")

    station.events[2] = fail
    with pytest.raises(OSError, match="no answer"):
        engine(xanes(station, grid=GRID, element="Ni"))
    assert station.photon_shutter.history == ["open", "closed"]


def test_every_wait_of_a_scan_is_bounded(station):
    messages = RunEngineSimulator().simulate_plan(xanes(station, grid=GRID, element="Ni", dark_max_age_s=1))
    own = [msg for msg in messages if msg.command == "wait" and "timeout" in msg.kwargs]
    assert len(own) > 10
    assert all(msg.kwargs["timeout"] for msg in own if msg.kwargs["watch"] == () and "stage" not in str(msg))


def test_a_scan_whose_beam_is_lost_fails_and_says_why(station, engine):
    documents = collected(engine)
    station.events[3] = lambda: station.ring.put(0.1)
    with pytest.raises(BeamLostError, match=r"beam lost: ring current 0.1 mA, limit 10 mA"):
        engine(xanes(station, grid=GRID, element="Ni", guard=BeamGuard()))
    assert documents[-1][1]["exit_status"] == "fail"
    assert "beam lost" in documents[-1][1]["reason"]


def test_a_shutter_that_closes_upstream_is_noticed_in_i0(station, engine):
    station.events[2] = lambda: station.ion_chambers.i0.put(0.05)
    with pytest.raises(BeamLostError, match=r"i0 0\.05 A"):
        engine(xanes(station, grid=GRID, element="Ni", guard=BeamGuard()))


def test_a_scan_that_stood_still_is_not_taken_for_one_spectrum(station, engine):
    station.events[2] = lambda: station.cell.time.put(500.0)
    with pytest.raises(BeamLostError, match="stood still for 49"):
        engine(xanes(station, grid=GRID, element="Ni", guard=BeamGuard()))


def test_a_motor_that_never_arrives_ends_in_an_error_that_names_it(station, engine, monkeypatch):
    from ophyd.status import Status

    monkeypatch.setattr("operando.plans.xanes.WAIT_S", 0.05)
    station.mono.energy.set = lambda value: Status(station.mono.energy)
    with pytest.raises(TimeoutError, match="mono_energy"):
        engine(xanes(station, grid=GRID, element="Ni"))
    assert station.photon_shutter.get() == "closed"


def test_darks_are_averaged_with_the_shutter_closed_and_stored(station, engine):
    documents = collected(engine)
    station.photon_shutter.put("open")
    station.events[2] = lambda: station.ion_chambers.i0_raw.put(4.0)
    engine(take_darks(station, count_s=0.5, repeats=3))
    assert station.photon_shutter.get() == "closed"
    assert station.ion_chambers.i0_dark.get() == pytest.approx((1 + 4 + 4) / 3)
    assert time.time() - station.ion_chambers.dark_time.get() < 10
    assert documents[0][1]["purpose"] == "dark"
    assert documents[1][1]["name"] == "dark"


def with_diode(station):
    station.ion_chambers = SoftChambersWithDiode(name="ion_chambers", on_trigger=station.tick)
    return station


def test_the_dark_of_the_diode_is_taken_with_the_others(station, engine):
    with_diode(station).ion_chambers.ifluor_raw.put(0.003)
    engine(take_darks(station, count_s=0.5, repeats=2))
    assert station.ion_chambers.ifluor_dark.get() == pytest.approx(0.003)
    assert station.ion_chambers.i0_dark.get() == pytest.approx(1.0)


def test_fluorescence_is_noted_and_every_current_measured(station, engine):
    documents = collected(engine)
    engine(xanes(with_diode(station), grid=GRID, element="Ni", signal="fluorescence"))
    assert documents[0][1]["signal"] == "fluorescence"
    keys = set(next(doc for name, doc in documents if name == "descriptor")["data_keys"])
    assert {"i0", "it", "ir", "ifluor", "ifluor_raw"} <= keys


def test_fluorescence_without_a_diode_is_refused_before_anything_moves(station, engine):
    documents = collected(engine)
    with pytest.raises(NoFluorescenceError, match=r"fluorescence_diode = true in \[devices\.ion_chambers\]"):
        engine(xanes(station, grid=GRID, element="Ni", signal="fluorescence"))
    with pytest.raises(ValueError, match="'reflection'"):
        engine(xanes(station, grid=GRID, element="Ni", signal="reflection"))
    assert documents == []


def test_young_darks_are_kept(station, engine):
    station.ion_chambers.dark_time.put(time.time() - 30)
    assert engine(take_darks(station, max_age_s=60)).plan_result is None
    assert station.ion_chambers.triggered == 0


def test_a_scan_takes_darks_into_its_own_run_when_they_are_old(station, engine):
    documents = collected(engine)
    engine(xanes(station, grid=GRID, element="Ni", dark_max_age_s=60))
    names = [doc["name"] for name, doc in documents if name == "descriptor"]
    assert names == ["dark", "primary"]


@pytest.mark.parametrize("options", [{"count_s": 0}, {"repeats": 0}])
def test_darks_of_no_length_are_refused(station, engine, options):
    with pytest.raises(ValueError, match="need at least one"):
        engine(take_darks(station, **options))


def test_the_estimate_counts_dead_times_per_point():
    timing = Timing(move_s=0.1, settle_s=0.2, per_point_overhead_s=0.3, start_s=5)
    assert estimate_duration_s(GRID, timing) == pytest.approx(5 + 4.0 + 5 * 0.6)


def test_a_negative_dead_time_is_refused():
    with pytest.raises(ValueError, match="settle_s"):
        Timing(settle_s=-1)


def test_blur_is_the_charge_of_a_scan_over_the_capacity():
    assert expected_blur(900, -1e-4, 1.0) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="active mass"):
        expected_blur(900, 1e-4, 0.0)
