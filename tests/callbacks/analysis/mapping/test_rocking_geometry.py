"""Wave vectors of a detector are those of pyFAI, and sums of rows add up to those of maps."""

import numpy as np
import pytest
from operando.callbacks.analysis.mapping import RockingMoments, flat_detector, standing_detector

STANDING = {"distance_mm": 410.0, "poni1_mm": 30.0, "poni2_mm": 12.0, "pixel_mm": (0.075, 0.08)}


def test_pixels_are_where_pyfai_has_them():
    geometry = pytest.importorskip("pyFAI.geometry")
    turns = {"rot1": 0.11, "rot2": -0.27, "rot3": 0.4}
    other = geometry.Geometry(dist=0.41, poni1=0.03, poni2=0.012, pixel1=75e-6, pixel2=80e-6, **turns)
    rows, columns = np.indices((9, 7), dtype=float)
    z, y, x = other.calc_pos_zyx(corners=False, d1=rows, d2=columns)
    place = np.stack([x, y, z], axis=-1)
    degrees = {f"{name}_deg": np.degrees(value) for name, value in turns.items()}
    own = standing_detector((9, 7), energy_ev=8500.0, **STANDING, **degrees)
    k = np.linalg.norm(own.k_in)
    np.testing.assert_allclose(
        own.k_out / k, place / np.linalg.norm(place, axis=-1, keepdims=True), atol=1e-12
    )


def test_a_standing_detector_that_turns_upwards_is_one_on_an_arm():
    arm = flat_detector((5, 5), energy_ev=1e4, two_theta_deg=20.0, distance_mm=500.0, pixel_um=75.0)
    standing = standing_detector(
        (5, 5),
        energy_ev=1e4,
        distance_mm=500.0,
        poni1_mm=2.5 * 0.075,
        poni2_mm=2.5 * 0.075,
        pixel_mm=(0.075, 0.075),
        rot2_deg=-20.0,
    )
    np.testing.assert_allclose(standing.k_out, arm.k_out, atol=1e-12)


def test_a_detector_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="distance_mm is 0"):
        standing_detector((3, 3), energy_ev=1e4, **(STANDING | {"distance_mm": 0.0}))


def test_a_map_row_by_row_is_the_map():
    geometry = standing_detector((9, 7), energy_ev=8500.0, **STANDING)
    frames = np.random.default_rng(1).poisson(5.0, (3, 6, 9, 7)).astype(np.uint32)
    whole, rows = RockingMoments(geometry, (2, 3)), RockingMoments(geometry, (2, 3))
    for angle, one in zip((0.0, 0.1, 0.2), frames, strict=True):
        whole.add(angle, one, (0.0, 0.25))
        rows.add_sums(angle, np.concatenate([rows.sums(one[:3]), rows.sums(one[3:])]), (0.0, 0.25))
    reference = [0.0, 1.0, 0.0]
    np.testing.assert_array_equal(whole.strain_tilt(reference).counts, rows.strain_tilt(reference).counts)


def test_masked_pixels_have_no_place():
    geometry = standing_detector((9, 7), energy_ev=8500.0, **STANDING)
    mask = np.zeros((9, 7), dtype=bool)
    mask[2, 3] = True
    masked = geometry.masked(mask)
    assert np.isnan(masked.k_out[2, 3]).all()
    assert np.isfinite(masked.centre).all()
