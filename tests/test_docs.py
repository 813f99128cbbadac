"""The documentation says what is so: its code runs, its commands, keys, links and pages exist."""

import ast
import doctest
import importlib
import re
import tomllib
from pathlib import Path

import pytest
import typer
from docs_tables import accepted, default, rows_below
from documents import whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.experiment import (
    acquisition_file,
    burst_file,
    camera_file,
    camera_reference,
    cells_file,
    coherent_file,
    energy_image_file,
    file,
    measurement_file,
    onset_file,
    position_file,
    raster_file,
    tomogram_file,
    trigger_file,
    turn_file,
)
from operando.experiment.cells_file import ManyCells
from operando.experiment.cli import app
from operando.experiment.reading import read_file

ROOT = Path(__file__).resolve().parents[1]
PAGES = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "docs").rglob("*.md")}
PAGES |= {name: ROOT / name for name in ("README.md", "CONTRIBUTING.md")}
WRITTEN = {name: path.read_text(encoding="utf-8") for name, path in sorted(PAGES.items())}

WITH_DATA = ("docs/tutorials/first-rehearsal.md",)
"""Pages whose code needs a data root that holds an experiment."""

ALONE = (
    "docs/reference/analysis.md",
    "docs/reference/plans.md",
    "docs/how-to/measure-a-cell-at-rest.md",
    "docs/how-to/measure-several-cells.md",
    "docs/how-to/what-happens-to-my-cell.md",
    "docs/how-to/write-a-protocol.md",
)
"""Pages whose code needs nothing but the package."""

ELSEWHERE = (
    "README.md",
    "docs/index.md",
    "docs/tutorials/three-techniques.md",
    "docs/how-to/add-a-reference-phase.md",
    "docs/how-to/calibrate-the-camera.md",
    "docs/how-to/make-a-valence-map.md",
    "docs/how-to/map-one-particle.md",
    "docs/how-to/rock-one-particle.md",
    "docs/how-to/reconstruct-with-a-coherent-beam.md",
    "docs/how-to/scan-an-edge-on-the-fly.md",
    "docs/how-to/watch-a-tomogram.md",
    "docs/how-to/measure-diffraction.md",
    "docs/how-to/radiographs-of-a-runaway.md",
    "docs/how-to/open-an-experiment.md",
    "docs/how-to/import-measured-spectra.md",
    "docs/how-to/merge-a-cycler-file.md",
    "docs/how-to/read-a-cycler-file.md",
)
"""Pages whose code a test of its own runs, or that needs measured data."""

WITH_EXAMPLES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for room in ("bridge", "devices", "plans", "callbacks", "experiment", "simulated_beamline")
    for path in (ROOT / room).rglob("*.py")
    if re.search(r"^ *>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)

DOCUMENTED = sorted(set(re.findall(r"^::: operando\.(\w+)", "\n".join(WRITTEN.values()), re.M)))
"""Rooms whose docstrings are in the reference."""

FILE_TABLES = {
    "File": file.ExperimentFile,
    "[experiment]": file.NameSection,
    "Onset of a phase": onset_file.OnsetSection,
    "[cell]": file.CellSection,
    "[cell.stage]": file.StageSection,
    "Several cells": cells_file.ManyCellsFile,
    "[[cells]]": cells_file.MountedCellSection,
    "[changer]": cells_file.ChangerSection,
    "[limits]": file.LimitsSection,
    "[watchdog]": file.WatchdogSection,
    "[protocol.record]": file.RecordSection,
    "[protocol]": file.ProtocolSection,
    "Cycle": file.CycleSection,
    "Rest": file.RestStep,
    "Constant current": file.ConstantCurrentStep,
    "Constant voltage": file.ConstantVoltageStep,
    "Constant power": file.ConstantPowerStep,
    "Voltage ramp": file.VoltageRampStep,
    "Potentiostatic impedance": file.PotentiostaticImpedanceStep,
    "Galvanostatic impedance": file.GalvanostaticImpedanceStep,
    "Wait for trigger": file.WaitForTriggerStep,
    "Trigger out": file.TriggerOutStep,
    "Loop": file.LoopStep,
    "GITT": file.GittStep,
    "PITT": file.PittStep,
    "Cyclic voltammetry": file.CyclicVoltammetryStep,
    "Total scattering": measurement_file.PdfFile,
    "Place": measurement_file.PlaceFile,
    "[camera_calibration]": camera_file.CameraCalibrationFile,
    "[camera_references]": camera_reference.CameraReferencesFile,
    "[acquisition]": acquisition_file.AcquisitionSection,
    "State": acquisition_file.StateFile,
    "[acquisition.relaxation]": acquisition_file.RelaxationFile,
    "[[measurements]]": measurement_file.XanesFile,
    "Diffraction": measurement_file.XrdFile,
    "Map": raster_file.MapFile,
    "Rocking map": raster_file.RockingFile,
    "Ptychography": coherent_file.PtychographyFile,
    "Bragg CDI": coherent_file.BcdiFile,
    "Tomogram": tomogram_file.TomographyFile,
    "positions": position_file.PositionFile,
    "volume": turn_file.AskedVolume,
    "Images of an edge": energy_image_file.XanesImagingFile,
    "Tomograms of an edge": energy_image_file.SpectroTomographyFile,
    "Burst": burst_file.RadiographyFile,
    "Fly scan": measurement_file.FlyXanesFile,
    "grid": measurement_file.GridFile,
    "trigger": trigger_file.TriggerFile,
    "[calibration]": measurement_file.CalibrationFile,
    "[[references]]": measurement_file.ReferenceFile,
    "[policies]": file.PoliciesSection,
    "[beam]": file.BeamSection,
    "[rehearsal]": file.RehearsalSection,
}

COMMANDS = typer.main.get_command(app).commands


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language in a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", WRITTEN[page], re.DOTALL | re.MULTILINE)


def shell_lines(page: str) -> list[str]:
    """Commands in the blocks of a page for a shell, continued lines joined, without prompt and comment."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    console = "\n".join(blocks(page, "console")).replace("\\\n", " ")
    typed = [line.removeprefix("$ ") for line in console.splitlines() if line.startswith("$ ")]
    return [line.partition("  #")[0].strip() for line in [*text.splitlines(), *typed] if line.strip()]


def run_blocks(page: str) -> dict[str, object]:
    """Run the Python of a page in one namespace, each block named in a traceback."""
    names: dict[str, object] = {}
    for number, block in enumerate(blocks(page, "python"), start=1):
        exec(compile(block, f"{page}, block {number}", "exec"), names)
    return names


@pytest.mark.parametrize("page", WITH_DATA)
def test_code_of_a_page_runs_where_an_experiment_was(page, tmp_path, monkeypatch):
    with Journal(tmp_path / "operando-data" / "journal", minimum_free_bytes=0) as journal:
        for record in whole_experiment(name="nmc811-first-charge", spectra=2, points=30):
            journal(*record)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPERANDO_DATA", raising=False)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names = run_blocks(page)
    assert len(names["fits"]) == len(names["spectra"].measurement) == 2


@pytest.mark.parametrize("page", ALONE)
def test_code_of_a_page_runs(page):
    assert run_blocks(page)


def test_every_page_with_code_is_run():
    with_code = {page for page in WRITTEN if blocks(page, "python")}
    assert with_code == {*WITH_DATA, *ALONE, *ELSEWHERE}


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_docstrings_are_true(name):
    outcome = doctest.testmod(importlib.import_module(f"operando.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def prose_among_parameters(docstring: str) -> list[str]:
    """Sentences where names of parameters belong, such as "The others are those of ..."."""
    found = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n---|\Z)", docstring, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\S.*\.$", found[1], re.MULTILINE) if found else []


@pytest.mark.parametrize("room", DOCUMENTED)
def test_only_parameters_stand_among_the_parameters_of_a_docstring(room):
    """`make docs` takes the words of any other line for names, and fails."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / room).rglob("*.py"))
    documented = (ast.ClassDef, ast.FunctionDef)
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, documented)]
    assert [line for node in nodes for line in prose_among_parameters(ast.get_docstring(node) or "")] == []


@pytest.mark.parametrize("heading", FILE_TABLES)
def test_reference_of_the_experiment_file_lists_every_key_with_default_and_limits(heading):
    written = rows_below(WRITTEN["docs/reference/experiment-file.md"], heading)
    fields = FILE_TABLES[heading].model_fields
    assert {key: cells[:2] for key, cells in written.items()} == {
        key: [default(field), accepted(field)] for key, field in fields.items()
    }


def test_reference_of_the_command_line_lists_every_command():
    headings = re.findall(r"^## operando (\S+)$", WRITTEN["docs/reference/command-line.md"], re.MULTILINE)
    assert headings == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_reference_of_a_command_lists_its_arguments_and_options(name):
    written = rows_below(WRITTEN["docs/reference/command-line.md"], f"operando {name}")
    expected = {}
    for parameter in COMMANDS[name].params:
        is_option = parameter.param_type_name == "option"
        spelled = " / ".join([*parameter.opts, *parameter.secondary_opts])
        told = spelled if is_option else parameter.name.upper()
        expected[told] = ["yes" if parameter.required else "", parameter.help]
    assert written == expected


@pytest.mark.parametrize("page", WRITTEN)
def test_commands_in_a_page_exist_with_their_options(page):
    for line in shell_lines(page):
        found = re.search(r"(?:^|/| )operando (\S+)(.*)", line)
        if found is None or found[1].startswith("-"):
            continue
        known = {
            option for each in COMMANDS[found[1]].params for option in (*each.opts, *each.secondary_opts)
        }
        used = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", found[2])) - {"--help"}
        assert used <= known, line


@pytest.mark.parametrize("page", WRITTEN)
def test_targets_of_make_in_a_page_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {word for line in shell_lines(page) if line.startswith("make ") for word in line.split()[1:]}
    assert {word for word in used if "=" not in word} <= targets


@pytest.mark.parametrize("page", WRITTEN)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", WRITTEN[page])
    lost = [one for one in targets if "://" not in one and not (PAGES[page].parent / one).exists()]
    assert lost == []


def test_the_home_page_leads_to_every_page_but_the_decisions():
    linked = set(re.findall(r"\]\(([^)#\s]+)", WRITTEN["docs/index.md"]))
    pages = {name.removeprefix("docs/") for name in WRITTEN if name.startswith("docs/")}
    assert {name for name in pages if "/decisions/" not in name} - {"index.md"} <= linked


@pytest.mark.parametrize("page", ["write-an-experiment", "measure-a-cell-at-rest", "measure-several-cells"])
def test_whole_experiment_files_in_the_pages_are_accepted(page, tmp_path):
    page = f"docs/how-to/{page}.md"
    whole = [block for block in blocks(page, "toml") if "[experiment]" in block]
    assert whole
    for number, block in enumerate(whole):
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        found = read_file(path)
        assert (found.file if isinstance(found, ManyCells) else found).measurements


@pytest.mark.parametrize("page", WRITTEN)
def test_toml_in_a_page_can_be_read(page):
    for block in blocks(page, "toml"):
        tomllib.loads(block)


def test_every_page_is_in_the_navigation():
    navigation = set(
        re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    )
    assert navigation == {page.removeprefix("docs/") for page in WRITTEN if page.startswith("docs/")}


def test_home_page_says_what_the_readme_says():
    core = [WRITTEN[page].split("## Read on")[0] for page in ("README.md", "docs/index.md")]
    assert core[0].replace("](docs/", "](") == core[1]
