"""Frames at full scale: noticed, told with the remedy, and left out of what is reconstructed."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    EnergyImage,
    absorption_stack,
    normalise,
    saturated_pixels,
    saturation_warning,
)

FULL = 65535


def lit(brightest, frames=5, side=40):
    """Frames whose light rises from column to column, as a camera of 16 bits has them."""
    light = np.linspace(0.5, 1.0, side) * brightest * np.ones((frames, side, side))
    noisy = np.random.default_rng(4).normal(light, np.sqrt(light))
    return np.clip(noisy, 0, FULL).astype(np.uint16)


def test_frames_below_full_scale_have_no_saturated_pixel():
    assert not saturated_pixels(lit(60_000)).any()
    assert saturation_warning(0.0, "the flat") == ""


def test_pixels_at_full_scale_are_found_and_the_remedy_is_a_shorter_exposure():
    found = saturated_pixels(lit(70_000))
    assert found[:, 36:].all()
    assert not found[:, :30].any()
    assert "expose shorter" in saturation_warning(float(found.mean()), "the flat")


def test_the_full_scale_of_a_camera_of_fewer_bits_is_told():
    frames = np.minimum(lit(5000), 4095)
    assert not saturated_pixels(frames).any()
    assert saturated_pixels(frames, 4095)[:, 35:].all()


def test_one_flash_in_many_frames_costs_no_pixel():
    frames = lit(30_000, frames=200)
    frames[7, 3, 3] = FULL
    assert not saturated_pixels(frames).any()


def test_saturated_pixels_of_a_flat_are_bridged_and_told():
    found = normalise(lit(40_000), lit(70_000))
    assert 0.05 < found.saturated.mean() < 0.15
    assert found.dead[found.saturated].all()
    # Their neighbours in the row have the true value of 4/7.
    np.testing.assert_allclose(found.values.mean(axis=(0, 1)), 4 / 7, rtol=0.01)


def test_saturated_projections_are_noticed_although_their_flats_are_not():
    assert normalise(lit(70_000), lit(40_000)).saturated[:, 37:].all()


def test_frames_that_are_mostly_saturated_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"at full scale.* in flats or projections .* expose shorter"):
        normalise(lit(40_000), lit(120_000))


def test_an_energy_stack_tells_its_saturated_pixels():
    images = [EnergyImage(energy, 0.1, lit(40_000), lit(70_000)) for energy in (8330.0, 8340.0, 8350.0)]
    stack = absorption_stack(images, align=False)
    assert stack.saturated[:, 37:].all()
    means = stack.absorption.mean(axis=1)
    np.testing.assert_allclose(means[:, :34], np.log(7 / 4), rtol=0.03)
    # A patch of them is told by no neighbour.
    assert np.isnan(means[:, 35:]).all()
