"""A dark for each exposure: as taken, by offset and rate, or by a rate alone, which is told."""

import numpy as np
import pytest
from operando.callbacks.analysis.xrd.dark_scaling import TakenDark, dark_at
from operando.callbacks.analysis.xrd.detector_response import CameraDark

OFFSET, RATE = np.array([[10.0, 12.0]]), np.array([[5.0, 0.5]])


def taken(exposure_s, variance=1.0, bad=False):
    mean = OFFSET + RATE * exposure_s
    marks = np.array([[bad, False]])
    return TakenDark(
        exposure_s, CameraDark(np.where(marks, np.nan, mean), np.full_like(mean, variance), marks)
    )


def test_the_newest_dark_of_an_exposure_is_taken_as_it_is():
    newest = taken(2.0)
    found = dark_at(2.0, [taken(2.0), taken(1.0), newest])
    assert (found.dark, found.told) == (newest.dark, "")


@pytest.mark.parametrize("exposure_s", [0.5, 3.0, 20.0])
def test_two_exposures_tell_offset_and_rate_of_each_pixel(exposure_s):
    found = dark_at(exposure_s, [taken(1.0), taken(10.0)])
    assert found.dark.mean == pytest.approx(OFFSET + RATE * exposure_s)
    part = (exposure_s - 1.0) / 9.0
    assert found.dark.variance == pytest.approx(np.full((1, 2), (1 - part) ** 2 + part**2))
    assert found.told == "dark by offset and rate from 1 s and 10 s"


def test_of_many_exposures_the_nearest_two_are_used():
    assert dark_at(8.0, [taken(0.1), taken(5.0), taken(10.0)]).told.endswith("5 s and 10 s")


def test_one_exposure_is_taken_for_a_rate_and_its_error_grows_with_it():
    found = dark_at(4.0, [taken(2.0)])
    assert found.dark.mean == pytest.approx(2 * (OFFSET + 2 * RATE))
    assert found.dark.variance == pytest.approx(4.0)
    assert "rate without offset" in found.told


def test_a_pixel_that_is_bad_in_either_dark_is_bad():
    found = dark_at(4.0, [taken(1.0, bad=True), taken(2.0)])
    assert found.dark.bad.tolist() == [[True, False]]
    assert np.isnan(found.dark.mean).tolist() == [[True, False]]


def test_no_dark_or_no_exposure_is_refused():
    with pytest.raises(ValueError, match="from 0 darks"):
        dark_at(1.0, [])
    with pytest.raises(ValueError, match="above 0 s"):
        dark_at(0.0, [taken(1.0)])
