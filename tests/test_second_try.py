"""What a failed test of several processes looks at when it is tried again."""

import subprocess
import sys
from pathlib import Path

import second_try

MODULE = """
import pytest

FOLDER = pytest.importorskip("pathlib").Path(__file__).parent

def noted(name):
    with (FOLDER / name).open("a") as file:
        print(name, file=file)
    return len((FOLDER / name).read_text().split())

@pytest.fixture(scope="session")
def ports():
    return noted("ports")

@pytest.fixture(scope="module")
def measured(ports):
    yield noted("begun")
    noted("ended")

@pytest.mark.flaky(reruns=2)
def test_of_what_the_module_has_measured(measured):
    assert measured > 1

@pytest.mark.flaky(reruns=2)
@pytest.mark.parametrize("number", range(3))
def test_that_is_broken_for_good(measured, number):
    assert not measured
"""


def test_a_second_try_measures_anew_and_what_is_broken_for_good_does_so_twice_only(tmp_path):
    (tmp_path / "test_module.py").write_text(MODULE)
    plugins = ["-p", "second_try", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "--rootdir", str(tmp_path), str(tmp_path)]
    folder = str(Path(second_try.__file__).parent)
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": folder}, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout, done.stdout
    assert "3 failed" in done.stdout, done.stdout
    written = {name: len((tmp_path / name).read_text().split()) for name in ("ports", "begun", "ended")}
    assert written == {"ports": 1, "begun": 3, "ended": 3}
