"""The code of the page about tomograms runs, on files and documents of a tomogram."""

import re
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.imaging.angle import golden_angles
from operando.callbacks.live.tomogram_volume import tomogram_volume
from told_tomogram import COUNT, ToldTomogram

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "watch-a-tomogram.md"
pytestmark = pytest.mark.slow


def test_every_line_of_the_page_runs(tmp_path, monkeypatch):
    data = tmp_path / "operando-data"
    data.mkdir()
    told = ToldTomogram(data)
    for _ in range(2):
        told.begin(golden_angles(COUNT))
        told.take(0, COUNT)
        told.end()
        told.work()
    tomogram_volume(data / "journal", told.journal, told.uid, particles=True, workers=1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPERANDO_DATA", raising=False)
    names = {"name": told.experiment["uid"]}
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "slices.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "change.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "damage.png").read_bytes().startswith(b"\x89PNG")
    assert names["slices"].sizes["tomogram"] == 2
    assert np.isfinite(names["volume"].mean().compute())
    told.slices.close()
    told.journal.close()
