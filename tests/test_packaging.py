"""The repository root is the package: each trap of that layout has its guard here."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("bridge", "callbacks", "devices", "experiment", "plans", "simulated_beamline")
SHARED = ("machine_code",)
"""Modules of the root: knowledge of no room, which analysis and simulation both use."""


def declared_packages() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return set(settings["tool"]["setuptools"]["packages"])


def packages_on_disk() -> set[str]:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    return {"operando"} | {".".join(("operando", *folder.relative_to(ROOT).parts)) for folder in folders}


def test_every_package_folder_is_declared():
    assert declared_packages() == packages_on_disk()


def test_every_folder_with_modules_is_a_package():
    bare = {
        path.parent
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert not bare


def test_no_stray_module_at_the_root_would_be_shipped():
    assert {path.stem for path in ROOT.glob("*.py")} == {"__init__", *SHARED}


def test_the_root_holds_a_docstring_and_the_version_only():
    import operando

    assert {name for name in vars(operando) if not name.startswith("__")} <= set(
        ROOMS + SHARED  # appear once imported
    )
    assert operando.__version__


@pytest.mark.slow
def test_the_wheel_holds_every_package_and_its_settings_files(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for pattern in ("*.py", "*.toml")
        for path in (ROOT / room).rglob(pattern)
    }
    assert {f"operando/{source}" for source in sources} <= names
    assert "operando/py.typed" in names
    assert not any(
        name.startswith(("operando/tests", "operando/docs", "operando/benchmarks")) for name in names
    )
