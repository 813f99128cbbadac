"""Rings of a cell: where Bragg's law puts them, and as strong as kinematic theory says."""

import math

import numpy as np
import pytest
from operando.simulated_beamline.diffraction_scenario import build_powder_cell
from operando.simulated_beamline.physics.diffraction import per_steradian, ring_photons
from operando.simulated_beamline.physics.structure import Reflections, UnitCell, metal, reflections
from operando.simulated_beamline.scenario import load_scenario

ENERGY_EV = 18000.0
Q = np.linspace(0.5, 5.0, 9001)


@pytest.fixture(scope="module")
def nmc811():
    return build_powder_cell(load_scenario("nmc811-first-charge"))


@pytest.fixture(scope="module")
def lno():
    return build_powder_cell(load_scenario("lno-first-charge"))


def maximum(cell, low, high, lithium_content):
    """Position of the highest value between two scattering vectors, by a parabola through three points."""
    pattern = cell.pattern(Q, ENERGY_EV, lithium_content).even
    inside = np.flatnonzero((low < Q) & (high > Q))
    top = inside[np.argmax(pattern[inside])]
    before, at, after = pattern[top - 1 : top + 2]
    return Q[top] + 0.5 * (before - after) / (before - 2 * at + after) * (Q[1] - Q[0])


def ring_area(cell, low, high, lithium_content):
    """Photons between two scattering vectors above the straight line through the ends, per photon."""
    inside = (low < Q) & (high > Q)
    q, value = Q[inside], cell.pattern(Q, ENERGY_EV, lithium_content).even[inside]
    value = value / per_steradian(q, ENERGY_EV)
    return np.trapezoid(value - np.interp(q, q[[0, -1]], value[[0, -1]]), q)


def test_distances_of_lattice_planes_are_those_of_the_textbook():
    hexagonal = UnitCell.hexagonal(2.872, 14.2)
    by_hand = 1.0 / math.sqrt(4.0 / 3.0 * (1 + 0 + 0) / 2.872**2 + 16.0 / 14.2**2)
    assert hexagonal.d_spacing_angstrom(1, 0, 4) == pytest.approx(by_hand, rel=1e-12)
    assert hexagonal.d_spacing_angstrom(0, 0, 3) == pytest.approx(14.2 / 3)
    assert UnitCell.cubic(4.0495).d_spacing_angstrom(1, 1, 1) == pytest.approx(2.33798, abs=1e-5)
    monoclinic = UnitCell(4.992, 2.840, 5.078, beta_deg=109.75)
    assert monoclinic.d_spacing_angstrom(0, 0, 1) == pytest.approx(5.078 * math.sin(math.radians(109.75)))


def test_face_centred_metals_have_no_ring_of_mixed_indices():
    rings = reflections(metal("Al", "fcc", 4.0495), ENERGY_EV, 5.2)
    sums = (rings.q_per_angstrom * 4.0495 / (2 * np.pi)) ** 2
    assert np.round(sums, 4).tolist() == [3.0, 4.0, 8.0, 11.0]


def test_strength_of_a_ring_counts_all_its_planes():
    rings = reflections(metal("Cu", "fcc", 3.6149), ENERGY_EV, 3.6, displacement_angstrom2=0.0)
    # f of copper at 111 and 200 (International Tables C, 6.1.1), f' of 0.2 at 18 keV; 8 and 6 planes.
    expected = [8 * (4 * (22.1 + 0.2)) ** 2, 6 * (4 * (20.7 + 0.2)) ** 2]
    np.testing.assert_allclose(rings.strength_per_angstrom6 * 3.6149**6, expected, rtol=0.06)


@pytest.mark.parametrize(("content", "c_angstrom"), [(1.0, 14.2), (0.6, 14.405), (0.25, 14.255)])
def test_the_003_ring_of_nmc811_stands_at_a_third_of_its_c(nmc811, content, c_angstrom):
    # Grains differ in lithium content, so the ring's top may miss the mean by a little where c is bent.
    assert maximum(nmc811, 1.2, 1.5, content) == pytest.approx(6 * math.pi / c_angstrom, rel=4e-4)


@pytest.mark.parametrize(("edge_angstrom", "low", "high"), [(4.0495, 2.6, 2.75), (3.6149, 2.95, 3.06)])
def test_the_rings_of_the_collectors_stay_where_they_are(edge_angstrom, low, high):
    # Of 111 d = a / sqrt(3); the oxide, whose lines are near, has next to no mass here.
    scenario = load_scenario("nmc811-electrode")
    bare = scenario.model_copy(update={"cell": scenario.cell.model_copy(update={"active_mass_mg": 1e-6})})
    expected = 2 * math.pi * math.sqrt(3) / edge_angstrom
    found = [maximum(build_powder_cell(bare), low, high, content) for content in (0.95, 0.45)]
    assert found == pytest.approx([expected, expected], abs=1e-4)


def test_lno_between_two_phases_has_the_rings_of_both_by_the_lever_rule(lno):
    h2, h3 = 6 * math.pi / 14.400, 6 * math.pi / 13.500
    middle = 0.5 * (0.26 + 0.16)
    assert maximum(lno, 1.28, 1.34, middle) == pytest.approx(h2, rel=5e-4)
    assert maximum(lno, 1.36, 1.43, middle) == pytest.approx(h3, rel=5e-4)
    thirds = [ring_area(lno, 1.355, 1.45, 0.26 - 0.1 * share) for share in (0.3, 0.5, 0.7)]
    assert thirds[0] < thirds[1] < thirds[2]
    assert thirds[2] - thirds[1] == pytest.approx(thirds[1] - thirds[0], rel=0.05)


def test_strain_below_04_lithium_broadens_the_rings(nmc811):
    def width(content):
        inside = (Q > 2.9) & (Q < 3.2)
        value = nmc811.pattern(Q, ENERGY_EV, content).even[inside]
        return np.count_nonzero(value > 0.5 * (value.max() + value.min()))

    assert width(0.15) > 1.15 * width(0.5)


def test_photons_of_a_ring_are_spread_over_the_sphere_and_none_is_lost():
    one = Reflections(np.array([2.0]), np.array([100.0]))
    total = ring_photons(one, ENERGY_EV, 1e5)[0]
    wave = 2 * np.pi * ENERGY_EV / 12398.419843
    q = np.linspace(1.9, 2.1, 4001)
    density = total * np.where(np.abs(q - 2.0) < 0.05, 10.0, 0.0) * per_steradian(q, ENERGY_EV)
    two_theta = 2 * np.arcsin(q / (2 * wave))
    assert np.trapezoid(density * 2 * np.pi * np.sin(two_theta), two_theta) == pytest.approx(total, rel=2e-3)
    # r_e^2 wavelength^3 strength t / (4 sin theta), by hand.
    assert total == pytest.approx(7.9408e-10 * 0.6888**3 * 100.0 * 1e5 / (4 * 0.10963), rel=1e-3)


@pytest.mark.parametrize("energy_ev", [4500.0, 8333.0, 20000.0])
def test_any_energy_of_the_monochromator_has_a_pattern(nmc811, energy_ev):
    # At 4500 eV not even the first ring of lithium is within reach.
    reachable = Q[0.98 * 4 * math.pi * energy_ev / 12398.42 > Q]
    values = nmc811.pattern(reachable, energy_ev, 0.5).even
    assert np.all(np.isfinite(values))
    assert values.min() > 0.0


def test_a_reach_without_a_ring_has_none():
    assert len(reflections(metal("Li", "bcc", 3.509), ENERGY_EV, 1.0).q_per_angstrom) == 0


def test_texture_moves_photons_along_a_ring_and_adds_none(nmc811):
    pattern = nmc811.pattern(Q, ENERGY_EV, 0.9)
    assert np.all(np.abs(pattern.textured) <= pattern.even)
    assert pattern.textured.max() > 0.1 * pattern.even.max() / 10


def test_an_unknown_layer_is_refused_by_name():
    scenario = load_scenario("nmc811-first-charge")
    section = scenario.diffraction
    wrong = section.model_copy(update={"halos": (section.halos[0].model_copy(update={"layer": "glue"}),)})
    with pytest.raises(ValueError, match="layer 'glue', the cell has carbon black"):
        build_powder_cell(scenario.model_copy(update={"diffraction": wrong}))
