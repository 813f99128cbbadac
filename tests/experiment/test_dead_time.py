"""Dead times of the beamline settings reach the estimates of an experiment."""

from pathlib import Path

import pytest
from operando.experiment.dead_time import expected_settings
from operando.experiment.reading import read_experiment

FILE = Path(__file__).resolve().parents[2] / "experiment" / "nmc811.toml"
SETTINGS = FILE.parents[1] / "simulated_beamline" / "beamline.toml"


@pytest.fixture(autouse=True)
def _no_beamline_named(monkeypatch):
    monkeypatch.delenv("OPERANDO_BEAMLINE", raising=False)


def test_dead_times_are_those_of_the_named_beamline(tmp_path):
    settings = tmp_path / "slow.toml"
    settings.write_text(SETTINGS.read_text().replace("settle_s = 0.01", "settle_s = 0.7"))
    assert expected_settings(read_experiment(FILE), settings).timing.settle_s == 0.7


def test_a_rehearsal_is_estimated_with_the_simulated_beamline():
    assert expected_settings(read_experiment(FILE)).timing.settle_s == 0.01


def test_without_rehearsal_a_beamline_must_be_named():
    experiment = read_experiment(FILE).model_copy(update={"rehearsal": None})
    with pytest.raises(FileNotFoundError, match="OPERANDO_BEAMLINE"):
        expected_settings(experiment)


def test_a_negative_dead_time_is_refused_by_name(tmp_path):
    settings = tmp_path / "wrong.toml"
    settings.write_text(SETTINGS.read_text().replace("settle_s = 0.01", "settle_s = -1"))
    with pytest.raises(ValueError, match=r"timing\.settle_s"):
        expected_settings(read_experiment(FILE), settings)
