"""The rotation axis of any sample of discs: off the middle, in noise, over half and full turns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operando.callbacks.analysis.imaging import golden_angles, rotation_centre, sequential_angles

pytest.importorskip("numba", reason="extra imaging")

WIDTH, ANGLES = 128, 121
MIDDLE = (WIDTH - 1) / 2


def sinogram(angle_deg, centre: float, seed: int, reach: float, noise: float = 0.0) -> np.ndarray:
    """Line integrals [angle, column] of a matrix with six discs within `reach` (of the width) of the axis."""
    rng = np.random.default_rng(seed)
    radius = np.r_[reach, rng.uniform(0.05, 0.25, 6) * reach] * WIDTH
    distance = np.r_[0.0, rng.uniform(0.2, 0.7, 6) * reach] * WIDTH
    phase, value = rng.uniform(0, 2 * np.pi, 7), np.r_[0.01, rng.uniform(0.01, 0.03, 6)]
    place = distance * np.cos(np.radians(angle_deg)[:, None] + phase)
    fine = (np.arange(WIDTH)[:, None] + (np.arange(4) - 1.5) / 4).ravel() - centre
    chord = np.sqrt(np.maximum(radius**2 - (fine[:, None, None] - place) ** 2, 0))
    clean = (2 * value * chord).sum(axis=-1).reshape(WIDTH, 4, -1).mean(axis=1).T
    return clean + noise * rng.normal(size=clean.shape)


@settings(max_examples=10, derandomize=True, deadline=None)
@given(
    offset=st.floats(-0.2, 0.2),
    span_deg=st.sampled_from([180.0, 360.0]),
    noise=st.floats(0.0, 0.03),
    seed=st.integers(0, 1000),
)
def test_an_axis_up_to_a_fifth_of_the_width_off_the_middle_is_found_to_half_a_pixel(
    offset, span_deg, noise, seed
):
    angles = sequential_angles(ANGLES * round(span_deg / 180), span_deg=span_deg)
    centre = MIDDLE + offset * WIDTH
    found = rotation_centre(sinogram(angles, centre, seed, 0.28, noise), angles)
    assert found.column_px == pytest.approx(centre, abs=0.5)
    assert found.verdict == "agreed"


@pytest.mark.parametrize(("reach", "offset"), [(0.48, 8.3), (0.48, -3.0), (0.6, 5.0)])
def test_the_axis_of_a_sample_that_fills_or_leaves_the_field_is_found_to_half_a_pixel(reach, offset):
    angles = sequential_angles(ANGLES)
    found = rotation_centre(sinogram(angles, MIDDLE + offset, 3, reach, 0.02), angles)
    assert found.column_px == pytest.approx(MIDDLE + offset, abs=0.5)


@settings(max_examples=5, derandomize=True, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_axis_does_not_depend_on_the_order_of_angles(seed):
    rng = np.random.default_rng(seed)
    angles = golden_angles(89)
    shuffled = rng.permutation(89)
    seen = sinogram(angles, 66.2, seed, 0.35)
    first, second = rotation_centre(seen, angles), rotation_centre(seen[shuffled], angles[shuffled])
    assert first.column_px == pytest.approx(66.2, abs=0.5)
    assert second.column_px == pytest.approx(first.column_px, abs=0.1)
