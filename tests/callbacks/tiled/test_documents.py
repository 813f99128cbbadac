"""The document factory of the tests makes valid documents."""

import event_model
import pytest
from documents import ExperimentDocuments, whole_experiment


def test_every_document_obeys_its_schema():
    for name, doc in whole_experiment(spectra=2, points=5):
        event_model.schema_validators[event_model.DocumentNames[name]].validate(doc)


@pytest.mark.parametrize(("stop", "open_runs"), [(True, 0), (False, 2)])
def test_runs_are_closed_or_left_open_as_asked(stop, open_runs):
    names = [name for name, _ in whole_experiment(spectra=3, points=4, stop=stop)]
    assert names.count("start") == 5
    assert names.count("start") - names.count("stop") == open_runs


def test_samples_are_numbered_without_gaps():
    writer = ExperimentDocuments()
    list(writer.begin())
    events = [*writer.cycle(3), *writer.cycle(2)]
    assert [doc["data"]["cell_sample"] for _, doc in events] == [0, 1, 2, 3, 4]
