"""From the files of a rocking map of the simulated particle to strain and tilts, as its lattice has them."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from operando.callbacks.analysis.mapping import Region
from operando.callbacks.plots.rocking import rocking_figure
from operando.callbacks.tiled.external_frame import ExternalFrames, FramesUnreadableError
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.callbacks.tiled.rocking import RockingIncompleteError, rocking_dataset, rocking_runs
from operando.callbacks.tiled.run_source import JournalSource
from rocking_experiment import EXPERIMENT, TIME_S, RockedParticle, write_rocking
from soft_camera import write_frames
from soft_station import Instant

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "rock-one-particle.md"
pytestmark = pytest.mark.slow
ANGLES = np.round(np.linspace(-0.75, 0.75, 16), 4)
X_UM, Y_UM = [0.1, 0.25, 0.4, 0.55, 9.0], [-0.3, -0.15, 0.0]
"""The last column is beside the particle."""


@pytest.fixture(scope="module")
def particle(tmp_path_factory):
    return RockedParticle(tmp_path_factory.mktemp("particle"), still=True)


@pytest.fixture(scope="module")
def journal(particle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return write_rocking(folder, particle, angles_deg=ANGLES, x_um=X_UM, y_um=Y_UM, dwell_s=0.05)


@pytest.fixture(scope="module")
def found(journal):
    return experiment_from_journal(journal, "rocked").rocking("tilts")


def test_strain_and_tilts_are_those_of_the_grains_under_the_beam(found, particle):
    good = found["verdict"].to_numpy() == "good"
    assert good[:, :4].sum() >= 9
    truth = []
    for y_um in Y_UM:
        for x_um in X_UM[:4]:
            particle.at(x_um, y_um, 0.0)
            truth.append(particle.seen(TIME_S)[0].mean_q_per_angstrom)
    q = np.reshape(truth, (3, 4, 3))[good[:, :4]]
    normal = np.array([0.0, np.cos(np.radians(8.83)), -np.sin(np.radians(8.83))])
    ahead = np.array([0.0, -normal[2], normal[1]])
    expected = {
        "strain": (-np.linalg.norm(q, axis=1) / np.linalg.norm(q, axis=1).mean(), 6e-5),
        "tilt_rocking": (np.degrees(np.arctan2(q @ ahead, q @ normal)), 0.005),
        "tilt_across": (np.degrees(np.arctan2(-q[:, 0], q @ normal)), 0.005),
    }
    for key, (values, limit) in expected.items():
        wrong = found[key].to_numpy()[:, :4][good[:, :4]] - values
        assert np.std(wrong) < limit, key
        assert np.std(values) > 5 * limit, key


def test_beside_the_particle_there_is_nothing_to_tell(found):
    assert set(found["verdict"].to_numpy()[:, 4]) == {"weak"}
    assert "count longer" in str(found["reason"].to_numpy()[0, 4])
    np.testing.assert_allclose(found["colour"].to_numpy()[:, 4], 0.5)
    assert (found["fluorescence"].to_numpy()[:, :4] > 100).all()


def test_the_map_says_where_it_is_and_how_the_cell_was(found):
    assert found["x_um"].to_numpy().tolist() == X_UM
    assert found["angle"].to_numpy().tolist() == ANGLES.tolist()
    np.testing.assert_allclose(found["lithium_content"], 0.6)
    assert set(found["drift_verdict"].to_numpy()) == {"unknown"}
    assert (found["strain_sigma"].to_numpy()[:, :4] < 1e-4).all()


def test_a_picture_shows_strain_orientation_and_fluorescence(found):
    figure = rocking_figure(found, "rocked")
    assert [axes.get_title() for axes in figure.axes][1] == "orientation"
    figure.canvas.draw()


def test_the_guide_runs(particle, tmp_path, monkeypatch):
    side_um = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    where = {"angles_deg": ANGLES, "x_um": side_um, "y_um": side_um, "dwell_s": 0.02}
    journal = write_rocking(tmp_path, particle, **where)
    monkeypatch.chdir(tmp_path)
    stage = SimpleNamespace(rotation=Instant(name="rotation", value=0.0))
    detector = SimpleNamespace(regions=[Instant(name="region", value=1.0)])
    names = {
        "beamline": SimpleNamespace(nanostage=stage, fluorescence_detector=detector, camera=None),
        "region": Region((-1.0, 1.0), (-1.0, 1.0)),
        "known": EXPERIMENT,
        "RE": lambda plan: plan.close() if next(iter(plan)) else None,
        "experiment": experiment_from_journal(journal, "rocked"),
    }
    for block in re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE):
        exec(block, names)
    assert (tmp_path / "tilts.png").stat().st_size > 10_000
    assert names["together"].pixels > 20


def test_a_rocking_map_is_found_by_its_uid_and_no_other_is(journal):
    experiment = experiment_from_journal(journal, "rocked")
    assert len(rocking_runs(experiment.runs("measurement"), "rrrrrr")) == len(ANGLES)
    with pytest.raises(KeyError, match="no rocking map 'strains'; there are \\['tilts'\\]"):
        experiment.rocking("strains")


def test_whoever_asks_for_maps_of_a_rocking_map_is_told_where_strain_and_redox_are(journal):
    with pytest.raises(
        KeyError, match=r"no element map 'tilts'.*see rocking\('tilts'\) for strain and tilts"
    ):
        experiment_from_journal(journal, "rocked").maps("tilts")


def test_an_angle_that_is_missing_is_told(journal):
    source = JournalSource(journal)
    runs = rocking_runs([one for one in source.starts(EXPERIMENT["uid"]) if "rocking" in one], "tilts")
    with pytest.raises(RockingIncompleteError, match="15 of 16 angles are measured"):
        rocking_dataset(source, runs[:-1], [])


def test_a_camera_of_unknown_place_is_told_with_the_remedy(journal):
    source = JournalSource(journal)
    runs = rocking_runs([one for one in source.starts(EXPERIMENT["uid"]) if "rocking" in one], "tilts")
    nowhere = [{key: value for key, value in one.items() if key != "geometry"} for one in runs]
    with pytest.raises(RockingIncompleteError, match=r"add \[devices\.camera\.geometry\]"):
        rocking_dataset(source, nowhere, [])


def told(folder, *parts):
    """Documents of files of one stream: (name, numbers in the file, how many of them are told of)."""
    frames = ExternalFrames((folder,))
    for name, numbers, count in parts:
        write_frames(folder / name, numbers)
        resource = {"uid": name, "data_key": "camera_image", "uri": f"file://localhost{folder / name}"}
        frames.add_resource({**resource, "parameters": {"dataset": "/entry/data/data"}})
        datum = {"stream_resource": name, "indices": {"start": 0, "stop": count}}
        frames.add_datum(datum, ("run", "camera"))
    return frames.reader("run", "camera", "camera_image")


def test_frames_that_a_bad_row_left_in_a_file_are_not_read(tmp_path):
    read = told(tmp_path, ("a.h5", [1, 2, 99, 98], 2), ("b.h5", [3, 4, 5], 3))
    assert read(0, 5)[:, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert read(1, 3)[:, 0, 0].tolist() == [2, 3]


def test_frames_that_are_not_there_are_told(tmp_path):
    read = told(tmp_path, ("a.h5", [1, 2], 3))
    with pytest.raises(FramesUnreadableError, match="missing, it holds 2"):
        read(0, 3)
    with pytest.raises(FramesUnreadableError, match="documents tell of 3"):
        read(3, 9)
    (tmp_path / "a.h5").unlink()
    with pytest.raises(FramesUnreadableError, match="cannot be read"):
        read(0, 1)
