"""Lattices of measured standards, within the tolerances of the table of measured data."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.xrd import (
    CU_KALPHA_A,
    LineShifts,
    fit_lattice,
    identify_phases,
    phase_from_cif,
    phase_from_sites,
    q_from_two_theta,
)

FIRST_A = CU_KALPHA_A[0]
OF_THE_REFERENCE_A = (1.5405, 1.5443)
"""K alpha of copper in GSAS-II unless told otherwise, the program that the pattern comes with."""
CERTIFIED_A = 4.156826
"""NIST SRM 660c at 22.5 C, expanded uncertainty 0.000080, on the scale of the metre as `CU_KALPHA_A` is."""
HEXABORIDE = phase_from_sites(
    "LaB6",
    space_group="P m -3 m",
    lattice=(4.157, 4.157, 4.157, 90, 90, 90),
    sites=[("La", 0, 0, 0, 1, 0.4), ("B", 0.1975, 0.5, 0.5, 1, 0.4)],
    q_max_per_a=8.2,
)


@pytest.fixture(scope="module")
def hexaboride(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    header, *rows = (shared_data / "xrd/lab_LaB6/NIST660CBI.gsas").read_text().splitlines()[1:]
    count, start, step = int(header.split()[2]), float(header.split()[5]), float(header.split()[6])
    text = "".join(row.ljust(80)[:80] for row in rows)
    counts = np.array([float(text[i : i + 8]) for i in range(0, 8 * count, 8)])
    return (start + step * np.arange(count)) / 100, counts


@pytest.fixture(scope="module")
def hexaboride_fit(hexaboride):
    """Fit with nothing but the plain settings of a diffractometer with a tube; each kind once."""
    two_theta_deg, counts = hexaboride

    @lru_cache
    def fit(wavelengths_a=CU_KALPHA_A, shift="displacement"):
        geometry = LineShifts.of_tube(wavelengths_a, (shift,))
        q = q_from_two_theta(two_theta_deg, wavelengths_a[0])
        return fit_lattice(q, counts, phase=HEXABORIDE, geometry=geometry)

    return fit


def test_lanthanum_hexaboride_with_displacement_has_the_lattice_of_the_reference_on_its_scale(hexaboride_fit):
    fit = hexaboride_fit(OF_THE_REFERENCE_A)
    assert fit.verdict == "good"
    assert fit.lattice[0] == pytest.approx(4.15683, abs=0.0002)


def test_on_the_scale_of_the_metre_the_certificate_is_between_both_explanations_of_the_shift(
    hexaboride_fit,
):
    # Displacement or zero shift is 1.9e-4 of a, thrice what the two scales of wavelength differ by: agreement
    # of one model on one scale decides nothing.
    displaced, zero = (hexaboride_fit(shift=each) for each in ("displacement", "zero"))
    assert zero.lattice[0] < CERTIFIED_A < displaced.lattice[0]
    assert displaced.lattice[0] - zero.lattice[0] < 0.0010
    assert displaced.lattice[0] == pytest.approx(CERTIFIED_A, abs=0.0005)
    assert zero.lattice[0] == pytest.approx(CERTIFIED_A, abs=0.0005)


def test_axial_divergence_is_that_of_another_program(hexaboride_fit):
    fit = hexaboride_fit()
    slit_and_sample_over_arm = 2 * np.sqrt(-3 * fit.shift_rad[-1])
    assert slit_and_sample_over_arm == pytest.approx(0.063, abs=0.001)  # GSAS-II, CWInstDemo tutorial
    assert fit.chi2_reduced < 2.5


def test_a_lattice_is_on_the_scale_of_its_wavelength(hexaboride_fit):
    ours, theirs = (hexaboride_fit(each) for each in (CU_KALPHA_A, OF_THE_REFERENCE_A))
    ratio = CU_KALPHA_A[0] / OF_THE_REFERENCE_A[0]
    assert ours.lattice[0] / theirs.lattice[0] == pytest.approx(ratio, abs=1e-5)


def test_a_zero_shift_in_its_place_gives_a_wrong_lattice(hexaboride_fit):
    fit = hexaboride_fit(OF_THE_REFERENCE_A, "zero")
    assert fit.lattice[0] == pytest.approx(4.1557, abs=0.0005)


def test_the_synchrotron_standard_has_its_lattice(shared_data):
    folder = shared_data / "xrd/11bm_NAC"
    lines = (folder / "11BM_NAC.fxye").read_text().splitlines()
    two_theta, counts, sigma = np.array([line.split() for line in lines if line[:1] == " "], dtype=float).T
    two_theta, wavelength = two_theta / 100, 0.413909
    some = (two_theta > 4) & (two_theta < 20)
    fit = fit_lattice(
        q_from_two_theta(two_theta[some], wavelength),
        counts[some],
        sigma[some],
        phase=phase_from_cif(folder / "NAC.cif"),
        geometry=LineShifts(wavelength, shifts=("zero",)),
        splines=16,
    )
    assert fit.lattice[0] == pytest.approx(10.25122, abs=0.0002)


def laboratory_pattern(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three points of a laboratory pattern in one: q in 1/angstrom, mean counts, standard deviations."""
    two_theta, counts = np.loadtxt(path, usecols=(0, 1)).T
    some = (two_theta > 12) & (two_theta < 75)
    whole = some.sum() // 3 * 3
    two_theta, counts = (each[some][:whole].reshape(-1, 3).mean(axis=1) for each in (two_theta, counts))
    return q_from_two_theta(two_theta, FIRST_A), counts, np.sqrt(counts / 3)


LABELLED = (
    "MnO_225", "TiO2_141", "Mn2O3_206", "LiF_225", "MnO2_136", "MnF2_136", "Li2O_225", "TiO2_136",
    "Li2MnO3_12", "LiMnO2_59", "LiMnO2_141",
)  # fmt: skip


@pytest.mark.slow
def test_labelled_phases_of_laboratory_patterns_are_found(shared_data):
    folder = shared_data / "xrd/lab_phases"
    library = [phase_from_cif(folder / f"References/{each}.cif", q_max_per_a=5.0) for each in LABELLED]
    geometry = LineShifts.of_tube()
    named, labels = 0, 0
    for path in sorted((folder / "Spectra").glob("*.xy")):
        found = identify_phases(*laboratory_pattern(path), library=library, geometry=geometry)
        formulas, wanted = {phase.name.split("_")[0] for phase in found.phases}, set(path.stem.split("+"))
        assert formulas >= wanted, path.stem
        named, labels = named + len(formulas), labels + len(wanted)
    assert labels == 12
    assert labels / named >= 0.75


OLIVINE = phase_from_sites(
    "LiFePO4",
    family="olivine",
    space_group="P n m a",
    lattice=(10.33, 6.01, 4.69, 90.0, 90.0, 90.0),
    sites=[
        ("Li", 0.0, 0.0, 0.0, 1.0, 1.0),
        ("Fe", 0.2822, 0.25, 0.9747, 1.0, 0.5),
        ("P", 0.0948, 0.25, 0.4182, 1.0, 0.5),
        ("O", 0.0968, 0.25, 0.7428, 1.0, 0.7),
        ("O", 0.4571, 0.25, 0.2060, 1.0, 0.7),
        ("O", 0.1656, 0.0465, 0.2848, 1.0, 0.7),
    ],
    source="Streltsov et al. (1993), Acta Cryst. B49, 147, rounded",
)
UNTOLD_WAVELENGTH_A = 0.4896
"""Nothing beside the patterns of the coin cell tells it: lattices are compared with each other only."""


def test_the_olivine_of_a_coin_cell_is_the_same_at_rest_and_shrinks_on_charge_as_it_should(shared_data):
    lattices = []
    for path in sorted((shared_data / "echem/datalab_insitu/coincell8_LDE2/xrd_data").glob("*.xye")):
        two_theta, counts, sigma = np.loadtxt(path).T
        some = (two_theta > 5.0) & (two_theta < 13.3)  # below the lines of the steel, which is there twice
        q = q_from_two_theta(two_theta[some], UNTOLD_WAVELENGTH_A)
        fit = fit_lattice(q, counts[some], sigma[some], phase=OLIVINE, splines=16)
        assert fit.verdict == "good"
        lattices.append(fit.lattice)
    rest, (charging,) = np.array(lattices)[:4], np.array(lattices)[4:]
    assert np.ptp(rest[:, 0]) < 0.001
    assert np.ptp(rest[:, 2]) < 0.001
    # FePO4 has 9.81, 5.79 and 4.78 angstrom: a and b shrink, c grows; here in the first minutes, at 3.58 V.
    change = charging - rest.mean(axis=0)
    assert -0.01 < change[0] < -0.002
    assert change[1] < 0 < change[2]
