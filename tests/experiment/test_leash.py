"""A helper process gives way as a whole session, and a process that may not say so still runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from operando.experiment.leash import AUTOGROUP, give_way

pytestmark = pytest.mark.system


def leashed(niceness, code):
    command = [sys.executable, "-m", "operando.experiment.leash", str(os.getpid()), str(niceness)]
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        start_new_session=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_process_is_nice_by_what_it_was_told():
    assert leashed(7, "import os; print(os.nice(0))") == str(os.nice(0) + 7)
    assert leashed(0, "import os; print(os.nice(0))") == str(os.nice(0))


@pytest.mark.skipif(not os.path.exists(AUTOGROUP), reason="this kernel does not schedule sessions as groups")
def test_its_session_gives_way_as_well():
    said = leashed(7, f"print(open({AUTOGROUP!r}).read())")
    assert said.endswith("nice 7")


def test_a_niceness_that_is_refused_does_not_keep_a_process_from_running(tmp_path):
    refusing = tmp_path / "autogroup"
    refusing.mkdir()
    code = f"from operando.experiment.leash import give_way; give_way(3, {str(refusing)!r}); print('runs')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "runs"


def test_a_session_that_is_told_is_written_once(tmp_path, monkeypatch):
    told = Path(tmp_path / "autogroup")
    told.write_text("/autogroup-1 nice 0")
    monkeypatch.setattr(os, "nice", lambda _: 0)
    give_way(5, str(told))
    assert told.read_text() == "5"
