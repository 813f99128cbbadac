"""What the ion chambers' server tells the board of the light on the cell."""

import pytest
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.iocs.ion_chambers import Experiment
from operando.simulated_beamline.mount import load_mounts
from operando.simulated_beamline.physics.crystal import bragg_deg
from operando.simulated_beamline.scenario import load_scenario

SCENARIO = load_scenario("nmc811-first-charge")


@pytest.fixture
def board(tmp_path):
    board = Board(tmp_path / "board")
    crystals = SCENARIO.build_monochromator()
    true_deg = bragg_deg(8400.0)
    board.update(
        {
            "bragg_true_deg": true_deg,
            "perp_mm": crystals.perp_mm(true_deg - crystals.bragg_zero_error_deg),
            "stage_x_mm": 0.0,
            "stage_y_mm": 0.0,
            "ring_current_ma": 500.0,
            "front_end_open": 1.0,
            "photon_open": 1.0,
            "spot_lithium_content": 0.8,
        }
    )
    return board


def rate_gy_s(board):
    Experiment(load_mounts(["nmc811-first-charge"]), board, seed=1).light_cell()
    return board["spot_dose_rate_gy_s"]


def test_the_beam_on_the_cell_is_a_dose_rate(board):
    # 1e10 photons of 8400 eV are 13.4 uW on 0.5 mm2 of 5.5 mg/cm2: at most 490 Gy/s if all were absorbed.
    assert 150.0 < rate_gy_s(board) < 490.0


@pytest.mark.parametrize("shut", ["photon_open", "front_end_open", "ring_current_ma"])
def test_no_beam_is_no_dose(board, shut):
    board[shut] = 0.0
    assert rate_gy_s(board) == 0.0


def test_half_the_ring_current_is_half_the_dose_rate(board):
    full = rate_gy_s(board)
    board["ring_current_ma"] = 250.0
    assert rate_gy_s(board) == pytest.approx(0.5 * full)


def test_a_beam_beside_the_cell_gives_it_no_dose(board):
    board["stage_x_mm"] = 20.0
    assert rate_gy_s(board) == 0.0


def test_the_edge_raises_the_dose_rate(board):
    above = rate_gy_s(board)
    board["bragg_true_deg"] = bragg_deg(8300.0)
    assert rate_gy_s(board) < 0.8 * above
