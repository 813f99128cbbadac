"""Scenario files: those that come along are sound, wrong ones are refused by file and key."""

from importlib.resources import files

import numpy as np
import pytest
from operando.simulated_beamline.diffraction_scenario import build_area_detector
from operando.simulated_beamline.scenario import load_scenario, scenario_names

GOOD = (files("operando.simulated_beamline.scenarios") / "nmc811-first-charge.toml").read_text(
    encoding="utf-8"
)


def refused(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine\.toml") as caught:
        load_scenario(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "lno-first-charge",
        "nmc811-damaged-spot",
        "nmc811-electrode",
        "nmc811-first-charge",
        "nmc811-jelly-roll",
        "nmc811-particle",
    ],
)
def test_every_scenario_is_named_as_its_file_and_describes_a_cell(name):
    scenario = load_scenario(name)
    assert scenario.name == name
    voltage, _ = scenario.build_cell_parameters().curve.evaluate(
        np.array([scenario.cell.initial_lithium_content])
    )
    assert 3.0 < voltage[0] < 4.3


def test_the_list_of_names_is_complete():
    assert scenario_names() == (
        "lno-first-charge",
        "nmc811-damaged-spot",
        "nmc811-electrode",
        "nmc811-first-charge",
        "nmc811-jelly-roll",
        "nmc811-particle",
    )


def test_a_path_works_as_well_as_a_name(tmp_path):
    path = tmp_path / "copy.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_scenario(path) == load_scenario("nmc811-first-charge")


def test_the_electrode_has_the_loading_of_the_cell():
    scenario = load_scenario("nmc811-first-charge")
    loading = scenario.cell.active_mass_mg * 1e-3 / scenario.cell.area_cm2
    assert scenario.build_electrode().areal_density_g_cm2 == pytest.approx(loading)


def test_copper_takes_a_third_of_the_photons_and_nothing_of_the_edge():
    # 10 um at 8.96 g/cm3: 0.42 at the Ni K edge and 0.40 at 18 keV (Elam); its own K edge is at 8979 eV.
    energies = np.array([8300.0, 8333.0, 8740.0, 18000.0])
    without, with_copper = (
        load_scenario(name).build_cell_stack().absorbance(energies, 0.9)
        for name in ("nmc811-first-charge", "nmc811-electrode")
    )
    assert with_copper - without == pytest.approx([0.43, 0.42, 0.37, 0.40], abs=0.01)


def test_the_foil_appears_one_to_three_ev_too_high():
    crystals = load_scenario("nmc811-first-charge").build_monochromator()
    true = crystals.energy_ev(13.72)
    apparent = type(crystals)().energy_ev(13.72)
    assert 1.0 < apparent - true < 3.0


def test_damage_slows_only_the_illuminated_zone():
    cell = load_scenario("nmc811-damaged-spot").cell
    slowed = [zone.rate_factor < 1.0 for zone in cell.zones]
    assert slowed == [index == cell.spot_zone for index in range(len(cell.zones))]


def test_dose_of_a_rehearsal_harms_only_the_delicate_cell():
    rehearsal_mgy = 1.0
    for name in scenario_names():
        law = load_scenario(name).build_damage_law()
        slowed = rehearsal_mgy / law.dose_mgy
        assert slowed > 1.0 if name == "nmc811-damaged-spot" else slowed < 0.01


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(FileNotFoundError, match="nmc811-first-charge"):
        load_scenario("nmc118")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("active_mass_mg = 7.3", "active_mass_mg = -7.3", "cell.active_mass_mg"),
        ("active_mass_mg = 7.3", "active_mass = 7.3", "cell.active_mass"),
        ("initial_lithium_content = 0.93", "initial_lithium_content = 93", "cell.initial_lithium_content"),
        ("area_fraction = 0.94", "area_fraction = 0.90", "area_fraction of the zones sums to 0.96"),
        ("spot_zone = 1", "spot_zone = 2", "spot_zone 2 does not exist"),
        ("capacity_mah_g = 275.5", "capacity_mah_g = 200.0", "275.5 mA h/g for one lithium"),
        ("thickness_um = 15.0", "", "aluminium collector"),
        ('gas = "argon"', 'gas = "neon"', "ion_chambers.ir.gas"),
        ("[0.10, 2.815], [0.20, 2.815]", "[0.20, 2.815], [0.10, 2.815]", "rise in x"),
        ("seed = 811", "seed = 811 812", "not valid toml"),
    ],
)
def test_a_wrong_scenario_is_refused_with_file_and_key(tmp_path, old, new, key):
    assert old in GOOD
    assert key in refused(tmp_path, GOOD.replace(old, new, 1))


def test_a_scenario_cannot_be_changed():
    scenario = load_scenario("nmc811-first-charge")
    with pytest.raises(ValueError, match="frozen"):
        scenario.cell.active_mass_mg = 1.0


def test_a_scenario_without_diffraction_stays_valid(tmp_path):
    path = tmp_path / "without.toml"
    path.write_text(GOOD.partition("[diffraction]")[0], encoding="utf-8")
    scenario = load_scenario(path)
    assert scenario.diffraction is None
    with pytest.raises(ValueError, match=r"has no section \[diffraction\]"):
        build_area_detector(scenario)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('symmetry = "R-3m"', 'symmetry = "P4"', "diffraction.phases.0.symmetry"),
        ("[0.80, 2.853, 14.285]", "[0.80, 2.853]", "a row of R-3m has 3 numbers"),
        ("[0.80, 2.853, 14.285]", "[1.10, 2.853, 14.285]", "x must fall from row to row"),
        ("efficiency = 0.9", "efficiency = 1.9", "diffraction.detector.efficiency"),
        ('structure = "fcc"', 'structure = "hcp"', "diffraction.crystals.0.structure"),
    ],
)
def test_a_wrong_diffraction_is_refused_with_its_key(tmp_path, old, new, told):
    assert old in GOOD
    assert told in refused(tmp_path, GOOD.replace(old, new, 1))
