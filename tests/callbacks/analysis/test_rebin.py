"""Fly scans on a user's grid: no count is lost, empty bins are told, energies are those that were counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.xas import bin_edges, rebin, structure_widths

GRID_EV = np.array([8300.0, 8310.0, 8320.0, 8321.0, 8322.0, 8323.0, 8330.0, 8350.0])


def gates(edges_ev, rate=lambda energy_ev: np.full_like(energy_ev, 100.0), seconds=1e-2):
    """Gates between neighbouring energies, in the order of the sweep."""
    low, high = np.minimum(edges_ev[1:], edges_ev[:-1]), np.maximum(edges_ev[1:], edges_ev[:-1])
    open_s = np.full(low.shape, seconds)
    time_s = seconds * np.arange(low.size)
    return low, high, open_s, time_s, (rate(0.5 * (low + high)) * open_s)[:, None]


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(1e-3, 5.0), min_size=2, max_size=80),
    start=st.floats(-30.0, 30.0),
    counts=st.integers(0, 2**32),
    down=st.booleans(),
    widest_ev=st.sampled_from([np.inf, 3.0, 0.5]),
)
def test_counts_and_time_are_conserved_whatever_the_sweep(steps, start, counts, down, widest_ev):
    rng = np.random.default_rng(counts)
    edges = 8300.0 + start + np.concatenate([[0.0], np.cumsum(steps)])
    low, high, open_s, time_s, _ = gates(edges[::-1] if down else edges)
    counted = rng.integers(0, 1000, (low.size, 3)).astype(float)
    result = rebin(low, high, open_s, time_s, counted, GRID_EV, widest_ev=widest_ev)
    assert result.counts.sum(axis=0) + result.outside == pytest.approx(counted.sum(axis=0))
    assert (result.counts >= -1e-9).all()
    assert result.open_s.sum() <= open_s.sum() + 1e-9
    edges_of_bins = bin_edges(GRID_EV)
    filled = result.open_s > 1e-9
    inside = (edges_of_bins[:-1] - 1e-6 <= result.energy_ev) & (result.energy_ev <= edges_of_bins[1:] + 1e-6)
    assert inside[filled].all()


def test_a_constant_rate_stays_that_rate_in_every_bin():
    low, high, open_s, time_s, counted = gates(np.arange(8280.0, 8370.0, 0.137))
    result = rebin(low, high, open_s, time_s, counted, GRID_EV)
    assert result.counts[:, 0] / result.open_s == pytest.approx(np.full(len(GRID_EV), 100.0))


def test_a_straight_line_is_kept_at_the_energies_that_were_counted():
    def line(energy_ev):
        return 3.0 * (energy_ev - 8200.0)

    result = rebin(*gates(np.arange(8280.0, 8370.0, 0.137), line), GRID_EV)
    assert result.counts[:, 0] / result.open_s == pytest.approx(line(result.energy_ev), rel=5e-5)
    assert result.energy_ev[3:5] == pytest.approx(GRID_EV[3:5], abs=1e-6)


def test_up_and_down_together_are_the_mean_of_both():
    edges = np.arange(8280.0, 8370.0, 0.137)
    up, down = gates(edges), gates(edges[::-1], lambda energy_ev: np.full_like(energy_ev, 300.0))
    both = rebin(*(np.concatenate(pair) for pair in zip(up, down, strict=True)), GRID_EV)
    assert both.counts[:, 0] / both.open_s == pytest.approx(np.full(len(GRID_EV), 200.0))


def test_bins_that_a_sweep_did_not_reach_are_told_empty():
    result = rebin(*gates(np.arange(8280.0, 8321.2, 0.1)), GRID_EV)
    assert result.empty.tolist() == [False] * 4 + [True] * 4
    assert np.isnan(result.energy_ev[4:]).all()
    assert (result.counts[4:] == 0.0).all()


def test_the_time_of_a_bin_is_that_of_its_gates():
    result = rebin(*gates(np.arange(8280.0, 8370.0, 0.1)), GRID_EV)
    expected_s = (result.energy_ev - 8280.0) / 0.1 * 1e-2
    assert result.time_s == pytest.approx(expected_s - 0.5e-2, abs=1e-4)


def test_a_gate_at_rest_counts_where_it_stood():
    result = rebin([8310.0], [8310.0], [1.0], [0.0], [[7.0]], GRID_EV)
    assert result.counts[1] == pytest.approx([7.0])
    assert result.energy_ev[1] == pytest.approx(8310.0)


def test_narrow_bins_keep_the_value_at_an_energy_where_the_grid_is_wider_than_the_structure():
    def peak(energy_ev):
        return 100.0 * np.exp(-(((energy_ev - 8310.0) / 2.0) ** 2))

    sweep = gates(np.arange(8280.0, 8370.0, 0.05), peak)
    whole, narrow = rebin(*sweep, GRID_EV), rebin(*sweep, GRID_EV, widest_ev=0.2)
    assert whole.counts[1, 0] / whole.open_s[1] < 50.0
    assert narrow.counts[1, 0] / narrow.open_s[1] == pytest.approx(100.0, rel=2e-3)
    with pytest.raises(ValueError, match="above 0 eV"):
        rebin(*sweep, GRID_EV, widest_ev=0.0)


@pytest.mark.parametrize("grid", [[8300.0], [8300.0, 8300.0], [8310.0, 8300.0]])
def test_a_grid_that_does_not_rise_is_refused(grid):
    with pytest.raises(ValueError, match="strictly rising, in eV"):
        bin_edges(grid)


def test_shapes_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match=r"give \(n,\) and \(n, k\)"):
        rebin([1.0], [2.0], [1.0], [0.0], [1.0], GRID_EV)
    with pytest.raises(ValueError, match="1 gates end below their begin"):
        rebin([2.0], [1.0], [1.0], [0.0], [[1.0]], GRID_EV)


def test_bins_are_wide_where_a_spectrum_is_smooth_and_show_its_waves_as_they_are():
    grid = np.arange(8183.0, 8583.0, 10.0)
    widths = structure_widths(grid, 8333.0, 0.4)
    near = (grid >= 8303.0) & (grid <= 8373.0)
    assert (widths[near] == 0.4).all()
    assert (widths[~near] > 3.0).all()
    fine = np.arange(8170.0, 8600.0, 0.05)
    waves = np.sin(2 * 3.0 * np.sqrt(0.2625 * np.maximum(fine - 8333.0, 0.0)))[:, None]
    gate = np.full(fine.size, 0.05)
    made = rebin(fine, fine + 0.05, gate, fine, waves * gate[:, None], grid, widest_ev=widths)
    value = made.counts[:, 0] / made.open_s
    expected = np.interp(made.energy_ev, fine + 0.025, waves[:, 0])
    behind = grid > 8360.0
    assert value[behind] == pytest.approx(expected[behind], abs=0.03)
    assert made.open_s.sum() > 0.5 * gate.sum()
