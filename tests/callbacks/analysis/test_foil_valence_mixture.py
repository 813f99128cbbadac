"""Foil shifts, valence and mixtures with known answers."""

import numpy as np
import pytest
from operando.callbacks.analysis.xas import (
    calibrate_valence,
    fit_edge,
    foil_shift,
    linear_combination,
    normalise,
    principal_components,
    valence,
)
from synthetic_edges import ENERGY, spectrum


def test_a_shift_added_to_the_scan_brings_it_onto_the_reference():
    rng = np.random.default_rng(4)
    foil = spectrum(8333.0) + rng.normal(0, 0.002, ENERGY.size)
    assert foil_shift(ENERGY - 5.43, foil, ENERGY, spectrum(8333.0)) == pytest.approx(5.43, abs=0.02)
    assert foil_shift(ENERGY + 2.1, foil, ENERGY, spectrum(8333.0)) == pytest.approx(-2.1, abs=0.02)


def test_a_shift_does_not_depend_on_thickness_background_or_grid():
    coarse = ENERGY[::2] - 1.0
    thick = 2.5 * spectrum(8332.0, energy=coarse) + 3 - 0.002 * coarse
    assert foil_shift(coarse, thick, ENERGY, spectrum(8333.0)) == pytest.approx(1.0, abs=0.03)


def test_a_foil_without_points_is_refused():
    with pytest.raises(ValueError, match="foil holds 0 finite points"):
        foil_shift(ENERGY, np.full(ENERGY.size, np.nan), ENERGY, spectrum())


def test_foils_of_different_elements_are_refused():
    with pytest.raises(ValueError, match="check the element"):
        foil_shift(ENERGY - 60, spectrum(8333.0), ENERGY, spectrum(8333.0))


def test_valence_is_interpolated_between_references():
    ends = [fit_edge(ENERGY, spectrum(half), element="Ni") for half in (8342.0, 8344.1)]
    calibration = calibrate_valence(ends, [2.0, 3.0])
    found = valence(fit_edge(ENERGY, spectrum(8343.05), element="Ni"), calibration)
    assert found.value == pytest.approx(2.5, abs=0.01)
    assert 0 < found.sigma < 0.05
    assert not found.extrapolated


def test_valence_beyond_the_references_is_flagged_and_less_certain():
    ends = [fit_edge(ENERGY, spectrum(half), element="Ni") for half in (8342.0, 8344.1)]
    calibration = calibrate_valence(ends, [2.0, 3.0])
    stack = fit_edge(ENERGY, np.array([spectrum(8343.0), spectrum(8347.0)]), element="Ni")
    found = valence(stack, calibration)
    assert found.extrapolated.tolist() == [False, True]
    assert found.sigma[1] > found.sigma[0]


def test_scatter_of_the_references_enters_the_uncertainty():
    straight = calibrate_valence([8342.0, 8343.0, 8344.0], [2.0, 2.5, 3.0], element="Ni", degree=1)
    scattered = calibrate_valence([8342.0, 8343.0, 8344.0], [2.0, 2.8, 3.0], element="Ni", degree=1)
    found = fit_edge(ENERGY, spectrum(8343.0), element="Ni")
    assert straight.scatter == pytest.approx(0, abs=1e-6)
    assert valence(found, scattered).sigma > 0.1 > valence(found, straight).sigma


def test_a_curved_calibration_goes_through_three_references():
    bent = calibrate_valence([8342.0, 8344.1, 8345.8], [2.0, 3.0, 4.0], element="Ni")
    middle = bent.coefficients[0] + sum(
        c * (8344.1 - bent.centre_ev) ** k for k, c in enumerate(bent.coefficients) if k
    )
    assert middle == pytest.approx(3.0, abs=1e-6)


def test_a_valence_is_not_taken_from_another_element():
    calibration = calibrate_valence([6544.0, 6551.0], [2, 4], element="Mn")
    with pytest.raises(ValueError, match="fit of Ni, calibration of Mn"):
        valence(fit_edge(ENERGY, spectrum(), element="Ni"), calibration)


@pytest.mark.parametrize(
    ("energies", "valences", "message"),
    [
        ([8342.0], [2], "needs"),
        ([8342.0, 8342.0], [2, 3], "different energies"),
        ([8342.0, np.nan], [2, 3], "finite"),
        ([8342.0, 8344.0], [3, 2], "does not rise"),
        ([8342.0, 8344.0], [2, 3, 4], "one for each"),
    ],
)
def test_impossible_references_are_refused(energies, valences, message):
    with pytest.raises(ValueError, match=message):
        calibrate_valence(energies, valences, element="Ni")


def test_shares_of_two_end_members_are_recovered_with_their_uncertainty():
    rng = np.random.default_rng(6)
    ends = normalise(ENERGY, np.array([spectrum(8342.0), spectrum(8344.0)]), element="Ni").mu
    truth = np.linspace(0, 1, 200)
    mixed = (1 - truth[:, None]) * ends[0] + truth[:, None] * ends[1]
    found = linear_combination(mixed + rng.normal(0, 0.01, mixed.shape), ends)
    pulls = (found.shares[:, 1] - truth) / found.shares_sigma[:, 1]
    assert np.allclose(found.shares.sum(axis=1), 1)
    assert 0.85 < pulls.std() < 1.15


def test_equal_references_are_refused():
    with pytest.raises(ValueError, match="linearly dependent"):
        linear_combination(spectrum(), np.array([spectrum(), spectrum()]))


def test_a_series_of_two_end_members_has_one_principal_component():
    share = np.linspace(0, 1, 20)[:, None]
    found = principal_components((1 - share) * spectrum(8342.0) + share * spectrum(8344.0))
    assert found.variance_share[0] == pytest.approx(1.0, abs=1e-9)


def test_a_normalised_spectrum_is_zero_below_and_one_above():
    found = normalise(ENERGY, spectrum(), element="Ni")
    assert np.abs(found.mu[ENERGY < 8300]).max() < 1e-6
    assert found.mu[ENERGY > 8450].mean() == pytest.approx(1.0, abs=1e-3)
    assert found.edge_step == pytest.approx(0.8, rel=1e-3)


def test_a_dead_row_does_not_spoil_the_normalised_stack():
    stack = np.array([spectrum(), np.full(ENERGY.size, np.nan)])
    found = normalise(ENERGY, stack, element="Ni")
    assert np.isfinite(found.mu[0]).all()
    assert np.isnan(found.mu[1]).all()


def test_a_scan_that_cannot_be_normalised_says_why():
    found = normalise(ENERGY[:100], spectrum()[:100], element="Ni")
    assert "above the edge" in found.problem
    assert np.isnan(found.mu).all()
