"""The offset between two clocks, told from steps that both recorded."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.clock_offset import AmbiguousClockError, estimate_clock_offset

DURATION_S = 4000.0


def cell_voltage(time_s, edges_s, levels_v):
    """Steps, and a slow wave."""
    return levels_v[np.searchsorted(edges_s, time_s)] + 0.02 * np.sin(time_s / 3000)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    offset_s=st.floats(-300, 300),
    edges=st.integers(1, 7),
    cycler_s=st.sampled_from([1.0, 2.0, 10.0, 30.0]),
    log_s=st.sampled_from([1.0, 2.0, 5.0, 20.0]),
    noise_v=st.sampled_from([0.0, 1e-4, 5e-3]),
    rows_at_edges=st.booleans(),
)
def test_a_known_offset_is_found_within_its_uncertainty(
    seed, offset_s, edges, cycler_s, log_s, noise_v, rows_at_edges
):
    rng = np.random.default_rng(seed)
    edges_s = np.sort(rng.uniform(500, 3500, edges))
    levels_v = 3.5 + np.cumsum(rng.choice([-1, 1], edges + 1) * rng.uniform(0.1, 0.3, edges + 1))
    cycler = np.arange(rng.uniform(0, cycler_s), DURATION_S, cycler_s)
    if rows_at_edges:
        cycler = np.sort(np.concatenate([cycler, edges_s - 1e-3, edges_s + 1e-3]))
    logged = np.arange(rng.uniform(0, log_s), DURATION_S, log_s)
    recorded_v = cell_voltage(cycler, edges_s, levels_v) + 1e-4 * rng.standard_normal(cycler.size)
    monitor = 0.2 + 0.1 * cell_voltage(logged - offset_s, edges_s, levels_v)
    monitor += 0.1 * noise_v * rng.standard_normal(logged.size)
    found = estimate_clock_offset(cycler, recorded_v, logged, monitor, longest_offset_s=400.0)
    assert abs(found.offset_s - offset_s) < 4 * found.uncertainty_s
    assert found.uncertainty_s < 2 * (cycler_s + log_s)


def test_steps_that_the_cycler_marks_with_rows_give_the_offset_to_a_fraction_of_a_sample():
    rng = np.random.default_rng(3)
    edges_s = np.array([611.3, 1497.8, 2222.1, 3033.6])
    levels_v = np.array([3.7, 3.9, 3.75, 4.0, 3.8])
    cycler = np.sort(np.concatenate([np.arange(0, DURATION_S, 60), edges_s - 1e-3, edges_s + 1e-3]))
    logged = np.arange(0, DURATION_S, 2.0)
    monitor = cell_voltage(logged - 17.3, edges_s, levels_v) + 1e-3 * rng.standard_normal(logged.size)
    found = estimate_clock_offset(cycler, cell_voltage(cycler, edges_s, levels_v), logged, monitor)
    assert found.offset_s == pytest.approx(17.3, abs=1.0)
    assert found.uncertainty_s == pytest.approx(2 / np.sqrt(12), rel=0.6)


@pytest.mark.parametrize("inverted", [None, True])
def test_a_log_of_opposite_sign_gives_the_offset(inverted):
    time_s, edges_s = np.arange(0, DURATION_S, 5.0), np.array([611.0, 900.0, 2222.0, 3033.0])
    voltage = cell_voltage(time_s, edges_s, np.array([3.7, 3.9, 3.75, 4.0, 3.8]))
    found = estimate_clock_offset(
        time_s, voltage, time_s + 42.0, -voltage, longest_offset_s=400.0, inverted=inverted
    )
    assert found.inverted
    assert abs(found.offset_s - 42.0) < 3 * found.uncertainty_s


def test_a_step_up_or_down_does_not_turn_a_log_round():
    time_s = np.arange(0, DURATION_S, 5.0)
    down = cell_voltage(time_s, np.array([2000.0]), np.array([3.9, 3.7]))
    pulse = np.where((time_s > 1500) & (time_s < 2000), 3.9, 3.7)
    assert not estimate_clock_offset(time_s, down, time_s + 42, down, inverted=None).inverted
    assert not estimate_clock_offset(time_s, pulse, time_s + 42, pulse, inverted=None).inverted


def test_a_forgotten_hour_of_summer_time_is_found():
    time_s = np.arange(0, 20_000, 10.0)
    voltage = np.where((time_s > 7000) & (time_s < 9000), 3.9, 3.7) + np.where(time_s > 12_345, 0.1, 0)
    found = estimate_clock_offset(time_s, voltage, time_s + 3600, voltage)
    assert found.offset_s == pytest.approx(3600, abs=3 * found.uncertainty_s)


def test_steps_that_repeat_are_ambiguous():
    time_s = np.arange(0, 20_000, 5.0)
    voltage = np.where((time_s // 500) % 2, 3.9, 3.7)
    with pytest.raises(AmbiguousClockError, match="do equally well"):
        estimate_clock_offset(time_s, voltage, time_s[1000:2500] + 30, voltage[1000:2500])


def test_a_ramp_without_steps_tells_nothing():
    time_s = np.arange(0, 20_000, 5.0)
    with pytest.raises(AmbiguousClockError, match=r"no step in what both recorded|do equally well"):
        estimate_clock_offset(time_s, 3.5 + time_s * 1e-5, time_s + 30, 3.5 + time_s * 1e-5)


def test_records_of_different_cells_are_not_compared():
    rng = np.random.default_rng(5)
    time_s = np.arange(0, 4000, 5.0)
    other = [cell_voltage(time_s, np.sort(rng.uniform(0, 4000, 6)), rng.normal(3.7, 0.1, 7)) for _ in "ab"]
    with pytest.raises(AmbiguousClockError, match="do not look alike"):
        estimate_clock_offset(time_s, other[0], time_s, other[1], longest_offset_s=100)


@pytest.mark.parametrize("value", [np.full(100, 3.7), np.full(100, np.nan)])
def test_a_log_that_never_changes_tells_nothing(value):
    time_s = np.arange(100.0)
    with pytest.raises(AmbiguousClockError, match="hold no step"):
        estimate_clock_offset(time_s, np.where(time_s > 50, 3.9, 3.7), time_s, value)


def test_a_log_far_from_the_record_is_told_as_such():
    time_s = np.arange(0, 1000.0)
    voltage = np.where(time_s > 500, 3.9, 3.7)
    with pytest.raises(AmbiguousClockError, match="check zone and files"):
        estimate_clock_offset(time_s, voltage, time_s + 1e6, voltage)


def test_times_and_values_of_different_number_are_refused():
    with pytest.raises(ValueError, match="one value per time"):
        estimate_clock_offset(np.arange(10.0), np.arange(9.0), np.arange(10.0), np.arange(10.0))
