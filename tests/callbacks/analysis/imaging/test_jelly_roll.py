"""The wound electrode of a cell, in a drawn and in a measured slice."""

from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import jelly_roll


def overlap(one: np.ndarray, two: np.ndarray) -> float:
    return (one & two).sum() / (one | two).sum()


def test_can_and_layers_of_a_drawn_cell_are_found():
    rows, columns = np.mgrid[-100:101, -100:101].astype(float)
    radius, angle = np.hypot(rows, columns), np.arctan2(rows, columns)
    spiral = (np.mod(radius - 10 * angle / (2 * np.pi), 10) < 5) & (radius > 20) & (radius < 80)
    image = 10.0 + 50 * spiral + 5 * np.random.default_rng(1).normal(size=radius.shape)
    image[(radius > 90) & (radius < 96)] = 120.0
    found = jelly_roll(image)
    assert overlap(found.layers, spiral) > 0.95
    assert overlap(found.can, (radius > 90) & (radius < 96)) > 0.99


def test_an_open_can_is_refused():
    with pytest.raises(ValueError, match="can_part"):
        jelly_roll(np.random.default_rng(1).normal(size=(40, 40)))


def test_the_wound_electrode_of_a_measured_cell_is_the_published_mask(shared_data: Path):
    """The manifest calls mask_1 the canister; it is the wound electrode inside, and not the canister."""
    image = pytest.importorskip("PIL.Image")
    folder = shared_data / "imaging/battery_xct_ucl"
    if not folder.is_dir():
        pytest.skip("no measured slices")
    with image.open(folder / "im_1.tif") as page:
        measured = np.array(page, dtype=float)
    with image.open(folder / "mask_1.tif") as page:
        published = np.array(page) > 0
    found = jelly_roll(measured)
    assert overlap(found.layers, published) >= 0.95
    assert overlap(found.can, published) < 0.1
