"""Zernike's contrast against what theory says of a weak phase object, of nothing, and of a wide body."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.imaged_specimen import Passed, SpecimenState, View
from operando.simulated_beamline.physics.phase_ring import PhaseRing
from operando.simulated_beamline.physics.sphere_specimen import Sphere, SphereSpecimen

RING, PIXEL_UM, ENERGY_EV = PhaseRing(), 0.05, 8400.0
SHAPE = 64, 256
NOTHING = np.zeros(SHAPE, np.float32)
INSIDE = slice(None), slice(64, -64)
"""Columns further from the border than the halo reaches."""


def seen(attenuation=NOTHING, phase_rad=NOTHING):
    return RING.picture(Passed(attenuation, phase_rad), PIXEL_UM, ENERGY_EV)


def grating(size):
    """A wave across, far finer than the halo: four pixels and a half in a third of a micrometre."""
    return (size * np.cos(2.0 * np.pi * np.arange(SHAPE[1]) * PIXEL_UM / 0.3) * np.ones(SHAPE)).astype(
        np.float32
    )


def test_the_ring_of_gold_is_a_quarter_of_a_wave_at_8_kev():
    amplitude = RING.amplitude(8000.0)
    assert np.degrees(np.angle(amplitude)) == pytest.approx(-90.0, abs=3.0)
    assert abs(amplitude) ** 2 == pytest.approx(0.73, abs=0.02)


def test_light_without_a_specimen_is_dimmed_by_the_ring_alone():
    np.testing.assert_allclose(seen(), abs(RING.amplitude(ENERGY_EV)) ** 2, rtol=1e-5)


def test_a_weak_phase_gives_twice_itself_over_the_amplitude_of_the_ring():
    amplitude, phase_rad = RING.amplitude(ENERGY_EV), grating(0.01)
    contrast = seen(phase_rad=phase_rad) / abs(amplitude) ** 2 - 1.0
    expected = 2.0 * np.sin(np.angle(amplitude)) / abs(amplitude) * phase_rad
    np.testing.assert_allclose(contrast[INSIDE], expected[INSIDE], atol=4e-4)


def test_what_attenuates_without_shifting_the_wave_is_hardly_seen_behind_a_quarter_of_a_wave():
    without, with_ring = np.exp(-grating(0.01))[INSIDE], seen(attenuation=grating(0.01))[INSIDE]
    assert np.ptp(with_ring) / with_ring.mean() < 0.2 * np.ptp(without)


def test_a_wide_body_is_as_without_the_ring_in_its_middle_and_bright_within_its_rim():
    phase_rad = NOTHING.copy()
    phase_rad[:, 64:192] = -0.3
    light = seen(phase_rad=phase_rad)[32] / abs(RING.amplitude(ENERGY_EV)) ** 2
    assert light[128] == pytest.approx(1.0, abs=0.02)
    assert light[66] > 1.2
    assert light[61] < 0.8


def test_the_contrast_of_a_particle_follows_its_phase_and_not_its_edge():
    """Across the edge of nickel attenuation is more than doubled, the decrement moves by a tenth."""
    ball = SphereSpecimen((Sphere(0.0, 0.0, 0.0, 0.4),))
    view = View((64, 64), PIXEL_UM, 31.5, 31.5)
    told = {"angle_deg": 0.0, "state": SpecimenState()}
    below, above = (ball.passed(view, energy_ev=each, **told) for each in (8250.0, 8450.0))
    assert above.attenuation.max() > 2.0 * below.attenuation.max()
    assert above.phase_rad.min() == pytest.approx(below.phase_rad.min(), rel=0.12)
    np.testing.assert_allclose(below.phase_rad.min(), -0.8 * 0.51, rtol=0.05)
    bright = [RING.picture(one, PIXEL_UM, 8300.0)[32, 32] for one in (below, above)]
    assert bright[1] == pytest.approx(bright[0], rel=0.15)
