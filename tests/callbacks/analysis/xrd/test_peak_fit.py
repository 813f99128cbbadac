"""Peaks by themselves: places, widths and areas of a generator written apart, and what cannot be told."""

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import fit_peaks

Q = np.arange(1.1, 2.1, 0.0045)
PAIR = ((1.325, 0.014, 10.0), (1.342, 0.014, 8.0))
"""Place and full width (1/angstrom) and area of two peaks that overlap."""


def counts(*peaks, eta=0.4):
    """Expected counts of pseudo-Voigts on a sloping background."""
    total = 100.0 + 20.0 * (Q - 1.3)
    for place, width, area in peaks:
        x = (Q - place) / width
        lorentz = 2 / (np.pi * width) / (1 + 4 * x**2)
        gauss = np.sqrt(4 * np.log(2) / np.pi) / width * np.exp(-4 * np.log(2) * x**2)
        total = total + area * (eta * lorentz + (1 - eta) * gauss)
    return total


@pytest.mark.parametrize("truth", [PAIR[:1], PAIR])
def test_quoted_uncertainties_are_those_of_repeated_counts(truth):
    rng, expected = np.random.default_rng(1), counts(*truth)
    places = [place + 0.003 for place, _, _ in truth]
    pulls = []
    for _ in range(150):
        found = fit_peaks(Q, rng.poisson(expected), np.sqrt(expected), places_per_a=places)
        assert set(found.verdict) == {"good"}
        values = np.stack([found.place_per_a, found.width_per_a, found.area], axis=1)
        sigma = np.stack([found.place_sigma_per_a, found.width_sigma_per_a, found.area_sigma], axis=1)
        pulls.append((values - np.array(truth)) / sigma)
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.25)
    assert np.mean(pulls, axis=0) == pytest.approx(0.0, abs=0.35)


def test_peaks_come_in_the_order_of_their_places_whatever_that_of_the_points():
    order = np.random.default_rng(2).permutation(Q.size)
    found = fit_peaks(Q[order], counts(*PAIR)[order], places_per_a=[1.342, 1.325])
    assert found.place_per_a == pytest.approx([1.342, 1.325], abs=1e-4)
    assert found.area == pytest.approx([8.0, 10.0], rel=0.01)
    assert found.lorentzian == pytest.approx(0.4, abs=0.05)


def test_a_reflection_is_followed_from_frame_to_frame():
    rng, place = np.random.default_rng(3), 1.325
    for true in np.linspace(1.325, 1.425, 21):
        found = fit_peaks(Q, rng.poisson(counts((true, 0.014, 10.0))), places_per_a=[place])
        place = float(found.place_per_a[0])
        assert place == pytest.approx(true, abs=5 * found.place_sigma_per_a[0])


def test_noise_is_weak_and_a_peak_that_is_not_named_a_misfit():
    noise = np.random.default_rng(4).poisson(counts())
    found = fit_peaks(Q, noise, places_per_a=[1.6])
    assert list(found.verdict) == ["weak"]
    assert "count longer" in found.reason[0]
    found = fit_peaks(Q, counts((1.325, 0.014, 10.0), (1.37, 0.014, 30.0)), places_per_a=[1.325])
    assert list(found.verdict) == ["misfit"]


@pytest.mark.parametrize("intensity", [np.full(Q.size, np.nan), np.zeros(Q.size)])
def test_nothing_to_fit_ends_in_a_verdict(intensity):
    assert fit_peaks(Q, intensity, places_per_a=[1.4]).verdict[0] in {"no data", "weak"}
    assert list(fit_peaks([], [], places_per_a=[1.4, 1.5]).verdict) == ["no data", "no data"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"places_per_a": []}, "give one or more between 1.1 and"),
        ({"places_per_a": [13.3]}, "where the pattern is"),
        ({"places_per_a": [np.nan]}, "where the pattern is"),
        ({"reach_per_a": 0.0}, "reach_per_a is 0"),
        ({"sigma": np.ones(3)}, r"give arrays \(n,\)"),
    ],
)
def test_what_cannot_be_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        fit_peaks(Q, **({"intensity": counts(), "places_per_a": [1.4]} | change))
