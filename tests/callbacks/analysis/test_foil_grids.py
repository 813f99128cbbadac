"""Scans of one foil over different grids find the shift between them: none is an artefact of their steps."""

import itertools

import numpy as np
import pytest
from operando.callbacks.analysis.xas import foil_shift
from operando.plans.grids import grid_from_regions
from operando.simulated_beamline.scenario import load_scenario

GRIDS = {
    "1 eV": [(-155, -45, 22, 1), (-45, -10, 12, 1), (-10, 30, 1, 1), (30, 95, 13, 1), (95, 410, 15, 1)],
    "0.4 eV": [(-155, -45, 10, 1), (-45, -10, 5, 1), (-10, 30, 0.4, 1), (30, 95, 2.5, 1), (95, 410, 5, 1)],
    "0.6 eV": [(-50, -20, 6, 1), (-20, 20, 0.6, 1), (20, 60, 8, 1)],
    "0.25 eV": [(-60, -20, 5, 1), (-20, 60, 0.25, 1)],
}
PAIRS = list(itertools.product(GRIDS, GRIDS))


@pytest.fixture(scope="module")
def foil():
    foils = load_scenario("nmc811-first-charge").build_foils()
    return lambda energy_ev: sum(one.absorbance(energy_ev) for one in foils)


def measured(foil, name, rng, *, off_ev=0.0, noise=0.0):
    """Energies as they are read, within a few meV of the grid, and the foil `off_ev` further."""
    asked = grid_from_regions(GRIDS[name], e0="Ni_K").energy_ev
    read = asked + rng.normal(0.0, 0.003, asked.size)
    return read, foil(read + off_ev) + rng.normal(0.0, 1.0, asked.size) * noise


@pytest.mark.parametrize(("scan", "reference"), PAIRS)
def test_a_shift_between_two_grids_is_found_within_five_mev(foil, scan, reference):
    rng = np.random.default_rng(5)
    for off_ev in (-0.83, 0.0, 0.31):
        found = foil_shift(*measured(foil, scan, rng, off_ev=off_ev), *measured(foil, reference, rng))
        assert found == pytest.approx(off_ev, abs=0.005)


@pytest.mark.parametrize(("scan", "reference"), [("0.4 eV", "1 eV"), ("1 eV", "1 eV")])
def test_noise_of_a_sweep_of_seconds_blurs_the_shift_by_less_than_ten_mev(foil, scan, reference):
    rng = np.random.default_rng(6)
    shifts = [
        foil_shift(*measured(foil, scan, rng, noise=6e-4), *measured(foil, reference, rng, noise=6e-4))
        for _ in range(12)
    ]
    assert np.abs(np.mean(shifts)) < 0.005
    assert np.std(shifts) < 0.01
