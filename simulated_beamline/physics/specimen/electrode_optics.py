"""Attenuation and phase of what an electrode consists of, at one photon energy."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

import numpy as np

from ..absorption import Electrode, distance_at
from ..array import FloatArray
from ..attenuation import bare_and_jump_cm2_g, compound_cm2_g, element_cm2_g, interpolate
from ..edge_shape import normalised_edge, stack_parameters
from ..ion import IONS, ResolutionLaw, edge_parameters

CONTENT_STEPS = 64
"""Lithium contents at which the edge is computed; linear between."""
BLOCK_EV = 64
"""Energies for which decrements are looked up together."""
PER_UM = 1e-4
"""cm in um."""


@dataclass(frozen=True)
class Substance:
    """A homogeneous part of the specimen without an edge of interest.

    Attributes
    ----------
    formula : str
        Chemical formula.
    density_g_cm3 : float
        Its density; 0 for nothing at all.
    """

    formula: str
    density_g_cm3: float

    def attenuation_per_um(self, energy_ev: float) -> float:
        """Linear attenuation at an energy, 1/um."""
        mass_cm2_g = interpolate(compound_cm2_g(self.formula), energy_ev)
        return float(mass_cm2_g) * self.density_g_cm3 * PER_UM

    def decrement(self, energy_ev: float) -> float:
        """1 minus the real part of the refractive index."""
        return decrement_per_density(self.formula, energy_ev) * self.density_g_cm3


BINDER = Substance("C10H3F3", 1.3)
"""Carbon black and PVDF, about 1 to 1 by mass, with its own fine pores."""
ELECTROLYTE = Substance("C45H72O44P1F6Li1", 1.27)
"""LiPF6 in carbonates, about 1.1 mol/kg."""
NOTHING = Substance("N2", 0.0)
"""What fills the pores of an electrode that was dried."""


@dataclass(frozen=True)
class Contrast:
    """What the parts of an electrode do to the beam at one energy.

    Attributes
    ----------
    energy_ev : float
        Of the photons.
    lithium_content : ndarray, shape (k,)
        Rising from 0 to that of the pristine oxide.
    oxide_per_um : ndarray, shape (k,)
        Linear attenuation of the oxide with this lithium content, 1/um.
    binder_per_um, pore_per_um : float
        Linear attenuation of binder, and of what fills pores and cracks, 1/um.
    oxide_decrement, binder_decrement, pore_decrement : float
        1 minus the real part of the refractive index. That of the oxide is of its pristine composition: the
        lithium that leaves is a hundredth of its electrons.
    """

    energy_ev: float
    lithium_content: FloatArray
    oxide_per_um: FloatArray
    binder_per_um: float
    pore_per_um: float
    oxide_decrement: float
    binder_decrement: float
    pore_decrement: float

    def oxide_at(self, lithium_content: FloatArray) -> FloatArray:
        """Linear attenuation of the oxide (1/um) at lithium contents of any shape."""
        return np.interp(lithium_content, self.lithium_content, self.oxide_per_um)


@dataclass(frozen=True)
class ElectrodeOptics:
    """What the parts of an electrode are made of.

    Attributes
    ----------
    oxide : Electrode
        Composition and edges of the active material; its areal density is not used.
    resolution : ResolutionLaw
        Of the monochromator.
    density_g_cm3 : float
        Of the dense oxide; 4.7 for NMC811 (X-ray density).
    binder, pore : Substance
        What holds the particles, and what fills pores and cracks.
    """

    oxide: Electrode
    resolution: ResolutionLaw
    density_g_cm3: float = 4.7
    binder: Substance = BINDER
    pore: Substance = ELECTROLYTE

    def contrast(self, energy_ev: float) -> Contrast:
        """Attenuation and phase at an energy.

        Parameters
        ----------
        energy_ev
            True photon energy, 2000 to 40000 eV.

        Returns
        -------
        Contrast

        Raises
        ------
        ValueError
            If the energy leaves the tables.
        """
        content = np.linspace(0.0, self.oxide.lithium_full, CONTENT_STEPS)
        return Contrast(
            energy_ev=energy_ev,
            lithium_content=content,
            oxide_per_um=self._oxide_per_um(energy_ev, content),
            binder_per_um=self.binder.attenuation_per_um(energy_ev),
            pore_per_um=self.pore.attenuation_per_um(energy_ev),
            oxide_decrement=self._oxide_decrement(energy_ev),
            binder_decrement=self.binder.decrement(energy_ev),
            pore_decrement=self.pore.decrement(energy_ev),
        )

    def valence(self, element: str, lithium_content: FloatArray) -> FloatArray:
        """Mean oxidation state of a metal at lithium contents of any shape."""
        content = np.linspace(0.0, self.oxide.lithium_full, 4 * CONTENT_STEPS)
        states = [self.oxide.valence(element, float(x)) for x in content]
        return np.interp(lithium_content, content, states)

    def _oxide_per_um(self, energy_ev: float, content: FloatArray) -> FloatArray:
        fractions = self.oxide.mass_fractions()
        total_cm2_g = np.zeros_like(content)
        for element, fraction in fractions.items():
            if element not in IONS:
                total_cm2_g += fraction * float(interpolate(element_cm2_g(element), energy_ev))
                continue
            bare, jump = (float(interpolate(part, energy_ev)) for part in bare_and_jump_cm2_g(element))
            total_cm2_g += fraction * (bare + jump * self._edge(element, energy_ev, content))
        return total_cm2_g * self.density_g_cm3 * PER_UM

    def _edge(self, element: str, energy_ev: float, content: FloatArray) -> FloatArray:
        """Height of an element's normalised edge, shape (k,)."""
        shapes = [
            edge_parameters(
                element,
                self.oxide.valence(element, float(x)),
                metal_oxygen_angstrom=distance_at(self.oxide.metal_oxygen_angstrom, x),
                metal_metal_angstrom=distance_at(self.oxide.metal_metal_angstrom, x),
                resolution=self.resolution,
            )
            for x in content
        ]
        return normalised_edge(np.array([energy_ev]), stack_parameters(shapes))[:, 0]

    def _oxide_decrement(self, energy_ev: float) -> float:
        metals = "".join(f"{symbol}{amount:.9f}" for symbol, amount in self.oxide.composition.items())
        formula = f"Li{self.oxide.lithium_full:.9f}{metals}O2"
        return decrement_per_density(formula, energy_ev) * self.density_g_cm3


def decrement_per_density(formula: str, energy_ev: float) -> float:
    """Refractive decrement per density, cm3/g (Chantler's tables via xraydb; the edge without valence).

    Parameters
    ----------
    formula
        Chemical formula.
    energy_ev
        Photon energy; linear between whole eV.
    """
    block = int(energy_ev // BLOCK_EV)
    energies, decrements = _decrements(formula, block)
    return float(np.interp(energy_ev, energies, decrements))


@lru_cache(maxsize=256)
def _decrements(formula: str, block: int) -> tuple[FloatArray, FloatArray]:
    # One look into the tables costs as much for many energies as for one: a spectrum takes a few.
    energies = BLOCK_EV * block + np.arange(BLOCK_EV + 1.0)
    return energies, np.asarray(import_module("xraydb").xray_delta_beta(formula, 1.0, energies)[0])


def phase_rad(decrement_um: FloatArray, energy_ev: float) -> FloatArray:
    """Phase shift of a wave behind a specimen.

    Parameters
    ----------
    decrement_um
        Line integral of the refractive decrement, um, any shape.
    energy_ev
        Photon energy.

    Returns
    -------
    ndarray
        -2 pi / wavelength times the integral, rad, of the same shape.
    """
    wavelength_um = 1.239841984 / energy_ev
    return -2.0 * np.pi / wavelength_um * decrement_um
