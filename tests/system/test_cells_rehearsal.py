"""Two cells of one experiment file, rehearsed as a user does it, and taken up after a dead process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from channels import variables
from operando.callbacks.tiled.note import read_note
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.simulated_beamline.clock import SharedClock
from operando.simulated_beamline.launcher import Launcher
from operando_run import Acquisition, assert_documents_are_whole, events, of_purpose
from waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(280)]

ROOT = Path(__file__).resolve().parents[2]
PAIR = ROOT / "experiment" / "nmc811-two-cells.toml"
SETTINGS = ROOT / "simulated_beamline" / "beamline.toml"
NAMES = ("nmc811-pair-left", "nmc811-pair-right")
SCENARIOS = ["nmc811-first-charge@0,0", "nmc811-first-charge@-7,0"]
REGIONS = [[-155, -45, 22, 0.1], [-45, -15, 7, 0.1], [-15, 35, 2, 0.1], [35, 95, 10, 0.1], [95, 410, 35, 0.1]]
GRID = f"grid.regions = {REGIONS}"


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """The example that ships with coarse spectra, and charged by a few per cent of its lithium at C/2."""
    text = re.sub(r"grid\.regions = \[\[-155.*", GRID, PAIR.read_text())
    short = (
        ('rate = "C/5"', 'rate = "C/2"\nuntil_capacity_mah = 0.1'),
        ('until_time_s = "5 min"', "until_time_s = 20"),
    )
    for old, new in (*short, *changes):
        assert old in text
        text = text.replace(old, new)
    path = folder / "pair.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    root = tmp_path_factory.mktemp("pair")
    done = subprocess.run(
        [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(write(root)), "--speed", "100"],
        env=os.environ | {"OPERANDO_DATA": str(root / "data"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=270,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "data", done.stdout


@pytest.fixture(scope="module")
def pair(rehearsed):
    return [experiment_from_journal(rehearsed[0] / "journal", name) for name in NAMES]


def test_every_cell_has_its_experiment_with_good_spectra_of_the_shared_valence_scale(pair):
    for experiment in pair:
        assert set(experiment.ledger["status"]) == {"done"}
        assert set(experiment.edge_fits["verdict"]) == {"good"}
        assert len(experiment.edge_fits) == len(experiment.ledger) >= 1
        assert len(experiment.reference_fits) == 3
        assert np.isfinite(experiment.edge_fits["valence"]).all()


def test_each_cell_is_charged_by_its_own_capacity(pair):
    currents = [experiment.electrochemistry["current"].max() for experiment in pair]
    assert currents == pytest.approx([2.011e-3 / 2, 1.95e-3 / 2], rel=5e-3)


def test_everything_is_in_tiled_and_each_folder_has_file_and_picture(rehearsed, pair):
    for experiment, name in zip(pair, NAMES, strict=True):
        for purpose in ("cycling", "measurement"):
            for start in experiment.runs(purpose):
                assert read_note(rehearsed[0] / "journal", start["uid"])["verdict"] == "complete"
        (folder,) = (rehearsed[0] / "experiments").glob(f"{name}_*")
        assert {"summary.png", "pair.toml"} <= {path.name for path in folder.iterdir()}
        assert str(folder / "summary.png") in rehearsed[1]


def test_the_report_compares_planned_and_achieved_cadence_of_each_cell(rehearsed):
    assert "left ni_k" in rehearsed[1]
    assert "right ni_k" in rehearsed[1]


@pytest.fixture
def servers(tmp_path_factory, beamline_ports):
    launcher = Launcher(tmp_path_factory.mktemp("two"), scenario=SCENARIOS, ports=beamline_ports)
    launcher.start("elastic", 100.0)
    clock = SharedClock(launcher.run_folder / "clock")
    yield clock
    clock.close()
    launcher.stop()


def test_both_cells_are_taken_up_after_the_acquisition_was_killed(servers, tmp_path):
    text = PAIR.read_text()
    prepared = text[text.index("[calibration]") : text.index("[[measurements]]")]
    file, root = (
        write(tmp_path, (re.sub(r"grid\.regions = \[\[-155.*", GRID, prepared), "")),
        tmp_path / "data",
    )
    with Acquisition(file, SETTINGS, root) as acquisition:
        acquisition.wait_for_points(10)
        servers.set_mode("elastic", 2.0)
        acquisition.end(signal.SIGKILL)
    states = [f"OP:ECLAB_01:C{channel}:STATE" for channel in (1, 2)]
    with variables(*states) as found:
        assert [one.get(as_string=True, use_monitor=False) for one in found] == ["Running", "Running"]
    with Acquisition(file, SETTINGS, root) as acquisition:
        until(lambda: acquisition.said().count("going on with") == 2, 60, "taking over")
        servers.set_mode("elastic", 100.0)
        assert acquisition.wait() == 0, acquisition.said()
    cycling = of_purpose(root, "cycling")
    assert [run.stop["exit_status"] for run in cycling] == ["abort", "abort", "success", "success"]
    assert len({run.start["batch"]["uid"] for run in cycling}) == 1
    for name in NAMES:
        before, after = [run for run in cycling if run.start["experiment"]["name"] == name]
        assert after.start["resumes"] == before.uid
        recorded = [e["data"]["cell_sample"] for run in (before, after) for e in events(run, "cell_sample")]
        assert recorded == list(range(int(recorded[0]), int(recorded[0]) + len(recorded)))
        settled = [e["data"]["ledger_count"] for run in (before, after) for e in events(run, "ledger_status")]
        assert settled == list(range(1, len(settled) + 1))
        assert settled
    assert_documents_are_whole(root)
