"""Noise of whole frames: Poisson in mean and variance, and new in every frame."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.counting import CHUNK, LOW, Expectation, FrameNoise, largest_count

SHAPE = (256, 256)
FRAMES = 20


@pytest.fixture(scope="module")
def noise():
    return FrameNoise(np.random.default_rng(7))


def frames(noise, expected, count=FRAMES, dtype=np.uint32):
    prepared = Expectation(np.asarray(expected, dtype=np.float32))
    out = np.empty((count, *np.shape(expected)), dtype=dtype)
    for frame in out:
        noise.draw(prepared, frame)
    return out


@pytest.mark.parametrize("mean", [0.01, 0.1, 0.7, 2.0, 3.9, 4.1, 6.0, 15.0, 200.0, 1e4])
def test_mean_and_variance_are_those_of_poisson(noise, mean):
    counts = frames(noise, np.full(SHAPE, mean)).astype(float)
    samples = counts.size
    # Four standard errors of the sample, and half a per cent for the approximation.
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / samples) + 1e-3 * mean)
    error = mean * np.sqrt((2 + 1 / mean) / samples)
    assert counts.var() == pytest.approx(mean, abs=4 * error + 1.5e-2 * mean)


@pytest.mark.parametrize("mean", [1.0, 4.5, 20.0])
def test_the_third_moment_is_that_of_poisson_too(noise, mean):
    counts = frames(noise, np.full(SHAPE, mean)).astype(float)
    assert ((counts - mean) ** 3).mean() == pytest.approx(mean, rel=0.1)


def test_nothing_expected_is_nothing_counted(noise):
    assert not frames(noise, np.zeros(SHAPE), 2).any()


def test_pixels_of_few_and_of_many_counts_share_a_chunk(noise):
    expected = np.linspace(0.0, 3 * LOW, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    rng = np.random.default_rng(1)
    expected = rng.permuted(expected.reshape(-1)).reshape(SHAPE)
    counts = frames(noise, expected, 200).astype(float)
    for low, high in ((0.1, 1.0), (1.0, LOW), (LOW, 3 * LOW)):
        inside = (expected >= low) & (expected < high)
        assert counts[:, inside].mean() == pytest.approx(expected[inside].mean(), rel=3e-3)
        assert counts[:, inside].var(axis=0).mean() == pytest.approx(expected[inside].mean(), rel=2e-2)


def test_frames_are_independent_of_each_other(noise):
    counts = frames(noise, np.full((512, 512), 20.0), 6).astype(float).reshape(6, -1)
    correlation = np.corrcoef(counts) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(counts.shape[1])


def test_pixels_of_a_frame_are_independent_of_each_other(noise):
    (frame,) = frames(noise, np.full((4, CHUNK), 20.0), 1).astype(float) - 20.0
    for shift in (1, 2, CHUNK // 2):
        assert abs(np.mean(frame * np.roll(frame, shift, axis=1))) < 5 * 20.0 / np.sqrt(frame.size)


def test_a_bright_pixel_stays_at_the_largest_count_of_its_type(noise):
    assert np.all(frames(noise, np.full((8, 8), 1e6), 1, np.uint16) == largest_count(np.uint16))
    assert largest_count(np.uint16) == 65534


def test_the_same_seed_draws_the_same_frames():
    first, second = (
        frames(FrameNoise(np.random.default_rng(3)), np.full((64, 64), 5.0), 2) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
