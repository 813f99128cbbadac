"""Crack fractions calibrated by an electrode that is made like the measured one."""

import numpy as np
import pytest
from electrode_truth import matched
from operando.callbacks.analysis.imaging import (
    PhantomRecipe,
    crack_calibration,
    electrode_phantom,
    grey_levels,
    measured_recipe,
    particle_table,
    segment_particles,
)
from operando.simulated_beamline.physics.specimen.electrode_image import ImageRecipe, electrode_image
from operando.simulated_beamline.physics.specimen.outline import Outline
from operando.simulated_beamline.physics.specimen.packed_electrode import (
    ElectrodeRecipe,
    pack_electrode,
    wear,
)

pytestmark = pytest.mark.slow
BLUR_PX, NOISE = 1.0, 0.06


@pytest.fixture(scope="module")
def worn():
    """A packed electrode of potatoes with a mean radius of nine voxels, unknown to the calibration."""
    rng = np.random.default_rng(5101)
    electrode = pack_electrode(ElectrodeRecipe(Outline((17.0,) * 3, is_pillar=True), 70), rng)
    recipe = ImageRecipe(0.165, blur_px=BLUR_PX, noise=NOISE, warp=0.12, warp_seed=5101)
    return electrode_image(electrode, wear(electrode, 0.9), recipe, rng)


@pytest.fixture(scope="module")
def labels(worn):
    return segment_particles(worn.image).labels


@pytest.fixture(scope="module")
def recipe(worn, labels):
    return measured_recipe(worn.image, labels, grey_levels(worn.image, labels))


@pytest.fixture(scope="module")
def table(worn, labels, recipe):
    return particle_table(worn.image, labels, pixel_um=0.165, calibration=crack_calibration(recipe))


def test_the_recipe_is_what_the_volume_was_made_with(worn, recipe):
    assert recipe.blur_px == pytest.approx(BLUR_PX, abs=0.15)
    assert recipe.noise == pytest.approx(NOISE / 0.92, abs=0.02)
    radius_px = np.cbrt(worn.voxels * 3 / (4 * np.pi))
    assert recipe.radius_px == pytest.approx(radius_px.mean(), rel=0.08)
    assert recipe.elongation == pytest.approx(0.12, abs=0.05)
    assert recipe.binder == pytest.approx((0.35 - 0.08) / 0.92, abs=0.08)


def test_calibrated_crack_fractions_are_true_within_the_sigma_of_their_bias(worn, labels, table):
    overlap, label = matched(worn.label, labels)
    hit = overlap > 0.5
    lines, true = table.loc[label[hit]], worn.crack_fraction[hit]
    error = float((lines["crack_fraction"] - true).mean())
    assert abs(error) < 2 * lines["crack_fraction_bias_sigma"].mean()
    assert abs(error) < 0.2 * true.mean()
    assert (lines["crack_fraction"] - true).std() < 1.5 * lines["crack_fraction_sigma"].mean()


def test_a_table_tells_what_was_put_right(worn, labels, table):
    plain = particle_table(worn.image, labels, pixel_um=0.165)
    assert table["calibrated"].all()
    assert not plain["calibrated"].any()
    np.testing.assert_allclose(
        table["crack_fraction"] + table["crack_fraction_bias"], plain["crack_fraction"]
    )
    assert plain["crack_fraction_bias"].isna().all()
    assert (table["crack_fraction_bias_sigma"] > 0).all()


def test_the_same_recipe_makes_the_same_electrode_and_is_calibrated_once(recipe):
    one, other = electrode_phantom(recipe), electrode_phantom(recipe)
    np.testing.assert_array_equal(one.volume, other.volume)
    assert crack_calibration(recipe) is crack_calibration(recipe)


def test_kinds_of_cracks_that_differ_leave_the_bias_open(recipe):
    line = crack_calibration(recipe)
    opened, closed = line.kinds
    apart = abs(float(opened.applied(0.1) - closed.applied(0.1)))
    assert line.bias_sigma(0.1) >= 0.4 * apart
    assert line.bias_sigma(0.3) > line.bias_sigma(0.05)


def test_particles_without_inside_cannot_be_calibrated():
    with pytest.raises(ValueError, match="give at least 10"):
        crack_calibration(PhantomRecipe(radius_px=2.0, blur_px=2.0))


def test_a_recipe_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"radius_px is nan; give 2 to 60"):
        PhantomRecipe(radius_px=float("nan"))
