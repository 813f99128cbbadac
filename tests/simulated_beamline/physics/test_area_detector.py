"""The area detector: pixels where geometry puts them, flaws where the seed puts them."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.area_detector import (
    AreaDetector,
    Flaws,
    Geometry,
    polarisation_factor,
)
from operando.simulated_beamline.physics.diffraction import Pattern

STRAIGHT = Geometry(400, 300, 0.2, 100.0, beam_row=200.5, beam_column=150.5)
TILTED = Geometry(400, 300, 0.2, 100.0, 190.2, 140.7, tilt_deg=12.0, tilt_azimuth_deg=35.0)


def detector(geometry=STRAIGHT, seed=1, **flaws):
    return AreaDetector(geometry, Flaws(**flaws), np.random.default_rng(seed))


def test_two_theta_is_the_arc_tangent_of_radius_over_distance():
    two_theta = detector().two_theta_rad
    assert two_theta[200, 150] == pytest.approx(0.0, abs=1e-12)
    assert two_theta[200, 250] == pytest.approx(np.arctan(20.0 / 100.0))
    # 18 keV, 20 mm of 100: 4 pi / 0.68880 * sin(5.6550 degree).
    assert detector().q_per_angstrom(18000.0)[200, 250] == pytest.approx(1.79773, abs=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("geometry", [STRAIGHT, TILTED], ids=["straight", "tilted"])
def test_pixels_stand_where_pyfai_has_them(geometry):
    pytest.importorskip("pyFAI", reason="extra diffraction")
    from pyFAI.detectors import Detector
    from pyFAI.geometry import Geometry as Reference

    pixel_m = geometry.pixel_mm * 1e-3
    reference = Reference(
        detector=Detector(pixel_m, pixel_m, max_shape=geometry.shape), wavelength=0.6888e-10
    )
    reference.setFit2D(
        geometry.distance_mm,
        geometry.beam_column,
        geometry.beam_row,
        tilt=geometry.tilt_deg,
        tiltPlanRotation=geometry.tilt_azimuth_deg,
    )
    mine = detector(geometry)
    np.testing.assert_allclose(
        mine.two_theta_rad, reference.center_array(geometry.shape, unit="2th_rad"), atol=1e-7
    )
    solid = mine.solid_angle_sr / mine.solid_angle_sr.max()
    expected = reference.solidAngleArray(geometry.shape)
    np.testing.assert_allclose(solid, expected / expected.max(), rtol=1e-4)


def test_the_solid_angles_of_a_large_detector_add_up():
    wide = Geometry(1000, 1000, 1.0, 100.0, 500.0, 500.0)
    # A square of half side a at distance d: 4 asin(a^2 / (a^2 + d^2)).
    assert detector(wide).solid_angle_sr.sum() == pytest.approx(4 * np.arcsin(25.0 / 26.0), rel=1e-4)


def test_a_polarised_beam_scatters_little_sideways():
    right_angle = np.array([np.pi / 2])
    assert polarisation_factor(right_angle, np.array([0.0])) == pytest.approx(0.005)
    assert polarisation_factor(right_angle, np.array([np.pi / 2])) == pytest.approx(0.995)
    assert polarisation_factor(np.array([0.0]), np.array([1.0])) == pytest.approx(1.0)


def test_counts_of_a_flat_pattern_are_the_solid_angles():
    projection = detector().at_energy(18000.0)
    pattern = Pattern(
        projection.q_per_angstrom,
        np.full_like(projection.q_per_angstrom, 3.0),
        np.zeros_like(projection.q_per_angstrom),
    )
    np.testing.assert_allclose(projection.counts(pattern, 0.0), 3.0 * detector().photon_share, rtol=1e-5)


def test_absorption_takes_more_from_a_slanted_path():
    projection = detector().at_energy(18000.0)
    transmission = projection.transmission(1.0)
    assert transmission[0] == pytest.approx(np.exp(-1.0), rel=1e-3)
    assert np.all(np.diff(transmission) < 0.0)


def test_the_beam_stop_hides_the_beam_and_gaps_count_nothing():
    flawed = detector(beam_stop_mm=3.0, module_rows=190, module_columns=140, gap_pixels=20)
    assert flawed.shadow[200, 150]
    assert np.count_nonzero(flawed.shadow) == pytest.approx(np.pi * 15.0**2, rel=0.02)
    assert not flawed.photon_share[flawed.shadow].any()
    assert flawed.gap[195, 0]
    assert flawed.gap[0, 150]
    assert np.count_nonzero(flawed.gap[0]) == 20


def test_dead_and_hot_pixels_are_as_many_as_said_and_always_the_same():
    one, same, other = (
        detector(seed=seed, dead_pixels=12, hot_pixels=7, dark_counts_s=0.01) for seed in (1, 1, 2)
    )
    assert np.count_nonzero(one.dead) == 12
    assert np.count_nonzero(one.extra_counts_s > 1.0) == 7
    np.testing.assert_array_equal(one.dead, same.dead)
    assert np.any(one.dead != other.dead)


def test_the_flat_field_has_the_spread_said():
    response = detector(flat_rms=0.02, efficiency=0.9).response
    assert response.mean() == pytest.approx(0.9, rel=0.01)
    assert 0.01 < response.std() / response.mean() < 0.03
