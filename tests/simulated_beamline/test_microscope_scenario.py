"""Sections of a scenario file that describe what a microscope looks at."""

from importlib.resources import files

import h5py
import numpy as np
import pytest
from operando.simulated_beamline.imaging_scenario import build_imaged_specimen
from operando.simulated_beamline.iocs.microscope_exposure import MicroscopeScene
from operando.simulated_beamline.iocs.microscope_truth import write_truth
from operando.simulated_beamline.microscope_scenario import build_imaged_jelly_roll, build_packed_electrode
from operando.simulated_beamline.scenario import load_scenario

SHIPPED = files("operando.simulated_beamline.scenarios") / "nmc811-first-charge.toml"


def scenario_with(tmp_path, text):
    path = tmp_path / "scenario.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8") + text, encoding="utf-8")
    return load_scenario(path)


def test_a_file_says_how_the_electrode_is_packed(tmp_path):
    scenario = scenario_with(tmp_path, "\n[packed_electrode]\nparticles = 12\ndiameter_um = 8.0\nseed = 3\n")
    electrode = build_packed_electrode(scenario)
    assert electrode.count == 12
    assert electrode.recipe.outline.size_um == (16.0, 8.0, 8.0)
    np.testing.assert_array_equal(electrode.centre_um, build_packed_electrode(scenario).centre_um)


def test_a_file_says_what_cell_runs_away(tmp_path):
    scenario = scenario_with(tmp_path, "\n[jelly_roll]\ndiameter_mm = 4.0\nonset_degc = 150.0\n")
    imaged = build_imaged_jelly_roll(scenario)
    assert imaged.cell.diameter_mm == 4.0
    assert imaged.law.onset_degc == 150.0


@pytest.mark.parametrize(
    "text", ["[packed_electrode]\nsolid_fraction = 0.9\n", "[jelly_roll]\nbeam_ev = 8333.0\n"]
)
def test_numbers_out_of_range_are_refused_by_file_and_key(tmp_path, text):
    with pytest.raises(ValueError, match=r"scenario\.toml: 1 problem"):
        scenario_with(tmp_path, "\n" + text)


def test_the_electrode_stands_there_unless_balls_have_places():
    scenario = load_scenario("nmc811-electrode")
    assert build_imaged_specimen(scenario).specimen.electrode.count == 60
    balls = scenario.spheres.model_copy(update={"at_um": ((1.0, 2.0, 3.0, 0.5),)})
    assert build_imaged_specimen(scenario.model_copy(update={"spheres": balls})).spheres[0].radius_um == 0.5


def test_the_truth_of_an_electrode_is_written_at_the_energy_and_state_of_the_moment(tmp_path):
    scenario = load_scenario("nmc811-electrode")
    scene = MicroscopeScene(
        0.0, 0.0, 0.0, 0.0, 50.0, 1700.0, False, 8360.0, 1.0, 0.5, 1.0, 3.0, 1.0, float("nan")
    )
    path = tmp_path / "truth.h5"
    write_truth(path, build_imaged_specimen(scenario), scene, 0.0, 0.5)
    with h5py.File(path) as file:
        assert file["attenuation_per_um"].shape == (32, 32, 32)
        oxide = file["phase"][()] == 3
        assert file["lithium_content"][()][oxide].mean() == pytest.approx(0.5, abs=0.05)
        assert 3.0 < np.nanmean(file["valence/Ni"]) < 4.0
        assert file["attenuation_per_um"][()][oxide].mean() > 0.08
        assert file.attrs["cycles"] == 3.0
        assert 0 < np.count_nonzero(file["particles/is_radial"]) < 60
    with pytest.raises(ValueError, match="TRUTH_VOXEL_UM"):
        write_truth(path, build_imaged_specimen(scenario), scene, 0.0, 0.02)
