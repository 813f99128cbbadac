"""From surface to core: known gradients, noise and particles of any size."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import mismatch_strain, radial_gradient, radial_profile
from operando.callbacks.analysis.imaging.radial_profile import relative_depth


def discs(radii=(8.0, 12.0, 16.0)) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of discs side by side, and depth over radius in each."""
    rows, columns = np.mgrid[0:40, 0:120].astype(float)
    labels, depth = np.zeros(rows.shape, dtype=int), np.zeros(rows.shape)
    for number, radius in enumerate(radii):
        distance = np.hypot(rows - 20, columns - 20 - 40 * number)
        labels[distance <= radius] = number + 1
        depth = np.where(distance <= radius, 1 - distance / radius, depth)
    return labels, depth


def test_depth_is_nought_at_the_surface_and_one_in_the_middle():
    labels, depth = discs()
    found = relative_depth(labels)
    inside = labels > 0
    assert np.nanmin(found) == 0
    assert np.nanmax(found) == 1
    assert np.isnan(found[~inside]).all()
    assert np.abs(found - depth)[inside].max() < 0.15


def test_particles_that_touch_have_a_surface_between_them():
    labels = np.repeat([1, 2], 10) * np.ones((20, 1), dtype=int)
    assert relative_depth(labels)[10, 9] == 0
    assert relative_depth(labels)[10, 4] > 0.8


def test_a_profile_and_its_gradient_are_found_in_noise():
    labels, depth = discs()
    rng = np.random.default_rng(1)
    values = np.where(labels > 0, 3.0 + 0.4 * depth + 0.05 * rng.normal(size=depth.shape), np.nan)
    profile = radial_profile(values, labels, bins=5)
    assert profile.particles.tolist() == [3] * 5
    assert profile.mean == pytest.approx(3.0 + 0.4 * profile.depth, abs=0.04)
    found = radial_gradient(values, labels)
    assert found.core_less_surface == pytest.approx(0.4, abs=0.05)
    assert found.surface == pytest.approx(3.0, abs=0.04)


def test_the_sigma_of_a_gradient_is_the_scatter_of_many():
    labels, _ = discs((10.0,))
    rng = np.random.default_rng(2)
    found = [radial_gradient(rng.normal(size=labels.shape), labels) for _ in range(100)]
    slopes = np.array([one.core_less_surface[0] for one in found])
    assert slopes.std() == pytest.approx(found[0].core_less_surface_sigma[0], rel=0.2)


def test_mismatch_strain_follows_the_lithium_from_surface_to_core():
    labels, depth = discs()
    strain, sigma = mismatch_strain(radial_gradient(0.3 + 0.2 * depth, labels), strain_per_unit=0.02)
    assert strain == pytest.approx(0.02 * 0.2, rel=0.1)
    assert (sigma > 0).all()


def test_maps_without_particles_are_refused():
    with pytest.raises(ValueError, match="0 particles"):
        radial_profile(np.zeros((9, 9)), np.zeros((9, 9), dtype=int))
