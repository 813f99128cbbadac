"""Energies of a scan in an experiment file, in both notations that users write."""

from typing import Self

from pydantic import Field, model_validator

from ..plans.grids import EnergyGrid, grid_from_bounds, grid_from_regions
from .section import Section


class GridFile(Section):
    """Energies of a spectrum, as regions or as bounds, steps and times; relative to the edge.

    Attributes
    ----------
    regions
        Rows ``[start, stop, step, dwell_s]``; eV from the edge and s, or text such as ``"12k"``.
    bounds, steps, times
        n + 1 bounds (eV from the edge or k), n steps and n dwell times (s).
    """

    regions: list[tuple[float | str, float | str, float | str, float | str]] | None = Field(
        default=None, min_length=1
    )
    bounds: list[float | str] | None = Field(default=None, min_length=2)
    steps: list[float | str] | None = Field(default=None, min_length=1)
    times: list[float | str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_notation(self) -> Self:
        lists = (self.bounds, self.steps, self.times)
        if self.regions is not None and any(part is not None for part in lists):
            raise ValueError("has both notations; keep regions, or bounds with steps and times")
        if self.regions is None and any(part is None for part in lists):
            raise ValueError(
                "needs regions = [[start, stop, step, dwell_s], ...], or bounds, steps and times together"
            )
        return self

    def energies(self, edge: str) -> EnergyGrid:
        """Energies and dwell times about an edge, such as "Ni_K".

        Raises
        ------
        ValueError
            When a region is out of order or range; the message names it.
        """
        if self.regions is not None:
            return grid_from_regions(self.regions, e0=edge)
        return grid_from_bounds(self.bounds or [], self.steps or [], self.times or [], e0=edge)
