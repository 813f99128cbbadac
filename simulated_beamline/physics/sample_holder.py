"""What stands in the beam for a position of the sample stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from .absorption import CellStack
from .array import FloatArray
from .sample_emission import Emission, no_emission

OPAQUE_ABSORBANCE = 25.0
CELL, FRAME, NOTHING = "cell", "frame", "nothing"


@dataclass(frozen=True)
class Window:
    """A round opening of the sample holder.

    Attributes
    ----------
    x_mm, y_mm : float
        Stage position at which the beam meets its centre.
    radius_mm : float
        Free radius.
    """

    x_mm: float
    y_mm: float
    radius_mm: float

    def contains(self, x_mm: float, y_mm: float) -> bool:
        """Whether the beam passes at this stage position (mm)."""
        return (x_mm - self.x_mm) ** 2 + (y_mm - self.y_mm) ** 2 <= self.radius_mm**2


class Absorber(Protocol):
    """A pellet, a powder or an empty container: what is the same whatever the cell does."""

    def absorbance(self, energy_ev: ArrayLike) -> FloatArray:
        """Absorbance at true energies (eV), shape (m,)."""
        ...

    def emission(self, energy_ev: ArrayLike, *, exit_deg: float) -> Emission:
        """Tell what it sends back to the side of the beam at true energies (eV), shape (m,)."""
        ...


class SampleHolder:
    """A metal frame with cells, reference pellets and powders in round windows.

    Parameters
    ----------
    cells
        Each cell and where it sits, in the order of the channels that cycle them.
    references
        Name to pellet or powder, and window.
    half_width_mm, half_height_mm
        Outline of the frame around the stage's zero; beyond it the beam meets nothing.
    """

    def __init__(
        self,
        cells: Sequence[tuple[CellStack, Window]],
        references: Mapping[str, tuple[Absorber, Window]],
        *,
        half_width_mm: float,
        half_height_mm: float,
    ) -> None:
        self.cells = tuple(cells)
        self.references = dict(references)
        self.half_width_mm = half_width_mm
        self.half_height_mm = half_height_mm

    def at(self, x_mm: float, y_mm: float) -> str:
        """Name of what the beam meets at a stage position: "cell", a reference, "frame" or "nothing"."""
        if self.channel_at(x_mm, y_mm):
            return CELL
        for name, (_, window) in self.references.items():
            if window.contains(x_mm, y_mm):
                return name
        inside = abs(x_mm) <= self.half_width_mm and abs(y_mm) <= self.half_height_mm
        return FRAME if inside else NOTHING

    def channel_at(self, x_mm: float, y_mm: float) -> int:
        """Channel (1, 2, ...) that cycles the cell in the beam at a stage position; 0 if there is none."""
        for channel, (_, window) in enumerate(self.cells, start=1):
            if window.contains(x_mm, y_mm):
                return channel
        return 0

    def absorbance(
        self, energy_ev: ArrayLike, x_mm: float, y_mm: float, spot_lithium_content: float
    ) -> FloatArray:
        """Absorbance of what the beam meets.

        Parameters
        ----------
        energy_ev
            True photon energies, eV, shape (m,).
        x_mm, y_mm
            Stage position.
        spot_lithium_content
            x of Li_x MO2 in the illuminated spot of the cell that the beam meets.

        Returns
        -------
        ndarray
            Shape (m,).
        """
        if channel := self.channel_at(x_mm, y_mm):
            return self.cells[channel - 1][0].absorbance(energy_ev, spot_lithium_content)
        where = self.at(x_mm, y_mm)
        if where in self.references:
            return self.references[where][0].absorbance(energy_ev)
        opaque = OPAQUE_ABSORBANCE if where == FRAME else 0.0
        return np.full(np.atleast_1d(np.asarray(energy_ev)).shape, opaque)

    def emission(
        self, energy_ev: ArrayLike, x_mm: float, y_mm: float, spot_lithium_content: float, *, exit_deg: float
    ) -> Emission:
        """Tell what the spot of the beam sends back at an angle (degree) to the holder's surface.

        The other parameters are those of `absorbance`. The frame has no spot that a detector sees.
        """
        if channel := self.channel_at(x_mm, y_mm):
            stack = self.cells[channel - 1][0]
            return stack.emission(energy_ev, spot_lithium_content, exit_deg=exit_deg)
        where = self.at(x_mm, y_mm)
        if where in self.references:
            return self.references[where][0].emission(energy_ev, exit_deg=exit_deg)
        return no_emission(np.atleast_1d(np.asarray(energy_ev, dtype=np.float64)))
