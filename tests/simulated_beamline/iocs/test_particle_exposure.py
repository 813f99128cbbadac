"""The camera behind the nanoprobe: reflections of the particle at the positions on the board."""

import math

import numpy as np
import pytest
from operando.simulated_beamline.iocs import camera
from operando.simulated_beamline.iocs.frame_source import Shot
from operando.simulated_beamline.iocs.particle_exposure import ParticleExposure
from operando.simulated_beamline.mount import load_mounts
from rocking_experiment import TIME_S, RockedParticle

REFLECTING = (0.25, -0.15)


@pytest.fixture(scope="module")
def particle(tmp_path_factory):
    return RockedParticle(tmp_path_factory.mktemp("particle"), still=True)


@pytest.fixture(autouse=True)
def _in_place(particle):
    particle.board.update({"photon_open": 1.0, "spot_lithium_content": 0.6, "front_charging_share": 1.0})
    particle.at(*REFLECTING, angle_deg=brightest_deg(particle))


def total(particle, dwell_s=0.01):
    return int(particle.frame(dwell_s, TIME_S)[~particle.exposure.detector.gap].sum())


def brightest_deg(particle):
    particle.at(*REFLECTING, 0.0)
    lit, _ = particle.seen(TIME_S)
    q = lit.mean_q_per_angstrom
    # Turned about x until Bragg's law holds for the middle of the beam.
    wave = 2.0 * math.pi * particle.specimen.energy_ev() / 12398.42
    wanted = math.asin(-np.dot(q, q) / (2.0 * wave) / math.hypot(q[1], q[2]))
    return math.degrees(wanted - math.atan2(q[2], q[1]))


def test_a_grain_in_the_beam_reflects_at_its_angle_and_not_beside_it(particle):
    bright = total(particle)
    assert bright > 5e4
    particle.at(*REFLECTING, angle_deg=brightest_deg(particle) + 3.0)
    assert total(particle) < 1e-3 * bright


def test_counts_go_with_the_exposure(particle):
    assert total(particle, 0.02) == pytest.approx(2.0 * total(particle, 0.01), rel=0.02)


@pytest.mark.parametrize("change", [{"photon_open": 0.0}, {"nano_x_um": 9.0}])
def test_without_beam_or_beside_the_particle_there_is_dark_only(particle, change):
    particle.board.update(change)
    # 0.002 counts/s and pixel for 0.01 s, and two hot pixels of 50 counts/s.
    assert total(particle) < 30


def test_the_spot_moves_with_the_lithium_content(particle):
    def middle_row():
        frame = particle.frame(0.01, TIME_S).astype(float)
        return (frame.sum(axis=1) @ np.arange(256)) / frame.sum()

    before = middle_row()
    particle.board["spot_lithium_content"] = 0.97
    assert abs(middle_row() - before) > 2.0


def test_the_spot_moves_outwards_and_grows_as_the_arm_takes_the_camera_away(particle):
    def seen():
        frame = particle.frame(0.01, TIME_S).astype(float)
        frame[particle.exposure.detector.gap] = 0.0
        rows = np.arange(256)
        middle = (frame.sum(axis=1) @ rows) / frame.sum()
        return middle, np.sqrt((frame.sum(axis=1) @ (rows - middle) ** 2) / frame.sum())

    particle.board["camera_z_mm"] = 400.0
    near = seen()
    particle.board["camera_z_mm"] = 402.0
    far = seen()
    particle.board["camera_z_mm"] = 400.0
    assert seen() == pytest.approx(near, abs=0.5)
    # At 17.7 degree off the beam 2 mm of the arm are 8.5 pixels of 75 um on a camera that stands upright.
    assert abs(far[0] - near[0]) == pytest.approx(2.0 * math.tan(math.radians(17.7)) / 0.075, rel=0.1)


def test_a_turn_lifts_the_particle_that_stands_beside_the_axis(particle, monkeypatch):
    monkeypatch.setattr(particle.specimen, "_eccentricity_nm", 8000.0)
    particle.at(0.0, 0.0, 1.0)
    assert particle.specimen.stage_nm()[1] == pytest.approx(8000.0 * math.sin(math.radians(1.0)))


def test_scenes_between_two_looks_lie_between_them(particle):
    one = particle.exposure.scene()
    particle.at(0.65, -0.15, one.rotation_deg + 1.0)
    between = one.towards(particle.exposure.scene(), 0.25)
    assert between.x_nm == pytest.approx(350.0)
    assert between.rotation_deg == pytest.approx(one.rotation_deg + 0.25)


def test_a_scenario_without_a_particle_shows_its_cell(particle, monkeypatch):
    built = camera.build_exposure(load_mounts(["nmc811-particle"]), particle.board, 1)
    assert isinstance(built, ParticleExposure)
    monkeypatch.setattr(camera, "Exposure", lambda *_: "the cell")
    assert camera.build_exposure(load_mounts(["nmc811-first-charge"]), particle.board, 1) == "the cell"


def test_what_counts_no_more_shows_the_largest_count_but_one(particle):
    out = np.zeros(particle.exposure.shape, dtype=np.uint16)
    particle.exposure.draw(Shot(1, TIME_S, 60.0, particle.exposure.scene()), out)
    assert out.max() == 65534
