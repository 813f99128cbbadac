"""Normalised K edge of 3d metal foils."""

# pyright: reportMissingTypeStubs=false

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import erf

from .array import FloatArray
from .attenuation import edge_energy_ev
from .crystal import FWHM_TO_RMS
from .edge_shape import K_SQUARED_PER_EV, Shell

METAL_DENSITY_G_CM3: Mapping[str, float] = MappingProxyType({"Ni": 8.908, "Co": 8.90, "Mn": 7.47})
NEIGHBOUR_ANGSTROM: Mapping[str, float] = MappingProxyType({"Ni": 2.492, "Co": 2.507, "Mn": 2.60})


@dataclass(frozen=True)
class Rise:
    """A part of the edge of a metal: position (eV from the edge), rms width (eV), height."""

    offset_ev: float
    width_ev: float
    height: float


FIRST_RISE = Rise(-0.1, 1.39, 0.28)
SECOND_RISE = Rise(11.25, 7.0, 0.72)
PEAKS = (Rise(15.1, 2.39, 0.157), Rise(25.2, 1.49, 0.048), Rise(55.0, 8.0, -0.026))
"""Fitted to a nickel foil (APS 13-ID-C 2001, XASDataLibrary); its offset puts the largest slope at 0."""
SHELLS = (
    (1.0, Shell(1.25, 7.75, 3.41, 0.0082, -1.857, -0.617)),
    (3.0**0.5, Shell(1.61, 7.75, 3.41, 0.0082, -1.644, -0.617)),
)
"""Distance in units of the nearest neighbours', and strength; the second is the focused fourth shell."""
FINE_STRUCTURE_ONSET_PER_ANGSTROM = 2.32


def normalised_metal_edge(energy_ev: FloatArray, element: str, resolution_ev: float) -> FloatArray:
    """Edge of height one of a close-packed 3d metal.

    A narrow first rise at the tabulated energy, where the derivative is largest, a second, wider one, two
    peaks and the fine structure of two shells.

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
    chi = np.zeros_like(wavenumber)
    for ratio, shell in SHELLS:
        chi += shell.chi(wavenumber, ratio * distance_angstrom)
    return chi * -np.expm1(-((wavenumber / FINE_STRUCTURE_ONSET_PER_ANGSTROM) ** 6))
