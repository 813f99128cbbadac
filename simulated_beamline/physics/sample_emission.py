"""X-rays that a flat sample sends back to the side of the beam: K fluorescence, and scattered photons."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .array import FloatArray
from .attenuation import LOWEST_EV
from .emission_line import EmissionLine, emission_lines, fluorescence_yield, scattering_cm2_g


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


def k_lines(elements: Iterable[str]) -> tuple[EmissionLine, ...]:
    """K lines of elements, element by element, that the tables of attenuation reach."""
    return tuple(
        line
        for element in elements
        for line in emission_lines(element)
        if line.shell == "K" and line.energy_ev >= LOWEST_EV
    )


def with_lines(energy_ev: FloatArray, lines: Sequence[EmissionLine]) -> FloatArray:
    """Energies of the beam (m,), then of the lines, eV: where `flat_emission` wants absorbances."""
    return np.concatenate([energy_ev, [line.energy_ev for line in lines]])


def flat_emission(
    energy_ev: FloatArray,
    lines: Sequence[EmissionLine],
    *,
    exit_deg: float,
    k_absorbance: Mapping[str, FloatArray],
    layer: FloatArray,
    whole: FloatArray,
    scattering: FloatArray,
    cover: FloatArray | float = 0.0,
) -> Emission:
    """Emission of a homogeneous layer that the beam meets at a right angle, seen from the side of the beam.

    Parameters
    ----------
    energy_ev
        Of the beam, shape (m,).
    lines
        k lines that the layer emits.
    exit_deg
        Angle between surface and way out.
    k_absorbance
        By element: part of the layer's absorbance that is its K shell, shape (m,) or longer.
    layer, cover
        Absorbance, along the beam, of what emits and of what stands before it, at `with_lines`, (m + k,).
    whole, scattering
        Absorbance of all that scatters, and the elastic and Compton part of it, shape (m,).

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
    slant, count = 1.0 / math.sin(math.radians(exit_deg)), energy_ev.size
    made = np.array([k_absorbance[line.element][:count] * _photons(line) for line in lines])
    made = np.maximum(made.reshape(len(lines), count), 0.0)
    chi = layer[:count] + slant * layer[count:, None]
    before = np.broadcast_to(cover, layer.shape)
    passed = np.exp(-before[:count] - slant * before[count:, None])
    polarised = 1.5 * math.cos(math.radians(90.0 + exit_deg)) ** 2
    scattered = polarised * scattering * escaping(whole * (1.0 + slant))
    line_ev = np.array([line.energy_ev for line in lines])
    return Emission(
        np.vstack([np.broadcast_to(line_ev[:, None], made.shape), energy_ev]),
        np.vstack([made * escaping(chi) * passed, scattered]),
    )


def escaping(chi: FloatArray) -> FloatArray:
    """Share (1 - exp(-chi)) / chi of what is made in a layer that leaves it, chi being above 0."""
    safe = np.maximum(chi, 1e-12)
    return -np.expm1(-safe) / safe


def _photons(line: EmissionLine) -> float:
    """Photons of a line per vacancy of its shell."""
    return fluorescence_yield(line.element, line.shell) * line.share


def scattering(fractions: Mapping[str, float], areal_density_g_cm2: float) -> FloatArray:
    """Absorbance that is elastic and Compton scattering, on the grid, of elements mixed by mass fraction."""
    return areal_density_g_cm2 * np.sum(
        [fraction * scattering_cm2_g(element) for element, fraction in fractions.items()], axis=0
    )
