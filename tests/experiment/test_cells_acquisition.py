"""Which of several cells are gone on with, which are begun, and which are left alone."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import operando.experiment
import pytest
from event_model import compose_run
from operando.callbacks.tiled.journal import Journal
from operando.experiment.acquisition import AcquisitionError
from operando.experiment.cells_acquisition import choose_starts
from operando.experiment.cells_file import ManyCells
from operando.experiment.cells_rehearsal import simulated_cells
from operando.experiment.conversion import limits_of, protocol_of, triggers_of
from operando.experiment.reading import read_file
from operando.experiment.report import experiment_table
from operando.experiment.settings import DataRoot
from rich.console import Console

PAIR = Path(operando.experiment.__file__).parent / "nmc811-two-cells.toml"
BATCH = {"uid": "b" * 36, "name": "nmc811-pair"}


@pytest.fixture(scope="module")
def cells():
    found = read_file(PAIR)
    assert isinstance(found, ManyCells)
    return found


def station(state, uid):
    signals = {"state": state, "experiment_uid": uid}
    cell = {name: SimpleNamespace(get=lambda value=value: value) for name, value in signals.items()}
    return SimpleNamespace(cell=SimpleNamespace(**cell))


def stations(*cells):
    return SimpleNamespace(each=[station(*each) for each in cells])


def leave(folder, single, exit_status):
    """A cycling run of a cell with one sample, as an acquisition leaves it; gives the experiment's uid."""
    run = compose_run(
        metadata={
            "purpose": "cycling",
            "experiment": {"uid": f"uid-{single.experiment.name}", "name": single.experiment.name},
            "batch": BATCH,
            "protocol": protocol_of(single).to_dict(),
            "limits": asdict(limits_of(single)),
            "measurements": [{"name": name, "rule": rule} for name, rule in triggers_of(single).items()],
        }
    )
    keys = {key: {"source": "test", "dtype": "number", "shape": []} for key in ("cell_sample", "cell_time")}
    stream = run.compose_descriptor(name="electrochemistry", data_keys=keys)
    data = {"cell_sample": 3, "cell_time": 100.0}
    with Journal(folder, reserve_bytes=0, minimum_free_bytes=0) as journal:
        journal("start", run.start_doc)
        journal("descriptor", stream.descriptor_doc)
        journal("event", stream.compose_event(data=data, timestamps=dict.fromkeys(data, 0.0)))
        journal("stop", run.compose_stop(exit_status=exit_status))
    return f"uid-{single.experiment.name}"


def test_cells_that_stand_begin_together(cells, tmp_path):
    starts = choose_starts(cells, stations(("Stopped", ""), ("Stopped", "")), tmp_path)
    assert starts.batch["name"] == "nmc811-pair"
    assert [start.resume for start in starts.each.values()] == [None, None]
    assert len({start.uid for start in starts.each.values()} | {starts.batch["uid"]}) == 3


def test_cells_that_still_cycle_are_gone_on_with_in_their_batch(cells, tmp_path):
    uids = [leave(tmp_path, single, "abort") for single in cells.each]
    starts = choose_starts(cells, stations(*(("Running", uid) for uid in uids)), tmp_path)
    assert starts.batch == BATCH
    assert [start.uid for start in starts.each.values()] == uids
    assert [start.resume.last_sample for start in starts.each.values()] == [3, 3]


def test_one_that_was_followed_to_its_end_is_not_cycled_again_while_another_goes_on(cells, tmp_path):
    left = leave(tmp_path, cells.each[0], "success")
    right = leave(tmp_path, cells.each[1], "abort")
    starts = choose_starts(cells, stations(("Stopped", left), ("Running", right)), tmp_path)
    assert list(starts.each) == [1]


def test_one_that_was_not_begun_begins_beside_one_that_goes_on(cells, tmp_path):
    right = leave(tmp_path, cells.each[1], "abort")
    starts = choose_starts(cells, stations(("Stopped", ""), ("Running", right)), tmp_path)
    assert starts.batch == BATCH
    assert [start.resume is None for start in starts.each.values()] == [True, False]


def test_all_that_ended_begin_anew(cells, tmp_path):
    uids = [leave(tmp_path, single, "success") for single in cells.each]
    starts = choose_starts(cells, stations(*(("Stopped", uid) for uid in uids)), tmp_path)
    assert list(starts.each) == [0, 1]
    assert starts.batch != BATCH


def test_a_channel_that_runs_something_else_is_refused(cells, tmp_path):
    with pytest.raises(AcquisitionError, match="not nmc811-pair-right: stop it at the potentiostat"):
        choose_starts(cells, stations(("Stopped", ""), ("Running", "other")), tmp_path)


def test_the_name_of_all_cells_shows_every_one(cells, tmp_path):
    root = DataRoot(tmp_path)
    for single in cells.each:
        leave(root.journal, single, "success")
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(experiment_table(root, "nmc811-pair"))
    assert f"nmc811-pair {BATCH['uid']}: 2 cells" in captured.get()
    assert captured.get().count("cycling") == 2


def test_each_channel_of_the_simulated_cycler_has_its_cell_and_place(cells):
    assert cells.file.rehearsal is not None
    assert simulated_cells(cells, cells.file.rehearsal) == [
        "nmc811-first-charge@0,0",
        "nmc811-first-charge@-7,0",
    ]
