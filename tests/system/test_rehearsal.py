"""A rehearsal of three techniques as a user runs it; its results are compared with the truth of the cell."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from mine_cif import CIF
from operando.callbacks.tiled.access import reader_client
from operando.callbacks.tiled.journal import read_journal, runs
from operando.callbacks.tiled.note import read_note
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.experiment.tiled_server import TiledServer
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.physics.valence import COMPOSITIONS, valences
from operando.simulated_beamline.scenario import load_scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "experiment" / "nmc811-three.toml"
PAGES = ("README.md", "docs/index.md", "docs/tutorials/three-techniques.md")
GUIDE = ROOT / "docs" / "how-to" / "measure-diffraction.md"
NAME = "nmc811-three"
PURPOSES = ("calibration", "cycling", "measurement", "analysis")
SHORTER = {
    "until_voltage_v = 4.3\n": "until_voltage_v = 4.3\nuntil_capacity_mah = 0.14\n",
    "lithium_content 0.58": "lithium_content 0.9",
    "projections = 181": "projections = 61",
}
"""A charge by some lithium, slow enough for a busy machine, with the same three tomograms."""


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
    """The shipped experiment, cut short; gives the folder of its data, what was printed, and the truth."""
    root = tmp_path_factory.mktemp("rehearsal")
    text, data = SHIPPED.read_text(), root / "operando-data"
    for old, new in SHORTER.items():
        assert old in text
        text = text.replace(old, new)
    file = root / "short.toml"
    file.write_text(text)
    truth = TruthLog(data / "run" / "board")
    truth.start()
    done = subprocess.run(
        [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(file)],
        env=os.environ | {"OPERANDO_DATA": str(data), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )
    truth.ended.set()
    truth.join()
    assert done.returncode == 0, done.stdout + done.stderr
    return data, done.stdout, truth


@pytest.fixture(scope="module")
def served(rehearsed) -> Iterator[None]:
    """A Tiled server of those data beside the folder in which they lie, as the pages want it."""
    with pytest.MonkeyPatch.context() as changed:
        changed.chdir(rehearsed[0].parent)
        changed.setenv("MPLBACKEND", "agg")
        changed.delenv("OPERANDO_DATA", raising=False)
        with TiledServer("operando-data"):
            yield


@pytest.fixture(scope="module")
def experiment(rehearsed):
    return experiment_from_journal(rehearsed[0] / "journal", NAME)


def test_every_measurement_that_the_cell_asked_for_is_done(experiment):
    asked = experiment.ledger["measurement"].value_counts()
    assert set(experiment.ledger["status"]) == {"done"}
    assert (asked["ni_k"], asked["diffraction"], asked["tomogram"]) == (3, 1, 3)
    assert len(experiment.spectra("Ni")["measurement"]) == asked["ni_k"]
    series = experiment.ledger.loc[experiment.ledger["measurement"] == "diffraction", "run"]
    assert {run for run, _ in experiment.lattice.index} == set(series)
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


def test_the_camera_was_calibrated_first_and_its_series_carry_what_was_found(experiment):
    frames = next(start for start in experiment.runs("calibration") if "calibrant" in start)
    told = next(start for start in experiment.runs("calibration") if "camera_calibration" in start)
    found = told["camera_calibration"]
    assert (frames["calibrant"], found["run"]) == ("LaB6", frames["uid"])
    assert found["residual_px"] < 0.3
    (cycling,) = experiment.runs("cycling")
    assert cycling["camera_calibration"] == found
    measured = [start for start in experiment.runs("measurement") if start["technique"] == "xrd"]
    assert {start["geometry"]["distance_mm"] for start in measured} == {found["geometry"]["distance_mm"]}
    assert frames["uid"] not in {run for run, _ in experiment.lattice.index}


def test_lattices_are_those_of_the_simulated_cell(experiment):
    (phase,) = load_scenario("nmc811-electrode").diffraction.phases
    x, a, c = np.array(phase.lattice)[::-1].T
    lattice = experiment.lattice
    content = lattice["lithium_content"].to_numpy(float)
    assert np.abs(lattice["a_angstrom"] - np.interp(content, x, a)).max() < 1.5e-3
    assert np.abs(lattice["c_angstrom"] - np.interp(content, x, c)).max() < 6e-3
    assert {"Al", "Cu"} <= set(experiment.phases["phase"]) <= {"NMC811", "Al", "Cu", "Li"}


def test_the_cyclers_record_has_no_hole(experiment):
    samples = experiment.electrochemistry["sample"].to_numpy(int)
    assert len(samples) > 50
    assert (np.diff(samples) == 1).all()


def test_everything_is_in_tiled_and_was_read_back(experiment, rehearsed):
    journal = rehearsed[0] / "journal"
    runs = [start["uid"] for purpose in PURPOSES for start in experiment.runs(purpose)]
    notes = [read_note(journal, uid) for uid in runs]
    assert [note["verdict"] for note in notes] == ["complete"] * len(runs)


def test_each_tomogram_has_all_its_projections_at_its_own_energy(rehearsed):
    found = [run for run in runs(rehearsed[0] / "journal") if run.start.get("technique") == "tomography"]
    assert len(found) == 3
    for run in found:
        documents = list(read_journal(run.path))
        streams = {doc["uid"]: doc["name"] for name, doc in documents if name == "descriptor"}
        told = [
            (streams[doc["descriptor"]], doc["indices"]) for name, doc in documents if name == "stream_datum"
        ]
        last = {stream: max(at["stop"] for one, at in told if one == stream) for stream, _ in told}
        assert (last["projections"], last["angles"], last["flat"], last["dark"]) == (61, 61, 10, 10)
        energies = [
            doc["data"]["mono_energy"] for name, doc in documents if "mono_energy" in doc.get("data", {})
        ]
        assert energies == pytest.approx([8400.0] * len(energies), abs=0.5)


@pytest.mark.usefixtures("served")
def test_every_line_of_the_pages_runs():
    named = {}
    for page in PAGES:
        named[page] = {}
        for block in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.M):
            exec(block, named[page])
    tutorial = named[PAGES[-1]]
    assert tutorial["first"].projections.shape == (61, 256, 256)
    middle = tutorial["volume"].attenuation_per_um[8]
    # NMC811 of 4.7 g/cm3 attenuates 0.09 per um at 8400 eV (xraydb); cracks and few angles take from it.
    assert 0.05 < np.quantile(middle[middle > 0.02], 0.5) < 0.12
    assert Path("slice.png").stat().st_size > 10_000


@pytest.mark.usefixtures("served")
def test_every_line_of_the_guide_to_diffraction_runs():
    Path("mine.cif").write_text(CIF)
    assert "nmc811-diffraction" in GUIDE.read_text()
    read, extend = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names = {}
    exec(read.replace("nmc811-diffraction", NAME), names)
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


def test_pictures_and_report_tell_where_things_are(rehearsed):
    (folder,) = (rehearsed[0] / "experiments").iterdir()
    drawn = {"live.png", "summary.png", "patterns.png", "live-slices.png"}
    assert {*drawn, "short.toml"} <= {path.name for path in folder.iterdir()}
    assert "open_experiment" in rehearsed[1]
    assert str(folder / "summary.png") in rehearsed[1]
