"""A rocking map from plan and devices through Channel Access to strain and tilts of the particle."""

import json
from importlib.resources import files

import h5py
import numpy as np
import pytest
from bluesky import RunEngine
from event_model import compose_run
from operando.callbacks.analysis.mapping import Region
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.devices.beamline import load_beamline
from operando.experiment.cli import app
from operando.plans import rocking
from operando.plans.bcdi_rocking import bcdi_rocking
from operando.plans.ptycho_scan import ptycho_scan
from operando.plans.raster import Raster
from operando.plans.rocking_map import rocking_map
from operando.plans.waiting import set_all
from operando.simulated_beamline.board import Board
from operando.simulated_beamline.iocs.specimen import Specimen
from operando.simulated_beamline.launcher import NANOPROBE_SERVERS, OPTIONAL_SERVERS, SERVERS, Launcher
from operando.simulated_beamline.nanoprobe_scenario import build_grain_crystal
from operando.simulated_beamline.physics.lit_crystal import lit_crystal
from operando.simulated_beamline.scenario import load_scenario
from typer.testing import CliRunner

pytestmark = pytest.mark.system

SCENARIO = load_scenario("nmc811-particle")
MD = {"experiment": {"uid": "e" * 36, "name": "rocked"}, "measurement": "tilts"}
REGION = Region((0.1, 0.4), (-0.15, 0.0))
STEP_UM = 0.15
ANGLES = np.round(np.linspace(-0.85, 1.05, 12), 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rocking")


@pytest.fixture(scope="module")
def station(folder, beamline_ports):
    servers = Launcher(
        folder / "run",
        scenario="nmc811-particle",
        servers=(*SERVERS, *OPTIONAL_SERVERS, *NANOPROBE_SERVERS),
        ports=beamline_ports,
        data_folder=folder / "frames",
    )
    servers.start("elastic", 500.0)
    beamline = load_beamline(files("operando.simulated_beamline") / "nanoprobe.toml", trigger_box=True)
    for detector in (beamline.camera, beamline.fluorescence_detector, beamline.trigger_box):
        detector.default_folder(folder / "frames")
    report = beamline.connect(30.0)
    try:
        assert not report.missing, report
        yield beamline
    finally:
        beamline.release()
        servers.stop()


def known_shifts():
    """Rows by which each turn lifts a particle 8 um beside the axis: two pixels are too few to see it."""
    places_um = -SCENARIO.nanoprobe.eccentricity_um * np.sin(np.radians(ANGLES))
    yield (places_um[2] - places_um[0]) / STEP_UM
    yield from np.diff(places_um[2:]) / STEP_UM
    yield 0.0


@pytest.fixture(scope="module")
def found(station, folder):
    shifts = known_shifts()
    engine = RunEngine({}, call_returns_result=True)
    engine(set_all({station.front_end_shutter: "open", station.nanostage.rotation: 0.2}))
    with Journal(folder / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        cycling = compose_run(metadata={"purpose": "cycling", "experiment": MD["experiment"]})
        journal("start", dict(cycling.start_doc))
        engine.subscribe(journal)
        plan = rocking_map(
            station,
            Raster(REGION, STEP_UM, 0.02, energy_ev=8500.0),
            angles_deg=ANGLES,
            track=lambda first, later: (next(shifts), 0.0),
            md=MD,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rocking, "LEAST_PIXELS", 2)
            uids = engine(plan).plan_result
    experiment = experiment_from_journal(folder / "journal", "rocked")
    return uids, experiment.rocking("tilts")


def truth(folder):
    """Strain and tilts under the beam at the first angle, drift aside: shape (3, rows, columns)."""
    lifted_nm = 1e3 * SCENARIO.nanoprobe.eccentricity_um * np.sin(np.radians(ANGLES[0]))
    board = Board(folder / "run" / "board")
    specimen, crystal = Specimen(SCENARIO, board), build_grain_crystal(SCENARIO)
    mount = np.radians(crystal.mount_deg)
    normal, ahead = np.array([[0.0, np.cos(mount), -np.sin(mount)], [0.0, np.sin(mount), np.cos(mount)]])
    values = np.empty((3, 2, 3))
    state, spot = specimen.state(*specimen.cell()), specimen.spot(8500.0)
    for row, y_nm in enumerate((-150.0, 0.0)):
        for column, x_nm in enumerate((100.0, 250.0, 400.0)):
            place = {"x_nm": x_nm, "y_nm": y_nm + lifted_nm}
            q = lit_crystal(specimen.particle, state, spot, crystal, **place).mean_q_per_angstrom
            values[0, row, column] = -np.linalg.norm(q)
            values[1, row, column] = np.degrees(np.arctan2(q @ ahead, q @ normal))
            values[2, row, column] = np.degrees(np.arctan2(-q[0], q @ normal))
    board.close()
    return values


def test_every_angle_is_a_run_and_the_rotation_is_put_back(station, found):
    uids, maps = found
    assert len(uids) == len(ANGLES)
    assert maps["run"].to_numpy().tolist() == list(uids)
    assert station.nanostage.rotation.position == pytest.approx(0.2, abs=2e-3)
    assert station.photon_shutter.position == "closed"


def test_strain_and_tilts_are_those_of_the_particle(found, folder):
    _, maps = found
    good = maps["verdict"].to_numpy() == "good"
    assert good.sum() >= 5, maps["verdict"].to_numpy()
    true = truth(folder)
    true[0] /= np.abs(true[0].mean())
    limits = {"strain": 3e-4, "tilt_rocking": 0.1, "tilt_across": 0.1}
    for (key, limit), values in zip(limits.items(), true, strict=True):
        wrong = (maps[key].to_numpy() - values)[good]
        assert np.std(wrong) < limit, (key, maps[key].to_numpy(), values)


def test_on_the_fly_the_camera_has_a_frame_for_every_pixel(station, found):
    engine, rows = RunEngine({}, call_returns_result=True), []
    engine.subscribe(lambda _, doc: rows.append(doc["data"]) if "map_row" in doc["data"] else None, "event")
    fly = Raster(Region((-0.2, 0.4), (-0.15, 0.0)), STEP_UM, 0.02, "fly", energy_ev=8500.0)
    engine(rocking_map(station, fly, angles_deg=[-0.1, 0.0, 0.1], track=None, md=MD))
    assert [row["map_status"] for row in rows] == ["good"] * 6, [row["map_reason"] for row in rows]


@pytest.fixture(scope="module")
def coherent(station, folder):
    """A ptychographic scan on the fly and a rocking scan, in the journal; rows of the former, and the box."""
    engine, rows = RunEngine({}, call_returns_result=True), []
    engine(set_all({station.front_end_shutter: "open"}))
    engine.subscribe(lambda _, doc: rows.append(doc["data"]) if "map_row" in doc["data"] else None, "event")
    region = Region((-0.2, 0.4), (-0.15, 0.0))
    with Journal(folder / "journal", minimum_free_bytes=0, reserve_bytes=0) as journal:
        engine.subscribe(journal)
        fly = {"beam_um": 0.375, "overlap": 0.6, "exposure_s": 0.02, "mode": "fly", "energy_ev": 8500.0}
        engine(ptycho_scan(station, region=region, **fly, md=MD | {"measurement": "ptycho"}))
        angles = [-0.1, 0.0, 0.1]
        engine(bcdi_rocking(station, angles_deg=angles, exposure_s=0.05, md=MD | {"measurement": "bragg"}))
    return rows


def exported(folder, monkeypatch, *words):
    """What the command tells the program, as JSON."""
    monkeypatch.setenv("OPERANDO_DATA", str(folder))
    done = CliRunner().invoke(app, ["export-coherent", *map(str, words)])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_a_ptychographic_scan_on_the_fly_is_exported_with_latched_places_and_light(
    coherent, folder, tmp_path, monkeypatch
):
    assert [row["map_status"] for row in coherent] == ["good"] * 2
    told = exported(folder, monkeypatch, "ptycho", tmp_path / "ptycho.h5", "--beam-px", 128, 128)
    with h5py.File(tmp_path / "ptycho.h5") as file:
        x_um, y_um = (1e6 * file[told["positions"][f"{axis}_key"]][...] for axis in ("fast", "slow"))
        i0 = file[told["normalisation"]["key"]][...]
        assert len(file[told["intensities"]["key"]]) == len(x_um) == 10
    asked = np.linspace(-0.2, 0.4, 5)
    asked = np.concatenate([asked, asked[::-1]])
    np.testing.assert_allclose(x_um, asked, atol=0.01)
    assert np.abs(x_um - asked).max() > 1e-4
    np.testing.assert_allclose(y_um, np.repeat([-0.15, 0.0], 5), atol=0.02)
    # Of the event of a row, by the ion chamber's own electronics.
    np.testing.assert_allclose(i0, np.mean([row["i0"] for row in coherent]), rtol=0.05)


def test_a_rocking_scan_is_exported_angle_by_angle(coherent, folder, tmp_path, monkeypatch):
    told = exported(folder, monkeypatch, "bragg", tmp_path / "bragg.h5")
    with h5py.File(tmp_path / "bragg.h5") as file:
        entry = file[f"{told['sample_name']}_{told['scan']}.1"]
        np.testing.assert_allclose(entry["instrument/positioners/eta"][...], [0.1, 0.0, -0.1], atol=2e-3)
        assert len(entry[f"measurement/{told['detector_name']}"]) == 3
