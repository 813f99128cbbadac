"""An experiment that runs in this process is shown from its journal."""

import io
import threading

import pytest
from documents import whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.experiment.live_display import THREAD, displayed
from operando.experiment.progress import Progress
from rich.console import Console


@pytest.mark.parametrize(("is_terminal", "shown"), [(True, True), (False, False)])
def test_what_the_journal_tells_is_shown_on_a_terminal(tmp_path, is_terminal, shown):
    said = io.StringIO()
    console = Console(file=said, force_terminal=is_terminal, width=80)
    documents = whole_experiment(spectra=2, points=5)
    with displayed(Progress("demo", 360.0), tmp_path, console), Journal(tmp_path) as journal:
        for name, doc in documents:
            journal(name, doc)
    assert ("2 done, 0 late, 0 missed" in said.getvalue()) is shown
    assert ("the protocol has ended" in said.getvalue()) is shown


def test_an_error_inside_ends_the_display_and_is_raised(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with pytest.raises(RuntimeError, match="away"), displayed(Progress("demo", 360.0), tmp_path, console):
        raise RuntimeError("beamline away")
    assert THREAD not in [thread.name for thread in threading.enumerate()]
