"""The record of a cycler that was not under control, merged into an experiment."""

from datetime import UTC, datetime
from pathlib import Path

import documents
import event_model
import numpy as np
import pandas as pd
import pytest
from documents import ExperimentDocuments, whole_experiment
from operando.callbacks.tiled.journal import Journal, read_journal, runs
from operando.callbacks.tiled.open_experiment import UnknownExperimentError, experiment_from_journal
from operando.experiment.cli import app
from operando.experiment.merge import MergeSettings, merge
from typer.testing import CliRunner

BEGAN_S = 1_700_000_000.0
SMOOTH = documents.cell_state
STATED = MergeSettings("UTC", offset_s=0.0, uncertainty_s=20.0)
HEAD = "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : {start}\n"


def stepped(time_s: float, t0: float) -> dict[str, float]:
    """The cell of the documents, with two steps of voltage."""
    state = SMOOTH(time_s, t0)
    step_v = np.where((time_s > BEGAN_S + 333.3) & (time_s < BEGAN_S + 611.1), 0.1, 0.0)
    return {**state, "cell_voltage": state["cell_voltage"] + float(step_v)}


def write_cycler(path: Path, first_s: float, last_s: float, behind_s: float = 0.0, state=SMOOTH) -> Path:
    """What a cycler recorded of the cell each 5 s, its clock behind by so much."""
    start = datetime.fromtimestamp(BEGAN_S - behind_s, UTC).strftime("%m/%d/%Y %H:%M:%S.%f")
    rows = []
    for elapsed_s in np.arange(first_s, last_s, 5.0):
        cell = state(BEGAN_S + elapsed_s, BEGAN_S)
        values = (elapsed_s, cell["cell_voltage"], cell["cell_current"] * 1e3, cell["cell_capacity"])
        rows.append("\t".join(f"{value:.9g}" for value in values))
    columns = "time/s\tEwe/V\t<I>/mA\t(Q-Qo)/mA.h\n"
    path.write_text(HEAD.format(start=start) + columns + "\n".join(rows), encoding="latin-1")
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Four spectra, 200 s of the cell before each, 30 s long."""
    with Journal(tmp_path / "data/journal", minimum_free_bytes=0) as publish:
        for record in whole_experiment(name="cell A", spectra=4):
            publish(*record)
    return tmp_path / "data/journal"


@pytest.fixture
def stepping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with steps of voltage that the beamline logs."""
    monkeypatch.setattr(documents, "cell_state", stepped)
    with Journal(tmp_path / "data/journal", minimum_free_bytes=0) as publish:
        for record in whole_experiment(name="cell A", spectra=4):
            publish(*record)
    return tmp_path / "data/journal"


def test_each_scan_has_the_state_of_the_cycler_in_its_middle(journal, tmp_path):
    merged = merge(journal, "cell A", [write_cycler(tmp_path / "a.mpt", 0, 2000)], STATED)
    experiment = experiment_from_journal(journal, "cell A")
    states = experiment.merged_states
    truth = [SMOOTH(time_s, BEGAN_S) for time_s in states["time"]]
    assert (merged.scans, merged.with_state, merged.is_new) == (4, 4, True)
    assert list(states.index) == [start["uid"] for start in experiment.runs("measurement")]
    assert states["voltage"].tolist() == pytest.approx([cell["cell_voltage"] for cell in truth], abs=1e-5)
    assert states["capacity"].tolist() == pytest.approx([cell["cell_capacity"] for cell in truth], abs=1e-5)
    slope = np.gradient([SMOOTH(BEGAN_S + t, BEGAN_S)["cell_capacity"] for t in (0, 1)])[0]
    assert states["capacity_sigma"].tolist() == pytest.approx([20 * slope] * 4, rel=0.01)
    assert set(states["source"]) == {"a.mpt"}
    spectra = experiment.spectra("Ni")
    assert spectra["merged_voltage"].to_numpy() == pytest.approx(states["voltage"].to_numpy())
    assert spectra["merged_voltage_sigma"].attrs["units"] == "V"


def test_scans_before_the_first_row_stay_missing(journal, tmp_path):
    merged = merge(journal, "cell A", [write_cycler(tmp_path / "a.mpt", 500, 2000)], STATED)
    states = experiment_from_journal(journal, "cell A").merged_states
    assert (merged.scans, merged.with_state) == (4, 2)
    assert np.isnan(states["voltage"]).tolist() == [True, True, False, False]
    assert np.isnan(states["voltage_sigma"]).tolist() == [True, True, False, False]


def test_a_second_merge_of_the_same_file_writes_nothing(journal, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000)
    first = merge(journal, "cell A", [file], STATED)
    before = sorted(path.name for path in journal.iterdir())
    second = merge(journal, "cell A", [file], STATED)
    assert (second.run, second.is_new) == (first.run, False)
    assert sorted(path.name for path in journal.iterdir()) == before
    assert len(experiment_from_journal(journal, "cell A").merged_record) == 400


def test_the_last_merge_of_the_same_file_counts(journal, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000)
    merge(journal, "cell A", [file], STATED)
    merge(journal, "cell A", [file], MergeSettings("UTC", offset_s=-100.0, uncertainty_s=1.0))
    experiment = experiment_from_journal(journal, "cell A")
    assert set(experiment.merged_states["clock_offset_s"]) == {-100.0}
    assert len(experiment.merged_record) == 400


def test_files_merged_one_by_one_each_give_the_scans_that_they_cover(journal, tmp_path):
    merge(journal, "cell A", [write_cycler(tmp_path / "a.mpt", 0, 500)], STATED)
    merge(journal, "cell A", [write_cycler(tmp_path / "b.mpt", 600, 2000)], STATED)
    states = experiment_from_journal(journal, "cell A").merged_states
    assert states["source"].tolist() == ["a.mpt", "a.mpt", "b.mpt", "b.mpt"]
    assert np.isfinite(states["voltage"]).all()


def test_steps_that_the_beamline_logged_tell_the_clock(stepping, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=3611.0, state=stepped)
    merged = merge(stepping, "cell A", [file], MergeSettings("UTC"))
    assert merged.clock.method == "voltage steps"
    assert abs(merged.clock.offset_s - 3611.0) < 3 * merged.clock.uncertainty_s
    assert 0 < merged.clock.uncertainty_s < 15
    assert merged.with_state == 4
    start = experiment_from_journal(stepping, "cell A").runs("electrochemistry")[0]
    assert start["clock_offset_s"] == merged.clock.offset_s
    assert start["clock_uncertainty_s"] == merged.clock.uncertainty_s


def test_where_steps_tell_nothing_the_stamps_are_taken_and_the_reason_is_told(journal, tmp_path):
    file = write_cycler(tmp_path / "a.mpt", 0, 2000, behind_s=40_000)
    merged = merge(journal, "cell A", [file], MergeSettings("UTC", uncertainty_s=2.0))
    assert (merged.clock.offset_s, merged.clock.uncertainty_s) == (0.0, 2.0)
    assert merged.clock.method == "time stamps"
    assert "check zone and files" in merged.remark
    assert merged.with_state == 0


def test_unknown_uncertainty_stays_unknown(journal, tmp_path):
    merge(journal, "cell A", [write_cycler(tmp_path / "a.mpt", 0, 2000)], MergeSettings("UTC", offset_s=1.0))
    experiment = experiment_from_journal(journal, "cell A")
    assert experiment.runs("electrochemistry")[0]["clock_uncertainty_s"] is None
    assert np.isnan(experiment.merged_states["voltage_sigma"]).all()
    assert np.isfinite(experiment.merged_states["voltage"]).all()


def test_lithium_is_counted_from_a_stated_start(journal, tmp_path):
    settings = MergeSettings("UTC", offset_s=0.0, uncertainty_s=1.0, initial_lithium_content=1.0)
    merge(journal, "cell A", [write_cycler(tmp_path / "a.mpt", 0, 2000)], settings)
    experiment = experiment_from_journal(journal, "cell A")
    states = experiment.merged_states
    assert states["lithium_content"].tolist() == pytest.approx(1 - states["capacity"] / 15.0 / 0.2755)
    assert experiment.merged_record["lithium_content"].iloc[0] == pytest.approx(1.0)


def test_a_scan_that_still_runs_has_no_middle_yet(tmp_path):
    writer = ExperimentDocuments(name="running")
    with Journal(tmp_path / "journal", minimum_free_bytes=0) as publish:
        for record in [*writer.begin(), *writer.cycle(), *writer.measure(), *writer.measure(stop=False)]:
            publish(*record)
    assert len(experiment_from_journal(tmp_path / "journal", "running").scan_middles) == 1


def test_an_experiment_without_merged_records_has_no_states(journal):
    experiment = experiment_from_journal(journal, "cell A")
    assert experiment.merged_states.empty
    assert experiment.merged_record.empty
    assert not [name for name in experiment.spectra("Ni").coords if str(name).startswith("merged")]


def test_documents_of_a_merge_are_valid_for_event_model(journal, tmp_path):
    merge(journal, "cell A", [write_cycler(tmp_path / "a.mpt", 0, 2000)], STATED)
    found = [run for run in runs(journal) if run.start["purpose"] == "electrochemistry"]
    assert len(found) == 1
    for name, doc in read_journal(found[0].path):
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)


def test_an_unknown_experiment_is_named_with_those_there_are(journal, tmp_path):
    with pytest.raises(UnknownExperimentError, match=r"'cell B' is no experiment here.* there are: cell A"):
        merge(journal, "cell B", [write_cycler(tmp_path / "a.mpt", 0, 2000)], STATED)


def call(journal: Path, monkeypatch: pytest.MonkeyPatch, *options: str):
    monkeypatch.setenv("OPERANDO_DATA", str(journal.parent))
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner().invoke(app, ["merge", *options, "--time-zone", "UTC", "--no-tiled"])


def test_the_command_prints_offset_uncertainty_method_and_scans(journal, tmp_path, monkeypatch):
    file = str(write_cycler(tmp_path / "a.mpt", 500, 2000))
    options = ("cell A", file, "--offset-s", "-3.5", "--uncertainty-s", "2")
    said = call(journal, monkeypatch, *options)
    assert said.exit_code == 0, said.output
    for word in ("a.mpt", "-3.50 s", "2.00 s", "stated", "2 of 4", "their state stays missing"):
        assert word in said.output
    assert "nothing written" in call(journal, monkeypatch, *options).output


def test_the_command_tells_what_is_wrong_without_a_traceback(journal, tmp_path, monkeypatch):
    said = call(journal, monkeypatch, "cell B", str(write_cycler(tmp_path / "a.mpt", 0, 2000)))
    assert said.exit_code == 1
    assert "is no experiment here" in said.output


INSITU = Path(__file__).resolve().parents[3] / "shared/data/echem/datalab_insitu/coincell8_LDE2"


def test_a_measured_operando_set_comes_out_as_its_authors_found_it(tmp_path):
    if not INSITU.is_dir():
        pytest.skip(f"needs the measured data in {INSITU}")
    pytest.importorskip("fastnda", reason="needs the extra 'neware'")
    log = pd.read_csv(INSITU / "Log/log_operando_coincell8_LDE2_reduced.csv", parse_dates=[2, 3])
    ends = log[["start_time", "end_time"]].apply(lambda column: column.dt.tz_localize("Europe/Paris"))
    with Journal(tmp_path / "journal", minimum_free_bytes=0) as publish:
        for record in scans_of(ends, log["scan_number"]):
            publish(*record)
    merged = merge(
        tmp_path / "journal",
        "coincell8",
        [INSITU / "Echem/cc8.ndax"],
        MergeSettings("Europe/Paris", uncertainty_s=1.0),
    )
    states = experiment_from_journal(tmp_path / "journal", "coincell8").merged_states
    assert (merged.scans, merged.with_state, merged.clock.method) == (5, 4, "time stamps")
    expected_v = [np.nan, 3.09770, 3.09770, 3.09741, 3.58007]
    assert states["voltage"].tolist() == pytest.approx(expected_v, abs=2e-5, nan_ok=True)
    assert (states["current"] * 1e3).tolist() == pytest.approx(
        [np.nan, 0, 0, 0, 0.3059], abs=1e-4, nan_ok=True
    )


def scans_of(ends: pd.DataFrame, names: pd.Series):
    """An experiment of a beamline that knew nothing of the cell: one point at each end of each scan."""
    about = {"experiment": {"uid": "0f" * 16, "name": "coincell8"}, "cell": {}}
    cycling = event_model.compose_run(metadata={**about, "purpose": "cycling"})
    yield "start", cycling.start_doc
    yield "stop", cycling.compose_stop()
    for (begin, end), name in zip(ends.itertuples(index=False), names, strict=True):
        metadata = {**about, "purpose": "measurement", "measurement": str(name), "element": "Ni"}
        run = event_model.compose_run(metadata=metadata, time=begin.timestamp())
        yield "start", run.start_doc
        keys = {"mono_energy": {"dtype": "number", "shape": [], "source": "test"}}
        stream = run.compose_descriptor(name="primary", data_keys=keys)
        yield "descriptor", stream.descriptor_doc
        for number, stamp in enumerate((begin, end)):
            data, stamps = {"mono_energy": float(number)}, {"mono_energy": stamp.timestamp()}
            yield "event", stream.compose_event(data=data, timestamps=stamps, time=stamp.timestamp())
        yield "stop", run.compose_stop(time=end.timestamp())
