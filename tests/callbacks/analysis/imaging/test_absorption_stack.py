"""Frames, flats and darks of each energy to a stack that lies on itself."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import EnergyImage, absorption_stack

SIDE = 64
ENERGIES = np.array([8330.0, 8340.0, 8350.0, 8360.0])


def depth(pixel_um, move_um=(0.0, 0.0)):
    """Blobs of known places (um) about the middle of the picture."""
    row, column = (np.mgrid[0:SIDE, 0:SIDE] - 0.5 * (SIDE - 1)) * pixel_um - np.array(move_um)[:, None, None]
    blobs = [(-0.2, -0.1, 0.05), (0.15, 0.2, 0.07), (0.25, -0.2, 0.04), (-0.1, 0.25, 0.06)]
    return sum(np.exp(-((row - a) ** 2 + (column - b) ** 2) / (2 * s**2)) for a, b, s in blobs)


def image(energy_ev, pixel_um=0.02, move_um=(0.0, 0.0), step=1.0):
    light = 3e4 * (1.0 + 0.3 * np.linspace(0, 1, SIDE)) * np.ones((SIDE, SIDE))
    frames = 100.0 + light * np.exp(-step * depth(pixel_um, move_um))
    return EnergyImage(energy_ev, pixel_um, frames[None], (100.0 + light)[None])


def inner(stack):
    return stack[:, 10:-10, 10:-10]


def test_the_light_is_divided_out_and_energies_rise():
    stack = absorption_stack([image(one) for one in ENERGIES[::-1]], np.full((3, SIDE, SIDE), 100.0))
    assert stack.energy_ev.tolist() == ENERGIES.tolist()
    truth = np.broadcast_to(depth(0.02)[10:-10, 10:-10], (4, SIDE - 20, SIDE - 20))
    np.testing.assert_allclose(inner(stack.absorption), truth, atol=2e-3)
    assert not stack.dead.any()


def test_drift_is_taken_back():
    moves = [(0.0, 0.0), (0.031, -0.02), (0.05, 0.013), (0.0, 0.0)]
    steps = 0.5 + 0.2 * np.arange(4)
    places = zip(ENERGIES, moves, steps, strict=True)
    images = [image(energy, move_um=move, step=step) for energy, move, step in places]
    stack = absorption_stack(images, np.full((1, SIDE, SIDE), 100.0))
    assert set(stack.verdict) == {"good"}
    np.testing.assert_allclose(stack.shift_px, np.array(moves) / 0.02, atol=0.1)
    error = inner(stack.absorption) / steps[:, None, None] - depth(0.02)[10:-10, 10:-10]
    assert np.sqrt(np.nanmean(error**2)) < 0.01


def test_images_of_other_magnifications_come_to_one_pixel_size():
    images = [image(energy, pixel_um=0.02 * (1 + 0.01 * n)) for n, energy in enumerate(ENERGIES)]
    stack = absorption_stack(images, np.full((1, SIDE, SIDE), 100.0), align=False, reference=0)
    assert stack.pixel_um == 0.02
    error = inner(stack.absorption) - depth(0.02)[10:-10, 10:-10]
    assert np.abs(error).max() < 5e-3


def test_patches_of_dead_pixels_are_unknown_where_they_lie_after_the_drift_was_taken_back():
    moves = [(0.0, 0.0), (0.04, 0.0), (0.08, 0.0), (0.0, 0.0)]
    images = [image(energy, move_um=move) for energy, move in zip(ENERGIES, moves, strict=True)]
    for each in images:
        each.flats[:, 30:36, 20:26] = 100.0
        each.flats[:, 50, 50] = 100.0
    stack = absorption_stack(images, np.full((1, SIDE, SIDE), 100.0))
    assert stack.dead.sum() == 37
    for number, rows in enumerate((0, 2, 4, 0)):
        lost = np.isnan(inner(stack.absorption)[number])
        assert lost.sum() == pytest.approx(36, abs=12)
        assert np.isnan(stack.absorption[number, 31 - rows : 35 - rows, 21:25]).all()
        assert np.isfinite(stack.absorption[number, 50 - rows, 50])


def test_an_energy_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="more than once"):
        absorption_stack([image(8330.0), image(8330.0)])


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="no image"):
        absorption_stack([])


def test_light_that_fell_since_the_flats_is_taken_for_no_absorption():
    one = image(8330.0)
    dim = EnergyImage(8340.0, 0.02, 100.0 + 0.8 * (one.frames - 100.0), one.flats, light_ratio=0.8)
    stack = absorption_stack([one, dim], np.full((1, SIDE, SIDE), 100.0), align=False)
    np.testing.assert_allclose(stack.absorption[1], stack.absorption[0], atol=1e-3)
