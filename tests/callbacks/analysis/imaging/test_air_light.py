"""Light told from air in the images: an error of the beam monitor moves no edge."""

import numpy as np
import pytest
from chemical_stack import ENERGY, spectra
from operando.callbacks.analysis.imaging import (
    AirVerdict,
    EnergyImage,
    absorption_stack,
    air_light,
    xanes_maps,
)

SIDE = 40
HALF_EV = 8344.0
# As a monitor errs: by chance, and in a saw-tooth where several energies share their flats.
ERROR = 4e-3 * np.random.default_rng(8).normal(size=ENERGY.size) + 3e-3 * (np.arange(ENERGY.size) % 3)


def specimen(air_rows, thinnest=0.05):
    """Optical depth of a wedge below rows of air."""
    one = spectra(np.full((1, 1), HALF_EV))[:, 0, 0]
    amount = np.linspace(thinnest, 1.0, SIDE - air_rows)
    amount = np.concatenate([np.zeros(air_rows), amount])[:, None] * np.ones(SIDE)
    return one[:, None, None] * amount


def seen(depth, error=ERROR, noise=0.004):
    rng = np.random.default_rng(2)
    return (depth + error[:, None, None] + noise * rng.normal(size=depth.shape)).astype(np.float32)


def test_the_light_that_the_monitor_missed_is_that_of_the_air():
    found = air_light(seen(specimen(12)))
    assert found.verdict is AirVerdict.AIR
    assert 100 < found.air.sum() < 12 * SIDE
    assert not found.air[11:].any()
    assert found.sigma.max() < 5e-4
    assert np.abs(found.offset - ERROR).max() < 5 * found.sigma.max()


def test_pixels_that_show_the_specimen_everywhere_leave_the_light_to_the_monitor():
    found = air_light(seen(specimen(0, thinnest=0.2)))
    assert found.verdict is AirVerdict.NO_AIR
    assert "must be" in found.reason
    assert not found.air.any()
    assert not found.offset.any()


def test_a_film_of_the_specimen_over_all_of_the_picture_is_not_air():
    film = specimen(0, thinnest=0.2)
    film[:, :15] = 0.02 * film[:, -1:] / film[:, -1:].mean()
    found = air_light(seen(film, noise=0.001))
    assert found.verdict is AirVerdict.SPECIMEN
    assert "limit" in found.reason


def test_air_that_is_too_noisy_to_tell_the_light_is_not_used():
    found = air_light(seen(specimen(12), noise=0.06))
    assert found.verdict is AirVerdict.NO_AIR


def images(depth, light_ratio=1.0):
    flat = np.full((1, SIDE, SIDE), 5e4)
    return [
        EnergyImage(energy, 0.1, flat * np.exp(-one), flat, light_ratio)
        for energy, one in zip(ENERGY, depth, strict=True)
    ]


def below_the_air(pictures):
    """Rows of the specimen, in the type and layout of other tests' stacks: for each one is compiled."""
    return np.ascontiguousarray(pictures[:, 15:], dtype=np.float32)


@pytest.mark.parametrize(("air", "most_ev", "least_ev"), [(True, 0.02, 0.0), (False, np.inf, 0.05)])
def test_edges_stay_where_they_are_when_the_monitor_errs(air, most_ev, least_ev):
    stack = absorption_stack(images(seen(specimen(12), noise=0.0005)), align=False, air=air)
    assert stack.light.air.any() == air
    maps = xanes_maps(below_the_air(stack.absorption), stack.energy_ev, element="Ni")
    clean = xanes_maps(below_the_air(specimen(12)), ENERGY, element="Ni")
    moved_ev = np.abs(np.median((maps.half_step_ev - clean.half_step_ev)[5:]))
    assert least_ev <= moved_ev < most_ev
