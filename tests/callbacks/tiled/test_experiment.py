"""An experiment read back: cell, spectra, fits and ledger, running or finished."""

import re
from dataclasses import fields

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from documents import EDGES_EV, EMITTED, ExperimentDocuments, absorption, whole_experiment
from matplotlib.figure import Figure
from operando.callbacks.plots.course import draw_course
from operando.callbacks.plots.style import content_scale
from operando.callbacks.tiled.experiment import Experiment
from operando.callbacks.tiled.journal import Journal
from operando.callbacks.tiled.open_experiment import (
    UnknownExperimentError,
    experiment_from_journal,
    open_experiment,
)
from operando.plans.ledger import LedgerEntry

mpl.use("Agg")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


def journalled(folder, documents):
    with Journal(folder, minimum_free_bytes=0, reserve_bytes=0) as journal:
        for record in documents:
            journal(*record)


def test_electrochemistry_holds_every_sample_with_plain_names(folder):
    journalled(folder, whole_experiment(spectra=2, points=10))
    cell = experiment_from_journal(folder, "demo").electrochemistry
    assert len(cell) == 30
    assert {"time", "voltage", "current", "capacity", "lithium_content", "step", "sample"} <= set(
        cell.columns
    )
    assert cell.index[0] == 0.0
    assert cell["lithium_content"].is_monotonic_decreasing


def test_spectra_carry_mu_and_the_state_of_the_cell(folder):
    journalled(folder, whole_experiment(spectra=3, points=41))
    spectra = experiment_from_journal(folder, "demo").spectra("Ni")
    assert dict(spectra.sizes) == {"measurement": 3, "energy": 41}
    x = spectra["lithium_content"].to_numpy()
    truth = absorption(spectra["energy"].to_numpy(), EDGES_EV["Ni"], x[0])
    assert np.abs(spectra["mu"][0] - truth).max() < 0.02
    assert (spectra["lithium_content_start"] > x).all()
    assert (spectra["lithium_content_end"] < x).all()
    np.testing.assert_allclose(x, 0.5 * (spectra["lithium_content_start"] + spectra["lithium_content_end"]))


def test_images_at_the_energies_of_an_edge_are_not_taken_for_spectra(folder):
    records = [(name, dict(doc)) for name, doc in whole_experiment(spectra=3, points=41)]
    scans = [doc for name, doc in records if name == "start" and doc.get("technique") == "xanes"]
    scans[0]["technique"] = "xanes_imaging"
    journalled(folder, records)
    experiment = experiment_from_journal(folder, "demo")
    assert experiment.elements == ["Ni"]
    assert list(experiment.spectra("Ni")["run"].values) == [doc["uid"] for doc in scans[1:]]
    assert len(experiment.to_xdi(folder.parent / "xdi")) == 2
    assert experiment.plot().axes


def test_references_are_read_with_their_valence_and_are_no_measurements(folder):
    records = [(name, dict(doc)) for name, doc in whole_experiment(spectra=2, points=10)]
    scans = [doc for name, doc in records if name == "start" and doc.get("technique") == "xanes"]
    scans[0].update(purpose="reference", reference="NiO", valence=2.0)
    journalled(folder, records)
    experiment = experiment_from_journal(folder, "demo")
    (reference,) = experiment.references("Ni")
    assert (reference.start["valence"], len(reference.points)) == (2.0, 10)
    assert [each.start["uid"] for each in experiment.measurements("Ni")] == [scans[1]["uid"]]
    assert experiment.references("Co") == []


def test_a_failed_scan_is_left_out_unless_asked_for(folder):
    writer = ExperimentDocuments()
    started = [*writer.begin(), *writer.cycle()]
    journalled(folder, [*started, *writer.measure(points=9), *writer.measure(points=5, fail="beam lost")])
    experiment = experiment_from_journal(folder, writer.uid)
    assert experiment.spectra("Ni").sizes["measurement"] == 1
    assert experiment.spectra("Ni", incomplete=True).sizes["measurement"] == 2
    assert list(experiment.ledger["status"]) == ["done", "missed"]
    assert experiment.ledger["reason"].iloc[1] == "beam lost"


def test_fits_are_indexed_by_the_measured_run(folder):
    journalled(folder, whole_experiment(spectra=2, points=10))
    experiment = experiment_from_journal(folder, "demo")
    fits = experiment.edge_fits
    assert list(fits.index) == list(experiment.spectra("Ni")["run"].values)
    np.testing.assert_allclose(fits["valence"], 4.0 - fits["lithium_content"])
    assert fits["time"].iloc[0] < 1.75e9


def test_an_opened_experiment_goes_on_with_the_journal(folder):
    writer = ExperimentDocuments()
    with Journal(folder, minimum_free_bytes=0, reserve_bytes=0) as journal:
        for record in [*writer.begin(), *writer.cycle(10)]:
            journal(*record)
        experiment = experiment_from_journal(folder, "demo")
        assert len(experiment.electrochemistry) == 10
        for record in writer.measure(points=9):
            journal(*record)
        assert experiment.spectra("Ni").sizes["measurement"] == 1


def test_a_running_experiment_can_be_read(folder):
    journalled(folder, whole_experiment(spectra=1, points=10, stop=False))
    experiment = experiment_from_journal(folder, "demo")
    assert experiment.running
    assert experiment.spectra("Ni").sizes["measurement"] == 1
    assert len(experiment.electrochemistry) == 20


def test_segments_of_a_resumed_experiment_are_joined_without_doubles(folder):
    first = ExperimentDocuments()
    documents = [*first.begin(), *first.cycle(10)]
    second = ExperimentDocuments(uid=first.uid, name=first.name, host_t0=first.host_s + 60.0)
    again = [*second.begin(resumes=first.cycling.start_doc["uid"]), *second.cycle(15)]
    journalled(folder, [*documents, *again])
    cell = experiment_from_journal(folder, first.uid).electrochemistry
    assert list(cell["sample"]) == list(range(15))


def test_an_unknown_name_lists_the_known_ones(folder):
    journalled(folder, whole_experiment(name="charge-7", spectra=0))
    with pytest.raises(
        UnknownExperimentError, match=r"'dischrage' is no experiment here.* there are: charge-7 \("
    ):
        experiment_from_journal(folder, "dischrage")


def test_a_name_given_twice_asks_for_the_uid_and_tells_which_is_the_latest(folder):
    first, second = ExperimentDocuments(), ExperimentDocuments(host_t0=1_790_003_600.0)
    journalled(folder, [*second.begin(), *first.begin()])
    hour = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    told = rf"several experiments.*: demo \({first.uid[:8]}, {hour}\), demo \({second.uid[:8]}, {hour}\)$"
    with pytest.raises(UnknownExperimentError, match=told):
        experiment_from_journal(folder, "demo")


def test_of_many_experiments_the_latest_are_listed(folder):
    names = [ExperimentDocuments(name=f"charge-{number}", host_t0=1.79e9 + number) for number in range(12)]
    journalled(folder, [record for each in names for record in each.begin()])
    with pytest.raises(UnknownExperimentError, match=r"charge-2 .*charge-11 .*and 2 older ones") as refused:
        experiment_from_journal(folder, "dischrage")
    assert "charge-1 (" not in str(refused.value)


@pytest.mark.parametrize("given", [(), ("data",)])
def test_an_experiment_is_opened_by_its_name_without_a_server(tmp_path, monkeypatch, given):
    journalled(tmp_path / "data" / "journal", whole_experiment(spectra=1, points=10))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPERANDO_DATA", "elsewhere" if given else "data")
    assert open_experiment(*given, "demo").spectra("Ni").sizes["measurement"] == 1


def test_a_data_root_without_data_says_what_to_name(tmp_path, monkeypatch):
    monkeypatch.setenv("OPERANDO_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"no data in .*nowhere: set OPERANDO_DATA"):
        open_experiment("demo")
    assert not (tmp_path / "nowhere").exists()


def test_a_client_without_a_name_is_refused():
    with pytest.raises(TypeError, match="name of the experiment is missing"):
        open_experiment(object())


def test_tables_without_a_row_have_their_columns(folder):
    journalled(folder, whole_experiment(spectra=0))
    experiment = experiment_from_journal(folder, "demo")
    assert experiment.ledger.query("status == 'missed'")[["measurement", "time", "reason"]].empty
    assert list(experiment.ledger.columns) == [field.name for field in fields(LedgerEntry)]
    assert experiment.edge_fits[["lithium_content", "valence", "valence_sigma", "verdict"]].empty
    assert experiment.reference_fits[["half_step_ev"]].empty
    assert experiment.lattice[["lithium_content", "a_angstrom", "c_angstrom"]].empty
    assert experiment.phases[["lithium_content", "phase", "fraction", "fraction_sigma", "first_frame"]].empty


def test_an_element_that_was_not_measured_is_an_error_that_lists_the_others(folder):
    journalled(folder, whole_experiment(spectra=1, points=5))
    with pytest.raises(KeyError, match=r"'Co'; there are spectra of: Ni"):
        experiment_from_journal(folder, "demo").spectra("Co")


@pytest.mark.parametrize("spectra", [0, 2])
def test_the_summary_is_drawn_with_and_without_spectra(folder, spectra, tmp_path):
    journalled(folder, whole_experiment(spectra=spectra, points=60))
    figure = experiment_from_journal(folder, "demo").plot()
    figure.savefig(tmp_path / "summary.png")
    axes = figure.get_axes()
    assert not [text.get_text() for each in axes for text in each.texts]
    labels = [each.get_ylabel() for each in axes if each.get_ylabel()]
    assert labels[:2] == ["cell voltage (V)", "current (mA)"]
    assert ("Ni valence" in labels) == bool(spectra)
    legend = axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["Ni K XANES (2)"] if spectra else not legend


def test_the_legend_of_the_course_lies_above_its_axes_and_hides_no_line(folder):
    journalled(folder, whole_experiment(spectra=2, points=60))
    figure = experiment_from_journal(folder, "demo").plot()
    figure.canvas.draw()
    course = figure.axes[0]
    assert course.get_legend().get_window_extent().y0 >= course.get_window_extent().y1
    assert course.get_legend().get_window_extent().y1 <= figure.bbox.y1


@pytest.mark.parametrize(
    ("missing", "drawn"),
    [
        ("electrochemistry", {"normalised absorption, shifted upwards with time", "Ni valence"}),
        ("edge_fits", {"cell voltage (V)", "normalised absorption, shifted upwards with time"}),
    ],
)
def test_what_the_summary_lacks_gets_no_axes(folder, monkeypatch, missing, drawn):
    journalled(folder, whole_experiment(spectra=2, points=60))
    experiment = experiment_from_journal(folder, "demo")
    monkeypatch.setattr(Experiment, missing, property(lambda _: pd.DataFrame()))
    axes = [each for each in experiment.plot().axes if each.get_ylabel() not in ("current (mA)", "")]
    assert {each.get_ylabel() for each in axes} == drawn | {"lithium content x"}
    assert all(each.has_data() for each in axes)


@pytest.mark.parametrize(
    ("samples", "label", "end"), [(60, "time (min)", 59 / 3), (180, "time (h)", 179 / 180)]
)
def test_a_short_course_is_drawn_in_minutes(folder, samples, label, end):
    writer = ExperimentDocuments(name="demo")
    journalled(folder, [*writer.begin(), *writer.cycle(samples, step_s=20.0)])
    axes = experiment_from_journal(folder, "demo").plot().axes[0]
    assert axes.get_xlabel() == label
    assert axes.lines[0].get_xdata()[-1] == pytest.approx(end)


@pytest.mark.parametrize(("count", "told"), [(2, ["scan 0 (1)", "scan 1 (1)"]), (40, ["measurements (40)"])])
def test_many_names_of_measurements_are_one_entry_of_the_legend(folder, count, told):
    journalled(folder, whole_experiment(spectra=1, points=60))
    experiment = experiment_from_journal(folder, "demo")
    one = experiment.ledger.iloc[[0]]
    ledger = pd.concat([one.assign(measurement=f"scan {number}") for number in range(count)])
    axes = Figure().subplots()
    draw_course(axes, experiment.electrochemistry, ledger, None, content_scale(np.array([0.3, 0.9])))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == told


def test_xdi_files_give_back_spectrum_and_cell_state(folder, tmp_path):
    journalled(folder, whole_experiment(spectra=2, points=20))
    experiment = experiment_from_journal(folder, "demo")
    paths = experiment.to_xdi(tmp_path / "xdi")
    spectra = experiment.spectra("Ni", aligned=False)
    assert len(paths) == 2
    lines = paths[0].read_text().splitlines()
    assert lines[0].startswith("# XDI/1.0")
    header = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    assert float(header["Cell.voltage_mid"].split()[0]) == pytest.approx(float(spectra["voltage"][0]))
    assert header["Element.symbol"] == "Ni"
    data = np.loadtxt(paths[0])
    np.testing.assert_allclose(data[:, 0], spectra["energy"])
    np.testing.assert_allclose(data[:, 4], spectra["mu"][0], rtol=1e-8)


def in_fluorescence():
    made = ExperimentDocuments()
    yield from made.begin()
    yield from made.cycle()
    yield from made.measure(signal="fluorescence", points=20)
    yield from made.end()


def test_fluorescence_is_read_back_over_i0_and_said_to_be_what_was_fitted(folder):
    journalled(folder, in_fluorescence())
    spectra = experiment_from_journal(folder, "demo").spectra("Ni")
    assert spectra["signal"].values.tolist() == ["fluorescence"]
    np.testing.assert_allclose(spectra["mu_fluorescence"], spectra["ifluor"] / spectra["i0"])
    np.testing.assert_allclose(spectra["mu_fluorescence"], EMITTED * spectra["mu"])


def test_without_a_diode_spectra_have_no_fluorescence(folder):
    journalled(folder, whole_experiment(spectra=1, points=20))
    spectra = experiment_from_journal(folder, "demo").spectra("Ni")
    assert not {"ifluor", "mu_fluorescence"} & set(spectra)
    assert spectra["signal"].values.tolist() == ["transmission"]


def test_a_spectrum_file_has_the_column_of_fluorescence_that_readers_of_its_format_know(folder, tmp_path):
    (path,) = exported(folder, in_fluorescence(), tmp_path / "xdi")
    text = path.read_text()
    assert "# Column.5: ifluor A" in text
    assert "# Column.7: mufluor" in text
    assert "mufluor = ifluor / i0" in text
    assert "# Operando.signal: fluorescence" in text
    data = np.loadtxt(path)
    np.testing.assert_allclose(data[:, 6], data[:, 4] / data[:, 1], rtol=1e-6)


def test_the_summary_draws_fluorescence_where_that_is_what_was_fitted(folder):
    documents = list(in_fluorescence())
    for name, doc in documents:
        if name == "event" and "it" in doc["data"]:
            doc["data"]["it"] = -1e-12  # nothing comes through a thick cell
    journalled(folder, documents)
    figure = experiment_from_journal(folder, "demo").plot()
    (axes,) = (one for one in figure.axes if "normalised" in one.get_ylabel())
    assert np.ptp(np.asarray(axes.lines[0].get_ydata())) > 0.8


def test_a_spectrum_file_states_the_foil_shift_and_no_crystal_that_nobody_told(folder, tmp_path):
    documents = whole_experiment(spectra=1, points=20)
    (path,) = exported(folder, documents, tmp_path / "without")
    assert "# Operando.foil_shift_ev: 0.1" in path.read_text()
    assert "Mono." not in path.read_text()


def test_a_spectrum_file_states_the_crystals_that_were_used(folder, tmp_path):
    documents = whole_experiment(spectra=1, points=20)
    for name, doc in documents:
        if name == "start" and doc["purpose"] == "measurement":
            doc["d_spacing_angstrom"] = 1.6375
    (path,) = exported(folder, documents, tmp_path / "with")
    assert "# Mono.d_spacing: 1.6375" in path.read_text()


def exported(folder, documents, to):
    journalled(folder, documents)
    return experiment_from_journal(folder, "demo").to_xdi(to)


def test_scans_are_shifted_as_their_foils_say_unless_asked_not_to_be(folder):
    documents = whole_experiment(spectra=2, points=40)
    fits = [doc for name, doc in documents if name == "event" and "foil_shift_ev" in doc["data"]]
    fits[0]["data"]["foil_shift_ev"], fits[1]["data"]["foil_shift_ev"] = 0.0, 1.5
    journalled(folder, documents)
    experiment = experiment_from_journal(folder, "demo")
    raw, aligned = experiment.spectra("Ni", aligned=False), experiment.spectra("Ni")
    assert aligned["foil_shift"].values.tolist() == [0.0, 1.5]
    np.testing.assert_array_equal(aligned["energy"], raw["energy"])
    np.testing.assert_array_equal(aligned["mu"][0], raw["mu"][0])
    inside = aligned["energy"].values >= raw["energy"].values[0] + 1.5
    shifted = np.interp(aligned["energy"].values[inside] - 1.5, raw["energy"], raw["mu"][1])
    np.testing.assert_allclose(aligned["mu"][1].values[inside], shifted)
    assert np.isnan(aligned["mu"][1].values[~inside]).all()


def test_larch_reads_the_xdi_files(folder, tmp_path):
    larch_io = pytest.importorskip("larch.io", reason="needs xraylarch (extra 'athena')")
    journalled(folder, whole_experiment(spectra=1, points=20))
    (path,) = experiment_from_journal(folder, "demo").to_xdi(tmp_path / "xdi")
    group = larch_io.read_xdi(str(path))
    assert group.element.decode() if isinstance(group.element, bytes) else group.element == "Ni"
    assert group.energy[0] == pytest.approx(8273.0)


def test_an_experiment_and_its_spectra_say_in_a_line_what_there_is(folder):
    journalled(folder, whole_experiment(spectra=2, points=10))
    experiment = experiment_from_journal(folder, "demo")
    assert repr(experiment) == f"<Experiment 'demo' {experiment.uid[:8]}, ended: 2 xanes>"
    (first, _) = experiment.measurements("Ni")
    told = rf"<Spectrum '.+' {first.start['uid'][:8]} of Ni, 10 points from \d+\.\d to \d+\.\d eV, complete>"
    assert re.fullmatch(told, repr(first))


def test_a_picture_of_an_element_that_was_not_measured_is_refused(folder):
    journalled(folder, whole_experiment(spectra=1, points=10))
    with pytest.raises(KeyError, match=r"no finished spectrum of 'Co'; there are spectra of: Ni"):
        experiment_from_journal(folder, "demo").plot("Co")
