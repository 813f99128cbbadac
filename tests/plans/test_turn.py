"""Orders of angles, and what a tomogram refuses."""

import pytest
from bluesky.simulators import RunEngineSimulator
from operando.plans.tomography import NoMicroscopeError, tomography
from operando.plans.turn import Turn, even_angles, golden_angles, interlaced_angles


def test_even_angles_can_be_taken_on_the_fly():
    turn = Turn(angles_deg=even_angles(721, whole_deg=360.0), exposure_s=0.095)
    assert turn.step_deg == pytest.approx(360.0 / 721)
    assert turn.period_s == pytest.approx(0.1)
    assert turn.speed_deg_s == pytest.approx(3600.0 / 721)


def test_the_first_golden_angles_leave_no_large_gap():
    first = sorted(golden_angles(90))
    gaps = [after - before for before, after in zip(first, [*first[1:], 180.0], strict=True)]
    assert max(gaps) < 2.0 * 180.0 / 90 * 1.7
    assert len(set(first)) == 90


def test_interlaced_rounds_fill_the_gaps_of_those_before():
    angles = interlaced_angles(12, 3)
    assert sorted(angles) == pytest.approx(list(even_angles(12)))
    assert angles[:4] == pytest.approx((0.0, 45.0, 90.0, 135.0))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"angles_deg": (0.0,), "exposure_s": 1.0}, "two finite ones"),
        ({"angles_deg": (0.0, 1.0), "exposure_s": 0.0}, "positive number of s"),
        ({"angles_deg": (0.0, 1.0), "exposure_s": 1.0, "live_part": 1.0}, "live_part"),
    ],
)
def test_numbers_out_of_range_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        Turn(**options)


def test_uneven_angles_are_refused_on_the_fly():
    with pytest.raises(ValueError, match="fly scan needs even ones"):
        _ = Turn(angles_deg=golden_angles(5), exposure_s=1.0).step_deg


def test_a_beamline_without_a_microscope_says_what_it_lacks():
    class Station:
        microscope = microscope_camera = None

    turn = Turn(angles_deg=even_angles(5), exposure_s=1.0)
    with pytest.raises(NoMicroscopeError, match=r"lacks microscope, microscope_camera; add \[devices.micro"):
        RunEngineSimulator().simulate_plan(tomography(Station(), turn))
