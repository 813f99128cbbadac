"""A rehearsal as a user runs it: what comes out is compared with the truth of the simulated cell."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.callbacks.tiled.projection import read_note
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.physics.valence import COMPOSITIONS, valences

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

DEFAULT = Path(__file__).resolve().parents[2] / "experiment" / "nmc811.toml"


class TruthLog(threading.Thread):
    """Notes what the simulated cell really holds, from the board of the simulation."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.ended, self.rows = path, threading.Event(), []

    def run(self) -> None:
        while not self.path.exists() and not self.ended.wait(0.05):
            pass
        if self.ended.is_set():
            return
        board = Board(self.path)
        while not self.ended.wait(0.01):
            self.rows.append((board["cell_time"], board["lithium_content"]))
        board.close()

    def lithium_content(self, time_s: np.ndarray) -> np.ndarray:
        times, contents = np.array([row for row in self.rows if np.isfinite(row).all()]).T
        return np.interp(time_s, times, contents)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """The default experiment, cut to a charge by some lithium and back, slow enough for a busy machine."""
    root = tmp_path_factory.mktemp("rehearsal")
    text = DEFAULT.read_text()
    charge = "until_voltage_v = 4.3\n"
    assert charge in text
    file = root / "short.toml"
    file.write_text(text.replace(charge, charge + "until_capacity_mah = 0.13\n"))
    truth = TruthLog(root / "data" / "run" / "board")
    truth.start()
    done = subprocess.run(
        [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(file), "--speed", "300"],
        env=os.environ | {"OPERANDO_DATA": str(root / "data"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )
    truth.ended.set()
    truth.join()
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "data", done.stdout, truth


@pytest.fixture(scope="module")
def experiment(rehearsed):
    return experiment_from_journal(rehearsed[0] / "journal", "nmc811-first-charge")


def test_every_measurement_that_the_cell_asked_for_is_done(experiment):
    assert len(experiment.ledger) >= 4
    assert set(experiment.ledger["status"]) == {"done"}
    assert len(experiment.spectra("Ni")["measurement"]) == len(experiment.ledger)
    assert set(experiment.edge_fits["verdict"]) == {"good"}


def test_lithium_content_at_mid_scan_is_that_of_the_cell(experiment, rehearsed):
    fits = experiment.edge_fits
    truth = rehearsed[2].lithium_content(fits["time"].to_numpy(float))
    assert np.abs(fits["lithium_content"].to_numpy(float) - truth).max() < 0.005


def test_recovered_valence_is_that_of_the_cell(experiment, rehearsed):
    fits = experiment.edge_fits
    truth = [
        valences(COMPOSITIONS["NMC811"], float(x)).metals["Ni"]
        for x in rehearsed[2].lithium_content(fits["time"].to_numpy(float))
    ]
    assert np.abs(fits["valence"].to_numpy(float) - truth).max() < 0.05


def test_the_cyclers_record_has_no_hole(experiment):
    samples = experiment.electrochemistry["sample"].to_numpy(int)
    assert len(samples) > 50
    assert (np.diff(samples) == 1).all()


def test_everything_is_in_tiled_and_was_read_back(experiment, rehearsed):
    journal = rehearsed[0] / "journal"
    runs = [start["uid"] for purpose in ("cycling", "measurement") for start in experiment.runs(purpose)]
    notes = [read_note(journal, uid) for uid in runs]
    assert [note["verdict"] for note in notes] == ["complete"] * len(runs)


def test_pictures_and_report_tell_where_things_are(rehearsed):
    (folder,) = (rehearsed[0] / "experiments").iterdir()
    assert {"live.png", "summary.png", "short.toml"} <= {path.name for path in folder.iterdir()}
    assert "open_experiment" in rehearsed[1]
    assert str(folder / "summary.png") in rehearsed[1]
