"""Which points make the baselines of an edge: the grid decides, not meV of a reading or an alignment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.xas import fit_edge

EDGE_EV = 8333.0
RICH = ((-150, -50, 20), (-50, -10, 10), (-10, 30, 0.5), (30, 100, 10), (100, 400, 20))
GRIDS = {
    "ends where the windows do": RICH,
    "just enough points below the edge": ((-100, -50, 10), (-50, -10, 5), (-10, 40, 0.8), (40, 250, 10)),
    "just enough of the window above the edge": ((-90, -20, 10), (-20, -8, 3), (-8, 40, 0.8), (40, 190, 10)),
    "steps of 1 eV at the edge": ((-155, -45, 22), (-45, -10, 12), (-10, 30, 1), (30, 95, 13), (95, 410, 15)),
    "XANES alone": ((-50, -20, 6), (-20, 20, 0.6), (20, 60, 8)),
}
shifts_ev = st.floats(-3.0, 3.0)
grids = pytest.mark.parametrize("grid", GRIDS)


def energies(grid):
    parts = [np.arange(low, high, step) for low, high, step in GRIDS[grid]]
    return EDGE_EV + np.concatenate([*parts, [GRIDS[grid][-1][1]]])


def absorbance(energy_ev):
    """An edge with a white line and fine structure of 5 %."""
    rise = 1 / (1 + np.exp(-(energy_ev - 8343.0) / 1.4))
    white = 0.5 * np.exp(-0.5 * ((energy_ev - 8351.0) / 3.0) ** 2)
    beyond = np.clip(energy_ev - 8355.0, 0.0, None)
    return 0.4 + 0.9 * (rise + white + 0.05 * np.exp(-beyond / 150) * np.sin(beyond / 9))


def half_step_ev(energy_ev, mu, asked_ev):
    found = fit_edge(energy_ev, mu, element="Ni", asked_ev=asked_ev)
    assert found.verdict == "good"
    return found.half_step_ev


@grids
@settings(max_examples=40, deadline=None)
@given(shift_ev=shifts_ev)
def test_a_spectrum_aligned_by_any_shift_has_its_half_step_that_much_further(grid, shift_ev):
    asked = energies(grid)
    mu = absorbance(asked)
    moved = half_step_ev(asked + shift_ev, mu, asked) - half_step_ev(asked, mu, asked)
    assert moved == pytest.approx(shift_ev, abs=1e-4)


@grids
@settings(max_examples=25, deadline=None)
@given(shift_ev=shifts_ev, seed=st.integers(0, 2**31))
def test_readings_that_miss_their_energies_by_mev_find_the_half_step_of_the_grid(grid, shift_ev, seed):
    asked = energies(grid)
    read = asked + np.random.default_rng(seed).normal(0.0, 0.004, asked.size)
    moved = half_step_ev(read + shift_ev, absorbance(read), asked) - half_step_ev(
        asked, absorbance(asked), asked
    )
    assert moved == pytest.approx(shift_ev, abs=0.005)


def test_energies_that_were_asked_for_may_come_in_any_order_and_be_unknown_for_some():
    asked = energies("XANES alone")
    order = np.random.default_rng(4).permutation(asked.size)
    known = np.where(np.arange(asked.size) == 7, np.nan, asked)
    wanted = half_step_ev(asked, absorbance(asked), asked)
    assert half_step_ev(asked[order], absorbance(asked[order]), known[order]) == pytest.approx(wanted)


def test_energies_that_do_not_belong_to_those_read_are_refused():
    asked = energies("XANES alone")
    with pytest.raises(ValueError, match=r"asked_ev of shape .* does not belong"):
        fit_edge(asked, absorbance(asked), element="Ni", asked_ev=asked[:-1])
