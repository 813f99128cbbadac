"""Tables of attenuation against xraydb, energy by energy."""

import numpy as np
import pytest
import xraydb
from operando.simulated_beamline.physics.attenuation import (
    edge_energy_ev,
    element_cm2_g,
    gas_per_cm,
    grid_ev,
)


@pytest.mark.parametrize("element", ["H", "Li", "O", "Al", "Ti", "Fe", "Ni", "Zr"])
def test_a_table_is_what_xraydb_gives_also_beside_every_edge(element):
    grid = grid_ev()
    edges_ev = [edge.energy for edge in xraydb.xray_edges(element).values() if edge.energy > grid[4]]
    beside = [np.searchsorted(grid, edge) + np.arange(-4, 5) for edge in edges_ev]
    probes = np.unique(np.concatenate([np.arange(0, len(grid), 101), *beside]))
    assert element_cm2_g(element)[probes] == pytest.approx(xraydb.mu_elam(element, grid[probes]), rel=3e-5)


def test_the_grid_holds_an_edge_that_lies_on_one_of_its_points():
    assert edge_energy_ev("Fe") in grid_ev()


@pytest.mark.parametrize("gas", ["nitrogen", "helium", "argon"])
def test_a_gas_is_what_xraydb_gives(gas):
    grid = grid_ev()[::101]
    assert gas_per_cm(gas)[::101] == pytest.approx(xraydb.material_mu(gas, grid, kind="photo"), rel=3e-5)
