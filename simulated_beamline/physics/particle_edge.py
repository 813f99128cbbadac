"""K edges of the metals in a focused beam: each pixel absorbs by its own oxidation state."""

from dataclasses import dataclass, replace

import numpy as np

from .array import FloatArray
from .attenuation import edge_energy_ev
from .edge_shape import normalised_edge
from .ion import IONS, ResolutionLaw, edge_parameters
from .nanobeam import SpotContent

Rows = tuple[tuple[float, float], ...]

NEAR_EV = 1500.0
"""Further above an edge its fine structure is gone."""


@dataclass(frozen=True)
class OxideEdges:
    """What the edges of the oxide depend on besides the oxidation state.

    Attributes
    ----------
    metal_oxygen_angstrom, metal_metal_angstrom : tuple of (float, float)
        Rows of (lithium content, distance), rising; linear between.
    resolution : ResolutionLaw
        Of the monochromator.
    """

    metal_oxygen_angstrom: Rows
    metal_metal_angstrom: Rows
    resolution: ResolutionLaw

    def heights(self, energy_ev: float, content: SpotContent) -> dict[str, float]:
        """Normalised absorption of the metals whose edge is near.

        Parameters
        ----------
        energy_ev
            Of the beam.
        content
            What it meets.

        Returns
        -------
        dict
            Element to height, 0 below the edge, about 1 above; averaged over the pixels by their mass.
        """
        return {
            element: float(mass @ self._edge(energy_ev, element, content) / mass.sum())
            for element, mass in content.pixel_mass_g_cm2.items()
            if element in IONS and abs(energy_ev - edge_energy_ev(element)) < NEAR_EV and mass.sum() > 0.0
        }

    def _edge(self, energy_ev: float, element: str, content: SpotContent) -> FloatArray:
        """Height at each pixel, shape (k,)."""
        x = content.pixel_lithium_content
        shape = edge_parameters(
            element, 3.0, metal_oxygen_angstrom=2.0, metal_metal_angstrom=2.9, resolution=self.resolution
        )
        moved = _positions(element, content.pixel_valence[element])
        distances = {
            "metal_oxygen_angstrom": _between(self.metal_oxygen_angstrom, x)[:, None],
            "metal_metal_angstrom": _between(self.metal_metal_angstrom, x)[:, None],
        }
        pixels = replace(shape, **moved, **distances)
        return normalised_edge(np.array([energy_ev]), pixels)[:, 0]


def _positions(element: str, valence: FloatArray) -> dict[str, FloatArray]:
    """Positions of step and white line (k, 1) for the oxidation states of the pixels."""
    ion, edge_ev = IONS[element], edge_energy_ev(element)
    laws = {"rise_ev": ion.rise, "white_line_ev": ion.white_line}
    moved: dict[str, FloatArray] = {}
    for name, law in laws.items():
        away = valence[:, None] - law.valence
        moved[name] = edge_ev + law.offset_ev + (law.slope_ev + law.curvature_ev * away) * away
    return moved


def _between(rows: Rows, x: FloatArray) -> FloatArray:
    contents, distances = (np.array(column) for column in zip(*rows, strict=True))
    return np.interp(x, contents, distances)
