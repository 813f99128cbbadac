"""Errors of edges are those that noise theory says, however far apart the points behind the edge lie."""

import numpy as np
import pytest
from chemical_stack import ENERGY, spectra
from operando.callbacks.analysis.imaging import xanes_maps

NOISE, STEP, PIXELS = 0.01, 0.8, 2400
PRE, EDGE = np.arange(8235.0, 8311.0, 15.0), np.arange(8336.0, 8356.0, 1.0)
GRIDS = {
    "fine": np.arange(8230.0, 8480.0, 1.5),
    "of the benchmark": ENERGY,
    "of 7 eV behind": np.concatenate([PRE, EDGE, np.arange(8362.0, 8450.0, 7.0)]),
    "of 12 eV behind": np.concatenate([PRE, EDGE, np.arange(8364.0, 8450.0, 12.0)]),
}


def with_waves(half_ev, energy):
    """Edges with the fine structure of a shell at 2.85 A (metal in an oxide), which moves with them."""
    behind = np.maximum(energy[:, None] - half_ev - 12.0, 0.0)
    wavenumber = 0.5123 * np.sqrt(behind)
    waves = 0.12 * np.sin(2 * 2.85 * wavenumber) * np.exp(-0.1 * wavenumber**2) * (behind > 0.0)
    return spectra(half_ev, STEP, energy) + STEP * waves


@pytest.mark.parametrize("name", list(GRIDS))
def test_scatter_over_sigma_is_one(name):
    energy = GRIDS[name]
    rng = np.random.default_rng(5)
    half_ev = rng.uniform(8342.5, 8344.5, PIXELS)
    clean = with_waves(half_ev, energy)
    noisy = clean + NOISE * rng.normal(size=clean.shape)
    found, true = (xanes_maps(one[:, None], energy, element="Ni") for one in (noisy, clean))
    assert found.mask.mean() > 0.99
    assert np.median(found.noise) == pytest.approx(NOISE / np.median(found.edge_step), rel=0.15)
    for key in ("half_step_ev", "edge_step", "white_line_height"):
        error = (getattr(found, key) - getattr(true, key))[found.mask]
        pull = error / getattr(found, f"{key}_sigma")[found.mask]
        assert 0.85 < pull.std() < 1.2, (key, pull.std())


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.03])
@pytest.mark.parametrize("spacing_ev", [0.5, 1.0])
def test_sigma_of_the_white_line_is_its_scatter_about_the_truth(spacing_ev, noise):
    energy = np.arange(8230.0, 8480.0, spacing_ev)
    rng = np.random.default_rng(1203)
    half_ev = rng.uniform(8341.5, 8346.0, PIXELS)
    stack = spectra(half_ev, STEP, energy) + noise * rng.normal(size=(energy.size, PIXELS))
    found = xanes_maps(stack[:, None], energy, element="Ni")
    error, sigma = found.white_line_ev[0] - half_ev, found.white_line_ev_sigma[0]
    told = np.isfinite(sigma)
    assert told.mean() > 0.9
    assert 0.88 < ((error - np.median(error)) / sigma)[told].std() < 1.15


def test_a_white_line_that_noise_hides_has_no_sigma():
    rng = np.random.default_rng(1204)
    half_ev = rng.uniform(8341.5, 8346.0, PIXELS)
    stack = spectra(half_ev, STEP) + 0.2 * rng.normal(size=(ENERGY.size, PIXELS))
    sigma = xanes_maps(stack[:, None], ENERGY, element="Ni").white_line_ev_sigma
    assert np.isfinite(sigma).mean() < 0.01
