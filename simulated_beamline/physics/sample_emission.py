"""X-rays that a flat sample sends back to the side of the beam: K fluorescence, and scattered photons."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .attenuation import LOWEST_EV
from .emission_line import EmissionLine, emission_lines, fluorescence_yield

FloatArray = NDArray[np.float64]
Absorbance = Callable[[ArrayLike], FloatArray]
"""Absorbance across a layer at photon energies (eV)."""


@dataclass(frozen=True)
class Emission:
    """Photons that leave a sample in one direction, as if they went there into all of them.

    Attributes
    ----------
    energy_ev : ndarray, shape (k, m)
        Of each line, and of the scattered photons, at m energies of the beam.
    photons : ndarray, shape (k, m)
        For each photon that meets the sample, times 4 pi over the solid angle.
    """

    energy_ev: FloatArray
    photons: FloatArray


def no_emission(energy_ev: FloatArray) -> Emission:
    """Nothing in the beam, or nothing that a detector sees, at energies of the beam (m,)."""
    return Emission(np.empty((0, energy_ev.size)), np.empty((0, energy_ev.size)))


def no_cover(energy_ev: ArrayLike) -> FloatArray:
    """Absorbance of nothing in front of the layer."""
    return np.zeros(np.shape(energy_ev))


def flat_emission(
    energy_ev: FloatArray,
    *,
    exit_deg: float,
    k_absorbance: Mapping[str, FloatArray],
    layer: Absorbance,
    whole: Absorbance,
    scattering: FloatArray,
    cover: Absorbance = no_cover,
) -> Emission:
    """Emission of a homogeneous layer that the beam meets at a right angle, seen from the side of the beam.

    Parameters
    ----------
    energy_ev
        Of the beam, shape (m,).
    exit_deg
        Angle between surface and way out.
    k_absorbance
        By element: part of the layer's absorbance that is its K shell, shape (m,).
    layer, cover
        Absorbance, along the beam, of what emits and of what stands before it.
    whole
        Of all that scatters.
    scattering
        Elastic and Compton part of its absorbance, shape (m,).

    Returns
    -------
    Emission

    Notes
    -----
    A K vacancy gives `fluorescence_yield` photons, shared among the lines (Elam, Ravel and Sieber 2002). Beam
    and line are weakened in the layer by (1 - exp(-chi)) / chi, chi = A(beam) + A(line) / sin(exit): thick
    samples emit less where they absorb more (Troger et al., Phys. Rev. B 46 (1992) 3283), thin ones emit in
    proportion to what they absorb. Secondary fluorescence, L lines and lines below the tables are left out.

    Scattered photons keep the energy of the beam, and come from all of the sample as if it were mixed. The
    beam is polarised in the plane of beam and detector, hence the factor cos^2 over its mean, 2/3.
    """
    slant = 1.0 / math.sin(math.radians(exit_deg))
    lines = [line for element in k_absorbance for line in _k_lines(element)]
    line_ev = np.array([line.energy_ev for line in lines])
    made = np.array([k_absorbance[line.element] * _photons(line) for line in lines])
    made = np.maximum(made.reshape(len(lines), energy_ev.size), 0.0)
    chi = layer(energy_ev) + slant * layer(line_ev)[:, None]
    passed = np.exp(-cover(energy_ev) - slant * cover(line_ev)[:, None])
    polarised = 1.5 * math.cos(math.radians(90.0 + exit_deg)) ** 2
    scattered = polarised * scattering * escaping(whole(energy_ev) * (1.0 + slant))
    return Emission(
        np.vstack([np.broadcast_to(line_ev[:, None], made.shape), energy_ev]),
        np.vstack([made * escaping(chi) * passed, scattered]),
    )


def escaping(chi: FloatArray) -> FloatArray:
    """Share (1 - exp(-chi)) / chi of what is made in a layer that leaves it, chi being above 0."""
    safe = np.maximum(chi, 1e-12)
    return -np.expm1(-safe) / safe


def _k_lines(element: str) -> list[EmissionLine]:
    return [line for line in emission_lines(element) if line.shell == "K" and line.energy_ev >= LOWEST_EV]


def _photons(line: EmissionLine) -> float:
    """Photons of a line per vacancy of its shell."""
    return fluorescence_yield(line.element, line.shell) * line.share
