"""Charge neutrality against the published table of layered oxides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from operando.simulated_beamline.physics.valence import (
    COMPOSITIONS,
    MOLAR_MASS_G_MOL,
    theoretical_capacity_mah_g,
    valences,
)

LITHIUM_FULL = {"Li-rich": 1.2}


def states(name, lithium_content):
    return valences(COMPOSITIONS[name], lithium_content, lithium_full=LITHIUM_FULL.get(name, 1.0)).metals


@pytest.mark.parametrize(
    ("name", "initial"),
    [("NMC111", 2.0), ("NMC532", 2.4), ("NMC622", 2.667), ("NMC811", 2.875), ("LNO", 3.0)],
)
def test_pristine_nickel_has_the_tabulated_valence(name, initial):
    assert states(name, 1.0)["Ni"] == pytest.approx(initial, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "removed"),
    [("NMC111", 0.667), ("NMC532", 0.80), ("NMC622", 0.80), ("NMC811", 0.90), ("Li-rich", 0.267)],
)
def test_nickel_reaches_four_plus_when_the_table_says(name, removed):
    full = LITHIUM_FULL.get(name, 1.0)
    assert states(name, full - removed + 0.01)["Ni"] < 4.0
    assert states(name, full - removed - 0.001)["Ni"] == pytest.approx(4.0)


def test_cobalt_waits_for_nickel():
    assert states("NMC811", 0.2)["Co"] == pytest.approx(3.0)
    assert states("NMC811", 0.05)["Co"] == pytest.approx(3.5)


@given(
    name=st.sampled_from(sorted(COMPOSITIONS)),
    share=st.floats(0.0, 1.0),
    overlap=st.floats(0.0, 1.0),
)
def test_the_formula_unit_is_always_neutral(name, share, overlap):
    full = LITHIUM_FULL.get(name, 1.0)
    found = valences(COMPOSITIONS[name], share * full, lithium_full=full, oxygen_overlap=overlap)
    cations = sum(COMPOSITIONS[name][metal] * valence for metal, valence in found.metals.items())
    assert share * full + cations + 2.0 * found.oxygen == pytest.approx(0.0, abs=1e-9)
    assert max(found.metals.values()) <= 4.0 + 1e-9
    assert found.oxygen >= -2.0 - 1e-9


def test_oxygen_gives_what_the_metals_cannot():
    found = valences(COMPOSITIONS["Li-rich"], 0.4, lithium_full=1.2)
    assert found.metals["Co"] == pytest.approx(4.0)
    assert found.oxygen == pytest.approx(-1.8)


def test_overlap_moves_charge_from_cobalt_to_oxygen_beyond_half():
    alone = valences(COMPOSITIONS["LCO"], 0.3)
    shared = valences(COMPOSITIONS["LCO"], 0.3, oxygen_overlap=0.5)
    assert alone.metals["Co"] - shared.metals["Co"] == pytest.approx(0.1)
    assert valences(COMPOSITIONS["LCO"], 0.6, oxygen_overlap=0.5).oxygen == pytest.approx(-2.0)


def test_a_percentage_is_refused_with_the_range():
    with pytest.raises(ValueError, match=r"lithium_content 50.* 0 to 1"):
        valences(COMPOSITIONS["LNO"], 50.0)


def test_an_unknown_metal_is_named():
    with pytest.raises(ValueError, match="'Fe'"):
        valences({"Fe": 1.0}, 0.5)


@pytest.mark.parametrize(
    ("name", "capacity"),
    [
        ("LNO", 274.5),
        ("LCO", 273.8),
        ("NMC111", 277.9),
        ("NMC532", 277.6),
        ("NMC622", 276.5),
        ("NMC811", 275.5),
        ("NCA", 278.9),
        ("Li-rich", 314.3),
    ],
)
def test_capacity_is_that_of_the_table(name, capacity):
    computed = theoretical_capacity_mah_g(COMPOSITIONS[name], lithium_full=LITHIUM_FULL.get(name, 1.0))
    assert computed == pytest.approx(capacity, rel=1e-3)


def test_molar_masses_agree_with_the_tables_of_absorption():
    xraydb = pytest.importorskip("xraydb")
    for element, mass in MOLAR_MASS_G_MOL.items():
        assert xraydb.atomic_mass(element) == pytest.approx(mass, rel=1e-3)
