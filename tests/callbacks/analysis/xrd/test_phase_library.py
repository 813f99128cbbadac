"""The reference library against its own numbers, and against strengths computed apart."""

import numpy as np
import pytest
import synthetic_patterns as synthetic
from operando.callbacks.analysis.xrd import load_library, phase_from_sites, read_phases
from operando.callbacks.analysis.xrd.phase import lattice_of

EVERY = load_library()


@pytest.mark.parametrize("phase", EVERY, ids=lambda phase: phase.name)
def test_a_lattice_survives_its_metric(phase):
    assert lattice_of(phase.metric, phase.system) == pytest.approx(phase.lattice, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "grams_per_cm3"),
    [
        ("Al", 2.70),
        ("Cu", 8.94),
        ("Be", 1.85),
        ("NiO", 6.81),
        ("Co3O4", 6.06),
        ("LiMn2O4", 4.28),
        ("graphite", 2.27),
        ("LNO", 4.78),
        ("LCO", 5.05),
        ("Li2CO3", 2.10),
        ("Li2MnO3", 3.90),
    ],
)
def test_densities_are_those_of_the_tables(name, grams_per_cm3):
    (phase,) = load_library([name])
    assert phase.density * 1.66054 == pytest.approx(grams_per_cm3, rel=0.02)


@pytest.mark.parametrize("name", ["H2", "LiMn2O4", "Li2MnO3", "LiC6", "LiOH"])
def test_strengths_are_those_of_a_sum_over_every_reflection(name):
    (phase,) = load_library([name])
    lattice = tuple(synthetic.entries()[name]["lattice"])
    hkl, power = synthetic.families(name, lattice)
    metric, _ = synthetic.reciprocal(lattice)
    q = np.sqrt(np.einsum("ni,ij,nj->n", hkl, metric, hkl))
    seen = (phase.q_per_a < 6.2) & (phase.relative_intensity > 2)
    partner = np.abs(q[:, None] - phase.q_per_a[seen]).argmin(axis=0)
    np.testing.assert_allclose(phase.strength[seen], (power / q**2)[partner], rtol=5e-3)


def test_superlattice_lines_of_lithium_manganese_oxide_are_where_they_were_measured():
    (phase,) = load_library(["Li2MnO3"])
    for q in (1.4746, 1.5406, 1.7146, 1.983):
        assert np.abs(phase.q_per_a - q).min() < 5e-4


def test_every_phase_says_where_its_numbers_come_from():
    assert all(len(phase.source) > 10 for phase in EVERY)


def test_an_unknown_phase_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no phase 'unobtainium'; there are .*NMC811"):
        load_library(["unobtainium"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lattice": (4.0, 4.5, 4.0, 90, 90, 90)}, "is not cubic, as its space group is"),
        ({"space_group": "R -3 m:H", "lattice": (2.87, 2.87, 14.2, 90, 90, 90)}, "is not hexagonal"),
        ({"lattice": (0, 0, 0, 90, 90, 90)}, "must be above 0"),
        ({"sites": [("Qq", 0, 0, 0, 1, 1)]}, "'Qq' is no element"),
        ({"sites": [("Al", 0, 0, 0, 1.5, 1)]}, "site Al has occupancy 1.5"),
        ({"sites": [("Al", 0, 0, 0, 1, -1)]}, "B -1"),
        ({"sites": [("Al", 0, 0, 0, 0, 1)]}, "look at the occupancies"),
    ],
)
def test_a_structure_that_cannot_be_is_refused(change, told):
    given = {"space_group": "F m -3 m", "lattice": (4, 4, 4, 90, 90, 90), "sites": [("Al", 0, 0, 0, 1, 1)]}
    with pytest.raises(ValueError, match=told):
        phase_from_sites("x", **(given | change))


def test_an_empty_cif_is_refused_with_its_name(tmp_path):
    (tmp_path / "empty.cif").touch()
    with pytest.raises(ValueError, match=r"empty\.cif: no CIF block"):
        read_phases(tmp_path / "empty.cif")


def test_an_unknown_space_group_is_refused():
    with pytest.raises(ValueError, match="space group 'Q 4' is unknown"):
        phase_from_sites("x", space_group="Q 4", lattice=(4, 4, 4, 90, 90, 90), sites=[("Al", 0, 0, 0, 1, 1)])
