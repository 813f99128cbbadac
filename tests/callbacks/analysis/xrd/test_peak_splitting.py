"""Onset of a splitting of peaks, of synthetic series and of a measured one."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import splitting_onset
from scipy.special import voigt_profile

X = np.arange(9.8, 10.2, 0.002)
WINDOW = [(9.8, 10.2)]


def pattern(rng, *, apart=0.0, wide=0.010, peak=1500.0):
    """Counts of a peak, or of two of half its height, whose width is in degrees."""
    shape = sum(voigt_profile(X - 10.0 - side * apart / 2, wide / 3.3, wide / 5) for side in (-1, 1))
    counts = rng.poisson(peak * shape / shape.max() + 40.0).astype(float)
    return X, counts, np.sqrt(np.maximum(counts, 1))


def test_a_splitting_is_found_before_there_are_two_tops():
    rng = np.random.default_rng(1)
    apart = np.r_[np.zeros(10), 0.016 * np.sqrt(np.arange(1, 9) / 8)]
    found = splitting_onset([pattern(rng, apart=each) for each in apart], WINDOW)
    assert found.verdict == "split"
    assert found.frame in {10, 11}
    assert found.order == (found.frame - 1, found.frame)
    assert found.separation[0, -1] == pytest.approx(0.016, abs=0.001)
    assert apart[found.frame] < 0.9 * found.width[0, 0]


def test_a_peak_that_only_widens_is_no_splitting():
    rng = np.random.default_rng(2)
    wide = np.r_[np.full(10, 0.010), 0.010 + 0.0015 * np.arange(1, 9)]
    found = splitting_onset([pattern(rng, wide=each) for each in wide], WINDOW)
    assert found.verdict == "broadened"
    assert found.frame in {10, 11}


@pytest.mark.parametrize("drift", [0.0, 0.0002])
def test_a_steady_or_drifting_width_is_no_onset(drift):
    rng = np.random.default_rng(3)
    for _ in range(3):
        found = splitting_onset([pattern(rng, wide=0.010 + drift * k, peak=500) for k in range(16)], WINDOW)
        assert found.verdict == "no change"
        assert found.frame == -1


def test_one_odd_pattern_is_no_onset():
    rng = np.random.default_rng(4)
    wide = [0.010] * 9 + [0.016] + [0.010] * 6
    assert splitting_onset([pattern(rng, wide=each) for each in wide], WINDOW).verdict == "no change"


def test_noise_is_too_little():
    rng = np.random.default_rng(5)
    found = splitting_onset([pattern(rng, peak=0.0) for _ in range(8)], WINDOW)
    assert found.verdict == "too little"
    assert found.reason


def test_numbers_that_do_not_match_are_refused():
    rng = np.random.default_rng(6)
    with pytest.raises(ValueError, match="give one number for each pattern"):
        splitting_onset([pattern(rng)] * 3, WINDOW, order=[1.0, 2.0])


def of_a_beamline(text: str) -> tuple[float, np.ndarray]:
    """Temperature in kelvin, and columns of two-theta in degrees, counts and their standard deviation."""
    lines = text.splitlines()
    kelvin = next(float(line.split("=")[1]) for line in lines if "Temp (K)" in line)
    rows = np.array([line.split() for line in lines if line[:1] == " " and "." in line], dtype=float)
    return kelvin, rows[:, :3].T * np.array([[0.01], [1.0], [1.0]])


@pytest.mark.slow
def test_the_spinel_of_copper_and_chromium_splits_between_two_measured_temperatures(shared_data: Path):
    with zipfile.ZipFile(shared_data / "xrd/CuCr2O4_series/SeqTut.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".fxye")]
        read = [io.TextIOWrapper(archive.open(name)).read() for name in names]
    cooled = sorted((of_a_beamline(text) for text in read), key=lambda each: -each[0])
    kelvin, patterns = [each[0] for each in cooled], [tuple(each[1]) for each in cooled]
    found = splitting_onset(patterns, [(11.03, 11.20), (14.43, 14.55)], order=kelvin)
    assert len(patterns) == 17
    assert found.verdict == "split"
    assert found.order == pytest.approx((134.0, 122.7), abs=0.1)
