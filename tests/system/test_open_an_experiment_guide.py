"""The guide to opening an experiment says what works: its code is run as printed."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from documents import whole_experiment
from operando.callbacks.tiled.access import writer_client
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.replay import replay
from operando.experiment.tiled_server import TiledServer

pytestmark = pytest.mark.system

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "open-an-experiment.md"


def test_every_line_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("OPERANDO_DATA", raising=False)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert sum("client.v" in block for block in blocks) == 2
    with TiledServer("operando-data"), Journal("operando-data/journal", minimum_free_bytes=0) as journal:
        for record in whole_experiment(name="nmc811-first-charge", spectra=2, points=30, impedance=2):
            journal(*record)
        replay(journal.folder, writer_client("operando-data"))
        names = {}
        for block in blocks:
            if "client.v1" not in block:
                exec(block, names)
        assert (len(names["experiment"].edge_fits), len(names["results"])) == (2, 1)
        assert len(list(Path("spectra").iterdir())) == 2
        assert dict(names["impedance"].sizes) == {"spectrum": 2, "frequency": 9}
        assert Path("nyquist.png").stat().st_size > 10_000
        if importlib.util.find_spec("databroker") is None:
            pytest.skip("needs the extra 'databroker'")
        exec(next(block for block in blocks if "client.v1" in block), names)
        assert len(names["header"].table("primary")) == 30
