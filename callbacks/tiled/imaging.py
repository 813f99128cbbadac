"""What an experiment says of its images: tomograms, slices, particles, and maps of an edge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from .edge_map import edge_maps
from .run_source import RunSource
from .sample import sample_frames
from .spectrum import Spectrum
from .tomogram import particle_rows, slice_dataset, tomogram_list, with_cycle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..analysis.imaging.sample_frame import SampleFrame


class Imaging(ABC):
    """Images of an experiment."""

    name: str
    _source: RunSource

    @abstractmethod
    def runs(self, purpose: str) -> list[dict[str, Any]]:
        """Start documents of the runs of a purpose, by time."""

    @property
    @abstractmethod
    def electrochemistry(self) -> pd.DataFrame:
        """Every sample of the cycler once."""

    @abstractmethod
    def references(self, element: str) -> list[Spectrum]:
        """Spectra of compounds of known valence, by time."""

    @property
    def tomograms(self) -> list[xr.Dataset]:
        """Tomograms by time, each a Dataset of dask arrays; empty before the first has ended.

        ``projections`` (counts) over projection, row and column with ``angle`` (degree), ``flats``,
        ``darks``, and where a volume was made ``attenuation`` (1/um) over z, y, x (um); see `tomogram_list`.
        """
        return tomogram_list(self._source, [*self.runs("measurement"), *self.runs("analysis")])

    @property
    def slices(self) -> xr.Dataset:
        """Three orthogonal slices of each tomogram, also of one that turns; see `slice_dataset`.

        ``xy``, ``xz``, ``yz`` (1/um) over ``tomogram`` as dask arrays, with the state of the cell.
        """
        return slice_dataset(self._source, [*self.runs("measurement"), *self.runs("analysis")])

    @property
    def particles(self) -> pd.DataFrame:
        """Particles of all volumes, where they were looked for, with their ``cycle``; see `particle_rows`.

        Places and diameters in um, volumes in um3, cracks and pores as fractions with ``_sigma``; empty where
        no volume was made with particles (`operando reconstruct UID --particles`).
        """
        return with_cycle(particle_rows(self._source, self.runs("analysis")), self.electrochemistry)

    @property
    def sample_frames(self) -> dict[str, SampleFrame]:
        """Where each measurement lies in the sample, by uid of its run; see `sample_frames`."""
        return sample_frames(self.runs("measurement"), self.runs("analysis"))

    def xanes_maps(self, element: str) -> xr.Dataset:
        """Give the maps of the edge of an element, later ones along ``map``; see `edge_maps`.

        Where references of two valences were measured they have ``valence`` and ``valence_sigma``, too.

        Raises
        ------
        KeyError
            If there is none of this element; the message lists those there are.
        """
        return edge_maps(self._source, self.runs("analysis"), element, self.references(element))

    def plot_slices(self, which: int = -1) -> Figure:
        """Draw three orthogonal slices of a tomogram, the last one unless given."""
        from ..plots.slices import stored_slice_figure

        return stored_slice_figure(self.slices, which, self.name)

    def plot_before_after(self, before: int = 0, after: int = -1) -> Figure:
        """Draw the same slice of two tomograms and their difference, one registered with the other."""
        from ..plots.slice_change import slice_change_figure

        return slice_change_figure(self.slices, before, after, self.name)

    def plot_xanes_map(self, element: str, which: int = -1) -> Figure:
        """Draw a map of an edge: valence or where it lies, its uncertainty, and what is masked."""
        from ..plots.edge_map import edge_map_figure

        return edge_map_figure(self.xanes_maps(element), which, self.name)

    def plot_damage(self, separator_um: float, collector_um: float) -> Figure:
        """Draw cracks of the particles against depth in the electrode, and from tomogram to tomogram."""
        from ..plots.damage import damage_figure

        return damage_figure(
            self.particles, separator_um=separator_um, collector_um=collector_um, title=self.name
        )
