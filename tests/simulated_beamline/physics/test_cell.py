"""The half cell: accuracy, conservation, hysteresis, spot, and that nothing drives it out of its range."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.simulated_beamline.physics.cell import HalfCell
from operando.simulated_beamline.physics.parameters import CellParameters, ZoneParameters

TRACES = Path(__file__).parents[2] / "reference" / "pybamm_spm.npz"
START = {"charge": 0.85, "discharge": 0.35}


def c_rate_a(parameters: CellParameters, rate: float) -> float:
    return parameters.theoretical_capacity_mah / 1000.0 * rate


def charge_to(cell: HalfCell, lithium_content: float, current_a: float) -> None:
    for _ in range(100_000):
        left = (cell.state.lithium_content - lithium_content) * np.sign(current_a)
        if left <= 1e-9:
            return
        per_s = abs(current_a) / (3.6 * cell.parameters.theoretical_capacity_mah)
        cell.step(min(60.0, left / per_s), current_a=current_a)
    raise AssertionError(f"the cell did not reach {lithium_content}: {cell.state}")


@pytest.mark.parametrize("rate", ["c10", "c2"])
@pytest.mark.parametrize("direction", ["charge", "discharge"])
def test_voltage_agrees_with_pybamm_within_a_tenth_of_a_millivolt(direction, rate):
    with np.load(TRACES) as traces:
        time, current, voltage, content = traces[f"{direction}_{rate}"].T
    cell = HalfCell(CellParameters.chen2020(), lithium_content=START[direction])
    durations = np.diff(time, prepend=0.0)
    states = [cell.step(d, current_a=i) for d, i in zip(durations, current, strict=True)]
    error = np.array([s.voltage_v for s in states]) - voltage
    for part in (current != 0, current == 0):
        assert np.sqrt(np.mean(error[part] ** 2)) < 1e-4
    assert np.array([s.lithium_content for s in states]) == pytest.approx(content, abs=1e-6)


def test_equal_zones_behave_like_one():
    one = HalfCell(CellParameters.chen2020(), lithium_content=0.7)
    four = HalfCell(CellParameters.chen2020(zone_count=4), lithium_content=0.7)
    current = c_rate_a(one.parameters, 0.5)
    assert four.step(900.0, current_a=current).voltage_v == pytest.approx(
        one.step(900.0, current_a=current).voltage_v, abs=1e-9
    )


def test_mean_lithium_content_follows_the_charge_exactly():
    cell = HalfCell(CellParameters.nmc811(zone_count=5, window_resistance_ohm_cm2=80.0), lithium_content=0.8)
    current = c_rate_a(cell.parameters, 0.5)
    for duration, applied in ((1234.5, current), (600.0, 0.0), (77.7, -2 * current), (3.21, current)):
        state = cell.step(duration, current_a=applied)
    asked = current * (1234.5 - 2 * 77.7 + 3.21)
    assert state.charge_c == pytest.approx(asked, rel=1e-9)
    moved = state.charge_c / (3.6 * cell.parameters.theoretical_capacity_mah)
    assert 0.8 - state.lithium_content == pytest.approx(moved, abs=1e-12)


def test_long_and_short_calls_give_the_same_cell():
    parameters = CellParameters.nmc811(zone_count=4, window_resistance_ohm_cm2=30.0)
    current = c_rate_a(parameters, 0.2)
    long, short = (HalfCell(parameters, lithium_content=0.9) for _ in range(2))
    long.step(3600.0, current_a=current)
    for _ in range(900):
        short.step(4.0, current_a=current)
    assert short.state.voltage_v == pytest.approx(long.state.voltage_v, abs=5e-5)
    assert short.state.spot_lithium_content == pytest.approx(long.state.spot_lithium_content, abs=1e-4)


def test_suggested_steps_keep_the_voltage_within_5_mv_and_10_s():
    cell = HalfCell(CellParameters.nmc811(), lithium_content=0.96)
    current = -c_rate_a(cell.parameters, 0.5)
    before = cell.step(0.0, current_a=current)
    while before.voltage_v > 2.5:
        duration = cell.suggested_step_s()
        after = cell.step(duration, current_a=current)
        assert duration <= 10.0
        assert abs(after.voltage_v - before.voltage_v) < 0.010
        before = after
    assert after.lithium_content < 1.0


def test_voltage_hold_lets_the_current_decay():
    cell = HalfCell(CellParameters.nmc811(), lithium_content=0.5)
    currents = [cell.step(300.0, voltage_v=4.1).current_a for _ in range(12)]
    assert currents[0] > 0
    assert np.all(np.diff(currents) < 0)
    assert cell.state.voltage_v == 4.1


def test_voltage_jumps_at_once_with_the_current_by_more_than_the_ohmic_drop():
    cell = HalfCell(
        CellParameters.nmc811(resistance_ohm_cm2=20.0, resistance_spread=0.0), lithium_content=0.6
    )
    rest = cell.state.voltage_v
    state = cell.step(0.0, current_a=2e-3)
    assert 0.040 < state.voltage_v - rest < 0.150
    assert state.lithium_content == pytest.approx(0.6, abs=1e-12)


def test_half_hysteresis_separates_charge_and_discharge_after_a_long_rest():
    rested = []
    for start, sign in ((0.8, 1.0), (0.3, -1.0)):
        cell = HalfCell(CellParameters.nmc811(zone_count=2), lithium_content=start)
        charge_to(cell, 0.55, sign * c_rate_a(cell.parameters, 0.2))
        rested.append(cell.step(12_000.0, current_a=0.0).voltage_v)
    assert rested[0] - rested[1] == pytest.approx(0.012, abs=5e-4)


# Lag of the spot at <x> = 0.5 (design notes) for C/10 and 1C of 200 mA h/g.
@pytest.mark.parametrize(
    ("spot", "rate", "lag"),
    [
        ({"window_resistance_ohm_cm2": 30.0}, 0.1, 0.009),
        ({"window_resistance_ohm_cm2": 30.0}, 1.0, 0.087),
        ({"window_resistance_ohm_cm2": 100.0}, 0.1, 0.035),
        ({"window_resistance_ohm_cm2": 100.0}, 1.0, 0.235),
        ({"spot_rate_factor": 0.01}, 0.1, 0.064),
        ({"spot_rate_factor": 0.01}, 1.0, 0.150),
    ],
)
def test_spot_lags_behind_the_cell_as_known(spot, rate, lag):
    parameters = CellParameters.nmc811(active_mass_mg=20.0, zone_count=2, **spot)
    cell = HalfCell(parameters, lithium_content=0.95)
    charge_to(cell, 0.5, 20.0e-3 * 0.200 * rate)
    assert cell.state.spot_lithium_content - cell.state.lithium_content == pytest.approx(lag, rel=0.3)


def test_dose_slows_the_spot_only_where_it_was_given():
    parameters = CellParameters.nmc811(zone_count=2, active_mass_mg=20.0)
    fresh, hit, moved = (HalfCell(parameters, lithium_content=0.9) for _ in range(3))
    hit.irradiate(1000.0, 25_000.0)
    moved.irradiate(1000.0, 25_000.0)
    moved.illuminate((1.0, 0.0))
    contents = [cell.step(3600.0, current_a=2e-3).spot_lithium_content for cell in (fresh, hit, moved)]
    assert contents[1] > contents[0] + 0.01
    assert contents[2] == pytest.approx(contents[0], abs=1e-9)


CONTROL = st.one_of(
    st.tuples(st.just("current_a"), st.floats(-1e6, 1e6)),
    st.tuples(st.just("current_a"), st.floats(-0.02, 0.02)),
    st.tuples(st.just("voltage_v"), st.floats(-1e6, 1e6)),
    st.tuples(st.just("voltage_v"), st.floats(0.0, 5.5)),
)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(
    orders=st.lists(st.tuples(CONTROL, st.floats(0.0, 120.0)), min_size=1, max_size=3),
    start=st.floats(0.001, 0.999),
    zone_count=st.integers(2, 8),
    window=st.floats(0.0, 1e4),
    slowness=st.floats(1e-4, 1.0),
)
def test_nothing_drives_the_cell_out_of_its_range(orders, start, zone_count, window, slowness):
    parameters = CellParameters.nmc811(
        zone_count=zone_count, window_resistance_ohm_cm2=window, spot_rate_factor=slowness
    )
    cell = HalfCell(parameters, lithium_content=start)
    for (name, value), duration in orders:
        state = cell.step(duration, **{name: value})
        assert 0.0 <= state.voltage_v <= 5.5
        assert all(0.0 < x < 1.0 for x in state.zone_lithium_content)
        assert np.isfinite(state.current_a)
        moved = state.charge_c / (3.6 * parameters.theoretical_capacity_mah)
        assert start - state.lithium_content == pytest.approx(moved, abs=1e-9)


@pytest.mark.parametrize(("current", "voltage", "end"), [(1.0, 5.5, 0.1), (-1.0, 0.0, 0.99)])
def test_an_endless_current_ends_at_the_compliance_with_no_current_left(current, voltage, end):
    cell = HalfCell(CellParameters.nmc811(zone_count=2), lithium_content=0.5)
    state = cell.step(4_000.0, current_a=current)
    assert state.voltage_v == voltage
    assert abs(state.current_a) < 1e-3 * abs(current)
    assert abs(state.lithium_content - 0.5) > abs(end - 0.5)


@pytest.mark.parametrize(
    ("duration", "control", "says"),
    [
        (1.0, {}, "exactly one"),
        (1.0, {"current_a": 0.0, "voltage_v": 4.0}, "exactly one"),
        (-1.0, {"current_a": 0.0}, "not negative"),
        (float("inf"), {"current_a": 0.0}, "finite"),
        (1.0, {"current_a": float("nan")}, "finite"),
        (1.0, {"voltage_v": float("inf")}, "finite"),
    ],
)
def test_an_order_without_meaning_is_refused_and_changes_nothing(duration, control, says):
    cell = HalfCell(CellParameters.nmc811(), lithium_content=0.5)
    before = cell.state
    with pytest.raises(ValueError, match=says):
        cell.step(duration, **control)
    assert cell.state == before


@pytest.mark.parametrize("content", [0.0, 1.0, -0.1, float("nan")])
def test_a_cell_cannot_begin_outside_its_range(content):
    with pytest.raises(ValueError, match="lithium_content"):
        HalfCell(CellParameters.nmc811(), lithium_content=content)


def test_zones_that_do_not_make_up_the_electrode_are_refused():
    with pytest.raises(ValueError, match="must sum to 1"):
        CellParameters(10.0, 1.0, 275.5, (ZoneParameters(0.4, 1.0), ZoneParameters(0.4, 1.0)), 0)


def test_theoretical_capacity_is_mass_times_charge_per_gram():
    assert CellParameters.nmc811(active_mass_mg=12.0).theoretical_capacity_mah == pytest.approx(3.306)
