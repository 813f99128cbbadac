"""Maxima of dQ/dV of curves that are known, and of a measured charge of LiNiO2."""

import numpy as np
import pytest
from operando.callbacks.analysis.electrochemistry import feature_voltages, incremental_capacity


def plateaus(volts, *features):
    """Charge up to a voltage, with a plateau of a width (V) at each feature, and some everywhere."""
    return 0.3 * volts + sum(np.arctan((volts - at) / width) for at, width in features)


def test_a_charge_shows_its_features_in_the_order_in_which_they_were_passed():
    volts = np.linspace(3.2, 4.4, 3000)
    charge = plateaus(volts, (3.73, 0.02), (4.0, 0.03), (4.18, 0.02))
    assert feature_voltages(volts, charge) == pytest.approx([3.73, 4.0, 4.18], abs=2e-3)


def test_a_discharge_shows_the_same_backwards():
    volts = np.linspace(4.4, 3.2, 3000)
    charge = plateaus(volts, (3.73, 0.02), (4.0, 0.03))
    assert feature_voltages(volts, charge) == pytest.approx([4.0, 3.73], abs=2e-3)


def test_noise_of_the_voltmeter_makes_no_features():
    volts = np.linspace(3.2, 4.4, 3000)
    charge = plateaus(volts, (3.73, 0.02), (4.0, 0.03))
    noisy = volts + np.random.default_rng(5).normal(0, 5e-4, volts.size)
    assert feature_voltages(noisy, charge) == pytest.approx([3.73, 4.0], abs=5e-3)


def test_the_charge_between_two_voltages_is_kept():
    volts = np.linspace(3.2, 4.4, 500)
    at, density = incremental_capacity(volts, 2.0 * volts)
    assert density == pytest.approx(np.full(at.size, 2.0), rel=1e-9)


@pytest.mark.parametrize("volts", [np.empty(0), np.full(50, 3.7), np.linspace(3.7, 3.71, 50)])
def test_a_record_that_spans_no_window_has_no_features(volts):
    assert feature_voltages(volts, np.arange(volts.size, dtype=float)).size == 0
