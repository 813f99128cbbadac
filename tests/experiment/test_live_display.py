"""An experiment that runs in this process is shown from its journal."""

import io
import threading

import pytest
from documents import whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.experiment.live_display import THREAD, displayed
from operando.experiment.progress import Progress
from rich.console import Console


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_the_journal_tells_is_shown_with_a_terminal_and_without(tmp_path, is_terminal):
    said = io.StringIO()
    console = Console(file=said, force_terminal=is_terminal, width=80)
    documents = whole_experiment(spectra=2, points=5)
    with displayed(Progress("demo", 360.0), tmp_path, console), Journal(tmp_path) as journal:
        for name, doc in documents:
            journal(name, doc)
    assert "2 done, 0 late, 0 missed" in said.getvalue()
    assert "the protocol has ended" in said.getvalue()


def test_an_error_inside_ends_the_display_and_is_raised(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with pytest.raises(RuntimeError, match="away"), displayed(Progress("demo", 360.0), tmp_path, console):
        raise RuntimeError("beamline away")
    assert THREAD not in [thread.name for thread in threading.enumerate()]


def test_an_output_that_takes_no_more_ends_the_display_and_not_the_experiment(tmp_path, caplog):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with (
        displayed(Progress("demo", 360.0), tmp_path, Console(file=Full(), width=80)),
        Journal(tmp_path) as journal,
    ):
        for name, doc in whole_experiment(spectra=1, points=5):
            journal(name, doc)
    assert "is not told any more: [Errno 28]" in caplog.text
