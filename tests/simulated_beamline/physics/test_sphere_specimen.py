"""Projections of balls against their chords, and where they go when the specimen turns."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.imaged_specimen import SpecimenState, View
from operando.simulated_beamline.physics.rotation_axis import RotationAxis
from operando.simulated_beamline.physics.sphere_specimen import Sphere, SphereSpecimen, pack_spheres

VIEW = View((120, 160), 0.1, axis_column=80.0, origin_row=60.0)


def seen(spheres, angle_deg=0.0, view=VIEW, runaway_s=-1.0):
    specimen = SphereSpecimen(tuple(spheres))
    state = SpecimenState(runaway_s=runaway_s)
    path = specimen.attenuation(view, angle_deg=angle_deg, energy_ev=8400.0, state=state)
    return path / specimen.attenuation_per_um(8400.0)


def middle(path):
    rows, columns = np.indices(path.shape)
    return (rows * path).sum() / path.sum(), (columns * path).sum() / path.sum()


def test_a_ball_is_as_thick_as_its_chords():
    path_um = seen([Sphere(0.0, 0.0, 0.0, 3.0)])
    assert path_um[60, 80] == pytest.approx(6.0)
    assert path_um[60, 100] == pytest.approx(2.0 * np.sqrt(9.0 - 4.0), rel=1e-6)
    assert path_um.sum() * 0.1**2 == pytest.approx(4.0 / 3.0 * np.pi * 27.0, rel=2e-3)


@pytest.mark.parametrize(("angle_deg", "beside_um"), [(0.0, 3.0), (90.0, -2.0), (180.0, -3.0), (450.0, -2.0)])
def test_a_ball_goes_round_the_axis(angle_deg, beside_um):
    row, column = middle(seen([Sphere(3.0, 2.0, 1.0, 1.5)], angle_deg))
    assert column == pytest.approx(80.0 + 10.0 * beside_um, abs=0.02)
    assert row == pytest.approx(70.0, abs=0.02)


def test_a_leaning_axis_brings_high_rows_to_high_columns():
    view = View(VIEW.shape, VIEW.pixel_um, 80.0, 60.0, tilt_deg=5.0)
    row, column = middle(seen([Sphere(0.0, 0.0, 4.0, 1.0)], view=view))
    assert column == pytest.approx(80.0 + 40.0 * np.sin(np.radians(5.0)), abs=0.02)
    assert row == pytest.approx(60.0 + 40.0 * np.cos(np.radians(5.0)), abs=0.02)


def test_balls_fly_apart_in_thermal_runaway():
    balls = [Sphere(2.0, 0.0, 0.0, 1.0)]
    assert middle(seen(balls, runaway_s=0.001))[1] == pytest.approx(120.0, abs=0.1)


def test_packed_balls_do_not_overlap_and_stay_inside():
    balls = pack_spheres(np.random.default_rng(3), count=40, radius_um=(0.6, 2.0), extent_um=14.0)
    at = np.array([[one.x_um, one.y_um, one.z_um] for one in balls])
    radii = np.array([one.radius_um for one in balls])
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) - radii[:, None] - radii[None]
    assert len(balls) > 20
    assert (apart[~np.eye(len(balls), dtype=bool)] > 0.0).all()
    assert (np.hypot(at[:, 0], at[:, 1]) + radii < 7.0).all()


def test_the_axis_wobbles_with_the_angle_and_repeats_with_the_turn():
    axis = RotationAxis(offset_um=0.1, wobble_um=0.03, encoder_error_deg=1e-3)
    angles = np.linspace(0.0, 360.0, 721)
    across = axis.across_um(angles)
    assert across.mean() == pytest.approx(0.1, abs=1e-3)
    assert 0.01 < np.ptp(across) < 0.06
    assert across[0] == pytest.approx(across[-1])
    assert np.abs(axis.true_deg(angles) - angles).max() <= 1e-3
