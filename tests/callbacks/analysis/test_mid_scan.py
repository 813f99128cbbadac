"""The state in the middle of a scan."""

import numpy as np
import pytest
from operando.callbacks.analysis.mid_scan import mid_scan


def test_the_middle_is_that_of_time_not_of_points():
    assert mid_scan([0.0, 1.0, 2.0, 10.0], [0.0, 1.0, 2.0, 10.0]) == pytest.approx(5.0)


def test_a_step_that_ends_in_the_scan_does_not_pull_the_middle():
    time_s = np.arange(11.0)
    voltage_v = np.where(time_s < 9, 3.5, 3.0)
    assert mid_scan(time_s, voltage_v) == 3.5


def test_points_that_lack_the_quantity_are_left_out_and_none_gives_nan():
    assert mid_scan([0.0, 1.0, 2.0], [1.0, np.nan, 3.0]) == 2.0
    assert np.isnan(mid_scan([0.0], [np.nan]))
