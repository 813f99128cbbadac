"""Normalised K-edge spectra of octahedral metal ions: edge, pre-edge, white line, fine structure."""

# pyright: reportMissingTypeStubs=false

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf

from .array import FloatArray

K_SQUARED_PER_EV = 0.2624682917
"""2 m / hbar^2 in 1/(A^2 eV)."""
LORENTZIAN_SHARE = 0.26
NEIGHBOURS = 6.0


@dataclass(frozen=True)
class Shell:
    """One shell of neighbours in the single-scattering formula.

    Attributes
    ----------
    amplitude : float
        Backscattering strength at k = 0, A, with the passive-electron factor.
    peak_per_angstrom, width_per_angstrom : float
        Gaussian envelope of the strength in k.
    sigma2_angstrom2 : float
        Mean square spread of the distance.
    phase, phase_slope_angstrom : float
        Total phase shift: phase + phase_slope k.
    """

    amplitude: float
    peak_per_angstrom: float
    width_per_angstrom: float
    sigma2_angstrom2: float
    phase: float
    phase_slope_angstrom: float

    def chi(self, wavenumber: FloatArray, distance_angstrom: float | FloatArray) -> FloatArray:
        """Fine structure of six neighbours at a distance, for wavenumbers (1/A) above 0."""
        envelope = ((wavenumber - self.peak_per_angstrom) / self.width_per_angstrom) ** 2
        damping = envelope + 2.0 * self.sigma2_angstrom2 * wavenumber**2
        turn = (2.0 * distance_angstrom + self.phase_slope_angstrom) * wavenumber + self.phase
        strength = NEIGHBOURS * self.amplitude / distance_angstrom**2
        return strength * np.exp(-damping) * np.sin(turn) / wavenumber


METAL_OXYGEN = Shell(0.535, 0.0, 5.29, 0.0087, 1.99, -0.959)
METAL_METAL = Shell(-0.712, 8.15, 3.85, 0.0095, -2.30, -0.834)
DIP_OFFSET_EV, DIP_HEIGHT, DIP_WIDTH_EV = 10.9, -0.175, 3.0
"""The dip between the white line of layered oxides and the multiple-scattering peak that follows it."""
FINE_STRUCTURE_ONSET_PER_ANGSTROM = 2.26


@dataclass(frozen=True)
class EdgeParameters:
    """What a normalised edge looks like; numbers, or arrays (n, 1) for n edges at once.

    Attributes
    ----------
    rise_ev, rise_width_ev : float or ndarray
        Middle and rms width of the absorption step.
    white_line_ev, white_line_height, white_line_width_ev : float or ndarray
        Centre, height above the step, rms width.
    pre_edge_ev, pre_edge_height, pre_edge_width_ev : float or ndarray
        The 1s-3d peak.
    metal_oxygen_angstrom, metal_metal_angstrom : float or ndarray
        Distances of the first two shells.
    """

    rise_ev: float | FloatArray
    rise_width_ev: float | FloatArray
    white_line_ev: float | FloatArray
    white_line_height: float | FloatArray
    white_line_width_ev: float | FloatArray
    pre_edge_ev: float | FloatArray
    pre_edge_height: float | FloatArray
    pre_edge_width_ev: float | FloatArray
    metal_oxygen_angstrom: float | FloatArray
    metal_metal_angstrom: float | FloatArray


def stack_parameters(parameters: list[EdgeParameters]) -> EdgeParameters:
    """Join n edges into one set of columns (n, 1), so that they are computed together."""
    columns = {
        field.name: np.array([[getattr(one, field.name)] for one in parameters], dtype=np.float64)
        for field in fields(EdgeParameters)
    }
    return EdgeParameters(**columns)


def normalised_edge(energy_ev: ArrayLike, shape: EdgeParameters) -> FloatArray:
    """Edge of height one with everything near it.

    Parameters
    ----------
    energy_ev
        True photon energies, eV, shape (m,).
    shape
        One edge, or n of them.

    Returns
    -------
    ndarray
        Shape (m,) for one edge, (n, m) for n.

    Notes
    -----
    Step: error function and arctangent mixed (a Voigt profile integrated); fine structure: the EXAFS
    equation of Sayers, Stern and Lytle (1971) with two shells, faded in above the white line.
    """
    energy = np.asarray(energy_ev, dtype=np.float64)
    rise = (energy - shape.rise_ev) / shape.rise_width_ev
    step = 0.5 + (1.0 - LORENTZIAN_SHARE) * 0.5 * erf(rise / np.sqrt(2.0))
    step = step + LORENTZIAN_SHARE * np.arctan(rise) / np.pi
    lines = _gaussian(energy, shape.white_line_ev, shape.white_line_width_ev, shape.white_line_height)
    lines = lines + _gaussian(energy, shape.pre_edge_ev, shape.pre_edge_width_ev, shape.pre_edge_height)
    lines = lines + _gaussian(energy, shape.white_line_ev + DIP_OFFSET_EV, DIP_WIDTH_EV, DIP_HEIGHT)
    return step + lines + fine_structure(energy, shape)


def fine_structure(energy_ev: FloatArray, shape: EdgeParameters) -> FloatArray:
    """EXAFS chi of both shells at energies (eV); zero below the rise of the edge."""
    above = np.maximum(energy_ev - shape.rise_ev, 1e-3)
    wavenumber = np.sqrt(K_SQUARED_PER_EV * above)
    fade = 1.0 - np.exp(-((wavenumber / FINE_STRUCTURE_ONSET_PER_ANGSTROM) ** 6))
    oxygen = METAL_OXYGEN.chi(wavenumber, shape.metal_oxygen_angstrom)
    return fade * (oxygen + METAL_METAL.chi(wavenumber, shape.metal_metal_angstrom))


def _gaussian(
    energy: FloatArray, centre: float | FloatArray, width: float | FloatArray, height: float | FloatArray
) -> FloatArray:
    return height * np.exp(-0.5 * ((energy - centre) / width) ** 2)
