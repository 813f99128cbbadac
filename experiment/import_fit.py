"""Fits of imported spectra, as the live analysis makes them."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..callbacks.analysis.spectra_io import MeasuredSpectrum
from ..callbacks.analysis.xas.grid import edge_energy
from ..callbacks.live.edge_analysis import EdgeAnalysis
from ..callbacks.live.result import ResultRun
from ..callbacks.live.spectrum import RunRecord, spectrum_of
from .import_settings import ImportSettings


def fit_parameters(
    spectra: Sequence[MeasuredSpectrum], settings: ImportSettings, edge: tuple[str, str]
) -> dict[str, Any]:
    """Options of `fit_edge`: windows as stated, else those with which the files were normalised.

    Parameters
    ----------
    spectra
        Of the series.
    settings
        May state windows.
    edge
        Element and edge.
    """
    edge_ev = edge_energy(*edge)
    stated = {"pre_edge_ev": settings.pre_edge_ev, "post_edge_ev": settings.post_edge_ev}
    stored = {
        "pre_edge_ev": {item.pre_range_ev for item in spectra},
        "post_edge_ev": {item.post_range_ev for item in spectra},
    }
    parameters: dict[str, Any] = {}
    for name, window in stated.items():
        own = next(iter(stored[name])) if len(stored[name]) == 1 else None
        if window is not None:
            parameters[name] = list(window)
        elif own is not None:
            parameters[name] = [round(limit - edge_ev, 3) for limit in own]
    return parameters


def fit(
    records: Iterable[RunRecord], results: ResultRun, parameters: Mapping[str, Any], *, use_foil: bool
) -> None:
    """Fit every spectrum as the live analysis does, references first, and publish the results."""
    analysis = EdgeAnalysis(dict(parameters))
    for record in records:
        began = time.monotonic()
        spectrum = spectrum_of(record)
        if not use_foil:
            spectrum = replace(spectrum, foil_mu=np.full(spectrum.mu.shape, np.nan))
        values = analysis.result(spectrum)
        results.add(values | {"latency_s": time.monotonic() - began})
