"""Live fits: one result per spectrum, whatever happens to spectrum or process."""

import numpy as np
import pytest
from event_model import compose_run
from operando.callbacks.live import edge_analysis
from operando.callbacks.live.edge_fits import EdgeFits, recall
from operando.callbacks.tiled.journal import Journal, JournalTail

EXPERIMENT = {"uid": "e" * 36, "name": "test"}
ENERGY_EV = np.concatenate(
    [np.arange(8273, 8313, 5.0), np.arange(8313, 8373, 0.8), np.arange(8373, 8484, 5.0)]
)


def cycling():
    return compose_run(metadata={"purpose": "cycling", "experiment": EXPERIMENT})


def spectrum_documents(
    edge_ev, *, purpose="measurement", name="ni_k", valence=None, shift_ev=0.0, of="c", emits_at_ev=None
):
    """Documents of one scan with an arctangent edge and a foil at 8333 eV, both moved by shift_ev.

    With `emits_at_ev` the fit is asked for in fluorescence, whose edge is there.
    """
    true_ev = ENERGY_EV + shift_ev
    mu = 0.3 + np.arctan((true_ev - edge_ev) / 1.5) / np.pi + 0.5
    foil = np.arctan((true_ev - 8333.0) / 1.0) / np.pi + 0.5
    extra = {"valence": valence} if valence is not None else {"cycling_run": of}
    emitted = 0.01 * (np.arctan((true_ev - (emits_at_ev or edge_ev)) / 1.5) / np.pi + 0.6)
    extra |= {"signal": "fluorescence"} if emits_at_ev is not None else {}
    run = compose_run(
        metadata={
            "purpose": purpose,
            "experiment": EXPERIMENT,
            "element": "Ni",
            "edge": "K",
            purpose: name,
            **extra,
        }
    )
    keys = ["mono_energy", "i0", "it", "ir", "ifluor", "cell_time", "cell_voltage", "cell_current"]
    keys += ["cell_capacity", "cell_lithium_content"]
    stream = run.compose_descriptor(
        name="primary", data_keys={key: {"source": "test", "dtype": "number", "shape": []} for key in keys}
    )
    yield "start", run.start_doc
    yield "descriptor", stream.descriptor_doc
    it = np.exp(-mu)
    rows = np.column_stack([ENERGY_EV, np.ones_like(mu), it, it * np.exp(-foil), emitted])
    for number, row in enumerate(rows):
        x = 0.80 - 0.01 * number / (len(rows) - 1)
        data = dict(zip(keys, [*row, 1000.0 + number, 3.7, 0.001, 0.5, x], strict=True))
        yield "event", stream.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0))
    yield "stop", run.compose_stop()


def send(router, documents):
    for name, doc in documents:
        router(name, doc)


@pytest.fixture
def published():
    return []


@pytest.fixture
def fits(published):
    return EdgeFits(lambda name, doc: published.append((name, doc)))


def results(published):
    return [doc["data"] for name, doc in published if name == "event"]


def with_references(fits):
    send(fits, spectrum_documents(8343.0, purpose="reference", name="NiO", valence=2.0))
    send(fits, spectrum_documents(8345.0, purpose="reference", name="LiNiO2", valence=3.0))


def test_valence_comes_from_the_references(fits, published):
    with_references(fits)
    send(fits, spectrum_documents(8344.0))
    data = results(published)[-1]
    assert data["verdict"] == "good"
    assert data["valence"] == pytest.approx(2.5, abs=0.04)
    assert data["lithium_content"] == pytest.approx(0.795)
    assert data["latency_s"] < 5


def test_a_drift_of_the_monochromator_is_taken_out_by_the_foil(fits, published):
    with_references(fits)
    send(fits, spectrum_documents(8344.0, shift_ev=1.3))
    data = results(published)[-1]
    assert data["foil_shift_ev"] == pytest.approx(1.3, abs=0.05)
    assert data["valence"] == pytest.approx(2.5, abs=0.06)


def test_an_edge_is_fitted_in_fluorescence_where_the_run_asks_for_it(fits, published):
    send(fits, spectrum_documents(8344.0, emits_at_ev=8346.0))
    send(fits, spectrum_documents(8344.0))
    emitted, transmitted = results(published)
    assert emitted["verdict"] == transmitted["verdict"] == "good"
    assert emitted["half_step_ev"] - transmitted["half_step_ev"] == pytest.approx(2.0, abs=0.1)
    assert emitted["edge_step"] == pytest.approx(0.01, rel=0.1)
    assert emitted["foil_shift_ev"] == pytest.approx(0.0, abs=1e-3)
    assert (emitted["reason"], transmitted["reason"]) == (edge_analysis.UNCORRECTED, "")


def test_results_of_references_wait_for_the_cycling_run_they_belong_to(fits, published):
    with_references(fits)
    assert published == []
    run = cycling()
    fits("start", run.start_doc)
    send(fits, spectrum_documents(8344.0, of=run.start_doc["uid"]))
    start = published[0][1]
    assert start["analysis"]["of"] == run.start_doc["uid"]
    assert [data["measurement"] for data in results(published)] == ["NiO", "LiNiO2", "ni_k"]


def test_cells_of_one_batch_learn_from_the_references_that_were_measured_once(fits, published):
    with_references(fits)
    for name in ("left", "right"):
        cell = {"uid": name * 8, "name": name}
        run = compose_run(metadata={"purpose": "cycling", "experiment": cell, "batch": EXPERIMENT})
        fits("start", run.start_doc)
        documents = list(spectrum_documents(8344.0, of=run.start_doc["uid"]))
        documents[0][1]["experiment"] = cell
        send(fits, documents)
    starts = [doc for name, doc in published if name == "start"]
    assert [start["experiment"]["name"] for start in starts] == ["left", "right"]
    told = results(published)
    assert [data["measurement"] for data in told] == ["NiO", "LiNiO2", "ni_k"] * 2
    assert [told[2]["valence"], told[5]["valence"]] == pytest.approx([2.5, 2.5], abs=0.04)


def test_without_references_there_is_a_fit_but_no_valence(fits, published):
    send(fits, spectrum_documents(8344.0))
    data = results(published)[-1]
    assert data["half_step_ev"] == pytest.approx(8344.0, abs=0.1)
    assert np.isnan(data["valence"])


def test_a_fit_that_breaks_down_becomes_a_verdict(fits, published, monkeypatch):
    def explode(*_args, **_options):
        raise FloatingPointError("singular")

    send(fits, spectrum_documents(8344.0))
    with monkeypatch.context() as patched:
        patched.setattr(edge_analysis.EdgeAnalysis, "_fit", explode)
        send(fits, spectrum_documents(8344.0))
    send(fits, spectrum_documents(8344.0))
    verdicts = [data["verdict"] for data in results(published)]
    assert verdicts == ["good", "failed", "good"]
    assert "singular" in results(published)[1]["reason"]
    assert set(results(published)[1]) == set(results(published)[0])


def test_a_dead_chamber_ends_in_a_verdict(fits, published):
    documents = list(spectrum_documents(8344.0))
    for name, doc in documents:
        if name == "event":
            doc["data"]["it"] = 0.0
    send(fits, documents)
    assert results(published)[-1]["verdict"] == "no data"


def test_an_aborted_scan_is_not_fitted(fits, published):
    documents = list(spectrum_documents(8344.0))
    documents[-1][1]["exit_status"] = "abort"
    send(fits, documents)
    assert published == []


def test_repeated_points_count_once(fits, published):
    documents = list(spectrum_documents(8344.0))
    documents.insert(5, documents[3])
    send(fits, documents)
    assert results(published)[-1]["verdict"] == "good"


def test_a_restarted_process_goes_on_without_doubling(tmp_path):
    run = cycling()
    with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", run.start_doc)
        send(journal, spectrum_documents(8344.0, of=run.start_doc["uid"]))
    counts = []
    for _ in range(2):
        with Journal(tmp_path, reserve_bytes=0, minimum_free_bytes=0) as journal:
            fits = EdgeFits(journal)
            recall(tmp_path, fits)
            send(fits, JournalTail(tmp_path).poll())
        records = JournalTail(tmp_path).poll()
        counts.append(sum(1 for name, doc in records if name == "event" and "measurement_run" in doc["data"]))
    assert counts == [1, 1]


def test_results_end_when_the_cycling_has_ended(fits, published):
    run = cycling()
    fits("start", run.start_doc)
    send(fits, spectrum_documents(8344.0, of=run.start_doc["uid"]))
    fits.settle()
    assert published[-1][0] == "event"
    fits("stop", run.compose_stop())
    fits.settle()
    assert published[-1][0] == "stop"


def start_of(documents, **changes):
    documents[0] = ("start", {**documents[0][1], **changes})


def value_of(documents, value):
    name, doc = documents[5]
    documents[5] = (name, {**doc, "data": {**doc["data"], "i0": value}})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda documents: start_of(documents, experiment="no mapping"),
        lambda documents: start_of(documents, element=None),
        lambda documents: start_of(documents, element="Xx"),
        lambda documents: start_of(documents, valence={}),
        lambda documents: value_of(documents, "text"),
        lambda documents: value_of(documents, {}),
        lambda documents: value_of(documents, [1.0, 2.0]),
        lambda documents: documents.__setitem__(5, ("event", {"descriptor": documents[1][1]["uid"]})),
        lambda documents: documents.pop(1),
    ],
)
def test_a_corrupt_run_costs_itself_alone(published, spoil):
    fits = EdgeFits(lambda name, doc: published.append((name, doc)))
    start = cycling().start_doc
    fits("start", start)
    corrupt = list(spectrum_documents(8333.0, of=start["uid"]))
    uid = corrupt[0][1]["uid"]
    spoil(corrupt)
    send(fits, corrupt)
    sound = list(spectrum_documents(8333.0, of=start["uid"]))
    send(fits, sound)
    results = [doc["data"] for name, doc in published if name == "event"]
    assert results[-1]["measurement_run"] == sound[0][1]["uid"]
    assert results[-1]["verdict"] == "good"
    assert all(each["verdict"] != "good" for each in results if each["measurement_run"] == uid)


def test_a_first_scan_without_a_foil_in_the_beam_is_not_what_later_ones_are_aligned_to(fits, published):
    documents = list(spectrum_documents(8344.0))
    for name, doc in documents:
        if name == "event":
            doc["data"]["ir"] = 0.5 * doc["data"]["it"]
    send(fits, documents)
    send(fits, spectrum_documents(8344.0))
    send(fits, spectrum_documents(8344.0, shift_ev=1.3))
    first, second, third = results(published)
    assert "the reference foil shows no edge" in first["reason"]
    assert second["foil_shift_ev"] == 0.0
    assert third["foil_shift_ev"] == pytest.approx(1.3, abs=0.05)


def test_a_fit_of_an_element_that_no_table_has_becomes_a_verdict_without_an_edge(fits, published):
    documents = list(spectrum_documents(8344.0))
    documents[0][1]["element"] = "Xx"
    send(fits, documents)
    assert results(published)[-1]["verdict"] == "failed"
    assert np.isnan(results(published)[-1]["tabulated_edge_ev"])


def test_runs_of_another_technique_are_left_alone_without_a_word(published, caplog):
    router = EdgeFits(lambda name, doc: published.append((name, doc)))
    send(router, [("start", cycling().start_doc)])
    documents = list(spectrum_documents(8334.0))
    start = {**documents[0][1], "technique": "xrd"}
    del start["element"], start["edge"]
    send(router, [("start", start), *documents[1:]])
    router.settle()
    assert published == []
    assert caplog.records == []
