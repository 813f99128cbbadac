"""Angles of a tomogram that is taken on the fly, and what a tomogram refuses."""

import pytest

pytest.importorskip("numba", reason="needs the extra 'imaging'")

from bluesky.simulators import RunEngineSimulator
from operando.callbacks.analysis.imaging.angle import golden_angles, sequential_angles
from operando.plans.tomography import NoMicroscopeError, tomography
from operando.plans.turn import Turn


def test_sequential_angles_can_be_taken_on_the_fly():
    turn = Turn(angles_deg=sequential_angles(721, span_deg=360.0), exposure_s=0.095)
    assert turn.step_deg == pytest.approx(360.0 / 721)
    assert turn.period_s == pytest.approx(0.1)
    assert turn.speed_deg_s == pytest.approx(3600.0 / 721)


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


def test_unsequential_angles_are_refused_on_the_fly():
    with pytest.raises(ValueError, match="fly scan needs even ones"):
        _ = Turn(angles_deg=golden_angles(5), exposure_s=1.0).step_deg


def test_a_beamline_without_a_microscope_says_what_it_lacks():
    class Station:
        microscope = microscope_camera = None

    turn = Turn(angles_deg=sequential_angles(5), exposure_s=1.0)
    with pytest.raises(NoMicroscopeError, match=r"lacks microscope, microscope_camera; add \[devices.micro"):
        RunEngineSimulator().simulate_plan(tomography(Station(), turn))
