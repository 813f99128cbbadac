"""What cannot be computed is refused by name, with what to give."""

import numpy as np
import pytest
from operando.callbacks.analysis.imaging import (
    cluster_spectra,
    mixture_maps,
    particle_table,
    reconstruct,
    xanes_maps,
)

ENERGY = np.arange(8250.0, 8500.0, 2.0)
STACK = np.ones((ENERGY.size, 4, 4))
PROJECTIONS, ANGLES = np.ones((8, 2, 16)), np.arange(8.0)
VOLUME = np.ones((4, 4, 4))


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (lambda: xanes_maps(STACK[:, :0], ENERGY, element="Ni"), "one pixel at least"),
        (lambda: mixture_maps(STACK, ENERGY, {}), r"references \(0,\)"),
        (lambda: cluster_spectra(STACK, 0), "0 clusters, 4 components; give 1 or more"),
        (lambda: cluster_spectra(STACK, 2), "all spectra are equal"),
        (lambda: particle_table(VOLUME, VOLUME.astype(int), pixel_um=0.0), "pixel_um = 0; give"),
        (lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, pixel_um=np.nan), "pixel_um = nan; give"),
        (
            lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, rings="some"),
            "give one of none, sorting, combined",
        ),
        (
            lambda: reconstruct(PROJECTIONS, ANGLES, centre=8, window="ham"),
            "'ham' is not known; give one of ramp",
        ),
    ],
)
def test_it_is_refused_by_name(work, says):
    with pytest.raises(ValueError, match=says):
        work()
