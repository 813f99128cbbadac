"""Orders of angles, and the part of the half turn for which each angle stands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.imaging import (
    angular_weights,
    golden_angles,
    interlaced_angles,
    sequential_angles,
)


@pytest.mark.parametrize("span_deg", [180.0, 360.0])
def test_interlaced_angles_are_the_sequential_ones_in_another_order(span_deg):
    interlaced = interlaced_angles(96, turns=8, span_deg=span_deg)
    folded = np.sort(np.mod(interlaced, span_deg))
    assert np.allclose(folded, sequential_angles(96, span_deg=span_deg))


def test_an_interlaced_stage_only_goes_on():
    assert (np.diff(interlaced_angles(96, turns=8)) > 0).all()


def test_every_power_of_two_of_interlaced_turns_is_even():
    angles = interlaced_angles(96, turns=8)
    for turns in (1, 2, 4, 8):
        gaps = np.diff(np.sort(np.mod(angles[: 12 * turns], 180.0)))
        assert np.ptp(gaps) < 1e-9


def test_golden_angles_leave_gaps_of_three_sizes_at_most():
    for count in (10, 37, 100, 361):
        gaps = np.diff(np.sort(golden_angles(count)), append=180.0)
        assert len(np.unique(gaps.round(6))) <= 3
        assert gaps.max() / gaps.min() < 2.7


@pytest.mark.parametrize(
    "angles",
    [
        sequential_angles(50),
        sequential_angles(50, span_deg=360),
        golden_angles(77),
        np.linspace(0, 180, 51),
        np.array([0.0, 1.0, 90.0, 170.0]),
    ],
)
def test_weights_sum_to_the_half_turn(angles):
    assert angular_weights(angles, widest_gap=np.inf).sum() == pytest.approx(np.pi)


def test_the_same_angle_twice_counts_once():
    weights = angular_weights(np.linspace(0, 180, 5))
    assert weights[0] == pytest.approx(weights[-1])
    assert weights[0] + weights[-1] == pytest.approx(weights[1])


def test_the_edges_of_a_missing_wedge_are_not_blown_up():
    weights = angular_weights(np.arange(0.0, 60.0))
    assert weights.max() <= 2 * np.median(weights) + 1e-9


@pytest.mark.parametrize(("count", "turns"), [(96, 6), (90, 4), (96, 0)])
def test_turns_that_do_not_divide_are_refused(count, turns):
    with pytest.raises(ValueError, match="power of two"):
        interlaced_angles(count, turns=turns)


@pytest.mark.parametrize(("count", "span_deg"), [(0, 180.0), (10, 0.0), (10, 400.0)])
def test_empty_orders_are_refused(count, span_deg):
    with pytest.raises(ValueError, match="angular order"):
        golden_angles(count, span_deg=span_deg)


def test_angles_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="1 of them not finite"):
        angular_weights([0.0, np.nan])


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(0, 6), st.integers(1, 40), st.sampled_from([180.0, 360.0]), st.floats(-90, 90))
def test_any_interlaced_order_holds_each_sequential_angle_once_and_only_goes_on(bits, each, span_deg, start):
    count, turns = each * 2**bits, 2**bits
    angles = interlaced_angles(count, turns=turns, span_deg=span_deg, start_deg=start)
    assert (np.diff(angles) > 0).all()
    step = np.mod(angles - start, span_deg) * count / span_deg
    assert sorted(np.round(step).astype(int) % count) == list(range(count))


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(3, 400))
def test_any_first_part_of_the_golden_order_leaves_no_gap_wider_than_three_even_ones(count):
    gaps = np.diff(np.sort(golden_angles(count)), append=180.0)
    assert gaps.max() < 3 * 180.0 / count


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.lists(st.floats(0, 179.9), min_size=2, max_size=60), st.integers(0, 1000))
def test_weights_do_not_depend_on_the_order_nor_on_half_turns(angles, seed):
    angles = np.array(angles)
    rng = np.random.default_rng(seed)
    weights, order = angular_weights(angles, widest_gap=np.inf), rng.permutation(angles.size)
    turned = angles + 180.0 * rng.integers(0, 2, angles.size)
    assert weights.sum() == pytest.approx(np.pi)
    if np.unique(angles).size == angles.size and np.diff(np.sort(angles)).min() > 1e-6:
        assert angular_weights(turned[order], widest_gap=np.inf) == pytest.approx(weights[order], abs=1e-6)
