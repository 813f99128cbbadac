"""The command ``operando compress``."""

import h5py
import numpy as np
from operando.experiment.cli import app
from typer.testing import CliRunner


def test_a_file_is_compressed_in_its_place_and_copies_leave_it(tmp_path):
    path = tmp_path / "burst_000000.h5"
    frames = np.random.default_rng(1).normal(400.0, 12.0, (8, 64, 64)).astype("<u2")
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", data=frames, chunks=(1, 64, 64))
    raw = path.read_bytes()
    done = CliRunner().invoke(app, ["compress", str(path), "--copies", str(tmp_path / "small")])
    assert done.exit_code == 0, done.output
    assert path.read_bytes() == raw
    done = CliRunner().invoke(app, ["compress", str(path)])
    assert "8 frames" in done.output.replace("\n", " ")
    for one in (path, tmp_path / "small" / path.name):
        with h5py.File(one) as file:
            assert file["entry/data/data"].compression == "gzip"
            np.testing.assert_array_equal(file["entry/data/data"][()], frames)


def test_a_file_that_is_not_there_is_told(tmp_path):
    done = CliRunner().invoke(app, ["compress", str(tmp_path / "gone.h5")])
    assert done.exit_code == 1
    assert "gone.h5; give HDF5 files" in done.output


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("cell 7")
    done = CliRunner().invoke(app, ["compress", str(tmp_path / "notes.txt")])
    assert done.exit_code == 1
    assert "notes.txt; give closed files of a camera" in done.output.replace("\n", "")
