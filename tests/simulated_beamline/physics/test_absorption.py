"""Absorbance of cell, references and foils against tables, algebra and measured spectra."""

from pathlib import Path

import numpy as np
import pytest
from operando.simulated_beamline.physics.absorption import CellStack, Electrode, Layer
from operando.simulated_beamline.physics.attenuation import (
    bare_and_jump_cm2_g,
    element_cm2_g,
    grid_ev,
    interpolate,
)
from operando.simulated_beamline.physics.crystal import Monochromator
from operando.simulated_beamline.physics.edge_shape import normalised_edge
from operando.simulated_beamline.physics.ion import edge_parameters
from operando.simulated_beamline.physics.reference_sample import Foil, ReferenceSample

NI_EDGE_EV = 8333.0
RESOLUTION = Monochromator().resolution_ev
ENERGY_EV = np.arange(8180.0, 8750.0, 0.5)
MEASURED = Path(__file__).parents[4] / "shared/data/xas/perex_ROCK_LNO/op2_pos1"


def nmc811(loading_g_cm2=5.5e-3, layers=()):
    electrode = Electrode(
        composition={"Ni": 0.8, "Mn": 0.1, "Co": 0.1},
        areal_density_g_cm2=loading_g_cm2,
        metal_oxygen_angstrom=((0.0, 1.885), (1.0, 1.965)),
        metal_metal_angstrom=((0.1, 2.815), (1.0, 2.872)),
    )
    return CellStack(electrode, layers, RESOLUTION)


@pytest.fixture(scope="module")
def cell():
    return nmc811()


def normalised(energy_ev, mu):
    """Line before and parabola behind the edge, nothing else: (flattened spectrum, edge step)."""
    relative = energy_ev - NI_EDGE_EV
    before, behind = (relative > -150) & (relative < -50), (relative > 100) & (relative < 400)
    below = np.polyval(np.polyfit(relative[before], mu[before], 1), relative)
    parabola = np.polyfit(relative[behind], (mu - below)[behind], 2)
    step = float(np.polyval(parabola, 0.0))
    above = np.polyval(parabola, relative) - step
    return (mu - below - np.where(relative > 0.0, above, 0.0)) / step, step


def half_step_ev(energy_ev, mu):
    spectrum, _ = normalised(energy_ev, mu)
    at = int(np.flatnonzero((spectrum[:-1] < 0.5) & (spectrum[1:] >= 0.5))[0])
    share = (0.5 - spectrum[at]) / (spectrum[at + 1] - spectrum[at])
    return float(energy_ev[at] + share * (energy_ev[at + 1] - energy_ev[at]))


def reference(formula, valence, oxygen, metal):
    return ReferenceSample(
        formula,
        "Ni",
        valence,
        metal_oxygen_angstrom=oxygen,
        metal_metal_angstrom=metal,
        edge_step=1.0,
        resolution=RESOLUTION,
    )


REFERENCES = {
    2.0: ("NiO", 2.0855, 2.954),
    3.0: ("LiNiO2", 1.915, 2.878),
    3.85: ("Li0.15NiO2", 1.855, 2.815),
    4.0: ("NiO2", 1.85, 2.814),
}


@pytest.fixture(scope="module")
def half_steps():
    return {
        valence: half_step_ev(ENERGY_EV, reference(formula, valence, oxygen, metal).absorbance(ENERGY_EV))
        for valence, (formula, oxygen, metal) in REFERENCES.items()
    }


def test_below_and_above_the_edge_the_table_is_kept():
    bare, jump = bare_and_jump_cm2_g("Ni")
    grid, total = grid_ev(), element_cm2_g("Ni")
    np.testing.assert_allclose(bare[grid < NI_EDGE_EV], total[grid < NI_EDGE_EV])
    np.testing.assert_allclose((bare + jump)[grid > NI_EDGE_EV], total[grid > NI_EDGE_EV])
    assert np.all(jump > 0.0)


def test_far_from_edges_the_stack_is_the_sum_of_its_tables(cell):
    fractions = cell.electrode.mass_fractions()
    expected = 5.5e-3 * sum(share * interpolate(element_cm2_g(el), 5500.0) for el, share in fractions.items())
    assert cell.absorbance(5500.0, 0.9)[0] == pytest.approx(float(expected), rel=2e-3)


def test_layers_add_their_attenuation():
    xraydb = pytest.importorskip("xraydb")
    foil = Layer("collector", "Al", 2.7 * 15e-4)
    added = nmc811(layers=(foil,)).absorbance(8333.0, 0.9) - nmc811().absorbance(8333.0, 0.9)
    assert added[0] == pytest.approx(xraydb.mu_elam("Al", 8333.0) * 2.7 * 15e-4, rel=1e-4)


def test_the_cathode_absorbs_what_the_layers_leave():
    foil = Layer("collector", "Al", 2.7 * 15e-4)
    bare, covered = nmc811(), nmc811(layers=(foil,))
    cathode = covered.cathode_absorbance(ENERGY_EV, 0.9)
    np.testing.assert_allclose(cathode, bare.cathode_absorbance(ENERGY_EV, 0.9))
    assert np.all(cathode < covered.absorbance(ENERGY_EV, 0.9))
    assert np.all(cathode > 0.0)


def test_edge_step_is_proportional_to_the_loading():
    steps = [normalised(ENERGY_EV, nmc811(load).absorbance(ENERGY_EV, 0.9))[1] for load in (4e-3, 8e-3)]
    assert steps[1] / steps[0] == pytest.approx(2.0, rel=1e-9)


def test_a_real_loading_gives_a_measurable_edge_step(cell):
    _, step = normalised(ENERGY_EV, cell.absorbance(ENERGY_EV, 0.9))
    assert 0.3 < step < 1.0
    assert step == pytest.approx(cell.edge_step("Ni"), rel=0.08)


def test_fine_structure_averages_out(cell):
    shape = edge_parameters(
        "Ni", 3.0, metal_oxygen_angstrom=1.93, metal_metal_angstrom=2.85, resolution=RESOLUTION
    )
    spectrum = normalised_edge(np.arange(8450.0, 9300.0, 1.0), shape)
    assert np.mean(spectrum) == pytest.approx(1.0, abs=0.01)
    assert np.ptp(spectrum) > 0.05


def test_half_step_moves_as_measured_between_oxidation_states(half_steps):
    assert 2.0 <= half_steps[3.0] - half_steps[2.0] <= 2.3
    assert 1.7 <= half_steps[3.85] - half_steps[3.0] <= 1.8
    assert half_steps[4.0] > half_steps[3.85]


def test_white_line_moves_further_than_the_half_step():
    tops = [
        ENERGY_EV[np.argmax(reference(f, v, o, m).absorbance(ENERGY_EV))]
        for v, (f, o, m) in REFERENCES.items()
        if v in (3.0, 3.85)
    ]
    assert tops[1] - tops[0] == pytest.approx(2.65, abs=0.3)


def test_half_step_rises_steadily_as_lithium_leaves(cell):
    contents = np.arange(0.95, 0.20, -0.05)
    found = [half_step_ev(ENERGY_EV, cell.absorbance(ENERGY_EV, x)) for x in contents]
    assert np.all(np.diff(found) > 0.05)


def test_references_calibrate_the_valence_of_the_cell(cell, half_steps):
    nodes = [2.0, 3.0, 4.0]
    scale = np.polyfit([half_steps[node] for node in nodes], nodes, 2)
    for x in np.arange(0.27, 0.96, 0.1):
        found = np.polyval(scale, half_step_ev(ENERGY_EV, cell.absorbance(ENERGY_EV, x)))
        assert found == pytest.approx(cell.electrode.valence("Ni", x), abs=0.03)


@pytest.mark.parametrize(("element", "edge_ev"), [("Ni", 8333.0), ("Co", 7709.0), ("Mn", 6539.0)])
def test_first_inflection_of_a_foil_is_the_tabulated_edge(element, edge_ev):
    energy = np.arange(edge_ev - 30.0, edge_ev + 80.0, 0.05)
    slope = np.gradient(Foil(element, 5.0, RESOLUTION).absorbance(energy), energy)
    assert energy[np.argmax(slope)] == pytest.approx(edge_ev, abs=0.1)


def test_absorbance_of_a_foil_is_proportional_to_its_thickness():
    thin, thick = (Foil("Ni", um, RESOLUTION).absorbance(ENERGY_EV) for um in (3.0, 6.0))
    np.testing.assert_allclose(thick, 2.0 * thin)


def test_a_worse_resolution_widens_the_foil_edge():
    energy = np.arange(8320.0, 8346.0, 0.1)
    slopes = [
        np.gradient(
            Foil("Ni", 5.0, Monochromator(divergence_urad=urad).resolution_ev).absorbance(energy)
        ).max()
        for urad in (5.0, 80.0)
    ]
    assert slopes[1] < 0.95 * slopes[0]


def test_a_reference_without_its_element_is_refused():
    with pytest.raises(ValueError, match="'MnO2' does not contain 'Ni'"):
        reference("MnO2", 4.0, 1.9, 2.85)


def test_an_energy_beyond_the_tables_is_refused_with_their_range(cell):
    with pytest.raises(ValueError, match="2000 to 40000 eV"):
        cell.absorbance(1000.0, 0.9)


def test_array_and_single_energies_agree(cell):
    together = cell.absorbance(ENERGY_EV[:20], 0.6)
    np.testing.assert_allclose(together, [cell.absorbance(one, 0.6)[0] for one in ENERGY_EV[:20]])


@pytest.mark.skipif(not MEASURED.is_dir(), reason="measured LiNiO2 spectra are not beside the checkout")
@pytest.mark.parametrize(("index", "lithium_content"), [(1, 0.999), (56, 0.15)])
def test_simulated_lithium_nickelate_resembles_the_measured_one(index, lithium_content):
    energy, mu = np.loadtxt(next(MEASURED.glob(f"*_{index:04d}_av*")), usecols=(0, 1), unpack=True)
    lno = Electrode({"Ni": 1.0}, 5e-3, ((0.0, 1.846), (1.0, 1.915)), ((0.1, 2.815), (1.0, 2.878)))
    simulated, _ = normalised(
        ENERGY_EV, CellStack(lno, (), RESOLUTION).absorbance(ENERGY_EV, lithium_content)
    )
    measured, _ = normalised(ENERGY_EV, np.interp(ENERGY_EV, energy, mu))
    assert np.sqrt(np.mean((simulated - measured) ** 2)) < 0.05
