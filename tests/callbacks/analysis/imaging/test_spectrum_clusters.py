"""Few spectra for many pixels: noise reduction, clusters and factors of known mixtures."""

import numpy as np
import pytest
from chemical_stack import ENERGY, spectra
from operando.callbacks.analysis.imaging import cluster_spectra, denoised, factorise_spectra

SIZE = (30, 40)
NOISE = 0.05


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy stack, clean stack and region of each pixel: three pure compounds side by side."""
    region = np.repeat([0, 1, 2], (20, 12, 8)) * np.ones((SIZE[0], 1), dtype=int)
    halves = np.array([8342.0, 8344.0, 8346.0])
    background = (0.5 - 4e-4 * (ENERGY - 8333.0))[:, None, None]
    clean = spectra(halves[region], 1.0) - background
    return clean + NOISE * np.random.default_rng(1).normal(size=clean.shape), clean, region


def test_principal_components_take_the_noise_out(known):
    stack, clean, _ = known
    error = denoised(stack, components=3) - clean
    assert error.std() < 0.35 * NOISE


def test_pixels_outside_the_mask_stay_out(known):
    mask = np.ones(SIZE, dtype=bool)
    mask[:5] = False
    assert np.isnan(denoised(known[0], components=2, mask=mask)[:, :5]).all()
    assert (cluster_spectra(known[0], 2, mask=mask).label[:5] == -1).all()


def test_clusters_are_the_compounds_with_little_noise(known):
    stack, clean, region = known
    found = cluster_spectra(stack, 3)
    assert (found.label == region).mean() > 0.99
    assert found.pixels.tolist() == pytest.approx([600, 360, 240], abs=5)
    for number, column in enumerate((0, 20, 32)):
        error = found.spectrum[number] - clean[:, 0, column]
        assert (error / found.spectrum_sigma[number]).std() == pytest.approx(1.0, abs=0.25)
    assert found.silhouette > 0.4


def test_factors_from_references_give_the_amounts_back(known):
    _, clean, _ = known
    rng = np.random.default_rng(3)
    share = rng.dirichlet([1.0, 1.0], SIZE)
    ends = np.stack([clean[:, 0, 0], clean[:, 0, 32]])
    stack = np.einsum("ijk,ke->eij", share, ends) + 0.01 * rng.normal(size=clean.shape)
    found = factorise_spectra(stack, 2, initial=ends)
    total = found.amount.sum(axis=0)
    assert np.abs(found.amount[0] / total - share[..., 0]).mean() < 0.05
    assert found.residual == pytest.approx(0.01, rel=0.2)


def test_too_few_pixels_are_refused(known):
    with pytest.raises(ValueError, match="widen the mask"):
        cluster_spectra(known[0], 3, mask=np.zeros(SIZE, dtype=bool))
