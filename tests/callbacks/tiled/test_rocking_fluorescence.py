"""Fluorescence by which maps are registered does not follow the beam."""

import numpy as np
from operando.callbacks.tiled.rocking_fluorescence import at_mean_i0, mean_where_it_was


def test_a_row_that_was_counted_longer_is_as_bright_as_the_others():
    charge = np.ones((4, 5))
    charge[0] = 1.6
    counts = 200.0 * charge
    np.testing.assert_allclose(at_mean_i0(counts, counts / charge), 200.0)


def test_counts_stay_where_no_i0_is_known():
    counts = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(at_mean_i0(counts, np.full((2, 3), np.nan)), counts)


def test_the_mean_of_a_specimen_that_drifts_is_as_sharp_as_its_first_map():
    edge = np.tile((np.arange(12) >= 6) * 100.0, (5, 1))
    maps = [np.roll(edge, shift, axis=1)[:, :10] for shift in (0, 1, 2)]
    found = mean_where_it_was(maps, np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]))
    np.testing.assert_allclose(found, edge[:, :10])
