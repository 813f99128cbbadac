"""A particle keeps the cell's lithium, its bounds and its masses, wherever the front stands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.simulated_beamline.physics.front_memory import FrontMemory
from operando.simulated_beamline.physics.nanobeam import GaussianSpot, meet
from operando.simulated_beamline.physics.particle import ParticleRecipe, grow_particle
from operando.simulated_beamline.physics.particle_state import local_valences, particle_state
from operando.simulated_beamline.physics.reaction_front import ReactionFront
from operando.simulated_beamline.physics.valence import valences
from scipy.special import ndtr

RECIPE = ParticleRecipe(diameter_um=3.0, raster_nm=75.0)
PARTICLE = grow_particle(RECIPE, np.random.default_rng(811))
AMOUNT = PARTICLE.formula_mol_cm2


def mean(values, weight=AMOUNT):
    return float(np.sum(values * weight) / weight.sum())


def state_at(content, **options):
    return particle_state(PARTICLE, content, front=ReactionFront(), **options)


@settings(max_examples=40, deadline=None)
@given(
    content=st.floats(0.0, 1.0),
    contrast=st.floats(0.0, 1.0),
    width_nm=st.floats(20.0, 3000.0),
    charging=st.booleans(),
)
def test_lithium_is_conserved_and_stays_within_its_bounds(content, contrast, width_nm, charging):
    state = particle_state(PARTICLE, content, front=ReactionFront(contrast, width_nm), charging=charging)
    assert mean(state.lithium_content) == pytest.approx(content, abs=1e-5)
    assert state.lithium_content.min() >= 0.0
    assert state.lithium_content.max() <= 1.0


@given(content=st.sampled_from([-0.01, 1.01, np.nan]))
def test_a_lithium_content_out_of_range_is_refused(content):
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        state_at(content)


@pytest.mark.parametrize(("charging", "sign"), [(True, 1.0), (False, -1.0)])
def test_the_surface_reacts_first(charging, sign):
    content = state_at(0.6, charging=charging).lithium_content
    surface = PARTICLE.inside & (PARTICLE.depth_nm < 200.0)
    core = PARTICLE.depth_nm > 1000.0
    assert sign * (content[core].mean() - content[surface].mean()) > 0.1


def test_the_front_lags_behind_cracks():
    at_depth = PARTICLE.inside & (np.abs(PARTICLE.depth_nm - 600.0) < 200.0)
    content = state_at(0.6).lithium_content
    behind = at_depth & (PARTICLE.lag_nm > 200.0)
    free = at_depth & (np.abs(PARTICLE.lag_nm) < 50.0)
    assert content[behind].mean() - content[free].mean() > 0.02


def test_the_front_moves_inwards_during_a_charge():
    middle = PARTICLE.inside & (np.abs(PARTICLE.depth_nm - 500.0) < 150.0)
    relative = [(state_at(x).lithium_content[middle].mean() - 0.7 * x) / 0.3 for x in (0.9, 0.6, 0.3)]
    assert relative[0] > relative[1] > relative[2]


def test_the_same_seed_grows_the_same_particle():
    again = grow_particle(RECIPE, np.random.default_rng(811))
    np.testing.assert_array_equal(again.grain, PARTICLE.grain)
    assert np.any(grow_particle(RECIPE, np.random.default_rng(812)).grain != PARTICLE.grain)


def test_the_composition_is_that_of_the_recipe():
    total = sum(PARTICLE.metals.values())
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    assert mean(PARTICLE.metals["Ni"], PARTICLE.thickness_um) == pytest.approx(0.8 * 0.995, rel=2e-3)
    assert mean(PARTICLE.metals["Zr"], PARTICLE.thickness_um) == pytest.approx(0.005, rel=1e-6)


def test_the_dopant_sits_at_the_boundaries_and_nickel_in_the_core():
    seam = PARTICLE.inside & (PARTICLE.boundary_nm < 20.0)
    grain = PARTICLE.inside & (PARTICLE.boundary_nm > 80.0)
    assert PARTICLE.metals["Zr"][seam].mean() > 2.0 * PARTICLE.metals["Zr"][grain].mean()
    core, shell = PARTICLE.depth_nm > 1000.0, PARTICLE.inside & (PARTICLE.depth_nm < 300.0)
    assert PARTICLE.metals["Ni"][core].mean() > PARTICLE.metals["Ni"][shell].mean() + 0.005


def test_the_mass_is_density_times_thickness():
    per_formula = {"Ni": 58.693, "Mn": 54.938, "Co": 58.933, "Zr": 91.224}
    masses = PARTICLE.areal_mass_g_cm2
    oxide = sum(masses[one] for one in per_formula) + masses["O"] + AMOUNT * 6.94
    np.testing.assert_allclose(oxide, 4.7e-4 * PARTICLE.thickness_um, rtol=1e-9)
    assert masses["Fe"].sum() == pytest.approx(3e-4 * oxide.sum(), rel=1e-6)


def test_local_valences_are_those_of_the_scalar_rule():
    state = state_at(0.4)
    for row, column in ((20, 20), (12, 25), (25, 30)):
        metals = {metal: float(amount[row, column]) for metal, amount in PARTICLE.metals.items()}
        truth = valences(metals, float(state.lithium_content[row, column]))
        for metal in metals:
            assert state.valence[metal][row, column] == pytest.approx(truth.metals[metal], abs=1e-9)


def test_cobalt_follows_when_nickel_is_exhausted():
    metals = {"Ni": np.full(1, 0.5), "Co": np.full(1, 0.5)}
    states = local_valences(metals, np.zeros(1))
    assert (states["Ni"][0], states["Co"][0]) == (4.0, 4.0)


def test_strain_follows_the_lattice_of_the_local_content():
    state = particle_state(PARTICLE, 0.25, front=ReactionFront(contrast=0.3))
    c_rows = ([0.1, 0.2, 0.25, 0.35, 0.45, 0.6], [13.72, 14.08, 14.255, 14.435, 14.462, 14.405])
    expected = np.interp(state.lithium_content, *c_rows) * (1.0 + PARTICLE.grain_strain)
    inside = PARTICLE.inside & (state.lithium_content > 0.1)
    np.testing.assert_allclose(state.c_angstrom[inside], expected[inside], rtol=1e-12)
    np.testing.assert_allclose(state.strain_c[inside], expected[inside] / 14.255 - 1.0, atol=1e-12)


def test_a_scan_finer_than_the_beam_collects_all_of_the_mass():
    state, spot = state_at(0.5), GaussianSpot(150.0, 90.0)
    pitch_nm = 50.0
    places = np.arange(-2500.0, 2501.0, pitch_nm)
    column = [meet(PARTICLE, state, spot, x_nm=x, y_nm=0.0).areal_mass_g_cm2["Ni"] for x in places]
    edges = np.append(PARTICLE.axis_nm, -PARTICLE.axis_nm[0] + 75.0) - 37.5
    line = np.diff(ndtr(edges / (90.0 / 2.354820045))) @ PARTICLE.areal_mass_g_cm2["Ni"]
    assert np.sum(column) * pitch_nm == pytest.approx(line.sum() * RECIPE.raster_nm, rel=1e-3)


def test_a_spot_much_smaller_than_a_pixel_sees_that_pixel():
    state = state_at(0.5)
    content = meet(PARTICLE, state, GaussianSpot(1.0, 1.0), x_nm=300.0, y_nm=-225.0)
    row, column = (int(np.searchsorted(PARTICLE.axis_nm, place)) for place in (-225.0, 300.0))
    assert content.areal_mass_g_cm2["Ni"] == pytest.approx(PARTICLE.areal_mass_g_cm2["Ni"][row, column])
    assert content.lithium_content == pytest.approx(state.lithium_content[row, column])


def test_off_the_map_the_beam_meets_nothing():
    content = meet(PARTICLE, state_at(0.5), GaussianSpot(), x_nm=1e5, y_nm=0.0)
    assert set(content.areal_mass_g_cm2.values()) == {0.0}
    assert np.isnan(content.lithium_content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"raster_nm": 500.0}, "finer raster_nm"),
        ({"composition": {"Ni": 0.9}}, "must sum to 1"),
        ({"dopant": "Ni"}, "no valence"),
        ({"dopant": "Hf"}, "Hf"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        grow_particle(ParticleRecipe(**change), np.random.default_rng(1))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_particle_that_passes_over_keeps_its_lithium(share):
    content = state_at(0.55, charging=share).lithium_content
    assert mean(content) == pytest.approx(0.55, abs=1e-5)


def test_after_a_reversal_the_map_leaves_that_of_the_charge_little_by_little():
    memory = FrontMemory(length=0.08)
    shares = [memory.pass_to(content) for content in (0.9, 0.5, 0.5, 0.51, 0.58, 0.9)]
    core = PARTICLE.depth_nm > 1000.0
    lead = [state_at(0.58, charging=share).lithium_content[core].mean() - 0.58 for share in (*shares, 0.0)]
    assert shares[1] == shares[2] == pytest.approx(1.0)
    assert lead[0] > lead[3] > lead[4] > lead[5] > lead[6]
    assert lead[3] > 0.05 > -0.05 > lead[6]
