"""Every line of the how-to pages about camera, fast charge and reference phases, on what they speak of."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

import operando.experiment
from mine_cif import CIF
from operando.callbacks.analysis.xrd import load_library
from operando.callbacks.analysis.xrd.geometry import Geometry
from operando.callbacks.live.own_phases import own_phases
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.run_source import ExperimentName, JournalSource
from operando.experiment.camera_reference import reference_runs_of
from operando.experiment.check import problems
from operando.experiment.estimate import measurement_estimates
from operando.experiment.expected_course import course_of
from operando.experiment.reading import read_experiment
from operando.experiment.scan_grid import pdf_options
from operando.plans.camera_frames import take_camera_darks, take_camera_flat
from operando.plans.duration import Timing
from operando.plans.pdf_scan import StagePlace, pdf_scan
from seen_camera import TRUE_GEOMETRY, SeenStation

FAST = Path(operando.experiment.__file__).parent / "nmc811-fast-charge.toml"
SHIPPED = Path(operando.experiment.__file__).parent / "nmc811-xrd.toml"
GUIDES = SHIPPED.parents[1] / "docs" / "how-to"
UID = "0123456789abcdef"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (GUIDES / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def measured(tmp_path):
    """Text of the shipped experiment with what a page adds to it, read."""

    def read(*added, without=""):
        text = SHIPPED.read_text().replace("current_max_ma = 5.0", "current_max_ma = 15.0")
        text = re.sub(without, "", text, flags=re.DOTALL) if without else text
        for piece in added:
            text = text.replace("[policies]", f"{piece}\n[policies]", 1)
        path = tmp_path / "guide.toml"
        path.write_text(text)
        return read_experiment(path)

    return read


@pytest.mark.slow
def test_every_line_about_the_camera_runs(tmp_path, measured, monkeypatch):
    calibration, named, _, scan = blocks("calibrate-the-camera.md", "toml")
    correct, pairs = blocks("calibrate-the-camera.md", "python")
    read = measured(calibration, named, scan, without=r"\[camera_calibration\].*?\n\n(?=\[\[)")
    assert read.camera_calibration.calibrant == "LaB6"
    hall, uids = SeenStation(tmp_path, arm_mm=150.0), {}
    engine = RunEngine({}, call_returns_result=True)
    md = {"experiment": {"uid": UID, "name": "guide"}, "measurement": "pairs"}
    with Journal(tmp_path / "journal") as journal:
        engine.subscribe(journal)
        darks = take_camera_darks(hall, exposure_s=2.0, frames=3, md=md)
        uids["dark_frames"] = engine(darks).plan_result
        flat = take_camera_flat(hall, hall.stage, StagePlace(12.0, 12.0), exposure_s=900.0, frames=2, md=md)
        uids["flat_frames"] = engine(flat).plan_result
        engine(pdf_scan(hall, hall.stage, pdf_options(read.measurements[-1], "NiO2"), md=md))
    found = reference_runs_of(read.camera_references, tmp_path / "journal")
    assert [found["dark_run"], found["flat_run"]] == list(uids.values())
    source = JournalSource(tmp_path / "journal")
    stream = {
        name: source.array(uid, name.removesuffix("_frames"), "camera_image") for name, uid in uids.items()
    }
    geometry = Geometry(**TRUE_GEOMETRY, wavelength_angstrom=12398.42 / 18000.0)
    monkeypatch.chdir(tmp_path)
    names = stream | {"geometry": geometry, "experiment": Experiment(source, ExperimentName(UID, "guide"))}
    exec(correct, names)
    assert np.load("flat.npy").shape == np.load("dark.npy").shape == geometry.shape
    exec(pairs, names)
    assert names["found"]["a"].item() == pytest.approx(3.5238, abs=2e-3)


def test_the_fast_charge_of_the_page_is_the_shipped_one_and_its_figures_are_those_of_the_page():
    shipped, page = (
        tomllib.loads(FAST.read_text()),
        tomllib.loads(blocks("follow-a-fast-charge.md", "toml")[0]),
    )
    assert page["measurements"] == shipped["measurements"]
    assert page["protocol"]["steps"][0] in shipped["protocol"]["steps"]
    read = read_experiment(FAST)
    fast = {each.name: each for each in measurement_estimates(read, Timing(start_s=0.3), 4.2)}
    assert not problems(read)
    # x is of every lithium, 2.011 mA h, which is the declared capacity of this file.
    assert fast["burst"].blur == pytest.approx(0.00001, rel=0.5)
    assert fast["course"].blur == pytest.approx(0.00014, rel=0.05)
    assert fast["burst"].frames_bytes == pytest.approx(0.42e9, rel=0.01)
    assert fast["burst"].duration_s == pytest.approx(1.3)
    assert course_of(read).travel == pytest.approx(0.17, abs=0.01)


def test_every_line_about_reference_phases_runs_and_live_patterns_find_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.cif").write_text(CIF)
    Path("own.toml").write_text(blocks("add-a-reference-phase.md", "toml")[0])
    (truth,) = load_library(["NMC811"])
    q = np.linspace(1.1, 5.6, 1200)
    shape = np.exp(-0.5 * ((q[:, None] - truth.q_per_a) / 0.006) ** 2)
    intensity = 200.0 + 2e4 * (shape @ (truth.strength / truth.strength.max()))
    names = {"q_per_angstrom": q, "intensity": intensity, "sigma": np.sqrt(intensity)}
    for block in blocks("add-a-reference-phase.md", "python"):
        exec(block, names)
    assert names["found"].phases[0].family == "layered"
    assert [phase.name for phase in names["own"]] == ["disordered rock salt"]
    monkeypatch.setenv("OPERANDO_PHASES", str(tmp_path))
    assert [phase.name for phase in own_phases()] == ["mine", "disordered rock salt"]


def test_a_file_of_phases_that_cannot_be_read_is_left_out_and_named(tmp_path, monkeypatch, caplog):
    (tmp_path / "broken.toml").write_text('[[phase]]\nname = "half"\n')
    monkeypatch.setenv("OPERANDO_PHASES", str(tmp_path))
    assert own_phases() == ()
    assert "key 'sites' is missing" in caplog.text
    monkeypatch.setenv("OPERANDO_PHASES", str(tmp_path / "nowhere"))
    assert own_phases() == ()
    assert "is no folder" in caplog.text
