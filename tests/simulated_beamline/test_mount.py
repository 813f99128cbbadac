"""Cells of several channels: each where it was mounted, seen by the beam when it stands there."""

import numpy as np
import pytest
from operando.simulated_beamline.board import Board, cell_slot
from operando.simulated_beamline.iocs.ion_chambers import Experiment
from operando.simulated_beamline.mount import PITCH_MM, build_holder, load_mounts
from operando.simulated_beamline.physics.crystal import bragg_deg

NMC, LNO = "nmc811-first-charge", "lno-first-charge"


def test_cells_without_a_place_stand_side_by_side():
    places = [(mount.channel, mount.window.x_mm) for mount in load_mounts([NMC] * 8)]
    assert places == [(number + 1, -PITCH_MM * number) for number in range(8)]


def test_a_named_place_is_taken():
    assert [mount.window.x_mm for mount in load_mounts([NMC, f"{LNO}@-33.5,4"])] == [0.0, -33.5]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([NMC] * 9, "9 scenarios"),
        ([NMC, f"{NMC}@1,0"], "channel 1 and cell of channel 2 overlap"),
        ([f"{NMC}@20,1"], "NiO overlap"),
        ([f"{NMC}@-59,0"], "does not fit"),
        ([f"{NMC}@left"], "stage position X,Y"),
    ],
)
def test_what_does_not_fit_on_the_changer_is_refused(names, message):
    with pytest.raises(ValueError, match=message):
        load_mounts(names)


def test_the_beam_meets_the_cell_at_the_stage_position():
    holder = build_holder(load_mounts([NMC, LNO]))
    energy = np.array([8345.0])
    assert [holder.channel_at(x_mm, 0.0) for x_mm in (0.0, -PITCH_MM, -3.5)] == [1, 2, 0]
    alone = build_holder(load_mounts([f"{LNO}@-7,0"]))
    assert holder.absorbance(energy, -7.0, 0.0, 0.6) == alone.absorbance(energy, -7.0, 0.0, 0.6)


@pytest.fixture
def board(tmp_path):
    mounts = load_mounts([NMC, NMC])
    crystals = mounts[0].scenario.build_monochromator()
    board = Board(tmp_path / "board")
    board.update(
        {
            "bragg_true_deg": bragg_deg(8345.0),
            "perp_mm": crystals.perp_mm(bragg_deg(8345.0) - crystals.bragg_zero_error_deg),
            "stage_y_mm": 0.0,
            "ring_current_ma": 500.0,
            "front_end_open": 1.0,
            "photon_open": 1.0,
            cell_slot("spot_lithium_content", 1): 0.9,
            cell_slot("spot_lithium_content", 2): 0.3,
        }
    )
    return board


def test_the_chambers_see_the_lithium_content_of_the_cell_in_the_beam(board):
    experiment = Experiment(load_mounts([NMC, NMC]), board, seed=1)

    def absorbance(x_mm):
        board["stage_x_mm"] = x_mm
        i0_a, it_a, *_ = experiment.currents(1000.0)
        return np.log(i0_a / it_a)

    full, empty = absorbance(0.0), absorbance(-PITCH_MM)
    board[cell_slot("spot_lithium_content", 2)] = 0.9
    # Same cell, same lithium content: the counting noise of 1000 s is far below 1e-3.
    assert absorbance(-PITCH_MM) == pytest.approx(full, abs=1e-3)
    assert full - empty > 0.02


def test_only_the_cell_in_the_beam_receives_dose(board):
    experiment = Experiment(load_mounts([NMC, NMC]), board, seed=1)
    board["stage_x_mm"] = -PITCH_MM
    experiment.light_cell()
    assert board[cell_slot("spot_dose_rate_gy_s", 1)] == 0.0
    assert board[cell_slot("spot_dose_rate_gy_s", 2)] > 100.0
