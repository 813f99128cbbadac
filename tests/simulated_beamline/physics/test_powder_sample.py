"""Powders on the sample holder: rings where their certificates say, and every photon accounted for."""

import numpy as np
import pytest
from operando.simulated_beamline.physics.absorption import Layer
from operando.simulated_beamline.physics.diffraction import (
    ELECTRON_RADIUS_ANGSTROM,
    Halo,
    Powder,
    halo_scattering,
)
from operando.simulated_beamline.physics.powder_sample import PowderSample, cubic_powder
from operando.simulated_beamline.physics.structure import form_factor, reflections

WALL, HALO = Layer("container", "C22H10N2O5", 0.0142), Halo(1.5, 0.4, 0.5)


def sample(name, **changes):
    given = {"areal_density_g_cm2": 0.04, "powder": Powder(60.0), "u_iso_angstrom2": 0.005}
    structure = cubic_powder(name) if name else None
    return PowderSample(structure, **(given | changes), container=WALL, halo=HALO, instrument_fwhm_deg=0.08)


@pytest.mark.parametrize(
    ("name", "first_lines_angstrom"),
    [
        ("LaB6", (4.15683, 2.93932, 2.39994)),
        ("CeO2", (3.12442, 2.70583, 1.91331)),
        ("Si", (3.13570, 1.92022, 1.63757)),
        ("Ni", (2.03447, 1.76190, 1.24585)),
    ],
)
def test_rings_stand_where_the_certificate_says(name, first_lines_angstrom):
    found = reflections(cubic_powder(name), 18000.0, 8.0)
    spacing = 2 * np.pi / found.q_per_angstrom[: len(first_lines_angstrom)]
    assert spacing == pytest.approx(first_lines_angstrom, abs=1e-4)


def test_at_high_q_rings_and_diffuse_scattering_add_up_to_independent_atoms():
    q = np.linspace(0.5, 20.0, 12000)
    powder = sample("Ni").pattern(q, 60000.0).even - halo_scattering(q, WALL, HALO)
    factor = form_factor("Ni", q)
    atoms = 0.04 * 6.02214076e23 * 1e-16 / 58.6934
    alone = atoms * ELECTRON_RADIUS_ANGSTROM**2 * (factor**2 + 28.0 - factor**2 / 28.0)
    high = q > 12.0
    assert powder[high].mean() == pytest.approx(alone[high].mean(), rel=0.02)


def test_an_empty_container_scatters_and_absorbs_by_itself():
    q = np.linspace(0.5, 10.0, 500)
    empty = sample(None)
    assert empty.pattern(q, 18000.0).even == pytest.approx(halo_scattering(q, WALL, HALO))
    assert 0.0 < empty.absorbance(18000.0)[0] < sample("Ni").absorbance(18000.0)[0]


def test_an_unknown_powder_is_refused():
    with pytest.raises(ValueError, match="known are LaB6, CeO2, Si, Ni"):
        cubic_powder("corundum")
