"""The guide to merging says what works: its command prints what it shows, its code is run as printed."""

import re
from pathlib import Path

import documents
import numpy as np
from operando.callbacks.tiled.journal import Journal
from operando.experiment.cli import app
from test_merge import stepped, write_cycler
from typer.testing import CliRunner

GUIDE = Path(__file__).resolve().parents[2] / "docs/how-to/merge-a-cycler-file.md"


def words(text: str) -> list[str]:
    return text.split()


def test_the_guide_shows_what_the_command_prints_and_its_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPERANDO_DATA", "operando-data")
    monkeypatch.setattr(documents, "cell_state", stepped)
    with Journal("operando-data/journal", minimum_free_bytes=0) as publish:
        for record in documents.whole_experiment(name="cell A", spectra=4):
            publish(*record)
    write_cycler(tmp_path / "cell_A.mpt", 0, 2000, behind_s=3611.0, state=stepped)
    zone = ["--time-zone", "UTC", "--no-tiled"]
    said = CliRunner().invoke(app, ["merge", "cell A", "cell_A.mpt", *zone])
    assert said.exit_code == 0, said.output
    shown = re.findall(r"```console\n.*?\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    assert words(said.output)[-13:] == words(shown)[-13:]
    names = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(block, names)
    assert np.isfinite(names["spectra"]["merged_voltage"]).all()
    assert np.isfinite(names["states"]["voltage_sigma"]).all()
    assert len(names["record"]) == 400
