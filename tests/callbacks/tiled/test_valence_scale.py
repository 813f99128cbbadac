"""Valence of a map of an edge: references count as the images would have seen them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from operando.callbacks.analysis.xas import fit_edge
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


def reference(valence, energy_ev=FINE_EV):
    points = pd.DataFrame({"energy_ev": energy_ev, "mu": absorption(valence, energy_ev)})
    start = {"uid": f"of {valence}", "reference": f"of {valence}", "element": "Ni", "edge": "K"}
    return Spectrum({**start, "valence": valence}, points, complete=True)


def maps(valences):
    fits = [fit_edge(IMAGES_EV, absorption(each, IMAGES_EV), element="Ni") for each in valences]
    half = np.array([[fit.half_step_ev for fit in fits]])
    verdict = np.zeros(half.shape)
    verdict[0, -1] = 1
    values = {"half_step_ev": half, "half_step_ev_sigma": 0.0 * half + 0.05, "verdict_code": verdict}
    return xr.Dataset({key: (("y", "x"), value) for key, value in values.items()}).chunk()


def test_valence_is_that_of_the_references_at_the_energies_of_the_images():
    truth = [2.0, 2.5, 3.0, 3.5]
    scale = reference_scale([reference(each) for each in (2.0, 3.0, 4.0)], IMAGES_EV)
    found = with_valence(maps(truth), scale)
    assert hasattr(found["valence"].data, "dask")
    assert found["valence"].values[0, :3] == pytest.approx(truth[:3], abs=0.02)
    assert np.isnan(found["valence"].values[0, 3])
    assert 0.02 < float(found["valence_sigma"][0, 1]) < 0.05


def test_a_reference_that_does_not_reach_all_energies_does_not_count():
    short = reference(4.0, FINE_EV[FINE_EV < 8460.0])
    assert reference_scale([reference(2.0), short], IMAGES_EV) is None
    assert np.isnan(with_valence(maps([2.0, 3.0]), None)["valence"]).all()


def test_one_valence_alone_makes_no_scale():
    assert reference_scale([reference(3.0), reference(3.0)], IMAGES_EV) is None
