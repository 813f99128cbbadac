"""The crystal law against textbook numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.simulated_beamline.physics.crystal import Monochromator, bragg_deg, energy_ev


@given(st.floats(2000.0, 40000.0))
def test_angle_and_energy_are_inverse(energy):
    assert energy_ev(bragg_deg(energy)) == pytest.approx(energy, rel=1e-12)


def test_nickel_edge_lies_at_the_textbook_angle():
    assert bragg_deg(8333.0) == pytest.approx(13.72, abs=0.01)


@pytest.mark.parametrize("angle", [0.0, -3.0, 91.0, math.nan])
def test_an_angle_that_reflects_nothing_is_refused(angle):
    with pytest.raises(ValueError, match="reflects nothing"):
        energy_ev(angle)


def test_an_energy_below_back_reflection_is_refused_with_the_limit():
    with pytest.raises(ValueError, match=r"1977\.\d eV"):
        bragg_deg(1900.0)


def test_the_gap_keeps_the_exit_fixed():
    mono = Monochromator(bragg_zero_error_deg=0.003)
    for angle in (10.0, 14.0, 20.0):
        assert mono.height_error_mm(angle, mono.perp_mm(angle)) == pytest.approx(0.0, abs=1e-12)


def test_a_gap_left_behind_shifts_the_exit():
    mono = Monochromator(exit_offset_mm=25.0)
    left_behind = mono.perp_mm(bragg_deg(8200.0))
    assert mono.height_error_mm(bragg_deg(8800.0), left_behind) == pytest.approx(0.101, abs=0.005)


def test_a_positive_zero_error_makes_the_true_energy_lower():
    motor = bragg_deg(8333.0)
    shift = Monochromator(bragg_zero_error_deg=0.0032).energy_ev(motor) - 8333.0
    expected = -8333.0 / math.tan(math.radians(motor)) * math.radians(0.0032)
    assert shift == pytest.approx(expected, rel=1e-3)


def test_resolution_is_darwin_width_and_divergence_in_quadrature():
    assert Monochromator(divergence_urad=0.0).resolution_ev(8333.0) == pytest.approx(1.108, abs=0.01)
    wide = Monochromator(divergence_urad=25.0).resolution_ev(8333.0)
    assert wide == pytest.approx(math.hypot(1.108, 8333.0 * 25e-6 / math.tan(math.radians(13.72))), rel=1e-3)
