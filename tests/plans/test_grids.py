import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.plans import grids
from operando.plans.grids import edge_energy_ev, grid_from_bounds, grid_from_regions


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(grids).failed == 0


def test_bmm_notation_gives_bmm_points():
    grid = grid_from_bounds(
        [-200, -30, -10, 15.5, "14k"], [10, 2, 0.25, "0.05k"], [0.5, 0.5, 0.5, "0.25k"], e0="Ni_K"
    )
    assert grid.energy_ev[0] == 8133
    assert grid.energy_ev[-1] == pytest.approx(8333 + 746.756, abs=0.01)
    assert np.allclose(np.diff(grid.energy_ev[17:27]), 2)
    k = np.sqrt((grid.energy_ev[-5:] - 8333) / 3.8099821)
    assert np.allclose(np.diff(k)[:-1], 0.05)
    assert grid.dwell_s[-1] == pytest.approx(14 * 0.25)


def test_both_notations_give_the_same_grid():
    bmm = grid_from_bounds([-20, 10, "10k"], [1, "0.05k"], [0.5, 1], e0=8333)
    start_k = (10 / 3.8099821) ** 0.5
    tuples = grid_from_regions([(-20, 10, 1, 0.5), (start_k, 10, 0.05, 1, "k")], e0="Ni_K")
    assert np.allclose(bmm.energy_ev, tuples.energy_ev)
    assert np.allclose(bmm.dwell_s, tuples.dwell_s)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([(-10, 0, 1, 1), (-5, 5, 1, 1)], r"region 2 .*starts at -5 eV, below the stop"),
        ([(0, -5, 1, 1)], r"region 1 .*not above its start"),
        ([(8300, 8400, 1, 1)], r"region 1 .*relative to E0"),
        ([(-10, 10, 0, 1)], r"region 1 .*step 0 must be above 0"),
        ([(-10, 10, 1, 0)], r"region 1 .*dwell 0 s"),
        ([(-10, 10, "0.05k", 1)], r"region 1 .*below E0"),
        ([(0, 10, 1, "1k")], r"region 1 .*counts 0 s at its first point"),
        ([(0, 10, 1e-5, 1)], r"region 1 .*larger step"),
        ([(0, "10q", 1, 1)], r"region 1 .*stop '10q' is not a number"),
        ([(1, 2, 1, 1, "q")], r"region 1 .*neither 'eV' nor 'k'"),
        ([(0, float("nan"), 1, 1)], "region 1 .*not finite"),
        ([], "no region"),
    ],
)
def test_a_wrong_region_is_refused_by_name(regions, message):
    with pytest.raises(ValueError, match=message):
        grid_from_regions(regions, e0="Ni_K")


def test_bounds_that_do_not_fit_their_steps_are_refused():
    with pytest.raises(ValueError, match="3 bounds, 1 steps and 2 times"):
        grid_from_bounds([0, 1, 2], [1], [1, 1], e0="Ni_K")


@pytest.mark.parametrize("e0", ["Ni-K", "Xx_K", "Ni_Q", "", 8.333])
def test_an_unknown_edge_is_refused(e0):
    with pytest.raises(ValueError, match="edge"):
        edge_energy_ev(e0)


regions_strategy = st.lists(
    st.tuples(
        st.floats(0.5, 80),
        st.floats(0.05, 20),
        st.floats(0.01, 10),
        st.sampled_from(["eV", "k"]),
        st.floats(0, 5),
    ),
    min_size=1,
    max_size=5,
)


@given(regions_strategy, st.floats(-300, 0))
def test_every_grid_rises_counts_and_ends_where_it_was_told(parts, first):
    regions, start = [], first
    for width, step, dwell, unit, gap in parts:
        start += gap
        stop = start + width
        in_k = unit == "k" and start >= 0
        regions.append((start, stop, "0.1k" if in_k else step, dwell))
        start = stop
    grid = grid_from_regions(regions, e0=8333)
    assert np.all(np.diff(grid.energy_ev) > 0)
    assert len(grid.energy_ev) == len(grid.dwell_s)
    assert grid.energy_ev[0] == pytest.approx(8333 + regions[0][0], abs=0.011)
    assert grid.energy_ev[-1] == pytest.approx(8333 + start, abs=0.011)
    assert np.all(grid.dwell_s > 0)
    assert grid.counting_s == pytest.approx(sum(grid.dwell_s))
