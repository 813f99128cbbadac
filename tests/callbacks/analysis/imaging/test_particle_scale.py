"""How large particles are, told before they are told apart, and volumes in other voxels."""

import math

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import PhantomRecipe, electrode_phantom
from operando.callbacks.analysis.imaging.particle_scale import (
    labels_on,
    rescaled,
    typical_radius_px,
    working_scale,
)


@pytest.mark.parametrize(("radius_px", "most_cracked"), [(5.0, 0.05), (9.0, 0.3)])
def test_the_radius_is_known_before_particles_are(radius_px, most_cracked):
    made = electrode_phantom(PhantomRecipe(radius_px, most_cracked=most_cracked, seed=11))
    size = np.bincount(made.labels.ravel())[1:]
    mean_px = np.cbrt(size * 3 / (4 * np.pi)).mean()
    assert typical_radius_px(made.volume) == pytest.approx(mean_px, rel=0.15)


@pytest.mark.parametrize("level", [0.05, 2.0])
def test_the_specimen_is_not_taken_for_one_of_its_particles(level):
    """Where it hides them no radius is told, and the volume is taken as it is."""
    made = electrode_phantom(PhantomRecipe(6.0, noise=0.05, seed=12))
    found = typical_radius_px(np.pad(made.volume + level, 30))
    assert math.isnan(found) or found == pytest.approx(6.0, rel=0.2)


def test_noise_alone_has_no_radius():
    assert math.isnan(typical_radius_px(np.random.default_rng(1).normal(size=(24, 24, 24))))
    assert working_scale((24, 24, 24), math.nan, 9.0) == 1.0


def test_volumes_are_enlarged_or_reduced_where_it_is_worth_it():
    assert working_scale((100, 100, 100), 6.0, 9.0) == 1.5
    assert working_scale((100, 100, 100), 18.0, 9.0) == 0.5
    assert working_scale((100, 100, 100), 8.0, 9.0) == 1.0
    assert working_scale((512, 512, 512), 6.0, 9.0) == 1.0
    assert working_scale((100, 100, 100), 1.0, 9.0) == 2.25


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_what_is_told_apart_in_other_voxels_is_where_it_was(scale):
    z, y, x = np.indices((24, 24, 36)) - np.array([11.0, 9.0, 20.0]).reshape(3, 1, 1, 1)
    ball = np.sqrt(z**2 + y**2 + x**2) < 7.0
    other = rescaled(ball.astype(np.float32), scale)
    assert other.shape == tuple(round(side * scale) for side in ball.shape)
    back = labels_on((other > 0.5).astype(np.int32), ball.shape) > 0
    assert np.argwhere(back).mean(axis=0) == pytest.approx([11.0, 9.0, 20.0], abs=0.3)
    assert np.count_nonzero(back & ball) / np.count_nonzero(back | ball) > 0.8
