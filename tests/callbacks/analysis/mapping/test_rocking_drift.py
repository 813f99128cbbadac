"""Strain and tilts of particles that drift between the angles, known only by their fluorescence."""

import numpy as np
import pytest
from drifting_particle import ANGLES, PIXEL, SHAPE, SIZE, DriftingParticle, drift_of
from operando.callbacks.analysis.mapping import (
    RockingMoments,
    flat_detector,
    map_drift,
    register,
    smooth_drift,
)
from rocking_truth import DISTANCE, KEV, THETA

GEOMETRY = flat_detector(
    (SIZE, SIZE),
    energy_ev=1000 * KEV,
    two_theta_deg=2 * np.rad2deg(THETA),
    distance_mm=1000 * DISTANCE,
    pixel_um=1e6 * PIXEL,
)
LIT = 0.3
"""Part of the largest counts from which on a position counts."""
LIMITS = {"strain": 5e-6, "tilt_rocking_deg": 1e-3, "tilt_across_deg": 1e-3}


def strain_tilt(frames, shifts):
    moments = RockingMoments(GEOMETRY, SHAPE)
    for angle, stack, shift in zip(ANGLES, frames, shifts, strict=True):
        moments.add(float(angle), stack, tuple(shift))
    return moments.strain_tilt()


def still(particle, shift):
    """What a particle shows that stays at one place, without noise."""
    moments, lit = RockingMoments(GEOMETRY, SHAPE), particle.lit(shift)
    for index, angle in enumerate(ANGLES):
        moments.add_sums(float(angle), lit @ moments.sums(particle.frames[:, index]))
    return moments.strain_tilt()


def rms(found, true) -> dict[str, float]:
    """Errors where there is enough crystal, apart from what all positions share."""
    good = (found.verdict == "good") & (true.counts > LIT * true.counts.max())
    assert good.sum() > 80
    wrong = {name: (getattr(found, name) - getattr(true, name))[good] for name in LIMITS}
    return {name: float(np.sqrt(np.mean((each - np.median(each)) ** 2))) for name, each in wrong.items()}


def errors(scene: str, reach_px: float, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Errors with the drift as it is found, and with what registration alone tells, put back to the first."""
    rng = np.random.default_rng(seed)
    particle, drift = DriftingParticle(scene, rng), drift_of(reach_px, rng)
    frames, maps = particle.measured(drift)
    seen = map_drift(maps)
    assert set(seen.verdict[1:]) == {"good"}
    shifts = smooth_drift(seen.shift_px, seen.sigma_px)
    found = strain_tilt(frames, shifts - shifts.mean(axis=0))
    plain = strain_tilt(frames, [register(maps[0], each).shift_px for each in maps])
    return rms(found, still(particle, drift.mean(axis=0))), rms(plain, still(particle, drift[0]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("scene", ["whole", "wider", "everywhere"])
def test_behind_a_drift_strain_is_known_to_five_millionths_and_tilt_to_a_thousandth_of_a_degree(scene, seed):
    found, _ = errors(scene, 3.0, seed)
    assert {name: value for name, value in found.items() if value > LIMITS[name]} == {}
