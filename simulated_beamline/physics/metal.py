"""Normalised K edge of 3d metal foils."""

# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from .attenuation import edge_energy_ev
from .crystal import FWHM_TO_RMS
from .edge_shape import K_SQUARED_PER_EV

FloatArray = NDArray[np.float64]

METAL_DENSITY_G_CM3: Mapping[str, float] = MappingProxyType({"Ni": 8.908, "Co": 8.90, "Mn": 7.47})
NEIGHBOUR_ANGSTROM: Mapping[str, float] = MappingProxyType({"Ni": 2.492, "Co": 2.507, "Mn": 2.60})


@dataclass(frozen=True)
class Rise:
    """A part of the edge of a metal: position (eV from the edge), rms width (eV), height."""

    offset_ev: float
    width_ev: float
    height: float


FIRST_RISE = Rise(0.0, 1.4, 0.33)
SECOND_RISE = Rise(11.5, 4.0, 0.67)
PEAKS = (Rise(16.5, 2.0, 0.12), Rise(25.0, 3.0, 0.1))


def normalised_metal_edge(energy_ev: FloatArray, element: str, resolution_ev: float) -> FloatArray:
    """Edge of height one of a close-packed 3d metal.

    A narrow first rise at the tabulated energy, where the derivative is largest, a second, wider one, two
    peaks and the fine structure of twelve neighbours.

    Parameters
    ----------
    energy_ev
        True energies, eV, shape (m,).
    element
        Ni, Co or Mn.
    resolution_ev
        Resolution of the beamline, FWHM.

    Returns
    -------
    ndarray
        Shape (m,).
    """
    relative = energy_ev - edge_energy_ev(element)
    blur = resolution_ev * FWHM_TO_RMS
    edge = np.zeros_like(relative)
    for rise in (FIRST_RISE, SECOND_RISE):
        width = np.hypot(rise.width_ev, blur)
        edge += rise.height * 0.5 * (1.0 + erf((relative - rise.offset_ev) / (width * np.sqrt(2.0))))
    for peak in PEAKS:
        edge += peak.height * np.exp(
            -0.5 * ((relative - peak.offset_ev) / np.hypot(peak.width_ev, blur)) ** 2
        )
    return edge + _fine_structure(relative, NEIGHBOUR_ANGSTROM[element])


def _fine_structure(relative_ev: FloatArray, distance_angstrom: float) -> FloatArray:
    wavenumber = np.sqrt(K_SQUARED_PER_EV * np.maximum(relative_ev, 1e-3))
    fade = 1.0 - np.exp(-((wavenumber / 2.8) ** 6))
    envelope = np.exp(-(((wavenumber - 6.5) / 4.5) ** 2) - 2.0 * 0.006 * wavenumber**2)
    phase = (2.0 * distance_angstrom - 0.7) * wavenumber
    return fade * 12.0 * 0.9 / distance_angstrom**2 * envelope * np.sin(phase) / wavenumber
