"""The command ``operando import-echem``."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from operando.callbacks.analysis.electrochemistry import read_cycler_file
from operando.experiment.cli import app
from typer.testing import CliRunner

HEAD = "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : 07/08/2022 10:00:00.000\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cycler file of an hour each of charge and discharge; the data root is fresh."""
    monkeypatch.setenv("OPERANDO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    charge = [t / 3600 if t <= 3600 else 2 - t / 3600 for t in range(0, 7201, 60)]
    rows = "\n".join(
        f"{row * 60}\t3,7\t{1 if row <= 60 else -1}\t{value:.6f}".replace(".", ",")
        for row, value in enumerate(charge)
    )
    text = HEAD + "time/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\n" + rows
    (tmp_path / "cell.mpt").write_text(text, encoding="latin-1")
    return tmp_path


def call(folder: Path, name: str, *options: str):
    return CliRunner().invoke(app, ["import-echem", str(folder / name), *options])


def test_a_file_is_told_in_numbers_and_written_as_battery_data_format(folder):
    result = call(folder, "cell.mpt", "--time-zone", "Europe/Paris")
    assert result.exit_code == 0, result.output
    for told in ("121", "2022-07-08 08:00:00.000 UTC", "2:00:00", "2 half cycles", "+1 -1 mA h"):
        assert told in result.output
    written = folder / "data/cycler/cell.bdf.parquet"
    assert str(written) in result.output
    original = read_cycler_file(folder / "cell.mpt", time_zone="Europe/Paris")
    again = read_cycler_file(written)
    for name in ("Unix Time / s", "Voltage / V", "Current / A", "Net Capacity / Ah"):
        pd.testing.assert_series_equal(original[name], again[name])


def test_csv_is_written_on_demand_and_nothing_half_written_stays(folder):
    assert call(folder, "cell.mpt", "--time-zone", "UTC", "--to", "csv").exit_code == 0
    assert [path.name for path in (folder / "data/cycler").iterdir()] == ["cell.bdf.csv"]


def test_a_missing_zone_is_told_with_the_file_and_what_to_give(folder):
    result = call(folder, "cell.mpt")
    assert result.exit_code == 1
    assert "cell.mpt: start 2022-07-08 10:00:00 is a local time without zone: give time_zone" in result.stderr


def test_a_table_that_cannot_be_true_is_told_and_not_written_until_it_is_corrected(folder):
    table = read_cycler_file(folder / "cell.mpt", time_zone="UTC")
    table["Voltage / V"] *= 1000
    table.to_csv(folder / "wrong.csv", index=False)
    refused = call(folder, "wrong.csv")
    assert refused.exit_code == 1
    assert "Voltage / V: reaches 3700 V, a cell stays below 10 V: give a scale" in refused.output
    assert not (folder / "data/cycler").exists()
    assert call(folder, "wrong.csv", "--scale", "Voltage / V=0.001").exit_code == 0


def test_a_file_without_start_is_read_relative_on_demand(folder):
    (folder / "no.mpt").write_text((folder / "cell.mpt").read_text().split("\n", 3)[3])
    assert "give its start" in call(folder, "no.mpt").stderr
    assert "not known" in call(folder, "no.mpt", "--relative").output
    began = call(folder, "no.mpt", "--start", "2022-07-08T10:00:00", "--time-zone", "Europe/Paris")
    assert "2022-07-08 08:00:00.000 UTC" in began.output


def test_one_bad_file_does_not_keep_the_others_from_being_written(folder):
    result = CliRunner().invoke(
        app,
        ["import-echem", str(folder / "gone.mpt"), str(folder / "cell.mpt"), "--time-zone", "UTC"],
    )
    assert result.exit_code == 1
    assert "gone.mpt does not exist" in result.stderr
    assert (folder / "data/cycler/cell.bdf.parquet").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--to", "xls"), "give parquet or csv"),
        (("--scale", "Voltage / V"), "give a column and a factor"),
        (("--scale", "Voltage / V=-1"), "give a column and a factor"),
    ],
)
def test_wrong_options_are_refused_with_an_example(folder, options, message):
    result = call(folder, "cell.mpt", "--time-zone", "UTC", *options)
    assert (result.exit_code, message in result.stderr) == (1, True)


def test_two_files_of_one_name_are_refused(folder):
    (folder / "other").mkdir()
    (folder / "other/cell.mpt").write_bytes((folder / "cell.mpt").read_bytes())
    paths = [str(folder / "cell.mpt"), str(folder / "other/cell.mpt")]
    result = CliRunner().invoke(app, ["import-echem", *paths, "--time-zone", "UTC"])
    assert "several files are called cell" in result.stderr


def test_the_code_of_the_guide_runs(folder, monkeypatch):
    (folder / "cell_C06.mpt").write_bytes((folder / "cell.mpt").read_bytes())
    monkeypatch.chdir(folder)
    page = (Path(__file__).parents[2] / "docs/how-to/read-a-cycler-file.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert len(names["cycler"]) == 121
    (command,) = re.findall(r"\$ operando (import-echem .*)", page)
    assert CliRunner().invoke(app, command.split()).exit_code == 0
