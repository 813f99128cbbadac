"""A merged record is the same from Tiled as from the journal, to the last digit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("tiled.server", reason="needs the extra 'tiled'")

from documents import whole_experiment
from operando.callbacks.tiled.access import reader_client, writer_client
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal, open_experiment
from operando.callbacks.tiled.replay import replay
from operando.experiment.merge import MergeSettings, merge
from operando.experiment.tiled_server import TiledServer

pytestmark = pytest.mark.system
HEAD = "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : 11/14/2023 22:13:20.000\n"
"""Start of the documents of `whole_experiment`, UTC."""


def write_cycler(path: Path, first_s: float) -> Path:
    """Rows with values of many digits from `first_s` after the begin of the experiment on."""
    time_s = np.arange(first_s, 2000.0, 5.0)
    current_ma = np.full(time_s.shape, np.pi / 2)
    rows = zip(time_s, 3.6 + time_s / 7000, current_ma, current_ma * time_s / 3600, strict=True)
    table = "\n".join("\t".join(f"{value:.12g}" for value in row) for row in rows)
    path.write_text(f"{HEAD}time/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\n{table}", encoding="latin-1")
    return path


def same_to_the_last_digit(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare numbers exactly; texts may be stored otherwise."""
    pd.testing.assert_frame_equal(
        found, expected, check_exact=True, check_dtype=False, check_index_type=False
    )


def test_a_merged_record_is_the_same_through_tiled_as_from_the_journal(tmp_path):
    journal = tmp_path / "journal"
    with Journal(journal, minimum_free_bytes=0) as publish:
        for record in whole_experiment(name="cell A", spectra=2, points=20):
            publish(*record)
    file = write_cycler(tmp_path / "a.mpt", 300.0)
    merge(journal, "cell A", [file], MergeSettings("UTC", offset_s=1.25, uncertainty_s=7.0))
    own = experiment_from_journal(journal, "cell A")
    with TiledServer(tmp_path):
        replay(journal, writer_client(tmp_path))
        stored = open_experiment(reader_client(tmp_path), "cell A")
        for name in ("electrochemistry", "merged_record", "merged_states", "scan_middles", "ledger"):
            same_to_the_last_digit(getattr(stored, name), getattr(own, name))
        assert stored.monitor("i0").equals(own.monitor("i0"))
        spectra, expected = stored.spectra("Ni"), own.spectra("Ni")
        states = stored.merged_states
    assert len(own.merged_record) == 340
    assert spectra.identical(expected)
    assert {"voltage", "merged_voltage", "merged_voltage_sigma", "merged_capacity"} <= set(spectra.coords)
    before = states["time"].to_numpy() < own.merged_record["time"].iloc[0]
    assert before.tolist() == [True, False]
    for name in ("merged_voltage", "merged_current", "merged_capacity", "merged_voltage_sigma"):
        assert np.isnan(spectra[name]).to_numpy().tolist() == before.tolist()
