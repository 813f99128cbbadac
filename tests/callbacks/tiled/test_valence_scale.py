"""Valence of a map of an edge: references count as the images would have seen them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from operando.callbacks.analysis.imaging import xanes_maps
from operando.callbacks.tiled.spectrum import Spectrum
from operando.callbacks.tiled.valence_scale import reference_scale, with_valence

FINE_EV = np.concatenate([np.arange(8180.0, 8310.0, 10.0), np.arange(8310.0, 8740.0, 1.0)])
IMAGES_EV = np.concatenate(
    [np.arange(8243.0, 8313.0, 15.0), np.arange(8333.0, 8363.5, 1.5), np.arange(8368.0, 8474.0, 15.0)]
)


def absorption(valence, energy_ev):
    """Edge with a white line and one wiggle behind it, which windows of other lengths see differently."""
    off = energy_ev - 8342.5 - 2.1 * (valence - 2.0)
    line = 0.7 * np.exp(-0.5 * ((off - 7.0) / 3.0) ** 2)
    wiggle = 0.12 * np.sin(np.clip(off - 20.0, 0.0, None) / 14.0) * np.exp(-np.clip(off, 0.0, None) / 150.0)
    return 0.3 - 2e-4 * (energy_ev - 8333.0) + 1 / (1 + np.exp(-off / 1.5)) + line + wiggle


def reference(valence, energy_ev=FINE_EV, fine=0.0):
    """Of a compound, with fine structure that only many points would tell from noise."""
    beyond = np.clip(energy_ev - 8367.5 - 2.1 * (valence - 2.0), 0.0, None)
    waves = fine * np.sin(beyond / 5.0) * np.exp(-beyond / 80.0)
    points = pd.DataFrame({"energy_ev": energy_ev, "mu": absorption(valence, energy_ev) + waves})
    start = {"uid": f"of {valence}", "reference": f"of {valence}", "element": "Ni", "edge": "K"}
    return Spectrum({**start, "valence": valence}, points, complete=True)


def maps(valences, light_sigma_ev=np.nan):
    stack = np.stack([absorption(each, IMAGES_EV) for each in valences], axis=1)[:, None]
    half = xanes_maps(stack, IMAGES_EV, element="Ni").half_step_ev
    verdict = np.zeros(half.shape)
    verdict[0, -1] = 1
    values = {"half_step_ev": half, "half_step_ev_sigma": 0.0 * half + 0.05, "verdict_code": verdict}
    values["edge_step"] = 1.0 + np.arange(half.size)[None]
    found = {key: (("map", "y", "x"), value[None]) for key, value in values.items()}
    return xr.Dataset({**found, "light_sigma_ev": ("map", [light_sigma_ev])}).chunk()


def test_valence_is_that_of_the_references_at_the_energies_of_the_images():
    truth = [2.0, 2.5, 3.0, 3.5]
    scale = reference_scale([reference(each) for each in (2.0, 3.0, 4.0)], IMAGES_EV)
    found = with_valence(maps(truth), scale)
    assert hasattr(found["valence"].data, "dask")
    assert found["valence"].values[0, 0, :3] == pytest.approx(truth[:3], abs=0.02)
    assert np.isnan(found["valence"].values[0, 0, 3])
    assert 0.02 < float(found["valence_sigma"][0, 0, 1]) < 0.05


def test_references_whose_fine_structure_passes_for_noise_make_a_scale_too():
    truth = [2.0, 2.5, 3.0, 3.5]
    scale = reference_scale([reference(each, fine=0.4) for each in (2.0, 3.0, 4.0)], IMAGES_EV)
    found = with_valence(maps(truth), scale)["valence"].values[0, 0, :3]
    assert found == pytest.approx(truth[:3], abs=0.05)


def test_light_that_all_pixels_share_is_in_the_sigma_of_each_by_how_thin_it_is():
    scale = reference_scale([reference(each) for each in (2.0, 3.0, 4.0)], IMAGES_EV)
    alone, lit = (
        with_valence(maps([2.5, 2.5, 2.5, 2.5], light), scale)["valence_sigma"].values[0, 0, :3] ** 2
        for light in (np.nan, 0.2)
    )
    added = np.sqrt(lit - alone)
    assert added == pytest.approx(added[0] / np.arange(1.0, 4.0), rel=0.05)
    assert added[1] == pytest.approx(0.2 / 2.1, rel=0.1)  # eV over eV per valence, at the mean edge step


def test_a_reference_that_does_not_reach_all_energies_does_not_count():
    short = reference(4.0, FINE_EV[FINE_EV < 8460.0])
    assert reference_scale([reference(2.0), short], IMAGES_EV) is None
    assert np.isnan(with_valence(maps([2.0, 3.0]), None)["valence"]).all()


def test_a_reference_without_an_edge_does_not_count():
    empty = reference(4.0)
    empty.points["mu"] = 0.1 * np.random.default_rng(1).normal(size=FINE_EV.size)
    of_two = [reference_scale([reference(2.0), reference(3.0), *more], IMAGES_EV) for more in ([], [empty])]
    assert of_two[0] == of_two[1]


def test_one_valence_alone_makes_no_scale():
    assert reference_scale([reference(3.0), reference(3.0)], IMAGES_EV) is None
