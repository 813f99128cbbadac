"""Bad pixels are told by their ring; rings, texture and the shadow of a beam stop are no reason."""

import numpy as np
import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")
from operando.callbacks.analysis.xrd.bad_pixel import bad_pixels
from operando.callbacks.analysis.xrd.geometry import Geometry

STANDING = Geometry(
    distance_mm=150.0,
    poni1_mm=20.1,
    poni2_mm=20.1,
    wavelength_angstrom=0.7,
    shape=(200, 220),
    pixel_mm=(0.2, 0.2),
)


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    rows, columns = np.indices(STANDING.shape)
    radius = np.hypot(rows - 100, columns - 100)
    azimuth = np.arctan2(rows - 100, columns - 100)
    ring = 400 * np.exp(-(((radius - 60) / 2) ** 2)) * (1 + 0.5 * np.cos(2 * azimuth))
    return rng.poisson(np.where(radius < 8.3, 0.0, 50 + ring)).astype(np.int64)


def test_a_frame_without_flaws_has_none(frame):
    assert not bad_pixels(frame, STANDING).any()


def test_hot_dead_and_marked_pixels_are_found_and_no_others(frame):
    wrong = {(30, 40): 100_000, (150, 10): 2_000, (80, 30): 0, (120, 200): -1}
    for place, count in wrong.items():
        frame[place] = count
    assert {tuple(map(int, place)) for place in np.argwhere(bad_pixels(frame, STANDING))} == set(wrong)


def test_a_frame_of_another_detector_is_refused(frame):
    with pytest.raises(ValueError, match=r"\(200, 219\), the geometry is of \(200, 220\)"):
        bad_pixels(frame[:, 1:], STANDING)
