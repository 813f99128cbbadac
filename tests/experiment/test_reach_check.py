"""What devices do not reach is refused before a cell is started, by the names of measurement and device."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from changed_file import changed_file
from operando.experiment.reach_check import check_reach
from operando.experiment.reading import read_experiment
from operando.experiment.toml_source import ExperimentFileError
from ophyd.utils import LimitError
from soft_nanoprobe import SoftNanoAxis

FOLDER = Path(__file__).resolve().parents[2] / "experiment"


class Limited:
    """What refuses values beyond its limits."""

    def __init__(self, name, low, high):
        self.name, self.low, self.high = name, low, high

    def check_value(self, value):
        if not self.low <= value <= self.high:
            raise LimitError(f"{self.name}: {value:g} is outside {self.low:g}..{self.high:g}")


@pytest.fixture
def beamline():
    """With a piezo that reaches 28 um."""
    stage = SimpleNamespace(x=SoftNanoAxis(), y=SoftNanoAxis(), rotation=Limited("rotation", -2.0, 2.0))
    mono = SimpleNamespace(energy=Limited("mono_energy", 8170.0, 25000.0))
    return SimpleNamespace(mono=mono, nanostage=stage, camera_arm=Limited("camera_arm", 50.0, 300.0))


@pytest.mark.parametrize("name", ["nmc811-map", "nmc811-rocking", "nmc811-xrd", "nmc811-fly"])
def test_what_ships_is_within_reach(beamline, name):
    check_reach(read_experiment(FOLDER / f"{name}.toml"), beamline)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (
            "xrd",
            'technique = "xrd"',
            'technique = "pdf"\ndistance_mm = 20.0',
            "diffraction: camera_arm: 20 is outside",
        ),
        (
            "map",
            "x_um = [-2.4, 2.4]",
            "x_um = [-13.0, 13.0]",
            "particle: nanostage_x: .* wider than the 28 um",
        ),
        (
            "map",
            "y_um = [-2.4, 2.4]",
            "y_um = [-15.0, 15.0]",
            "particle: nanostage_x: .* wider than the 28 um",
        ),
        ("map", "energy_ev = 9000.0", "energy_ev = 30000.0", "particle: mono_energy: 30000 is outside"),
        ("fly", "[-155, -45, 10, 0.2]", "[-200, -45, 10, 0.2]", "ni_k: mono_energy: 8133 is outside"),
        (
            "rocking",
            "angles_deg = [-0.85, 1.05]",
            "angles_deg = [-0.85, 3.0]",
            "tilts: rotation: 3 is outside",
        ),
    ],
)
def test_what_is_out_of_reach_is_refused_by_measurement_and_device(beamline, tmp_path, name, old, new, says):
    text = (FOLDER / f"nmc811-{name}.toml").read_text()
    path = changed_file(tmp_path / "x.toml", text, ((old, new),))
    with pytest.raises(ExperimentFileError, match=f"nmc811-.*: {says}"):
        check_reach(read_experiment(path), beamline)
