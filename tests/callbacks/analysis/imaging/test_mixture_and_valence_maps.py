"""Compounds and valence of every pixel: known mixtures, and a measured stack with two end members."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from chemical_stack import ENERGY, noisy_stack, spectra
from operando.callbacks.analysis.imaging import (
    cluster_spectra,
    mixture_maps,
    valence_histogram,
    valence_map,
    xanes_maps,
)
from operando.callbacks.analysis.xas import calibrate_valence
from operando.callbacks.analysis.xas.grid import deviation

SIZE = (40, 41)
NOISE = 0.02
FLAT = 8333.0


def ends() -> dict[str, np.ndarray]:
    """Normalised references: edges at 8342.4 and 8344.5 eV."""
    background = 0.5 - 4e-4 * (ENERGY - FLAT)
    return {
        name: spectra(np.float64(half), 1.0).ravel() - background
        for name, half in (("Ni2", 8342.4), ("Ni3", 8344.5))
    }


@pytest.fixture(scope="module")
def mixed() -> tuple[np.ndarray, np.ndarray]:
    """Stack and true share of Ni3, thick in the left part and with nothing in the right columns."""
    rng = np.random.default_rng(2)
    share = rng.uniform(0.05, 0.95, SIZE)
    thick = np.where(np.arange(SIZE[1]) < 30, 0.8, 0.0) * np.ones(SIZE)
    low, high = (one[:, None, None] for one in ends().values())
    clean = thick * ((1 - share) * low + share * high) + 0.3
    return clean + NOISE * rng.normal(size=clean.shape), share


def test_fractions_are_right_within_noise_theory(mixed):
    stack, share = mixed
    found = mixture_maps(stack, ENERGY, ends())
    pull = ((found.of("Ni3") - share) / found.fraction_sigma[1])[:, :30].ravel()
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    assert found.residual[:, :30].mean() == pytest.approx(NOISE, rel=0.05)


def test_fractions_are_never_negative_and_empty_pixels_are_masked(mixed):
    found = mixture_maps(mixed[0], ENERGY, ends())
    told = found.fraction[np.isfinite(found.fraction)]
    assert told.min() >= 0
    assert told.max() <= 1
    assert found.mask[:, :30].all()
    assert found.mask[:, 30:].mean() < 0.02


def test_the_constrained_fit_is_that_of_non_negative_least_squares(mixed):
    optimize = pytest.importorskip("scipy.optimize")
    stack = mixed[0][:, :3, 25:35]
    found = mixture_maps(stack, ENERGY, ends(), baseline_degree=-1)
    design = np.array(list(ends().values())).T
    for row in range(3):
        for column in range(10):
            amounts, rest = optimize.nnls(design, stack[:, row, column])
            assert found.amount[:, row, column] == pytest.approx(amounts, abs=1e-9)
            assert found.residual[row, column] * np.sqrt(ENERGY.size) == pytest.approx(rest)


def test_pixels_that_are_not_finite_have_no_fraction(mixed):
    stack = mixed[0].copy()
    stack[3, 4, 5] = np.nan
    found = mixture_maps(stack, ENERGY, ends())
    assert np.isnan(found.fraction[:, 4, 5]).all()
    assert not found.mask[4, 5]
    assert np.isfinite(found.fraction[:, 4, 6]).all()


def test_references_that_depend_on_each_other_are_refused(mixed):
    twice = ends() | {"again": ends()["Ni2"]}
    with pytest.raises(ValueError, match="Ni2, Ni3, again depend"):
        mixture_maps(mixed[0], ENERGY, twice)


@pytest.fixture(scope="module")
def valences():
    half = np.where(np.arange(64) < 32, 8342.4, 8344.5) * np.ones((60, 64))
    maps = xanes_maps(noisy_stack(half, 0.01), ENERGY, element="Ni")
    levels = xanes_maps(spectra(np.array([[8342.4, 8344.5]])), ENERGY, element="Ni").half_step_ev
    return valence_map(maps, calibrate_valence(levels.ravel(), [2.0, 3.0], element="Ni"))


def test_valence_of_two_halves_is_found(valences):
    assert valences.value[:, :32].mean() == pytest.approx(2.0, abs=0.01)
    assert valences.value[:, 32:].mean() == pytest.approx(3.0, abs=0.01)
    assert np.median(valences.sigma) < 0.06


def test_the_histogram_takes_the_noise_of_pixels_out_of_the_spread(valences):
    told = valence_histogram(valences.value[:, :32], valences.sigma[:, :32])
    assert told.share.sum() == pytest.approx(1.0)
    assert told.spread < 0.5 * valences.value[:, :32].std()
    both = valence_histogram(valences.value, valences.sigma)
    assert both.mean == pytest.approx(2.5, abs=0.01)
    assert both.spread == pytest.approx(0.5, abs=0.01)


@pytest.fixture(scope="module")
def iron(shared_data: Path, tmp_path_factory) -> dict[str, np.ndarray]:
    """Optical density (123, 125, 125) at the Fe L edge, end members and the published mask of particles."""
    packed = shared_data / "xas/stetef_nanoXANES/ALS_STXM_FeL_71214078_aligned.tar.xz"
    if not packed.is_file():
        pytest.skip("no measured stack")
    folder = tmp_path_factory.mktemp("stack")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    inner = folder / "71214078_FigS4/Aligned"
    energy, incident = np.loadtxt(inner / "i0.xsp").T
    counts = np.stack([np.loadtxt(name) for name in sorted(inner.glob("*.xim"))])
    lines = (inner / "mask_file.msk").read_text().splitlines()
    return {
        "energy": energy,
        "density": np.log(incident[:, None, None] / counts),
        "oxidized": np.loadtxt(inner / "oxidized.t")[:, 1],
        "reduced": np.loadtxt(inner / "reduced.t")[:, 1],
        "mask": np.array([[letter == "O" for letter in line.ljust(125)] for line in lines]),
    }


def test_a_measured_stack_is_its_two_end_members_to_the_level_of_noise(iron):
    ends_of_iron = {name: iron[name] for name in ("oxidized", "reduced")}
    found = mixture_maps(iron["density"], iron["energy"], ends_of_iron)
    particles = iron["mask"]
    assert found.mask[particles].mean() > 0.99
    told = found.fraction[:, particles]
    assert told.min() >= 0
    assert told.max() <= 1
    assert told.sum(axis=0) == pytest.approx(1.0)
    # Both end members are there as such.
    assert np.percentile(told[0], 2) < 0.15
    assert np.percentile(told[0], 98) > 0.95
    off = deviation(iron["energy"], iron["density"][:, particles].T)
    noise = 1.4826 * np.median(np.abs(off), axis=1)
    assert np.median(found.residual[particles] / noise) < 1.6


def test_clusters_of_a_measured_stack_hold_both_end_members(iron):
    before = iron["energy"] < 704.0
    raised = iron["density"] - iron["density"][before].mean(axis=0)
    area = raised[~before].mean(axis=0)
    thick = iron["mask"] & (area > np.percentile(area[iron["mask"]], 20))
    found = cluster_spectra(np.where(thick, raised, 1.0) / np.where(thick, area, 1.0), 5, mask=thick)
    pure = np.stack([iron["oxidized"], iron["reduced"]])
    alike = np.corrcoef(np.concatenate([found.spectrum, pure]))[:5, 5:]
    best = alike.argmax(axis=0)
    assert alike.max(axis=0).min() > 0.96
    assert best[0] != best[1]
    # Each is more like its own end member than like the other.
    assert alike[best[0], 0] > alike[best[0], 1] + 0.05
    assert alike[best[1], 1] > alike[best[1], 0] + 0.05
