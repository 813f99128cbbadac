"""Spectra read at other energies."""

import numpy as np
import pytest
from operando.callbacks.analysis.xas.resample import resampled

OWN_EV = np.arange(8300.0, 8400.0, 2.0)


def edge(energy_ev):
    return 1.0 / (1.0 + np.exp(-(energy_ev - 8345.0) / 4.0))


def test_a_smooth_spectrum_is_itself_between_its_points():
    asked_ev = np.arange(8310.3, 8390.0, 0.7)
    np.testing.assert_allclose(resampled(asked_ev, OWN_EV, edge(OWN_EV)), edge(asked_ev), atol=3e-4)


def test_order_repeats_and_points_that_are_no_number_do_not_matter():
    asked_ev = np.array([8320.0, 8345.5])
    own_ev = np.concatenate([OWN_EV[::-1], [8350.0, 8333.0]])
    values = np.concatenate([edge(OWN_EV[::-1]), [7.0, np.nan]])
    np.testing.assert_allclose(resampled(asked_ev, own_ev, values), resampled(asked_ev, OWN_EV, edge(OWN_EV)))


@pytest.mark.parametrize(
    ("asked_ev", "points"), [([8299.9], 50), ([8398.1], 50), ([8305.0], 8), ([], 50), ([np.nan], 50)]
)
def test_what_a_spectrum_does_not_reach_it_does_not_tell(asked_ev, points):
    assert resampled(asked_ev, OWN_EV[:points], edge(OWN_EV[:points])) is None
