"""The shipped experiment of three techniques: what it asks for, how it queues, what the pages show of it."""

import re
import tomllib
from pathlib import Path

import operando.experiment
import pytest
from operando.experiment.conversion import measurements_of
from operando.experiment.dead_time import expected_settings
from operando.experiment.estimate import measurement_estimates, rehearsal_s
from operando.experiment.instrument import check_instruments, wanted_devices
from operando.experiment.measurement_file import measured_tables
from operando.experiment.reading import read_experiment
from operando.experiment.wanted_devices import WantedDevices
from operando.plans.duration import Timing

SHIPPED = Path(operando.experiment.__file__).parent / "nmc811-three.toml"
ROOT = SHIPPED.parents[1]
LONGEST_S = 8 * 60.0


@pytest.fixture(scope="module")
def experiment():
    return read_experiment(SHIPPED)


def toml_blocks(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_spectra_frames_and_tomograms_of_one_cell_fit_one_simulated_beamline(experiment):
    settings = expected_settings(experiment)
    check_instruments(experiment, settings)
    wanted = wanted_devices(experiment)
    assert wanted == WantedDevices(camera=True, trigger_box=True, microscope=True)
    assert settings.devices.camera is not None


def test_what_is_asked_for_together_queues_and_the_tomogram_comes_first(experiment):
    found = measurements_of(experiment, None, Timing())
    assert {each.on_miss for each in found} == {"queue"}
    assert max(found, key=lambda each: each.priority).name == "tomogram"


def test_its_rehearsal_is_estimated_to_be_short(experiment):
    estimates = measurement_estimates(experiment, Timing(start_s=2.0))
    assert [each.count for each in estimates if each.name == "tomogram"] == [3]
    assert rehearsal_s(experiment, estimates, experiment.rehearsal.speed) < LONGEST_S


def test_the_tutorial_shows_its_measurements_as_they_are():
    (shown,) = toml_blocks("docs/tutorials/three-techniques.md")
    assert shown in SHIPPED.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_page_shows_tables_that_the_file_has(page):
    (shown,) = toml_blocks(page)
    shipped = {each["name"]: each for each in tomllib.loads(SHIPPED.read_text())["measurements"]}
    tables = tomllib.loads(shown)["measurements"]
    assert {each["name"] for each in tables} == set(shipped)
    for table in tables:
        measured_tables()[table["technique"]].model_validate(table)
        assert table.items() <= shipped[table["name"]].items()
