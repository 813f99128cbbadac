"""Triggers that expect features where an earlier record has them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from operando.experiment.acquisition import keep_files
from operando.experiment.reading import read_experiment
from operando.experiment.reference_curve import named_files, recorded_features
from operando.experiment.toml_source import ExperimentFileError

SHIPPED = Path(__file__).parents[2] / "experiment" / "nmc811.toml"
ASKED = 'trigger = { dqdv_approach_v = { file = "formation.csv" }, direction = "rising" }'


def record(path, features=(3.73, 4.0)):
    """One charge and one discharge, the latter 30 mV lower, in Battery Data Format."""
    up = np.linspace(3.2, 4.4, 2000)
    charge_ah = 1e-3 * (0.3 * (up - 3.2) + sum(np.arctan((up - at) / 0.02) + 1.5 for at in features))
    volts = np.concatenate([up, up[::-1] - 0.03])
    net_ah = np.concatenate([charge_ah, charge_ah[::-1]])
    time_s = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(net_ah)) * 3600 / 1e-3 + 1e-3)])
    current_a = np.where(np.arange(volts.size) < up.size, 1e-3, -1e-3)
    columns = {"Test Time / s": time_s, "Voltage / V": volts, "Current / A": current_a}
    pd.DataFrame({**columns, "Net Capacity / Ah": net_ah, "Unix Time / s": time_s + 1.7e9}).to_csv(
        path, index=False
    )
    return path


def written(folder, trigger):
    text = SHIPPED.read_text().replace("trigger.every_lithium_content = 0.02", trigger)
    (folder / "experiment.toml").write_text(text)
    return folder / "experiment.toml"


def test_the_features_of_the_record_are_in_the_rule(tmp_path):
    record(tmp_path / "formation.csv")
    experiment = read_experiment(written(tmp_path, ASKED))
    trigger = experiment.measurements[0].trigger
    assert trigger.reference_curve.voltages_v == pytest.approx([3.73, 4.0], abs=3e-3)
    words = trigger.rule().split()
    assert words[:2] == ["dqdv", "approach"]
    assert [float(volt) for volt in words[2].split(",")] == pytest.approx([3.73, 4.0], abs=3e-3)
    assert words[3:] == ["charging", "margin", "0.02"]


def test_the_last_half_cycle_of_the_direction_counts_unless_one_is_named(tmp_path):
    path = record(tmp_path / "formation.csv")
    assert recorded_features(path, "falling") == pytest.approx([3.70, 3.97], abs=3e-3)
    assert recorded_features(path, "rising", 1) == pytest.approx([3.73, 4.0], abs=3e-3)


def test_the_record_is_kept_with_the_experiment(tmp_path):
    record(tmp_path / "formation.csv")
    file = written(tmp_path, ASKED)
    experiment = read_experiment(file)
    keep_files(file, tmp_path / "kept", named_files(experiment))
    again = read_experiment(tmp_path / "kept" / "experiment.toml")
    assert again.measurements[0].trigger.rule() == experiment.measurements[0].trigger.rule()


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (ASKED, "formation.csv: no such file"),
        (ASKED.replace("formation.csv", "flat.csv"), "has no maximum of"),
        (ASKED.replace('.csv" }', '.csv", half_cycle = 2 }'), "half cycle 2 is no charge"),
        (ASKED.replace(', direction = "rising"', ""), "needs its direction"),
        (ASKED.replace("file =", "path ="), "path"),
    ],
)
def test_a_record_that_tells_nothing_is_refused_with_its_line(tmp_path, trigger, message):
    record(tmp_path / "flat.csv", features=())
    if "half_cycle" in trigger:
        record(tmp_path / "formation.csv")
    file = written(tmp_path, trigger)
    with pytest.raises(ExperimentFileError, match=message) as caught:
        read_experiment(file)
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "dqdv_approach" in text)
    assert f"experiment.toml:{line}: measurements" in str(caught.value)


def test_a_measured_charge_of_nickelate_has_its_four_features(shared_data):
    path = shared_data / "xas/perex_ROCK_LNO/EC/220726cell4operandoxascontinuation_C06.mpt"
    assert recorded_features(path, "rising") == pytest.approx([3.67, 3.78, 4.01, 4.21], abs=0.01)
