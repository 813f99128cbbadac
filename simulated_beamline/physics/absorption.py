"""What the beam meets in a cell, as absorbances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .array import FloatArray
from .attenuation import (
    bare_and_jump_cm2_g,
    compound_cm2_g,
    edge_energy_ev,
    element_cm2_g,
    grid_ev,
    interpolate,
    mass_fractions,
)
from .edge_shape import EdgeParameters, normalised_edge, stack_parameters
from .emission_line import EmissionLine
from .ion import IONS, ResolutionLaw, edge_parameters
from .sample_emission import Emission, flat_emission, k_lines, scattering, with_lines
from .valence import valences


@dataclass(frozen=True)
class Layer:
    """A homogeneous sheet without an edge of interest: window, collector, separator, electrolyte.

    Attributes
    ----------
    name : str
        What it is.
    formula : str
        Chemical formula.
    areal_density_g_cm2 : float
        Density times thickness.
    upstream_share : float
        Part of it that the beam meets before the cathode, and fluorescence on its way back (0..1).
    """

    name: str
    formula: str
    areal_density_g_cm2: float
    upstream_share: float = 0.0


@dataclass(frozen=True)
class Electrode:
    """Active material of the cathode.

    Attributes
    ----------
    composition : Mapping[str, float]
        Metals per formula unit Li_x M O2.
    areal_density_g_cm2 : float
        Pristine active mass per area in the beam.
    metal_oxygen_angstrom, metal_metal_angstrom : tuple of (float, float)
        Rows of (lithium content, distance), rising in lithium content; linear between.
    lithium_full : float
        Lithium content of the pristine oxide.
    oxygen_overlap : float
        See `valences`.
    """

    composition: Mapping[str, float]
    areal_density_g_cm2: float
    metal_oxygen_angstrom: tuple[tuple[float, float], ...]
    metal_metal_angstrom: tuple[tuple[float, float], ...]
    lithium_full: float = 1.0
    oxygen_overlap: float = 0.0

    def mass_fractions(self) -> dict[str, float]:
        """Mass fraction of each element of the pristine oxide."""
        metals = "".join(f"{element}{amount:.9f}" for element, amount in self.composition.items())
        return mass_fractions(f"Li{self.lithium_full:.9f}{metals}O2")

    def valence(self, element: str, lithium_content: float) -> float:
        """Return the true mean oxidation state of one metal at a lithium content."""
        states = valences(
            self.composition,
            lithium_content,
            lithium_full=self.lithium_full,
            oxygen_overlap=self.oxygen_overlap,
        )
        return states.metals[element]


class CellStack:
    """Everything between I0 and It when the cell is in the beam.

    Parameters
    ----------
    electrode
        The cathode; its Ni, Co and Mn edges follow the lithium content.
    layers
        All other parts of the cell.
    resolution
        Resolution law of the monochromator.
    """

    def __init__(self, electrode: Electrode, layers: Sequence[Layer], resolution: ResolutionLaw) -> None:
        self.electrode = electrode
        self.layers = tuple(layers)
        self._resolution = resolution
        self._elements = [element for element in electrode.composition if element in IONS]
        fractions = electrode.mass_fractions()
        splits = [bare_and_jump_cm2_g(element) for element in self._elements]
        areal = [fractions[element] * electrode.areal_density_g_cm2 for element in self._elements]
        self._jumps = np.array([mass * jump for mass, (_, jump) in zip(areal, splits, strict=True)])
        self._cathode_smooth = np.zeros_like(grid_ev())
        for mass, (bare, _) in zip(areal, splits, strict=True):
            self._cathode_smooth += mass * bare
        for element in fractions.keys() - set(self._elements):
            self._cathode_smooth += (
                fractions[element] * electrode.areal_density_g_cm2 * element_cm2_g(element)
            )
        self._smooth = self._cathode_smooth.copy()
        self._cover = np.zeros_like(self._smooth)
        for layer in self.layers:
            absorbance = layer.areal_density_g_cm2 * compound_cm2_g(layer.formula)
            self._smooth += absorbance
            self._cover += layer.upstream_share * absorbance

    def absorbance(self, energy_ev: ArrayLike, spot_lithium_content: float) -> FloatArray:
        """Absorbance mu t of the whole stack.

        Parameters
        ----------
        energy_ev
            True photon energies, eV, shape (m,).
        spot_lithium_content
            x of Li_x MO2 in the illuminated spot.

        Returns
        -------
        ndarray
            Shape (m,).

        Raises
        ------
        ValueError
            If an energy leaves the tables or x its range.
        """
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        return interpolate(self._smooth, energy) + self._edge_absorbance(energy, spot_lithium_content)

    def cathode_absorbance(self, energy_ev: ArrayLike, spot_lithium_content: float) -> FloatArray:
        """Absorbance mu t of the active material alone, shape (m,); see `absorbance`."""
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        return interpolate(self._cathode_smooth, energy) + self._edge_absorbance(energy, spot_lithium_content)

    def transmission(self, energy_ev: ArrayLike, spot_lithium_content: float) -> FloatArray:
        """Return the transmitted share (0..1) of the photons, shape (m,); see `absorbance`."""
        return np.exp(-self.absorbance(energy_ev, spot_lithium_content))

    def emission(self, energy_ev: ArrayLike, spot_lithium_content: float, *, exit_deg: float) -> Emission:
        """Tell what the cell sends back: fluorescence of the cathode, and scatter of all of it.

        Parameters
        ----------
        energy_ev
            True photon energies, eV, shape (m,).
        spot_lithium_content
            x of Li_x MO2 in the illuminated spot.
        exit_deg
            Angle between the surface of the cell and the way to the detector.

        Returns
        -------
        Emission
            See `flat_emission`; layers with an `upstream_share` stand before the cathode.
        """
        energy = np.atleast_1d(np.asarray(energy_ev, dtype=np.float64))
        every = with_lines(energy, self._lines)
        by_metal = self._edges_absorbance(every, spot_lithium_content)
        edges = by_metal.sum(axis=0)
        return flat_emission(
            energy,
            self._lines,
            exit_deg=exit_deg,
            k_absorbance=dict(zip(self._elements, by_metal, strict=True)),
            layer=interpolate(self._cathode_smooth, every) + edges,
            whole=interpolate(self._smooth, energy) + edges[: energy.size],
            scattering=interpolate(self._scattering, energy),
            cover=interpolate(self._cover, every),
        )

    @cached_property
    def _lines(self) -> tuple[EmissionLine, ...]:
        return k_lines(self._elements)

    @cached_property
    def _scattering(self) -> FloatArray:
        table = scattering(self.electrode.mass_fractions(), self.electrode.areal_density_g_cm2)
        for layer in self.layers:
            table += scattering(mass_fractions(layer.formula), layer.areal_density_g_cm2)
        return table

    def _edge_absorbance(self, energy: FloatArray, spot_lithium_content: float) -> FloatArray:
        return np.sum(self._edges_absorbance(energy, spot_lithium_content), axis=0)

    def _edges_absorbance(self, energy: FloatArray, spot_lithium_content: float) -> FloatArray:
        """Absorbance of the K shell of each metal, shape (n, m)."""
        edges = normalised_edge(energy, self.edges(spot_lithium_content))
        return interpolate(self._jumps, energy) * edges

    def edge_step(self, element: str) -> float:
        """Height of an element's K edge in absorbance, at the tabulated edge."""
        row = self._elements.index(element)
        return float(interpolate(self._jumps[row], edge_energy_ev(element)))

    def edges(self, spot_lithium_content: float) -> EdgeParameters:
        """Shapes of the edges of all metals, as columns (n, 1), at a lithium content."""
        electrode = self.electrode
        states = valences(
            electrode.composition,
            spot_lithium_content,
            lithium_full=electrode.lithium_full,
            oxygen_overlap=electrode.oxygen_overlap,
        )
        distances = {
            "metal_oxygen_angstrom": distance_at(electrode.metal_oxygen_angstrom, spot_lithium_content),
            "metal_metal_angstrom": distance_at(electrode.metal_metal_angstrom, spot_lithium_content),
        }
        return stack_parameters(
            [
                edge_parameters(element, states.metals[element], resolution=self._resolution, **distances)
                for element in self._elements
            ]
        )


def distance_at(rows: tuple[tuple[float, float], ...], lithium_content: float) -> float:
    """Distance (angstrom) at a lithium content, between rows of content and distance."""
    contents, distances = zip(*rows, strict=True)
    return float(np.interp(lithium_content, contents, distances))
