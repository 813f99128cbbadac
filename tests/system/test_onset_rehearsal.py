"""H3 of LiNiO2 is found by live analysis while the cell charges, and the same cell is then measured more densely."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyFAI", reason="needs the extra 'diffraction'")

from operando.callbacks.tiled.open_experiment import experiment_from_journal

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(280)]

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "experiment" / "lno-onset.toml"
SCENARIO = ROOT / "simulated_beamline" / "scenarios" / "lno-first-charge.toml"
BEGIN_X, H3_X = 0.275, 0.26
"""Lithium content at the start of this short charge, and at which H3 begins in the scenario."""

STEPS = """until_capacity_mah = 0.09
until_time_s = "11h"

[[protocol.steps]]
id = "wait"                          # the cell stands still until even a slow machine has analysed the frames
technique = "rest"
until_time_s = "45 min"

[[protocol.steps]]
id = "further"
technique = "constant_current"
direction = "charge"
rate = "C/10"
until_capacity_mah = 0.03
until_time_s = "11h"
"""


def shortened(folder):
    """The shipped experiment from shortly before H3 on, its spectra of a few points."""
    begin = (f"initial_lithium_content = {BEGIN_X}", r"initial_lithium_content = 0\.97")
    scenario = folder / "lno-late.toml"
    scenario.write_text(re.sub(begin[1], begin[0], SCENARIO.read_text()))
    text = SHIPPED.read_text()
    for old, new in (
        (begin[1], begin[0]),
        (r'until_voltage_v = 4\.3\nuntil_time_s = "11h"\n', STEPS),
        (r'until_time_s = "5 min"', 'until_time_s = "1 min"'),
        (r"grid\.regions = .*", "grid.regions = [[-20, -10, 5, 0.2], [-10, 30, 4, 0.2], [30, 95, 13, 0.2]]"),
        (r'"H3"', '{ phase = "H3", frames = 2 }'),
        (r'phase = \{ phase = "H3", frames = 2 \}, frames = 3', 'phase = "H3", frames = 2'),
        (r'"lno-first-charge"\nspeed = 200.*', f'"{scenario}"\nspeed = 100'),
    ):
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    (folder / "short.toml").write_text(text)
    return folder / "short.toml"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onset")
    done = subprocess.run(
        [sys.executable, "-m", "operando.experiment.cli", "rehearse", str(shortened(folder))],
        env=os.environ | {"OPERANDO_DATA": str(folder / "operando-data"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=270,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return experiment_from_journal(folder / "operando-data" / "journal", "lno-onset")


def test_the_onset_of_h3_is_found_once_and_told_with_its_frames_and_lateness(experiment):
    (onset,) = experiment.ledger.query("status == 'onset'").itertuples()
    assert onset.rule == "onset H3 frames 2 significance 5"
    first_x, confirmed_x = map(float, re.findall(r"\(x = (0\.\d+)", onset.reason))
    assert H3_X + 0.001 > first_x > confirmed_x > onset.lithium_content
    assert first_x > H3_X - 0.025
    assert onset.late_s > 0


def test_the_cell_is_measured_more_densely_from_the_onset_on_and_at_the_onset_once(experiment):
    ledger = experiment.ledger
    (at,) = ledger.index[ledger["status"] == "onset"]
    dense = ledger[ledger["measurement"] == "diffraction_h3"]
    assert len(dense) >= 2
    assert (dense.index > at).all()
    assert set(dense["status"]) == {"done"}
    assert abs(dense["lithium_content"].diff().dropna() + 0.005).max() < 5e-4
    (fired,) = ledger.query("measurement == 'ni_k_onset'").itertuples()
    assert (fired.status, fired.count) == ("done", 1)
    assert fired.late_s == pytest.approx(ledger.loc[at, "late_s"], abs=120.0)


def test_measurements_until_the_onset_end_there(experiment):
    ledger = experiment.ledger
    (at,) = ledger.index[ledger["status"] == "onset"]
    before = ledger[ledger["measurement"] == "diffraction"]
    assert len(before) >= 3
    assert (before["time"] <= ledger.loc[at, "time"]).all()
