"""The command ``operando import-xas``."""

from pathlib import Path

import numpy as np
import pytest
from operando.experiment.cli import app
from operando.experiment.import_report import folder_and_files, to_tiled
from operando.experiment.services import lock
from operando.experiment.settings import DataRoot
from typer.testing import CliRunner

ENERGY_EV = np.concatenate(
    [np.arange(8180, 8320, 5.0), np.arange(8320, 8370, 0.5), np.arange(8370, 8740, 5.0)]
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two spectra and a cycler file beside them; the data root is fresh."""
    monkeypatch.setenv("OPERANDO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    folder = tmp_path / "cell A"
    folder.mkdir()
    for number in (1, 2):
        mu = 0.5 + np.arctan((ENERGY_EV - 8343 - number) / 1.5) / np.pi
        rows = "\n".join(f"{energy} {value:.6f}" for energy, value in zip(ENERGY_EV, mu, strict=True))
        names = "# XDI/1.0\n# Column.1: energy eV\n# Column.2: mutrans\n"
        start = f"# Scan.start_time: 2022-07-08T10:{number}0:00\n# ///\n"
        (folder / f"scan_{number}.xdi").write_text(names + start + rows)
    rows = "\n".join(f"{t}\t3,7\t1\t{t / 3600:.6f}".replace(".", ",") for t in range(0, 3601, 60))
    head = "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : 07/08/2022 10:00:00.000\n"
    (folder / "cell.mpt").write_text(head + "time/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\n" + rows, encoding="latin-1")
    return folder


def call(folder: Path, *options: str):
    cycler = ["--echem", str(folder / "cell.mpt"), "--time-zone", "Europe/Paris", "--no-tiled"]
    return CliRunner().invoke(app, ["import-xas", str(folder), *cycler, *options])


def test_the_command_says_what_came_out_and_draws_the_picture(folder):
    said = call(folder, "--chemistry", "LNO", "--active-mass-mg", "10", "--initial-x", "1")
    assert said.exit_code == 0, said.output
    assert "spectra: 2 Ni K (element told from the steepest rise)" in said.output
    assert "x = 1 - Q / (10 mg x 274.5 mA h/g)" in said.output
    assert "+0 s (nobody knows how well)" in said.output
    pictures = list((folder.parent / "data/experiments").glob("cell A_*/summary.png"))
    assert [picture.stat().st_size > 10_000 for picture in pictures] == [True]


def test_a_second_call_says_that_nothing_was_written(folder):
    call(folder)
    assert "imported before, nothing written" in call(folder).output


def test_what_is_wrong_is_said_without_a_traceback(folder):
    said = call(folder, "--initial-x", "1")
    assert said.exit_code == 1
    assert "--active-mass-mg" in said.output
    assert "Traceback" not in said.output


def test_a_missing_zone_is_asked_for(folder):
    said = CliRunner().invoke(app, ["import-xas", str(folder), "--echem", str(folder / "cell.mpt")])
    assert said.exit_code == 2
    assert "--time-zone" in said.output


def test_cycler_files_that_the_shell_expands_are_told_from_the_folder(tmp_path):
    files = [tmp_path / name for name in ("a.mpt", "b.mpt", "c.mpt")]
    for file in files:
        file.touch()
    assert folder_and_files([tmp_path, *files[1:]], files[:1]) == (tmp_path, files)
    with pytest.raises(ValueError, match="2 folders"):
        folder_and_files([tmp_path, tmp_path], files)
    with pytest.raises(ValueError, match=r"no such file or folder: .*d\.mpt"):
        folder_and_files([tmp_path, tmp_path / "d.mpt"], files)


def test_where_services_run_tiled_is_left_to_their_forwarder(tmp_path):
    root = DataRoot(tmp_path)
    with lock(root):
        assert "the forwarder that runs here" in str(to_tiled(root))
