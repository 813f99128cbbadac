"""Edges of every pixel: the house's definitions, errors within noise theory, others masked."""

import os
import subprocess
import sys

import numpy as np
import pytest
from chemical_stack import ENERGY, noisy_stack, spectra
from operando.callbacks.analysis.imaging import PixelVerdict, xanes_maps
from operando.callbacks.analysis.xas import fit_edge

SIZE = (48, 50)
NOISE = 0.01
NUMBERS = ("half_step_ev", "white_line_ev", "white_line_height", "edge_step")


@pytest.fixture(scope="module")
def half_ev() -> np.ndarray:
    return np.random.default_rng(3).uniform(8341.5, 8346.0, SIZE)


@pytest.fixture(scope="module")
def maps(half_ev):
    return xanes_maps(noisy_stack(half_ev, NOISE), ENERGY, element="Ni", post_degree=2)


@pytest.fixture(scope="module")
def clean(half_ev):
    """What the definitions give without noise."""
    return fit_edge(ENERGY, spectra(half_ev).reshape(ENERGY.size, -1).T, element="Ni")


def test_numbers_are_those_of_the_fit_of_single_spectra(half_ev, maps):
    stack = noisy_stack(half_ev, NOISE).astype(float)
    singly = fit_edge(ENERGY, stack.reshape(ENERGY.size, -1).T, element="Ni")
    assert maps.pre_window_ev == tuple(singly.pre_window_ev[0])
    assert maps.post_degree == singly.post_degree[0]
    for name, tolerance in zip(NUMBERS, (1e-3, 1e-3, 1e-3, 1e-3), strict=True):
        assert getattr(maps, name).ravel() == pytest.approx(getattr(singly, name), abs=tolerance)


@pytest.mark.parametrize("name", NUMBERS)
def test_errors_are_those_that_noise_theory_says(maps, clean, name):
    error = getattr(maps, name).ravel() - getattr(clean, name)
    pull = error / getattr(maps, f"{name}_sigma").ravel()
    assert maps.mask.all()
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    # The noise of a pixel is itself known from some thirty points only, which widens the pulls.
    assert 0.9 < pull.std() < 1.2


def test_noise_is_that_of_the_stack(maps):
    assert np.sqrt(np.mean(maps.noise**2)) == pytest.approx(NOISE / 0.8, rel=0.03)


def test_every_real_type_and_any_order_of_energies_give_the_same(half_ev, maps):
    stack = noisy_stack(half_ev, NOISE)
    shuffled = np.random.default_rng(5).permutation(ENERGY.size)
    again = xanes_maps(
        stack[shuffled].astype(float), ENERGY[shuffled], element="Ni", post_degree=2, workers=1
    )
    assert again.half_step_ev == pytest.approx(maps.half_step_ev, abs=1e-3)


def test_pixels_without_edge_or_data_are_told_apart():
    half = np.full((4, 300), 8344.0)
    stack = noisy_stack(half, NOISE)
    stack[:, 0] = 0.3 + NOISE * np.random.default_rng(2).normal(size=stack[:, 0].shape)
    stack[7, 1, 5] = np.nan
    stack[:, 2, :10] += 0.5 * np.random.default_rng(4).normal(size=(ENERGY.size, 10))
    found = xanes_maps(stack, ENERGY, element="Ni")
    assert (found.verdict[0] == PixelVerdict.NO_EDGE).mean() > 0.98
    assert found.verdict[1, 5] == PixelVerdict.NO_DATA
    assert np.isnan(found.half_step_ev[1, 5])
    assert not found.mask[2, :10].any()
    assert found.mask[3].all()
    assert found.mask[1, 6:].all()


@pytest.mark.parametrize("pixels", [ENERGY.size, 20])
def test_a_value_that_is_not_finite_leaves_a_pixel_without_data_at_whatever_energy_it_is(pixels):
    # So little noise that chemistry shows: at the edge no points are looked at for the noise.
    half = np.random.default_rng(6).uniform(8340.0, 8348.0, (2, pixels))
    stack = noisy_stack(half, 0.002)
    for first in range(0, ENERGY.size, pixels):
        spoilt = stack.copy()
        spoilt[first + np.arange(pixels), 1, np.arange(pixels)] = np.nan
        found = xanes_maps(spoilt, ENERGY, element="Ni")
        assert (found.verdict[1] == PixelVerdict.NO_DATA).all()
        assert found.mask[0].all()


def test_pixels_that_were_set_to_zero_take_nothing_from_the_others():
    half = np.random.default_rng(7).uniform(8342.0, 8346.0, (8, 64))
    stack = noisy_stack(half, NOISE)
    stack[:, :4] = 0.0
    found = xanes_maps(stack, ENERGY, element="Ni")
    assert (found.verdict[:4] == PixelVerdict.NO_EDGE).all()
    assert found.mask[4:].all()
    assert np.isfinite(found.white_line_ev_sigma[4:]).all()
    nothing = xanes_maps(np.zeros_like(stack), ENERGY, element="Ni")
    assert (nothing.verdict == PixelVerdict.NO_EDGE).all()


@pytest.mark.parametrize(
    ("stack", "energy", "words"),
    [
        (np.zeros((5, 4)), np.arange(5.0), "n_energies, rows, columns"),
        (np.zeros((80, 4, 4)), np.r_[ENERGY[:-1], ENERGY[0]], "repeated"),
        (np.zeros((80, 4, 4)), ENERGY / 1000, "keV"),
        (np.zeros((20, 4, 4)), 8330.0 + np.arange(20.0), "cannot be normalised"),
    ],
)
def test_stacks_that_cannot_be_used_are_refused_with_the_reason(stack, energy, words):
    with pytest.raises(ValueError, match=words):
        xanes_maps(stack, energy, element="Ni")


FIRST_TIME = """
import numpy as np
from operando.callbacks.analysis.imaging import xanes_maps
energy_ev = np.linspace(8200.0, 8650.0, 90)
stack = np.random.default_rng(0).normal(0.5, 0.01, (90, 64, 64)) + 0.5 * (energy_ev > 8340)[:, None, None]
print(xanes_maps(stack.astype(np.float32), energy_ev, element="Ni", workers=2).verdict.shape)
"""


@pytest.mark.slow
def test_two_threads_that_have_nothing_compiled_yet_make_maps(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_TIME], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.split() == ["(64,", "64)"], done.stderr
