"""XANES of a particle by fluorescence: each pixel absorbs by its own state, and the yield shows it."""

import numpy as np
import pytest
from operando.simulated_beamline.nanoprobe_scenario import build_edges, build_fluorescence, build_particle
from operando.simulated_beamline.physics.absorption import CellStack
from operando.simulated_beamline.physics.nanobeam import GaussianSpot, meet
from operando.simulated_beamline.physics.particle_state import particle_state
from operando.simulated_beamline.physics.reaction_front import ReactionFront
from operando.simulated_beamline.scenario import load_scenario

SCENARIO = load_scenario("nmc811-particle")
ENERGY_EV = np.arange(8320.0, 8370.0, 1.0)


@pytest.fixture(scope="module")
def particle():
    return build_particle(SCENARIO)


@pytest.fixture(scope="module")
def edges():
    return build_edges(SCENARIO)


def content_at(particle, mean, contrast=0.0):
    state = particle_state(particle, mean, front=ReactionFront(contrast))
    return meet(particle, state, GaussianSpot(), x_nm=400.0, y_nm=300.0)


def heights(edges, content):
    return np.array([edges.heights(energy, content)["Ni"] for energy in ENERGY_EV])


@pytest.mark.parametrize("lithium_content", [0.3, 0.9])
def test_an_even_particle_absorbs_as_the_electrode_of_the_cell_does(particle, edges, lithium_content):
    stack = CellStack(SCENARIO.build_electrode(), [], SCENARIO.build_monochromator().resolution_ev)
    content = content_at(particle, lithium_content)
    below = stack.absorbance(ENERGY_EV, lithium_content)
    step = stack.edge_step("Ni")
    difference = (below - below[0]) / step - (heights(edges, content) - heights(edges, content)[0])
    # The particle's nickel is a gradient and has a dopant beside it: its valence differs by up to 0.05.
    assert np.abs(difference).max() < 0.06


def test_a_charged_particle_has_its_edge_higher_in_energy(particle, edges):
    half = [
        np.interp(0.5, heights(edges, content_at(particle, x))[:30], ENERGY_EV[:30]) for x in (0.95, 0.35)
    ]
    assert 0.5 < half[1] - half[0] < 3.0


def test_a_mixed_spot_absorbs_as_the_mean_of_its_pixels(particle, edges):
    state = particle_state(particle, 0.6, front=ReactionFront(1.0, 100.0))
    whole = meet(particle, state, GaussianSpot(600.0, 600.0), x_nm=1200.0, y_nm=0.0)
    mass = whole.pixel_mass_g_cm2["Ni"]
    parts = []
    for pixel in np.flatnonzero(mass > 1e-3 * mass.max()):
        one = {name: values[[pixel]] for name, values in whole.pixel_mass_g_cm2.items()}
        valence = {name: values[[pixel]] for name, values in whole.pixel_valence.items()}
        alone = type(whole)({}, 0.0, {}, one, valence, whole.pixel_lithium_content[[pixel]])
        parts.append((mass[pixel], edges.heights(8345.0, alone)["Ni"]))
    weights, values = np.array(parts).T
    assert edges.heights(8345.0, whole)["Ni"] == pytest.approx(np.average(values, weights=weights), rel=2e-3)


def test_the_yield_over_the_edge_follows_the_absorption(particle, edges):
    model, content = build_fluorescence(SCENARIO), content_at(particle, 0.6, 0.3)
    # A thousandth of the mass: no self-absorption, which would flatten the white line.
    thin = {element: 1e-3 * mass for element, mass in content.areal_mass_g_cm2.items()}
    yields, absorbed = [], []
    for energy in ENERGY_EV[::7]:
        height = edges.heights(energy, content)
        rates = model.rates_s(energy, 1e9, thin, height)[0]
        yields.append(rates[735:762].sum())
        absorbed.append(height["Ni"])
    yields, absorbed = np.array(yields), np.array(absorbed)
    slope, offset = np.polyfit(absorbed, yields, 1)
    np.testing.assert_allclose(slope * absorbed + offset, yields, atol=0.02 * yields.max())


def test_self_absorption_flattens_the_white_line(particle, edges):
    model, content = build_fluorescence(SCENARIO), content_at(particle, 0.6)

    def white_line(scale):
        masses = {element: scale * mass for element, mass in content.areal_mass_g_cm2.items()}
        peak, after = (
            model.rates_s(energy, 1e9, masses, edges.heights(energy, content))[0][735:762].sum()
            for energy in (8352.0, 8400.0)
        )
        return peak / after

    assert white_line(10.0) < white_line(1e-3) - 0.02
