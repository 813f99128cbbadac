"""A particle diffracts as Bragg, Warren and its own lattice say, and the analysis finds that again."""

import numpy as np
import pytest
from operando.callbacks.analysis.mapping import RockingGeometry, RockingMoments
from operando.simulated_beamline.diffraction_scenario import build_area_detector, build_oxide
from operando.simulated_beamline.nanoprobe_scenario import (
    build_front,
    build_grain_crystal,
    build_optic,
    build_particle,
)
from operando.simulated_beamline.physics.lit_crystal import LitCrystal, lit_crystal, scattering_vectors
from operando.simulated_beamline.physics.particle_diffraction import ReflectionCamera, ReflectionStrength
from operando.simulated_beamline.physics.particle_state import particle_state
from operando.simulated_beamline.scenario import load_scenario

SCENARIO = load_scenario("nmc811-particle")
ENERGY_EV = 8500.0
WAVELENGTH = 12398.419843320026 / ENERGY_EV
WAVE = 2.0 * np.pi / WAVELENGTH
PLATE, SPOT = build_optic(SCENARIO)
CRYSTAL = build_grain_crystal(SCENARIO)
PARTICLE = build_particle(SCENARIO)
STATE = particle_state(PARTICLE, 0.6, front=build_front(SCENARIO))
DETECTOR = build_area_detector(SCENARIO)
CAMERA = ReflectionCamera(DETECTOR, PLATE, CRYSTAL)
OXIDE = build_oxide(SCENARIO)
STRENGTH = ReflectionStrength(OXIDE, OXIDE.phases[0], ENERGY_EV)


def crystal(c_angstrom=14.25, about_x_deg=0.0, across_deg=0.0):
    q = scattering_vectors(np.array([c_angstrom]), np.array([[about_x_deg], [across_deg]]), CRYSTAL.mount_deg)
    return LitCrystal(np.array([4e4]), np.array([0.6]), q)


def draw(lit, rotation_deg):
    return CAMERA.draw(lit, STRENGTH, rotation_deg=rotation_deg, energy_ev=ENERGY_EV)


def scan(lit, angles_deg):
    """Whole frames (angles, rows, columns), counts per photon."""
    frames = np.zeros((len(angles_deg), *DETECTOR.geometry.shape))
    for frame, angle in zip(frames, angles_deg, strict=True):
        if (spot := draw(lit, angle)) is not None:
            frame[spot.window] = spot.counts
    return frames


def analysis():
    """Geometry of the analysis from where the pixels are, by the plain formula."""
    geometry = DETECTOR.geometry
    x = (np.arange(geometry.columns) + 0.5 - geometry.beam_column) * geometry.pixel_mm
    y = (np.arange(geometry.rows) + 0.5 - geometry.beam_row) * geometry.pixel_mm
    place = np.stack(np.broadcast_arrays(x[None, :], y[:, None], geometry.distance_mm), axis=-1)
    k_out = WAVE * place / np.linalg.norm(place, axis=-1, keepdims=True)
    return RockingGeometry(k_out, np.array([0.0, 0.0, WAVE]), np.array([1.0, 0.0, 0.0]))


def test_the_photons_of_a_rocking_scan_are_those_of_warrens_integrated_reflectivity():
    angles = np.arange(-0.8, 0.8, 0.02)
    lit = crystal()
    share = np.where(DETECTOR.photon_share > 0, DETECTOR.photon_share, np.inf)
    photons = (scan(lit, angles) * DETECTOR.solid_angle_sr / share).sum() * np.radians(0.02)
    theta = np.arcsin(1.5 * WAVELENGTH / 14.25)
    expected = 2.8179403e-5**2 * WAVELENGTH**3 * STRENGTH(np.array([0.6]))[0] * 4e4 / np.sin(2.0 * theta)
    # Six dead pixels and a cone that is not a ray are the rest.
    assert photons == pytest.approx(expected, rel=0.01)


def test_the_structure_factor_is_that_of_a_sum_by_hand():
    z = 1 / 3 - np.sqrt(1.933**2 - 2.835**2 / 3) / 14.405
    metal, lithium, oxygen = 3 * 21.3, 3 * 0.6 * 1.72, 6 * 6.2 * np.cos(6 * np.pi * z)
    volume = 2.835**2 * np.sqrt(0.75) * 14.405
    assert STRENGTH(np.array([0.6]))[0] == pytest.approx(((metal - lithium + oxygen) / volume) ** 2, rel=0.15)


def test_the_spot_is_where_the_scattering_vector_points():
    angles = np.arange(-0.8, 0.8, 0.02)
    total = scan(crystal(14.25, 0.0, 0.3), angles).sum(axis=0)
    rows, columns = np.indices(total.shape)
    q = crystal(14.25, 0.0, 0.3).q_per_angstrom[0]
    out = q + np.array([0.0, 0.0, WAVE])
    place_px = out[:2] / out[2] * DETECTOR.geometry.distance_mm / DETECTOR.geometry.pixel_mm
    assert (rows * total).sum() / total.sum() == pytest.approx(place_px[1] - 1570.8 - 0.5, abs=0.2)
    assert (columns * total).sum() / total.sum() == pytest.approx(place_px[0] + 128.0 - 0.5, abs=0.2)


def test_the_rocking_curve_is_as_wide_as_the_cone_of_the_optic():
    angles = np.arange(-0.8, 0.8, 0.01)
    curve = scan(crystal(), angles).sum(axis=(1, 2))
    wide = angles[curve > 0.5 * curve.max()]
    # Half of the height of a disc's projection is at 0.87 of its radius.
    radius_deg = np.degrees(CAMERA.aperture(ENERGY_EV))
    assert np.ptp(wide) == pytest.approx(2 * 0.87 * radius_deg, rel=0.15)
    assert angles[curve.argmax()] == pytest.approx(0.0, abs=0.05)


def test_a_longer_c_axis_reflects_at_a_smaller_angle():
    angles = np.arange(-0.8, 0.8, 0.02)
    peaks = [angles[scan(crystal(c), angles).sum(axis=(1, 2)).argmax()] for c in (14.25, 14.40)]
    theta = np.arcsin(1.5 * WAVELENGTH / np.array([14.25, 14.40]))
    assert peaks[1] - peaks[0] == pytest.approx(np.degrees(theta[0] - theta[1]), abs=0.03)


def test_cracks_and_outside_give_nothing():
    centre = PARTICLE.axis_nm
    rows, columns = np.nonzero(PARTICLE.crack)
    here = {"x_nm": centre[columns[0]], "y_nm": centre[rows[0]]}
    point = type(SPOT)(1.0, 1.0)
    assert lit_crystal(PARTICLE, STATE, point, CRYSTAL, **here).path_angstrom.sum() < 1e-3 * 4e4
    far = lit_crystal(PARTICLE, STATE, SPOT, CRYSTAL, x_nm=2200.0, y_nm=2200.0)
    assert far.path_angstrom.size == 0
    assert np.isnan(far.mean_q_per_angstrom).all()
    assert draw(far, 0.0) is None


def test_away_from_the_reflection_nothing_reaches_the_camera():
    assert draw(crystal(), 3.0) is None


def test_the_analysis_finds_strain_and_tilts_of_crystals_without_noise():
    rng = np.random.default_rng(5)
    truth = np.stack([rng.normal(0, 5e-4, 6), *rng.uniform(-0.3, 0.3, (2, 6))])
    angles = np.arange(-0.9, 0.9001, 0.05)
    frames = np.stack([scan(crystal(14.25 * (1 + one[0]), *one[1:]), angles) for one in truth.T], axis=1)
    moments = RockingMoments(analysis(), (2, 3))
    for angle, frame in zip(angles, frames, strict=True):
        moments.add(angle, 1e9 * frame)
    found = moments.strain_tilt(crystal().q_per_angstrom[0])
    for name, true, limit in (
        ("strain", truth[0], 2e-6),
        ("tilt_rocking_deg", truth[1], 1e-4),
        ("tilt_across_deg", truth[2], 1e-4),
    ):
        np.testing.assert_allclose(getattr(found, name).ravel(), true, atol=limit, err_msg=name)
