"""Diffraction of a cycling cell as a user rehearses it: the simulated cell's lattice, frames in Tiled."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from mine_cif import CIF
from operando.callbacks.tiled.access import reader_client
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.callbacks.tiled.projection import read_note
from operando.experiment.tiled_server import TiledServer
from operando.simulated_beamline.scenario import load_scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "experiment" / "nmc811-xrd.toml"
GUIDE = ROOT / "docs" / "how-to" / "measure-diffraction.md"
NAME = "nmc811-diffraction"


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """The shipped experiment, cut to a charge by some lithium; gives the folder and what was printed."""
    folder = tmp_path_factory.mktemp("diffraction")
    text, end = SHIPPED.read_text(), "until_voltage_v = 4.3\n"
    assert end in text
    (folder / "short.toml").write_text(text.replace(end, end + "until_capacity_mah = 0.14\n"))
    done = subprocess.run(
        [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(folder / "short.toml")],
        env=os.environ | {"OPERANDO_DATA": str(folder / "operando-data"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def experiment(rehearsed):
    return experiment_from_journal(rehearsed[0] / "operando-data" / "journal", NAME)


def test_every_frame_that_the_cell_asked_for_is_there_with_its_lattice(experiment):
    assert len(experiment.ledger) >= 5
    assert set(experiment.ledger["status"]) == {"done"}
    asked = experiment.ledger.loc[experiment.ledger["measurement"] == "diffraction", "run"]
    assert {run for run, _ in experiment.lattice.index} == set(asked)


def test_the_camera_was_calibrated_first_and_its_series_carry_what_was_found(experiment):
    frames, told = experiment.runs("calibration")
    found = told["camera_calibration"]
    assert (frames["calibrant"], found["run"]) == ("LaB6", frames["uid"])
    assert found["residual_px"] < 0.3
    (cycling,) = experiment.runs("cycling")
    assert cycling["camera_calibration"] == found
    measured = [start for start in experiment.runs("measurement") if start["technique"] == "xrd"]
    assert {start["geometry"]["distance_mm"] for start in measured} == {found["geometry"]["distance_mm"]}
    assert frames["uid"] not in {run for run, _ in experiment.lattice.index}


def test_lattices_are_those_of_the_simulated_cell(experiment):
    (phase,) = load_scenario("nmc811-first-charge").diffraction.phases
    x, a, c = np.array(phase.lattice)[::-1].T
    lattice = experiment.lattice
    content = lattice["lithium_content"].to_numpy(float)
    assert np.abs(lattice["a_angstrom"] - np.interp(content, x, a)).max() < 1.5e-3
    assert np.abs(lattice["c_angstrom"] - np.interp(content, x, c)).max() < 6e-3
    assert set(experiment.phases["phase"]) <= {"NMC811", "Al", "Li"}


def test_frames_and_results_are_in_tiled_and_were_read_back(rehearsed, experiment):
    journal = rehearsed[0] / "operando-data" / "journal"
    for purpose in ("calibration", "cycling", "measurement", "analysis"):
        for start in experiment.runs(purpose):
            assert read_note(journal, start["uid"])["verdict"] == "complete", start


def test_the_report_names_both_pictures(rehearsed):
    pictures = [Path(path) for path in re.findall(r"picture: (.*\.png)", rehearsed[1])]
    assert [path.name for path in pictures] == ["summary.png", "patterns.png"]
    assert all(path.stat().st_size > 10_000 for path in pictures)


def test_every_line_of_the_guide_runs(rehearsed, monkeypatch):
    monkeypatch.chdir(rehearsed[0])
    monkeypatch.setenv("MPLBACKEND", "agg")
    Path("mine.cif").write_text(CIF)
    read, extend = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    with TiledServer("operando-data"):
        names = {}
        exec(read, names)
        patterns = names["experiment"].patterns
        raw = reader_client("operando-data")[str(patterns["run"][0].item())]
        assert raw["frames"]["camera_image"][0].shape == (1024, 1024)
        assert raw.metadata["results"]["pattern_fit"]["verdict"] == "single"
    one = patterns.isel(pattern=0)
    values = (one["q"], one["intensity"], one["intensity_sigma"])
    names |= dict(zip(("q_per_angstrom", "intensity", "sigma"), map(np.asarray, values), strict=True))
    exec(extend, names)
    assert {"mine", "NMC811"} & {phase.name for phase in names["found"].phases}
    assert Path("patterns.png").stat().st_size > 10_000
