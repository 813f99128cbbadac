"""Monitors that the user names tell the cycler's clock, and its drift; records without one of their own."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import documents
import event_model
import numpy as np
import pytest
from documents import numbers, whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import experiment_from_journal
from operando.experiment.cli import app
from operando.experiment.merge import MergeSettings, merge
from test_merge import BEGAN_S, HEAD, SMOOTH, stepped, write_cycler
from typer.testing import CliRunner

HOUR_S = 3600.0
NAMED = MergeSettings("UTC", voltage_monitor="adc_2")


def monitor_run(about: dict, times_s: np.ndarray, values: np.ndarray, key: str = "adc_2"):
    """A run of the same experiment in which an ADC was monitored."""
    run = event_model.compose_run(metadata={**about, "purpose": "monitoring"}, time=float(times_s[0]))
    yield "start", run.start_doc
    stream = run.compose_descriptor(name=f"{key}_monitor", data_keys=numbers({key: "V"}))
    yield "descriptor", stream.descriptor_doc
    for time_s, value in zip(times_s.tolist(), values.tolist(), strict=True):
        event = stream.compose_event(data={key: value}, timestamps={key: time_s}, time=time_s)
        yield "event", event
    yield "stop", run.compose_stop()


def journalled(folder: Path, times_s: np.ndarray, values: np.ndarray) -> Path:
    """An experiment that knows of the cell by an ADC alone."""
    with Journal(folder, minimum_free_bytes=0) as publish:
        written = whole_experiment(name="cell A", spectra=4)
        for record in written:
            publish(*record)
        about = {"experiment": written[0][1]["experiment"], "cell": {}}
        for record in monitor_run(about, times_s, values):
            publish(*record)
    return folder


def adc(time_s: np.ndarray, state) -> np.ndarray:
    """Half of the voltage, with a zero of its own."""
    return np.array([0.2 + 0.5 * state(each, BEGAN_S)["cell_voltage"] for each in time_s])


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    times_s = BEGAN_S + np.arange(0.0, 1500.0, 3.0)
    return journalled(tmp_path / "data/journal", times_s, adc(times_s, stepped))


def test_a_monitor_that_the_user_names_tells_the_clock(journal, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=120.0, state=stepped)
    merged = merge(journal, "cell A", [file], NAMED)
    assert merged.clock.method == "voltage steps"
    assert abs(merged.clock.offset_s - 120.0) < 3 * merged.clock.uncertainty_s < 15.0
    assert "adc_2" in experiment_from_journal(journal, "cell A").monitors


def test_a_monitor_of_opposite_sign_tells_the_clock_and_is_reported(tmp_path):
    times_s = BEGAN_S + np.arange(0.0, 1500.0, 3.0)
    journal = journalled(tmp_path / "data/journal", times_s, -adc(times_s, stepped))
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=120.0, state=stepped)
    merged = merge(journal, "cell A", [file], dataclasses.replace(NAMED, longest_offset_s=300.0))
    assert merged.clock.inverted
    assert abs(merged.clock.offset_s - 120.0) < 3 * merged.clock.uncertainty_s < 15.0
    (run,) = experiment_from_journal(journal, "cell A").runs("electrochemistry")
    assert run["monitor_inverted"] is True


def test_a_monitor_that_is_said_not_to_be_inverted_is_not_turned(tmp_path):
    times_s = BEGAN_S + np.arange(0.0, 1500.0, 3.0)
    journal = journalled(tmp_path / "data/journal", times_s, -adc(times_s, stepped))
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=120.0, state=stepped)
    said = dataclasses.replace(NAMED, longest_offset_s=300.0, inverted=False)
    assert merge(journal, "cell A", [file], said).clock.method == "time stamps"


def test_a_stated_offset_may_have_a_stated_drift(journal, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=120.0, state=stepped)
    settings = MergeSettings("UTC", offset_s=120.0, uncertainty_s=1.0, drift_ppm=500.0)
    clock = merge(journal, "cell A", [file], settings).clock
    first_s = BEGAN_S - 120.0
    assert clock.beamline_time_s(np.array([first_s, first_s + 1000.0])) - BEGAN_S == pytest.approx(
        [0.0, 1000.5], abs=1e-3
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (MergeSettings("UTC", drift_ppm=5.0), "stated without an offset"),
        (MergeSettings("UTC", offset_s=1.0, drift_ppm=2000.0), "more than 1000 ppm"),
    ],
)
def test_a_drift_without_offset_or_beyond_any_clock_is_refused(journal, tmp_path, settings, says):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, state=stepped)
    with pytest.raises(ValueError, match=says):
        merge(journal, "cell A", [file], settings)


def test_an_unknown_monitor_is_refused_with_those_there_are(journal, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, state=stepped)
    with pytest.raises(ValueError, match=r"no stream has a monitor 'adc_9': give one of .*adc_2"):
        merge(journal, "cell A", [file], dataclasses.replace(NAMED, voltage_monitor="adc_9"))


def test_the_command_takes_the_name_of_a_monitor(journal, tmp_path, monkeypatch):
    monkeypatch.setenv("OPERANDO_DATA", str(journal.parent))
    monkeypatch.setenv("COLUMNS", "200")
    file = str(write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=120.0, state=stepped))
    options = ["--time-zone", "UTC", "--no-tiled", "--voltage-monitor", "adc_2", "--no-inverted"]
    said = CliRunner().invoke(app, ["merge", "cell A", file, *options])
    assert said.exit_code == 0, said.output
    assert "voltage steps" in said.output


def test_a_drift_that_a_long_monitor_shows_is_reported_stored_and_corrected(tmp_path):
    rng, drift, span_s = np.random.default_rng(2), 4e-4, 40 * HOUR_S
    edges_s = np.cumsum(rng.uniform(1, 3, 40)) * HOUR_S
    levels_v = 3.7 + np.cumsum(rng.choice([-1, 1], 41) * rng.uniform(0.05, 0.2, 41))
    true_s, logged_s = np.arange(0.0, span_s, 30.0), np.arange(0.0, span_s, 20.0)
    start = datetime.fromtimestamp(BEGAN_S, UTC).strftime("%m/%d/%Y %H:%M:%S.%f")
    shown_s = true_s - drift * (true_s - span_s / 2)
    rows = "\n".join(
        f"{shown:.9g}\t{levels_v[np.searchsorted(edges_s, true)]:.9g}\t1\t{true / 3600:.9g}"
        for shown, true in zip(shown_s, true_s, strict=True)
    )
    file = tmp_path / "long.mpt"
    file.write_text(HEAD.format(start=start) + "time/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\n" + rows)
    journal = journalled(
        tmp_path / "data/journal", BEGAN_S + logged_s, levels_v[np.searchsorted(edges_s, logged_s)]
    )
    clock = merge(journal, "cell A", [file], NAMED).clock
    assert abs(clock.drift - drift) < 3 * clock.drift_uncertainty < 2e-4
    experiment = experiment_from_journal(journal, "cell A")
    (run,) = experiment.runs("electrochemistry")
    assert (run["clock_drift"], run["clock_reference_s"]) == (clock.drift, clock.reference_s)
    error_s = experiment.merged_record["time"].to_numpy() - BEGAN_S - true_s
    assert np.abs(error_s).max() < 3 * clock.uncertainty_at_s(BEGAN_S + span_s)


def test_an_experiment_without_a_record_of_its_own_takes_the_merged_one_and_never_compares_it_with_itself(
    tmp_path, monkeypatch
):
    def nothing(self, samples=0, step_s=20.0):
        self.clock_s += 200.0
        return iter(())

    monkeypatch.setattr(documents.ExperimentDocuments, "cycle", nothing)
    with Journal(tmp_path / "journal", minimum_free_bytes=0) as publish:
        for record in whole_experiment(name="cell A", spectra=4):
            publish(*record)
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, state=stepped)
    for expected in (0.0, 7.0):
        merged = merge(tmp_path / "journal", "cell A", [file], MergeSettings("UTC", uncertainty_s=expected))
        assert (merged.clock.method, merged.clock.offset_s) == ("time stamps", 0.0)
    record = experiment_from_journal(tmp_path / "journal", "cell A").electrochemistry
    truth_v = [SMOOTH(time_s, BEGAN_S)["cell_voltage"] for time_s in record["time"].iloc[:60]]
    assert len(record) == 400
    assert record["voltage"].iloc[:60].tolist() == pytest.approx(truth_v, abs=1e-6)
