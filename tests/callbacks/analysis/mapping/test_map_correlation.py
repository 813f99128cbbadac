"""Correlation of maps whose neighbours are alike."""

import numpy as np
import pytest
from operando.callbacks.analysis.mapping import correlate_maps, correlation_length
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr, spearmanr


def smooth(seed: int, size: int = 64, width: float = 2.5) -> np.ndarray:
    image = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), width, mode="wrap")
    return image / image.std()


def correlated(seed: int, share: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    one, noise = smooth(seed), smooth(seed + 1000)
    return one, share * one + np.sqrt(1 - share**2) * noise


def test_both_coefficients_are_those_of_scipy():
    one, two = correlated(1)
    found = correlate_maps(one, np.exp(two), rng=np.random.default_rng(1))
    assert found.pearson == pytest.approx(pearsonr(one.ravel(), np.exp(two).ravel()).statistic, abs=1e-9)
    assert found.spearman == pytest.approx(spearmanr(one.ravel(), two.ravel()).statistic, abs=1e-9)
    assert found.verdict == "correlated"


def test_the_uncertainty_is_that_of_repeated_maps_and_not_of_independent_pixels():
    found = [
        correlate_maps(*correlated(seed), rng=np.random.default_rng(2), resamplings=400) for seed in range(60)
    ]
    seen = np.std([each.pearson for each in found])
    told = np.median([each.pearson_sigma for each in found])
    assert told == pytest.approx(seen, rel=0.3)
    assert told > 3 * (1 - 0.6**2) / np.sqrt(64 * 64)


def test_independent_smooth_maps_are_seldom_called_correlated():
    verdicts = [
        correlate_maps(
            smooth(seed), smooth(seed + 500), rng=np.random.default_rng(3), resamplings=400
        ).verdict
        for seed in range(60)
    ]
    assert verdicts.count("correlated") <= 7


def test_gaps_of_either_map_do_not_count():
    one, two = correlated(4)
    kept = np.random.default_rng(5).uniform(size=one.shape) < 0.7
    found = correlate_maps(np.where(kept, one, np.nan), two, rng=np.random.default_rng(1))
    assert found.pixels == kept.sum()
    assert found.pearson == pytest.approx(pearsonr(one[kept], two[kept]).statistic, abs=1e-9)


def test_an_outlier_moves_pearson_and_leaves_spearman():
    one, two = correlated(6)
    one[0, 0], two[0, 0] = 500.0, -500.0
    found = correlate_maps(one, two, rng=np.random.default_rng(1))
    assert found.pearson < 0
    assert found.spearman > 0.4


def test_two_slopes_are_too_small_a_map_to_speak_of_correlation():
    ramp = np.arange(40.0)[:, None] * np.ones(40)
    found = correlate_maps(ramp, ramp, rng=np.random.default_rng(1))
    assert found.verdict == "too small"
    assert "wider field" in found.reason


def test_the_correlation_length_grows_with_the_blur():
    assert correlation_length(smooth(1, width=4)) > correlation_length(smooth(1, width=2)) > 2


def test_maps_without_common_pixels_are_refused():
    with pytest.raises(ValueError, match="share 0 finite"):
        correlate_maps(np.full((9, 9), np.nan), np.ones((9, 9)), rng=np.random.default_rng(1))
