"""Edges of scans that end soon after them: half steps do not follow the few points above the edge."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import xanes_maps
from operando.callbacks.analysis.xas import fit_edge
from operando.callbacks.analysis.xas.normalisation import falling_baseline
from operando.callbacks.analysis.xas.resample import resampled

SHORT_EV = 8333.0 + np.concatenate(
    [np.arange(-90.0, -19.0, 15.0), np.arange(2.0, 26.0, 1.25), np.arange(30.0, 141.0, 14.0)]
)


def test_a_falling_baseline_is_that_of_what_falls_so_wherever_it_is_fitted():
    energy = np.arange(8380.0, 8480.0, 11.0)
    for window in ((40.0, 150.0), (90.0, 150.0)):
        found = falling_baseline(energy, 8333.0, window)
        value = found.fit(3.0 * (energy[None] / 8333.0) ** -2.8)[0] @ found.basis(np.array([8333.0]))[0]
        assert value == pytest.approx(3.0, rel=1e-4)


def edge_of(length_angstrom):
    """An edge at 8344 eV with the fine structure of neighbours at a distance, falling, shape (n, 1)."""
    off = SHORT_EV - 8344.0
    waves = 0.04 * np.sin(2.0 * length_angstrom * np.sqrt(0.2625 * np.maximum(off, 1e-3)))
    edge = 1 / (1 + np.exp(-off / 1.2)) + np.where(off > 15.0, waves, 0.0)
    return ((0.5 + edge) * (SHORT_EV / 8333.0) ** -2.8)[:, None]


def test_a_half_step_does_not_move_with_the_fine_structure_above_the_edge():
    stack = np.stack([edge_of(length) for length in (2.4, 2.5, 2.6, 2.7)], axis=2)
    falling, line = (xanes_maps(stack, SHORT_EV, element="Ni", post_degree=one) for one in (None, 2))
    assert (falling.post_degree, line.post_degree) == (None, 1)
    assert np.ptp(falling.half_step_ev) < 0.03
    assert np.ptp(line.half_step_ev) > 0.1


def way(half_ev):
    """How far an edge has gone from the first spectrum to the last one."""
    return (half_ev - half_ev[0]) / (half_ev[-1] - half_ev[0])


def test_the_edge_of_measured_nickelate_moves_in_a_short_scan_as_in_the_whole_one(shared_data):
    files = sorted((shared_data / "xas/perex_ROCK_LNO/op2_pos1").glob("*.txt"))[::6]
    spectra = [np.loadtxt(file)[:, :2].T for file in files]
    whole = np.array([fit_edge(*one, element="Ni").half_step_ev for one in spectra])
    for by_ev in (0.0, 3.0, 7.0):
        energy = np.where(SHORT_EV > 8360.0, SHORT_EV + by_ev, SHORT_EV)
        stack = np.stack([resampled(energy, *one) for one in spectra], axis=1)[:, None]
        found = xanes_maps(stack, energy, element="Ni").half_step_ev[0]
        # A line through the few points above the edge: up to 0.39 eV off, and 0.05 of the way.
        assert abs(np.mean(found - whole)) < 0.05
        assert way(found) == pytest.approx(way(whole), abs=0.02)
