"""Every edge of the table of measured data, within its tolerance."""

from pathlib import Path

import numpy as np
import pytest
from operando.callbacks.analysis.xas import (
    fit_edge,
    foil_shift,
    linear_combination,
    principal_components,
)


@pytest.fixture(scope="module")
def xas(shared_data: Path) -> Path:
    return shared_data / "xas"


def transmission(path: Path) -> tuple[np.ndarray, np.ndarray]:
    energy, i0, it = np.loadtxt(path, usecols=(0, 1, 2)).T
    return energy, np.log(i0 / it)


@pytest.mark.parametrize(
    ("name", "field", "value", "tolerance"),
    [
        ("Co/co_metal_rt", "e0_ev", 7709.01, 0.3),
        ("Co/co_metal_rt", "edge_step", 3.988, 0.03 * 3.988),
        ("Co/co_metal_rt", "half_step_ev", 7716.66, 0.16),
        ("Ni/Ni_metal_rt_01", "e0_ev", 8331.53, 0.3),
        ("Ni/NiOH2_rt_01", "half_step_ev", 8342.77, 0.15),
        ("Ni/NiOH2_rt_01", "white_line_ev", 8350.16, 0.3),
        ("Ni/NiOH2_rt_01", "white_line_height", 1.574, 0.03 * 1.574),
        ("Ni/Ni2O3_rt_01", "half_step_ev", 8342.64, 0.15),
    ],
)
def test_nickel_and_cobalt_standards(xas, name, field, value, tolerance):
    found = fit_edge(*transmission(xas / f"XASDataLibrary/{name}.xdi"), element=name[:2])
    assert found.verdict == "good"
    assert getattr(found, field) == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize(
    ("name", "half_step_ev", "white_line_ev"),
    [
        ("MnO", 6544.25, 6554.35),
        ("Mn3O4", 6545.86, 6558.83),
        ("Mn2O3", 6548.54, 6558.98),
        ("MnO2", 6551.29, 6560.83),
    ],
)
def test_manganese_oxides_in_the_windows_of_the_table(xas, name, half_step_ev, white_line_ev):
    found = fit_edge(
        *transmission(xas / f"XASDataLibrary/Mn/{name}_rt_01.xdi"),
        element="Mn",
        pre_edge_ev=(-19, -8),
        post_edge_ev=(40, 90),
        post_degree=1,
    )
    assert found.verdict == "good"
    assert found.half_step_ev == pytest.approx(half_step_ev, abs=0.15)
    assert found.white_line_ev == pytest.approx(white_line_ev, abs=0.3)


@pytest.mark.parametrize(
    ("name", "half_step_ev"), [("MnO", 6544.25), ("Mn3O4", 6545.86), ("Mn2O3", 6548.54), ("MnO2", 6551.29)]
)
def test_xanes_alone_shrinks_the_default_windows_and_still_meets_the_table(xas, name, half_step_ev):
    found = fit_edge(*transmission(xas / f"XASDataLibrary/Mn/{name}_rt_01.xdi"), element="Mn")
    assert found.verdict == "good"
    assert found.post_degree == 1
    assert found.half_step_ev == pytest.approx(half_step_ev, abs=0.15)


@pytest.fixture(scope="module")
def athena(xas):
    larch_io = pytest.importorskip("larch.io", reason="Athena projects need the extra 'athena'")
    return lambda name: {
        group.label.strip(): group
        for group in larch_io.read_athena(str(xas / "xraylarch" / name)).groups.values()
    }


NIO_SHIFTS = {
    "000": 1.252, "001": 4.911, "002": 5.426, "003": 5.674, "004": 5.876,
    "006": 6.006, "007": 6.422, "008": 6.554, "009": 6.629, "010": 6.585,
}  # fmt: skip


@pytest.mark.slow
def test_foil_shifts_agree_with_those_stored_by_athena_and_align_the_oxide(athena):
    scans = athena("NiO.prj")
    reference = scans["Ref NiO"]
    half_steps = []
    for number, stored in NIO_SHIFTS.items():
        foil, sample = scans[f"Ref NiO.{number}"], scans[f"NiO.{number}"]
        shift = foil_shift(foil.energy, foil.mu, reference.energy, reference.mu)
        assert shift == pytest.approx(stored, abs=0.05)
        half_steps.append(fit_edge(sample.energy + shift, sample.mu, element="Ni").half_step_ev)
    assert np.mean(half_steps) == pytest.approx(8342.13, abs=0.10)
    assert np.std(half_steps) < 0.12


@pytest.mark.slow
def test_permanganate_is_flagged_because_its_edge_is_found_on_the_pre_edge_peak(athena):
    scans = athena("Mn_all.prj")
    found = fit_edge(scans["KMnO4"].energy, scans["KMnO4"].mu, element="Mn")
    assert found.verdict == "pre-edge peak"
    assert found.half_step_ev == pytest.approx(6541.2, abs=0.3)
    good = fit_edge(scans["MnO ground"].energy, scans["MnO ground"].mu, element="Mn")
    assert good.verdict == "good"


@pytest.fixture(scope="module")
def nickelate(xas) -> tuple[np.ndarray, np.ndarray]:
    files = sorted((xas / "perex_ROCK_LNO/op2_pos1").glob("*.txt"))
    columns = [np.loadtxt(file, usecols=(0, 1)) for file in files]
    return columns[0][:, 0], np.array([column[:, 1] for column in columns])


@pytest.mark.parametrize(("index", "half", "white"), [(0, 8344.762, 8352.51), (30, 8345.419, 8353.80)])
def test_operando_nickelate_at_rest_and_half_charged(nickelate, index, half, white):
    energy, spectra = nickelate
    found = fit_edge(energy, spectra[index], element="Ni")
    assert found.verdict == "good"
    assert found.half_step_ev == pytest.approx(half, abs=0.05)
    assert found.white_line_ev == pytest.approx(white, abs=0.15)


def test_edges_of_the_first_charge_of_the_nickelate_move_as_far_as_the_table_says(nickelate):
    energy, spectra = nickelate
    found = fit_edge(energy, spectra, element="Ni")
    assert set(found.verdict) == {"good"}
    assert np.ptp(found.half_step_ev) == pytest.approx(1.42, abs=0.1)
    assert np.ptp(found.white_line_ev) == pytest.approx(2.6, abs=0.2)
    assert np.ptp(found.e0_ev) == pytest.approx(3.4, abs=0.4)
    assert np.std(np.diff(found.half_step_ev, 2)) / np.sqrt(6) < 0.02


def test_charged_fractions_and_components_of_the_nickelate(nickelate):
    energy, spectra = nickelate
    window = (energy >= 8320) & (energy <= 8400)
    shares = linear_combination(
        spectra[[0, 10, 20, 30, 40, 50]][:, window], spectra[[0, 55]][:, window]
    ).shares
    assert shares[:, 1] == pytest.approx([0, 0.107, 0.237, 0.462, 0.768, 0.942], abs=0.02)
    variance = principal_components(spectra[:, window]).variance_share
    assert variance[0] == pytest.approx(0.9825, abs=0.003)
    assert variance[1] == pytest.approx(0.0166, abs=0.003)
    assert variance[2] == pytest.approx(0.00078, abs=0.0003)
