"""What a picture of the microscope owes to its parts: phase ring, condenser, focus, vibration and drift."""

from dataclasses import replace

import numpy as np
import pytest
from changed_file import changed_scenario
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.imaging_scenario import microscope_of
from operando.simulated_beamline.iocs.frame_source import Shot
from operando.simulated_beamline.iocs.microscope_exposure import MicroscopeExposure
from operando.simulated_beamline.physics.nanostage import PERIODS_S
from operando.simulated_beamline.scenario import load_scenario

SIDE, PIXEL_UM = 64, 0.32
START_S = 1.7e9


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """A camera of 64 x 64 pixels before one ball on the axis."""
    changes = {
        "rows = 1024": f"rows = {SIDE}",
        "columns = 1024": f"columns = {SIDE}",
        "pixel_um = 0.65": "pixel_um = 10.4",
        "[spheres]\n": "[spheres]\nat_um = [[0.0, 0.0, 0.0, 4.0]]\n",
    }
    return load_scenario(changed_scenario(tmp_path_factory.mktemp("scenario"), "nmc811-electrode", changes))


@pytest.fixture
def board(tmp_path):
    made = Board(tmp_path / "board")
    yield made
    made.close()


@pytest.fixture
def exposure(board, scenario):
    return MicroscopeExposure(scenario, board, seed=1)


@pytest.fixture
def scene(exposure):
    return replace(exposure.scene(), brightness=1.0)


def transmission(exposure, scene):
    return exposure.picture(scene, exposure.view(scene, START_S, steady=True), START_S).transmission


def test_the_phase_ring_dims_the_light_and_shows_the_rim_of_a_ball_brighter_within(exposure, scene):
    without = transmission(exposure, scene)
    with_ring = transmission(exposure, replace(scene, phase_ring=True))
    rim_px, middle = round(4.0 / PIXEL_UM), SIDE // 2
    light = with_ring[0, 0]
    assert light == pytest.approx(0.75, abs=0.02)
    ratio = with_ring / without / light
    assert ratio[middle, middle + rim_px - 1] > 1.03
    assert ratio[middle, middle + rim_px + 1] < 0.9


def test_a_condenser_out_of_place_lights_less(exposure, board):
    board.update({"bragg_true_deg": 13.7, "perp_mm": 12.9, "ring_current_ma": 500.0})
    best = exposure.scene().brightness
    board["txm_condenser_mm"] = 4.0
    assert exposure.scene().brightness == pytest.approx(best * np.exp(-1.0))


def test_an_energy_that_the_optic_does_not_follow_is_out_of_focus_and_keeps_its_magnification(
    exposure, scene
):
    sharp, off = (transmission(exposure, replace(scene, energy_ev=each)) for each in (8333.0, 8600.0))
    steepest = [np.abs(np.diff(each[SIDE // 2])).max() / (1.0 - each.min()) for each in (sharp, off)]
    assert steepest[1] < 0.8 * steepest[0]
    views = [exposure.view(each, START_S, steady=True) for each in (scene, replace(scene, energy_ev=8600.0))]
    assert views[0].pixel_um == views[1].pixel_um == pytest.approx(PIXEL_UM)


def test_frames_shake_by_the_vibration_of_the_scenario_about_a_specimen_that_creeps(
    exposure, scene, scenario
):
    places_nm = (
        PIXEL_UM
        * 1e3
        * np.array(
            [
                (view.origin_row, view.axis_column)
                for view in (exposure.view(scene, START_S) for _ in range(2000))
            ]
        )
    )
    np.testing.assert_allclose(places_nm.std(axis=0), microscope_of(scenario).vibration_nm, rtol=0.1)
    times_s = START_S + np.linspace(0.0, PERIODS_S[1], 200)
    still = [exposure.view(scene, time_s, steady=True) for time_s in times_s]
    crept_nm = PIXEL_UM * 1e3 * np.ptp([(view.origin_row, view.axis_column) for view in still], axis=0)
    amplitude_nm = microscope_of(scenario).drift_nm
    assert (crept_nm > amplitude_nm).all()
    assert (crept_nm <= 2.0 * amplitude_nm + 1e-6).all()


def test_the_light_leans_to_one_side_as_the_beam_drifts(exposure, scene, scenario):
    flat = replace(scene, x_um=500.0)

    def leaning(time_s):
        frames = np.empty((20, SIDE, SIDE), exposure.dtype)
        exposure.draw_all([Shot(n, time_s, 1.0, flat) for n in range(20)], frames)
        light = frames.astype(float).mean(axis=0) - 100.0
        return light[:, SIDE // 2 :].sum() / light[:, : SIDE // 2].sum()

    seen = np.array([leaning(START_S + part * PERIODS_S[0]) for part in np.linspace(0.0, 1.0, 9)])
    assert 0.002 < np.ptp(seen) < 2.0 * microscope_of(scenario).beam_drift
