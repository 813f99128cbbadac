"""Fly scans through a real RunEngine: the keys of a step scan, faults, and a monochromator left as it was."""

import numpy as np
import pytest
from operando.plans.beam_guard import BeamGuard, BeamLostError
from operando.plans.duration import Timing
from operando.plans.fly_sweeps import FlySweeps
from operando.plans.fly_taking import SweepFailedError
from operando.plans.fly_xanes import NoFlyScanError, fly_exafs, fly_xanes
from operando.plans.grids import grid_from_regions
from operando.plans.xanes import xanes
from soft_fly import EDGE_EV, VELOCITY_DEG_S, FlyStation, edge, missing
from soft_station import SoftChambersWithDiode, SoftStation, collected, column, events, of_kind

GRID = grid_from_regions([(-20, 0, 2, 0.5), (0, 15, 0.25, 1.0), (15, 40, 1.0, 0.5)], e0="Ni_K")
FLY = {"grid": GRID, "element": "Ni", "duration_s": 2.0}


@pytest.fixture
def station():
    return FlyStation()


def half_step_ev(documents):
    """Energy at which the absorbance crosses half of its step."""
    absorbance = np.log(column(documents, "i0") / column(documents, "it"))
    energy_ev = column(documents, "mono_energy")
    order = np.argsort(energy_ev)
    return float(np.interp(0.5, absorbance[order], energy_ev[order]))


def test_points_have_the_keys_and_energies_of_a_step_scan(station, engine):
    documents = collected(engine)
    engine(xanes(station, grid=GRID, element="Ni"))
    step = next(doc for doc in of_kind(documents, "descriptor") if doc["name"] == "primary")
    documents.clear()
    engine(fly_xanes(station, **FLY))
    fly = next(doc for doc in of_kind(documents, "descriptor") if doc["name"] == "primary")
    assert fly["data_keys"] == step["data_keys"]
    assert fly["hints"] == step["hints"]
    assert column(documents, "mono_energy") == pytest.approx(GRID.energy_ev, abs=0.51)
    assert of_kind(documents, "stop")[0]["num_events"] == {"primary": len(GRID), "sweeps": 1, "fly": 0}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_edge_is_where_it_is_in_either_direction(station, engine, direction):
    documents = collected(engine)
    engine(fly_xanes(station, **FLY, direction=direction))
    assert half_step_ev(documents) == pytest.approx(EDGE_EV, abs=0.005)
    rises = np.diff(column(documents, "mono_energy")) > 0
    assert np.all(rises if direction == "up" else ~rises)
    assert (station.trigger_box.passes[0].step < 0) == (direction == "up")


def test_currents_are_counts_over_open_time_less_the_darks(station, engine):
    documents = collected(engine)
    station.ion_chambers.i0_raw.put(station.ion_chambers.i0.get() + 2e-8)
    engine(fly_xanes(station, **FLY))
    assert column(documents, "i0_raw") == pytest.approx(np.full(len(GRID), 1e-7))
    assert column(documents, "i0") == pytest.approx(np.full(len(GRID), 8e-8))


@pytest.fixture
def with_diode(station):
    station.ion_chambers = SoftChambersWithDiode(name="ion_chambers", on_trigger=station.tick)
    station.trigger_box.currents = station.ion_chambers.currents
    return station


@pytest.mark.parametrize("direction", ["up", "down"])
def test_fluorescence_is_counted_in_the_gates_with_the_keys_of_a_step_scan(with_diode, engine, direction):
    documents = collected(engine)
    engine(xanes(with_diode, grid=GRID, element="Ni", signal="fluorescence"))
    step = next(doc for doc in of_kind(documents, "descriptor") if doc["name"] == "primary")
    documents.clear()
    with_diode.ion_chambers.ifluor_raw.put(with_diode.ion_chambers.ifluor.get() + 3e-10)
    engine(fly_xanes(with_diode, **FLY, direction=direction, signal="fluorescence"))
    fly = next(doc for doc in of_kind(documents, "descriptor") if doc["name"] == "primary")
    assert fly["data_keys"] == step["data_keys"]
    assert of_kind(documents, "start")[0]["signal"] == "fluorescence"
    emitted = (column(documents, "ifluor") + 3e-10) / column(documents, "i0")
    assert column(documents, "ifluor_raw") == pytest.approx(column(documents, "ifluor") + 3e-10)
    assert emitted == pytest.approx(0.01 * edge(column(documents, "mono_energy")), rel=2e-3)


def test_a_box_that_counts_other_currents_than_are_read_is_refused(with_diode, engine):
    with_diode.trigger_box.currents = ("i0", "it", "ir")
    with pytest.raises(NoFlyScanError, match=r"counts i0, it, ir and the electrometer reads .*ifluor"):
        engine(fly_xanes(with_diode, **FLY))


def test_sweeps_up_and_down_make_one_spectrum_and_an_event_each(station, engine):
    documents = collected(engine)
    engine(fly_xanes(station, **FLY, direction="both", sweeps=3))
    told = events(documents, "sweep_number")
    gates = FlySweeps(GRID, 2.0).gates
    assert [(one["sweep_direction"], one["sweep_first_gate"]) for one in told] == [
        ("up", 0),
        ("down", gates),
        ("up", 2 * gates),
    ]
    assert half_step_ev(documents) == pytest.approx(EDGE_EV, abs=0.005)
    assert len({series.name for series in station.trigger_box.series_made}) == 3


def test_the_state_of_the_cell_is_that_of_the_time_at_which_a_bin_was_counted(station, engine):
    documents = collected(engine)
    box, trigger = station.trigger_box, station.trigger_box.trigger
    box.gate_s = 10.0 / FlySweeps(GRID, 2.0).gates

    def passes():
        station.cell.time.put(110.0)
        station.cell.voltage.put(3.8)
        return trigger()

    box.trigger = passes
    engine(fly_xanes(station, **FLY))
    time_s, voltage_v = (column(documents, f"cell_{key}")[-len(GRID) :] for key in ("time", "voltage"))
    assert 100.0 < time_s[0] < 101.0 < 109.0 < time_s[-1] < 110.0
    assert voltage_v == pytest.approx(3.7 + 0.01 * (time_s - 100.0))


def test_the_motor_sweeps_at_the_speed_of_the_sweep_beyond_both_ends_and_is_left_at_its_own(station, engine):
    engine(fly_xanes(station, **FLY))
    (start, usual), (goal, speed) = station.mono.bragg.moves
    stretch = FlySweeps(GRID, 2.0).stretch(0, station.mono.d_spacing_angstrom)
    assert (usual, speed) == (VELOCITY_DEG_S, pytest.approx(stretch.speed))
    assert start > stretch.begin > stretch.end > goal
    assert station.mono.bragg.velocity.get() == VELOCITY_DEG_S
    assert stretch.speed == pytest.approx((stretch.begin - stretch.end) / 2.0)


@pytest.mark.parametrize("fault", ["gates", "stall"])
def test_a_bad_sweep_is_taken_again_once(station, engine, fault):
    documents = collected(engine)
    station.trigger_box.faults = [missing()] if fault == "gates" else []
    station.mono.bragg.stalls = int(fault == "stall")
    engine(fly_xanes(station, **FLY))
    told = events(documents, "sweep_number")
    assert [(one["sweep_attempt"], one["sweep_status"]) for one in told] == [(1, "redone"), (2, "good")]
    assert ("gates expected" if fault == "gates" else "stands elsewhere") in told[0]["sweep_reason"]
    assert told[1]["sweep_first_gate"] == 0
    assert of_kind(documents, "stop")[0]["num_events"]["primary"] == len(GRID)
    assert station.mono.bragg.velocity.get() == VELOCITY_DEG_S


def test_a_sweep_that_is_bad_again_fails_the_run_with_its_reason(station, engine):
    documents = collected(engine)
    station.trigger_box.faults = [missing(), missing()]
    with pytest.raises(SweepFailedError, match="bad 2 times, the last because: trigger_box: 10 gates"):
        engine(fly_xanes(station, **FLY))
    (stop,) = of_kind(documents, "stop")
    assert stop["exit_status"] == "fail"
    assert "the sweep stalled" in stop["reason"]
    assert "primary" not in stop["num_events"]
    assert station.photon_shutter.get() == "closed"
    assert station.trigger_box.stopped
    assert station.mono.bragg.velocity.get() == VELOCITY_DEG_S


def test_beam_lost_in_the_middle_of_both_sweeps_fails_as_beam_lost(station, engine):
    documents = collected(engine)
    station.trigger_box.rate_a = lambda energy: np.where(energy > EDGE_EV, 1e-12, 1e-7)
    with pytest.raises(BeamLostError, match="beam lost: i0"):
        engine(fly_xanes(station, **FLY, guard=BeamGuard()))
    assert [one["sweep_status"] for one in events(documents, "sweep_number")] == ["redone", "failed"]
    assert station.photon_shutter.get() == "closed"


def test_a_ring_without_current_after_the_sweep_makes_it_bad(station, engine):
    documents = collected(engine)
    trigger, dumps = station.trigger_box.trigger, [1.0, 300.0]

    def dump():
        station.ring.put(dumps.pop(0))
        return trigger()

    station.trigger_box.trigger = dump
    prepare = station.trigger_box.prepare

    def back(series):
        station.ring.put(300.0)
        return prepare(series)

    station.trigger_box.prepare = back
    engine(fly_xanes(station, **FLY, guard=BeamGuard()))
    assert [one["sweep_status"] for one in events(documents, "sweep_number")] == ["redone", "good"]


def test_the_start_document_tells_duration_and_dead_time(station, engine):
    documents = collected(engine)
    engine(fly_exafs(station, **FLY, sweeps=2, timing=Timing(start_s=3.0), md={"purpose": "reference"}))
    start = documents[0][1]
    assert (start["plan_name"], start["technique"], start["mode"]) == ("fly_exafs", "xanes", "fly")
    assert start["estimated_duration_s"] == pytest.approx(3.0 + 4.0 + 1.0)
    assert start["dead_time_s"] == pytest.approx(4.0)
    assert start["detector_live_fraction"] == pytest.approx(0.5)
    assert start["fly"]["gates"] == FlySweeps(GRID, 2.0).gates
    assert (start["purpose"], start["d_spacing_angstrom"]) == ("reference", 3.1356)


@pytest.mark.parametrize("count_deg", [1e-7, 1e-5, 3e-5])
def test_gates_of_whole_counts_lie_within_the_sweep_and_reach_nearly_to_its_end(station, engine, count_deg):
    documents = collected(engine)
    station.trigger_box.scale.put(-count_deg)
    engine(fly_xanes(station, **FLY))
    (gates,), sweeps = station.trigger_box.passes, FlySweeps(GRID, 2.0)
    way = sweeps.stretch(0, station.mono.d_spacing_angstrom)
    assert gates.step / count_deg == pytest.approx(round(gates.step / count_deg), abs=1e-6)
    assert way.end <= gates.stop < way.end - gates.step
    assert gates.gates <= sweeps.gates
    (sweep,) = events(documents, "sweep_gates")
    assert sweep["sweep_gates"] == gates.gates == station.trigger_box.series_made[0].gates
    assert of_kind(documents, "stop")[0]["num_events"]["primary"] == len(GRID)


@pytest.mark.parametrize(("off_deg", "fails"), [(0.01, False), (1.0, True)])
def test_energies_at_which_nothing_was_counted_are_told_and_a_spectrum_without_any_fails(
    station, engine, monkeypatch, caplog, off_deg, fails
):
    box, whole = station.trigger_box, station.trigger_box.complete

    def shifted():
        status = whole()
        for ends in (box.record.low, box.record.high):
            ends["bragg"] -= off_deg
        return status

    monkeypatch.setattr(box, "complete", shifted)
    documents = collected(engine)
    if fails:
        with pytest.raises(SweepFailedError, match="nothing was counted at 96 of 96 energies"):
            engine(fly_xanes(station, **FLY))
        return
    engine(fly_xanes(station, **FLY))
    assert of_kind(documents, "stop")[0]["num_events"]["primary"] < len(GRID)
    assert "energies (8313.0 to " in caplog.text


def test_a_beamline_without_a_trigger_box_is_told_what_it_lacks(engine):
    with pytest.raises(NoFlyScanError, match=r"\[devices.trigger_box\]"):
        engine(fly_xanes(SoftStation(), **FLY))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"duration_s": 0.01}, "0.1 to 60 s"),
        ({"direction": "left"}, "up, down or both"),
        ({"sweeps": 0}, "1 to"),
        ({"direction": "both"}, "give sweeps = 2 or more"),
    ],
)
def test_sweeps_out_of_range_are_refused_in_words(options, told):
    with pytest.raises(ValueError, match=told):
        FlySweeps(**{"grid": GRID, "duration_s": 2.0, **options})


def test_a_speed_that_the_motor_cannot_do_is_refused_before_the_shutter_opens(station, engine):
    station.mono.bragg.max_velocity.sim_put(0.01)
    with pytest.raises(ValueError, match=r"0\.01 deg/s at most; give the sweep more time"):
        engine(fly_xanes(station, **FLY))
    assert "open" not in station.photon_shutter.history
