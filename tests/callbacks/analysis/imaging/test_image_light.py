"""Light told from how depth goes with thickness: an error of the beam monitor moves no edge."""

import numpy as np
import pytest
from chemical_stack import ENERGY, spectra
from operando.callbacks.analysis.imaging import (
    EnergyImage,
    ImageLight,
    LightVerdict,
    absorption_stack,
    image_light,
    light_sigma_ev,
    valence_map,
    xanes_maps,
)
from operando.callbacks.analysis.xas import calibrate_valence
from scipy.ndimage import gaussian_filter

SIDE = 48
MISSED = 2e-3 * np.random.default_rng(8).normal(size=ENERGY.size)
"""By the beam monitor, image by image; in a saw-tooth, as where several energies share flats; smoothly."""
SAW_TOOTH = 3e-3 * (np.arange(ENERGY.size) % 3)
DRIFT = 2e-2 * ((ENERGY - 8333.0) / 150.0) ** 2


def rough(seed, least, most):
    """Smooth random picture between two values."""
    picture = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 3.0)
    return least + (most - least) * (picture - picture.min()) / np.ptp(picture)


def specimen(least=0.15, seed=1, air_rows=0):
    """Optical depth of a specimen whose valence varies, of this thickness at least, below rows of air."""
    amount = rough(seed, least, 0.6)
    amount[:air_rows] = 0.0
    return amount * spectra(rough(seed + 100, 8343.6, 8344.4), step=1.0)


def seen(depth, missed=MISSED, noise=0.003):
    noisy = depth + noise * np.random.default_rng(2).normal(size=depth.shape)
    return (noisy + missed[:, None, None]).astype(np.float32)


def beside_own(offset, depth):
    """What of an offset is not the specimen's own spectrum or its background: only that moves edges."""
    own = np.stack([depth.mean(axis=(1, 2)), (ENERGY / 8333.0) ** -2.8], axis=1)
    return offset - own @ np.linalg.lstsq(own, offset, rcond=None)[0]


@pytest.mark.parametrize("missed", [MISSED, MISSED + SAW_TOOTH, MISSED + DRIFT])
def test_the_light_that_the_monitor_missed_is_told_without_air(missed):
    depth = specimen()
    found = image_light(seen(depth, missed), ENERGY)
    assert found.verdict is LightVerdict.TOLD
    left = beside_own(missed - found.offset, depth)
    assert np.sqrt(np.mean(left**2)) < 8e-4
    assert found.flicker == pytest.approx(np.std(MISSED), rel=0.8)


def test_pixels_of_air_tell_the_light_better():
    whole, part = (image_light(seen(specimen(air_rows=rows)), ENERGY) for rows in (0, 12))
    assert np.trace(part.covariance) < 0.5 * np.trace(whole.covariance)
    assert np.sqrt(np.mean(beside_own(MISSED - part.offset, specimen()) ** 2)) < 3e-4


def test_pixels_that_are_all_alike_leave_the_light_to_the_monitor():
    found = image_light(seen(np.ones((SIDE, SIDE)) * spectra(np.array(8344.0), 0.4)[:, None, None]), ENERGY)
    assert found.verdict is LightVerdict.UNKNOWN
    assert "too much alike" in found.reason
    assert not found.offset.any()
    assert found.flicker > 0.5 * np.std(MISSED)


def test_a_few_images_tell_no_light():
    found = image_light(seen(specimen())[:8], ENERGY[:8])
    assert found.verdict is LightVerdict.UNKNOWN
    assert "8 energies" in found.reason


def images(depth):
    flat = np.full((1, SIDE, SIDE), 5e4)
    return [
        EnergyImage(energy, 0.1, flat * np.exp(-one), flat) for energy, one in zip(ENERGY, depth, strict=True)
    ]


def moved_ev(depth, missed, *, light):
    """Mean by which half steps are moved, and its sigma."""
    stack = absorption_stack(images(seen(depth, missed, 5e-4)), align=False, light=light)
    maps = xanes_maps(stack.absorption, ENERGY, element="Ni")
    clean = xanes_maps(depth.astype(np.float32), ENERGY, element="Ni")
    both = maps.mask & clean.mask
    assert np.median(maps.edge_step[both] / clean.edge_step[both]) == pytest.approx(1.0, abs=0.05)
    error = np.average((maps.half_step_ev - clean.half_step_ev)[both], weights=clean.edge_step[both])
    return float(error), light_sigma_ev(maps, ENERGY, stack.light)


@pytest.mark.parametrize("air_rows", [0, 12])
def test_edges_stay_where_they_are_when_the_monitor_errs(air_rows):
    told, untold = [], []
    for seed in range(3):
        missed = 2e-3 * np.random.default_rng(seed).normal(size=ENERGY.size) + SAW_TOOTH
        depth = specimen(seed=seed, air_rows=air_rows)
        told.append(moved_ev(depth, missed, light=True))
        untold.append(moved_ev(depth, missed, light=False))
    (error, sigma), raw = np.array(told).T, np.array(untold)[:, 0]
    assert np.abs(error).max() < 0.02
    assert (np.abs(error) < 3.0 * sigma).all()
    assert np.sqrt(np.mean(error**2)) < 0.4 * np.sqrt(np.mean(raw**2))


@pytest.fixture(scope="module")
def single():
    """One spectrum as a map, and light that is known to 0.002."""
    maps = xanes_maps(specimen()[:, :1, :1].astype(np.float32), ENERGY, element="Ni")
    known = 2e-3**2 * np.eye(ENERGY.size)
    own = specimen()[:, 0, 0]
    return maps, own, ImageLight(LightVerdict.TOLD, "", 0.0 * ENERGY, known, 2e-3, own)


def test_the_sigma_of_half_steps_is_by_how_much_such_light_scatters_them(single):
    maps, own, light = single
    many = own[:, None] + 2e-3 * np.random.default_rng(4).normal(size=(ENERGY.size, 2000))
    half_ev = xanes_maps(many[:, None].astype(np.float32), ENERGY, element="Ni").half_step_ev
    assert light_sigma_ev(maps, ENERGY, light) == pytest.approx(half_ev.std(), rel=0.1)


def test_valences_of_thin_pixels_are_less_certain_where_the_light_is(single):
    stack = (np.array([0.2, 0.8]) * single[1][:, None])[:, None].astype(np.float32)
    maps = xanes_maps(stack, ENERGY, element="Ni")
    scale = calibrate_valence([8342.0, 8344.0], [2.0, 3.0], element="Ni", energy_sigma_ev=1e-9)
    sigma = valence_map(maps, scale, light_sigma_ev=0.05).sigma[0]
    # Of the mean edge step it is 0.05 eV; a valence is 2 eV.
    assert sigma == pytest.approx([0.5 * 0.05 * 0.5 / 0.2, 0.5 * 0.05 * 0.5 / 0.8], rel=0.05)
