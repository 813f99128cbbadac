"""Diffusion modes of the sphere against closed forms."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.diffusion import SphereModes, sphere_eigenvalues

DIFFUSIVITY, RADIUS = 4e-15, 5.22e-6
TAU_S = RADIUS**2 / DIFFUSIVITY


def test_eigenvalues_solve_tan_z_equals_z():
    roots = sphere_eigenvalues(40)
    assert np.sin(roots) - roots * np.cos(roots) == pytest.approx(np.zeros(40), abs=1e-9)
    assert roots[0] == pytest.approx(4.493409457909064, abs=1e-12)


def test_surface_reaches_one_fifteenth_of_the_diffusion_time_below_the_mean():
    _, drive, fall = SphereModes(DIFFUSIVITY, RADIUS).propagator(50 * TAU_S)
    assert fall - 50 * TAU_S == pytest.approx(TAU_S / 15, rel=1e-9)
    assert drive.sum() < TAU_S / 15


def test_surface_follows_the_square_root_law_at_short_times():
    duration = 0.002 * TAU_S
    _, _, fall = SphereModes(DIFFUSIVITY, RADIUS).propagator(duration)
    planar = TAU_S / 3 * 2 * np.sqrt(duration / (np.pi * TAU_S))
    assert fall == pytest.approx(planar, rel=0.06)


def test_two_half_steps_are_one_step():
    modes = SphereModes(DIFFUSIVITY, RADIUS)
    decay, drive, _ = modes.propagator(200.0)
    half_decay, half_drive, _ = modes.propagator(100.0)
    assert half_decay**2 == pytest.approx(decay, rel=1e-12)
    assert half_decay * half_drive + half_drive == pytest.approx(drive, rel=1e-12)
