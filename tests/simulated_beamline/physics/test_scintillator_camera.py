"""Pixels and noise of a camera behind a scintillator."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.scintillator_camera import CameraRecipe, Region, ScintillatorCamera

SHAPE = (96, 128)
CAMERA = ScintillatorCamera(CameraRecipe(ring_pixels=5, dead_pixels=3), SHAPE, np.random.default_rng(4))


def test_noise_has_the_mean_and_the_deviation_that_are_asked_for():
    frames = np.empty((40, *SHAPE), dtype=np.uint16)
    for frame in frames:
        CAMERA.draw(np.full(SHAPE, 500.0, np.float32), np.full(SHAPE, 12.0, np.float32), frame)
    assert frames.mean() == pytest.approx(500.0, abs=0.2)
    assert frames.std() == pytest.approx(12.0, rel=0.01)
    assert abs(np.corrcoef(frames[0].ravel(), frames[1].ravel())[0, 1]) < 0.05


def test_a_pixel_counts_up_to_full_scale():
    frame = np.empty(SHAPE, dtype=np.uint16)
    CAMERA.draw(np.full(SHAPE, 1e6, np.float32), np.ones(SHAPE, np.float32), frame)
    assert (frame == 65535).all()


def test_some_pixels_are_dead_and_some_make_rings():
    assert (CAMERA.gain == 0.0).sum() == CAMERA.dead.sum() == 3
    assert 3 <= (np.abs(CAMERA.gain - 1.0) > 0.05).sum() <= 8


def test_a_region_is_cut_out_and_binned():
    whole = np.arange(96 * 128, dtype=np.float32).reshape(SHAPE)
    region = Region(8, 16, 32, 64, 4)
    binned = region.binned(whole)
    assert binned.shape == region.shape == (8, 16)
    assert binned[0, 0] == pytest.approx(whole[8:12, 16:20].mean())
