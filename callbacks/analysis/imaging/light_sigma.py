"""How far the uncertain light of images moves the half steps of a map, all together."""

from __future__ import annotations

import numpy as np

from ..xas.grid import FloatArray
from .image_light import ImageLight
from .xanes_map import XanesMaps, xanes_maps

CHANGE = 0.01
"""Of the light, in edge steps, by which a half step is moved to see how far."""


def light_sigma_ev(maps: XanesMaps, energy_ev: FloatArray, light: ImageLight) -> float:
    """Tell how uncertain the light leaves the mean half step of a map.

    Pixels are not independent in it: light moves the half steps of all one way, those of thin pixels most.

    Parameters
    ----------
    maps
        From `xanes_maps`, with at least one good pixel.
    energy_ev
        Rising, shape (n,), eV.
    light
        Of the same images.

    Returns
    -------
    float
        One standard deviation of the mean over good pixels, weighted by their edge step, eV; that of a pixel
        is as much larger as the mean edge step is above its own.
    """
    changes: FloatArray = CHANGE * np.ptp(light.spectrum) * np.eye(energy_ev.size)
    spectra: FloatArray = light.spectrum[:, None] + np.concatenate([changes, -changes], axis=1)
    seen = xanes_maps(
        spectra[:, None].astype(np.float32),
        energy_ev,
        element=maps.element,
        edge=maps.edge,
        pre_edge_ev=maps.pre_window_ev,
        post_edge_ev=maps.post_window_ev,
        post_degree=maps.post_degree,
        workers=1,
    )
    up, down = np.split(seen.half_step_ev[0], 2)
    step = float(seen.edge_step.mean()) / float(maps.edge_step[maps.mask].mean())
    moved: FloatArray = step * (up - down) / (2.0 * changes[0, 0])
    return float(np.sqrt(moved @ light.covariance @ moved))
