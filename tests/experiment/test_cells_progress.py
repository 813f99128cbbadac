"""The display of several cells tells of each what a user looks for."""

from documents import ExperimentDocuments, numbers
from operando.experiment.cells_progress import CellsProgress
from operando.experiment.progress import Progress
from rich.console import Console


def seen(progress):
    console = Console(width=100, force_terminal=False)
    with console.capture() as captured:
        console.print(progress)
    return captured.get()


def reference(batch):
    """Documents of a reference with one point, which says what the first cell was at."""
    run = batch._run(purpose="reference", reference="NiO", num_points=1)
    keys = ("cell_time", "cell_voltage", "mono_energy")
    stream = run.compose_descriptor(name="primary", data_keys=numbers(keys))
    yield "start", run.start_doc
    yield "descriptor", stream.descriptor_doc
    yield batch._event(stream, dict.fromkeys(keys, 1.0))
    yield "stop", run.compose_stop()


def pair():
    cells = {
        name: Progress(f"pair-{name}", 3600.0, expected_count=9, batch="pair") for name in ("left", "right")
    }
    return CellsProgress("pair", cells)


def test_each_cell_has_a_line_of_its_own():
    progress = pair()
    left, right = ExperimentDocuments(name="pair-left"), ExperimentDocuments(name="pair-right", seed=2)
    for name, doc in [*left.begin(), *left.cycle(), *right.begin(), *left.measure()]:
        progress(name, doc)
    rows = {line.split()[0]: line for line in seen(progress).splitlines() if line.strip()}
    assert "1 of ~9" in rows["left"]
    assert "0 of ~9" in rows["right"]
    assert f"{progress.cells['left'].cell['cell_voltage']:.3f}" in rows["left"]
    assert progress.cells["left"].uid == left.uid
    assert progress.cells["right"].uid == right.uid


def test_references_of_the_batch_are_those_of_every_cell_but_not_their_state():
    progress = pair()
    batch = ExperimentDocuments(name="pair")
    left = ExperimentDocuments(name="pair-left")
    for name, doc in [*reference(batch), *left.begin()]:
        progress(name, doc)
    assert [cell.references for cell in progress.each] == [1, 1]
    assert [cell.cell for cell in progress.each] == [{}, {}]
    assert progress.each[0].uid == left.uid
    assert progress.awaits_fits


def test_what_went_wrong_names_its_cell():
    progress = pair()
    left = ExperimentDocuments(name="pair-left")
    for name, doc in [*left.begin(), *left.cycle(), *left.measure(fail="no beam")]:
        progress(name, doc)
    assert "left: " in seen(progress)
    assert "missed: no beam" in seen(progress)
