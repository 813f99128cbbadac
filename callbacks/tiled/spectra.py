"""What an experiment says of its absorption spectra: points, fits and references."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .cell_state import STATE_UNITS
from .merged import merged_coordinates
from .run_source import RunSource, analyses
from .spectrum import Spectrum, measured, of_spectra, spectra_dataset

EDGE_FITS = ("measurement", "purpose", *STATE_UNITS, "element", "edge", "e0_ev", "e0_ev_sigma")
EDGE_FITS += ("half_step_ev", "half_step_ev_sigma", "edge_step", "white_line_ev", "white_line_ev_sigma")
EDGE_FITS += ("verdict", "reason", "foil_shift_ev", "valence", "valence_sigma")
"""Columns that a table has before its first row: what chooses among them works from the start."""


class Spectra(ABC):
    """Absorption spectra of an experiment."""

    uid: str
    name: str
    _source: RunSource

    @abstractmethod
    def runs(self, purpose: str) -> list[dict[str, Any]]:
        """Start documents of the runs of a purpose, by time."""

    @property
    @abstractmethod
    def merged_states(self) -> pd.DataFrame:
        """State of the cell in the middle of each scan by merged cycler files."""

    @property
    def edge_fits(self) -> pd.DataFrame:
        """One row per fitted spectrum of the cell, the latest result winning; index: uid of its run.

        Energies in eV, ``valence`` where references were measured, each with its ``_sigma``; ``verdict`` is
        ``good`` or says, with ``reason``, what to doubt. The state of the cell is that of the middle of the
        scan: ``time`` (s), ``voltage`` (V), ``current`` (A), ``capacity`` (mA h), ``lithium_content``.
        """
        fits = self._fits()
        return fits.loc[fits["purpose"] != "reference"] if "purpose" in fits.columns else fits

    @property
    def reference_fits(self) -> pd.DataFrame:
        """The same for the references that the valence scale was made from."""
        fits = self._fits()
        return fits.loc[fits["purpose"] == "reference"] if "purpose" in fits.columns else fits.iloc[:0]

    def _fits(self) -> pd.DataFrame:
        fitted = analyses(self.runs("analysis"), "edge_fit")
        found = (self._source.stream(start["uid"], "primary") for start in fitted)
        if not (frames := [frame for frame in found if not frame.empty]):
            return pd.DataFrame(columns=EDGE_FITS)
        fits = pd.concat(frames, ignore_index=True).drop(columns="seq_num")
        fits = fits.drop_duplicates("measurement_run", keep="last").sort_values(by="time", ignore_index=True)
        return fits.set_index("measurement_run")

    @property
    def elements(self) -> list[str]:
        """Symbols of the elements of which spectra were measured, in the order of the first ones."""
        return list(dict.fromkeys(start["element"] for start in of_spectra(self.runs("measurement"))))

    def measurements(self, element: str) -> list[Spectrum]:
        """Spectra of an element by time, complete or not."""
        return self._spectra("measurement", element)

    def references(self, element: str) -> list[Spectrum]:
        """Spectra of the compounds that the valence scale of an element is made from, by time."""
        return [spectrum for spectrum in self._spectra("reference", element) if spectrum.complete]

    def _spectra(self, purpose: str, element: str) -> list[Spectrum]:
        starts = [start for start in of_spectra(self.runs(purpose)) if start["element"] == element]
        shifts_ev = self._foil_shifts_ev()
        spectra = (self._spectrum(start, shifts_ev.get(start["uid"], np.nan)) for start in starts)
        return [spectrum for spectrum in spectra if not spectrum.points.empty]

    def spectra(self, element: str, *, incomplete: bool = False, aligned: bool = True) -> xr.Dataset:
        """Spectra of an element on one energy axis.

        Parameters
        ----------
        element : str
            Symbol, such as ``"Ni"``.
        incomplete : bool
            Whether to include scans that failed or still run; what they lack is NaN.
        aligned : bool
            Whether the energies of each scan are shifted so that its reference foil is that of the first, as
            they are for its fit; else they are those of the monochromator.

        Returns
        -------
        xarray.Dataset
            ``mu`` and ``mu_reference`` (dimensionless), ``i0``, ``it``, ``ir`` (A), and where there is a
            diode ``ifluor`` (A) and ``mu_fluorescence``, ifluor over i0, over ``measurement`` and ``energy``
            (eV). Spectra whose energies differ from the first one's are interpolated linearly.
            Coordinates along ``measurement``: ``run``, ``foil_shift`` (eV, added to the energies if
            `aligned`; NaN where the foil does not tell), ``signal`` ("transmission" or "fluorescence": what
            the fits are of), and ``time`` (s), ``voltage`` (V), ``current`` (A),
            ``capacity`` (mA h), ``lithium_content`` at the middle of the scan; with ``_start`` and ``_end``
            at its ends; the same with ``merged_`` before it, and its ``_sigma``, from a merged cycler file.

        Raises
        ------
        KeyError
            If nothing was measured at an edge of this element; the message lists the elements there are.
        """
        chosen = [item for item in self.measurements(element) if item.complete or incomplete]
        if not chosen:
            raise self.no_spectrum(element)
        merged = merged_coordinates(self.merged_states, [item.start["uid"] for item in chosen])
        dataset = spectra_dataset(chosen, merged, aligned=aligned)
        dataset.attrs = {"element": element, "experiment": self.uid, "name": self.name}
        return dataset

    def no_spectrum(self, element: str) -> KeyError:
        """Say that there is no finished spectrum of an element, and of which there are some."""
        elements = ", ".join(self.elements) or "none"
        return KeyError(f"{self!r} has no finished spectrum of {element!r}; there are spectra of: {elements}")

    def _foil_shifts_ev(self) -> dict[str, float]:
        fits = self._fits()
        return fits["foil_shift_ev"].to_dict() if "foil_shift_ev" in fits.columns else {}

    def _spectrum(self, start: dict[str, Any], foil_shift_ev: float) -> Spectrum:
        stop = self._source.stop(start["uid"])
        complete = stop is not None and stop["exit_status"] == "success"
        points = self._source.stream(start["uid"], "primary")
        rows = points if points.empty else measured(points)
        return Spectrum(start, rows, complete, float(foil_shift_ev))
