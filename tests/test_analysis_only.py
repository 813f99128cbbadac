"""Who only analyses installs no acquisition, no servers and no optional readers: what they use needs none."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

USED = """
import operando.callbacks.analysis.xas, operando.callbacks.analysis.electrochemistry
import operando.callbacks.tiled.access, operando.callbacks.tiled.open_experiment
import operando.callbacks.export, operando.callbacks.plots.summary
import operando.experiment.cli
"""

IMPORTED_AS = {
    "ipython": "IPython",
    "pyfai": "pyFAI",
    "pyepics": "epics",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "xraylarch": "larch",
}


def absent_modules() -> list[str]:
    """Packages of every extra, by the names under which they are imported; parts of `tiled` by theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [each for extra in project["optional-dependencies"].values() for each in extra]
    names = {each.split(">=")[0].split("[")[0] for each in asked} - {"operando", "tiled", "msgpack"}
    return sorted({IMPORTED_AS.get(name, name).replace("-", "_") for name in names} | {"tiled.server"})


@pytest.fixture
def absent():
    names = absent_modules()
    assert {"bluesky", "ophyd", "caproto", "larch", "pybamm", "tiled.server"} <= set(names)
    return names


def run_without(absent, code, **options):
    hidden = f"import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", hidden + code], capture_output=True, text=True, check=False, **options
    )


def test_what_analysis_uses_is_imported_without_any_extra(absent):
    done = run_without(absent, USED)
    assert done.returncode == 0, done.stderr


def run_command(absent, arguments, root):
    code = f"from operando.experiment.cli import main; sys.argv = ['operando', *{arguments!r}]; main()"
    return run_without(absent, code, cwd=ROOT, env=os.environ | {"OPERANDO_DATA": str(root)})


def test_the_command_line_tells_what_it_can_do_without_any_extra(absent, tmp_path):
    done = run_command(absent, ["--help"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "import-xas" in done.stdout


@pytest.mark.parametrize("command", ["check", "rehearse"])
def test_a_command_that_knows_plans_says_which_extra_it_needs(absent, command, tmp_path):
    done = run_command(absent, [command, "experiment/nmc811.toml"], tmp_path)
    assert done.returncode != 0
    assert "operando[acquisition]" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
