"""The command ``operando export-tomogram``, on the journal and files of tomograms."""

import h5py
import numpy as np
import pytest
from operando.callbacks.analysis.imaging import open_projections, reconstruct
from operando.callbacks.analysis.imaging.angle import sequential_angles
from operando.experiment.cli import app
from told_tomogram import AXIS_PX, COUNT, PIXEL_UM, ToldTomogram
from typer.testing import CliRunner

TAKEN = 60


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A whole tomogram, and one that ended before it could tell its outcome, with the flats of the first."""
    told = ToldTomogram(tmp_path_factory.mktemp("data"))
    angles = sequential_angles(COUNT)
    told.begin(angles, energy_ev=8400.0, dropped=(7,))
    told.take(0, COUNT)
    told.end()
    told.whole = told.uid
    told.begin(angles, references=False, flat_run=told.whole, dark_run=told.whole)
    told.take(0, TAKEN)
    told.tell("stop", told.run.compose_stop(exit_status="abort"))
    yield told
    told.slices.close()
    told.journal.close()


@pytest.fixture
def export(told, monkeypatch):
    monkeypatch.setenv("OPERANDO_DATA", str(told.folder))
    return lambda *words: CliRunner().invoke(app, ["export-tomogram", *map(str, words)])


def test_a_tomogram_becomes_one_file_with_its_energy_and_pixel(told, export, tmp_path):
    done = export(told.whole[:8], tmp_path / "scan.nx")
    assert done.exit_code == 0, done.output
    assert f"{COUNT - 1} projection, 4 flat, 4 dark, 0 invalid" in done.output
    found = open_projections(tmp_path / "scan.nx")
    np.testing.assert_allclose(found.angle_deg, np.delete(sequential_angles(COUNT), 7))
    with h5py.File(tmp_path / "scan.nx") as file:
        assert file["entry/instrument/beam/incident_energy"][()] == pytest.approx(8.4)
        assert file["entry/instrument/detector/x_pixel_size"][()] == pytest.approx(PIXEL_UM * 1e-6)
        assert "raw" not in file


def test_a_run_that_was_aborted_is_exported_as_far_as_it_came(told, export, tmp_path):
    done = export(told.uid, tmp_path / "part.nx")
    assert f"{TAKEN} projection, 4 flat, 4 dark, 0 invalid" in done.output
    found = open_projections(tmp_path / "part.nx")
    np.testing.assert_allclose(found.angle_deg, sequential_angles(COUNT)[:TAKEN])
    rows = found.rows(0, found.shape[1])
    made = reconstruct(
        rows.projections,
        found.angle_deg,
        flats=rows.flats,
        darks=rows.darks,
        centre=AXIS_PX,
        pixel_um=PIXEL_UM,
    )
    assert made.attenuation_per_um.max() > 0.15


def test_no_file_is_written_over(told, export, tmp_path):
    raw = tmp_path / "scan.nx"
    raw.write_bytes(b"frames")
    done = export(told.uid, raw)
    assert done.exit_code == 1
    assert "give a new file" in done.output
    assert raw.read_bytes() == b"frames"


def test_a_run_that_is_not_there_is_told_with_those_that_are(told, export, tmp_path):
    done = export("nobody", tmp_path / "scan.nx")
    assert done.exit_code == 1
    assert told.whole[:8] in done.output
