"""Layered oxides: oxygen where the bond lengths say, phases by the lever rule."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.layered_oxide import OxidePhase, OxideSeries

H1 = OxidePhase("H1", "R-3m", ((1.0, 2.878, 14.190), (0.8, 2.858, 14.265)))
M = OxidePhase("M", "C2/m", ((0.74, 4.992, 2.840, 5.078, 109.75), (0.42, 4.915, 2.827, 5.066, 108.9)))
O1 = OxidePhase("O1", "P-3m1", ((0.0, 2.814, 4.35),))
SERIES = OxideSeries({"Ni": 1.0}, (H1, M, O1), ((0.0, 1.88), (1.0, 1.97)))


def six_nearest(structure, centre, others):
    """Distances (angstrom) of a site's six nearest neighbours of another kind."""
    start = np.array(structure.atoms[centre].positions[0])
    shifts = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    between = np.concatenate([np.array(one) + shifts - start for one in structure.atoms[others].positions])
    return np.sort(np.sqrt(np.einsum("ni,ij,nj->n", between, structure.cell.metric, between)))[:6]


@pytest.mark.parametrize(("phase", "content"), [(H1, 1.0), (H1, 0.8), (M, 0.6), (O1, 0.0)])
def test_every_metal_has_six_oxygens_at_the_distance_of_the_edge(phase, content):
    structure = SERIES.structure(phase, content)
    bond = 1.88 + 0.09 * content
    np.testing.assert_allclose(six_nearest(structure, 0, 2), bond, rtol=5e-3)


@pytest.mark.parametrize(("phase", "content"), [(H1, 1.0), (M, 0.6)])
def test_lithium_sits_in_an_octahedron_of_oxygen(phase, content):
    distances = six_nearest(SERIES.structure(phase, content), 1, 2)
    assert np.ptp(distances) < 0.05
    assert 2.08 < distances.mean() < 2.18


def test_a_content_inside_a_phase_is_that_phase_alone():
    (only,) = SERIES.shares(0.9)
    assert (only.phase.name, only.lithium_content, only.share) == ("H1", 0.9, 1.0)


def test_lithium_of_two_phases_adds_up_to_that_of_the_cell():
    both = SERIES.shares(0.2)
    assert [one.phase.name for one in both] == ["M", "O1"]
    assert sum(one.share for one in both) == pytest.approx(1.0)
    assert sum(one.share * one.lithium_content for one in both) == pytest.approx(0.2)


def test_beyond_the_last_phase_the_lattice_stays():
    fuller = OxidePhase("H1", "R-3m", ((0.9, 2.87, 14.2), (0.8, 2.86, 14.25)))
    assert fuller.lattice_at(1.0) == (2.87, 14.2)
