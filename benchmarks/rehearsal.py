"""What `make rehearse` runs: its time, and how near its results are to the truth of the simulated cell."""

import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import operando.experiment
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import read_journal, runs
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.physics.valence import COMPOSITIONS, valences

from .figure import Figure

FILE = Path(operando.experiment.__file__).with_name("nmc811.toml")
LOOK_S = 0.01
ALLOWED_S = 240.0


def rehearse(root: Path) -> tuple[float, np.ndarray]:
    """Run it; gives the wall time (s), and the true time (s) and lithium content on the way, shape (n, 2)."""
    begin, seen = time.monotonic(), []
    command = [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(FILE)]
    with (root / "said.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"OPERANDO_DATA": str(root / "data")}, stdout=log, stderr=log
        )
        board = None
        while process.poll() is None:
            if board is None and (root / "data" / "run" / "board").exists():
                board = Board(root / "data" / "run" / "board")
            if board is not None:
                seen.append((board["cell_time"], board["lithium_content"]))
            try:
                process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise RuntimeError(
            f"the rehearsal ended with {process.returncode}: {(root / 'said.log').read_text()}"
        )
    found = np.array(seen)
    return time.monotonic() - begin, found[np.isfinite(found).all(axis=1)]


def fits_in_time(experiment: Experiment, journal: Path) -> tuple[int, int]:
    """Count the fits done before the first point of the next spectrum, and all that have a next one."""
    first_point: dict[str, float] = {}
    fitted: dict[str, float] = {}
    for run in runs(journal):
        for name, doc in read_journal(run.path):
            if name != "event":
                continue
            if run.start["purpose"] == "analysis":
                fitted[doc["data"]["measurement_run"]] = doc["time"]
            elif run.start["purpose"] == "measurement" and "mono_energy" in doc["data"]:
                first_point.setdefault(run.uid, doc["time"])
    order = [start["uid"] for start in experiment.runs("measurement")]
    pairs = [(fitted[before], first_point[after]) for before, after in pairwise(order) if before in fitted]
    return sum(fit < point for fit, point in pairs), len(pairs)


def run() -> list[Figure]:
    """Rehearse the default experiment and compare with what was promised."""
    with tempfile.TemporaryDirectory() as folder:
        wall_s, truth = rehearse(Path(folder))
        journal = Path(folder) / "data" / "journal"
        experiment = experiment_from_journal(journal, "nmc811-first-charge")
        fits, ledger = experiment.edge_fits, experiment.ledger
        in_time, pairs = fits_in_time(experiment, journal)
    content = np.interp(fits["time"].to_numpy(float), truth[:, 0], truth[:, 1])
    nickel = np.array([valences(COMPOSITIONS["NMC811"], float(x)).metals["Ni"] for x in content])
    x_error = float(np.abs(fits["lithium_content"].to_numpy(float) - content).max())
    valence_error = float(np.abs(fits["valence"].to_numpy(float) - nickel).max())
    done, asked = int((ledger["status"] == "done").sum()), len(ledger)
    name = "rehearsal of a charge and discharge at C/2"
    return [
        Figure(f"{name}: wall time", wall_s, "time allowed", ALLOWED_S, ALLOWED_S / wall_s, "<= 240 s", "s"),
        Figure(f"{name}: spectra done", done, "asked for", asked, done / asked, ">= 40 spectra", "spectra"),
        Figure(
            f"{name}: largest error of x", x_error, "allowed", 0.005, 0.005 / x_error, "<= 0.005 in x", "in x"
        ),
        Figure(
            f"{name}: largest error of Ni valence",
            valence_error,
            "allowed",
            0.05,
            0.05 / valence_error,
            "<= 0.05 in valence",
            "in valence",
        ),
        Figure(
            f"{name}: fits done before the next scan's first point",
            in_time,
            "fits",
            pairs,
            in_time / pairs,
            ">= 1 x",
            "fits",
        ),
    ]
