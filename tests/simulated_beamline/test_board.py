"""The board of physical truths: shared between processes, strict about names."""

import math
import subprocess
import sys

import pytest
from operando.simulated_beamline.board import Board


def test_unwritten_slot_is_not_a_number(tmp_path):
    board = Board(tmp_path / "board")
    assert math.isnan(board["cell_time"])
    assert board.get("cell_time", 5.0) == 5.0


def test_value_of_one_process_is_seen_by_another(tmp_path):
    board = Board(tmp_path / "board")
    program = (
        "import sys; from pathlib import Path; from operando.simulated_beamline.board import Board;"
        "Board(Path(sys.argv[1])).update({'bragg_true_deg': 14.25, 'photon_open': 1})"
    )
    subprocess.run([sys.executable, "-c", program, str(board.path)], check=True)
    assert board["bragg_true_deg"] == 14.25
    assert board["photon_open"] == 1.0


def test_second_handle_keeps_what_is_written(tmp_path):
    Board(tmp_path / "board")["stage_x_mm"] = -3.0
    assert Board(tmp_path / "board")["stage_x_mm"] == -3.0


def test_unknown_slot_is_refused_with_the_known_names(tmp_path):
    board = Board(tmp_path / "board")
    with pytest.raises(KeyError, match="stage_x_mm"):
        board["stage_z"]
    with pytest.raises(KeyError, match="stage_z"):
        board["stage_z"] = 1.0


def test_file_of_another_version_is_refused(tmp_path):
    (tmp_path / "board").write_bytes(b"12345678")
    with pytest.raises(ValueError, match="remove the run folder"):
        Board(tmp_path / "board")
