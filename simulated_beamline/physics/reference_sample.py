"""Reference pellets and metal foils, as absorbances."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .array import FloatArray
from .attenuation import (
    bare_and_jump_cm2_g,
    edge_energy_ev,
    element_cm2_g,
    interpolate,
    mass_fractions,
)
from .edge_shape import normalised_edge
from .ion import ResolutionLaw, edge_parameters
from .metal import METAL_DENSITY_G_CM3, normalised_metal_edge
from .sample_emission import Emission, flat_emission, k_lines, scattering, with_lines


class ReferenceSample:
    """A pellet of one oxide with a known oxidation state, to calibrate the valence scale.

    Parameters
    ----------
    formula
        Of the compound, e.g. "NiO".
    element, valence
        The metal and its oxidation state.
    metal_oxygen_angstrom, metal_metal_angstrom
        Distances of its two shells.
    edge_step
        Absorbance step of the pellet; fixes its areal density.
    resolution
        Resolution law of the monochromator.
    """

    def __init__(
        self,
        formula: str,
        element: str,
        valence: float,
        *,
        metal_oxygen_angstrom: float,
        metal_metal_angstrom: float,
        edge_step: float,
        resolution: ResolutionLaw,
    ) -> None:
        self.element = element
        self.valence = valence
        fractions = mass_fractions(formula)
        if element not in fractions:
            raise ValueError(
                f"reference {formula!r} does not contain {element!r}: correct formula or element"
            )
        bare, jump = bare_and_jump_cm2_g(element)
        areal = edge_step / (fractions[element] * float(interpolate(jump, edge_energy_ev(element))))
        self._jump = fractions[element] * areal * jump
        others = [fractions[other] * element_cm2_g(other) for other in fractions if other != element]
        self._smooth = areal * (fractions[element] * bare + np.sum(others, axis=0))
        self._mass = fractions, areal
        self._shape = edge_parameters(
            element,
            valence,
            metal_oxygen_angstrom=metal_oxygen_angstrom,
            metal_metal_angstrom=metal_metal_angstrom,
            resolution=resolution,
        )

    def absorbance(self, energy_ev: ArrayLike) -> FloatArray:
        """Absorbance of the pellet at true photon energies (eV, shape (m,)), shape (m,)."""
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        return interpolate(self._smooth, energy) + self._edge_absorbance(energy)

    def emission(self, energy_ev: ArrayLike, *, exit_deg: float) -> Emission:
        """Tell what the bare pellet sends back to the side of the beam; see `CellStack.emission`."""
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        lines = k_lines([self.element])
        layer = self.absorbance(with_lines(energy, lines))
        return flat_emission(
            energy,
            lines,
            exit_deg=exit_deg,
            k_absorbance={self.element: self._edge_absorbance(energy)},
            layer=layer,
            whole=layer[: energy.size],
            scattering=interpolate(self._scattering, energy),
        )

    @cached_property
    def _scattering(self) -> FloatArray:
        return scattering(*self._mass)

    def _edge_absorbance(self, energy: FloatArray) -> FloatArray:
        return interpolate(self._jump, energy) * normalised_edge(energy, self._shape)


class Foil:
    """A metal foil; the first inflection of its edge is the tabulated edge energy.

    Parameters
    ----------
    element
        Ni, Co or Mn.
    thickness_um
        Of the foil.
    resolution
        Resolution law of the monochromator.
    """

    def __init__(self, element: str, thickness_um: float, resolution: ResolutionLaw) -> None:
        self.element = element
        self.thickness_um = thickness_um
        areal = METAL_DENSITY_G_CM3[element] * thickness_um * 1e-4
        bare, jump = bare_and_jump_cm2_g(element)
        self._bare, self._jump = areal * bare, areal * jump
        self._resolution_ev = resolution(edge_energy_ev(element))

    def absorbance(self, energy_ev: ArrayLike) -> FloatArray:
        """Absorbance of the foil at true photon energies (eV, shape (m,)), shape (m,)."""
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        edge = normalised_metal_edge(energy, self.element, self._resolution_ev)
        return interpolate(self._bare, energy) + interpolate(self._jump, energy) * edge
