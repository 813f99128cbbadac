"""Calibration of an energy-dispersive detector on the mean spectrum of a map."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .fluorescence import channels_of
from .fluorescence_detector import DetectorResponse, components
from .rocking_geometry import FloatArray

_OPTIMIZE: Any = import_module("scipy.optimize")

NAMES = ("offset_ev", "gain_ev", "noise_ev", "beta_scale")
REACH = {"offset_ev": 150.0, "gain_ev": 0.02, "noise_ev": 0.9, "beta_scale": 0.3}
"""How far a number may move: eV for the offset, else a part of its start."""


def calibrate_response(
    spectrum: ArrayLike,
    response: DetectorResponse,
    elements: tuple[str, ...],
    *,
    beam_ev: float,
    span_ev: tuple[float, float] | None = None,
) -> DetectorResponse:
    """Refine offset, gain, noise and the K beta shares on a spectrum with many counts.

    At each trial the amounts of the components are fitted with non-negative least squares, weighted by the
    counts. One factor serves the K beta shares of all elements, for tables differ from detectors alike.

    Parameters
    ----------
    spectrum
        Summed or mean counts, shape (channels,).
    response
        Start: within 150 eV and two per cent of gain.
    elements
        Symbols of all elements whose lines are there.
    beam_ev
        Photon energy of the beam, eV.
    span_ev
        Energies to fit, eV, as in `fit_fluorescence`.

    Returns
    -------
    DetectorResponse
        Refined.

    Raises
    ------
    ValueError
        If the spectrum is empty or the channels do not hold the lines.
    """
    counts = np.asarray(spectrum, dtype=float)
    chosen = channels_of(response, elements, beam_ev, counts.size, span_ev)
    data, channels = counts[chosen], np.arange(chosen.start, chosen.stop, dtype=float)
    if not data.sum() > 0:
        raise ValueError(f"calibrate_response: channels {chosen.start} to {chosen.stop} hold no counts")
    root = 1 / np.sqrt(np.maximum(data, max(data.max() * 1e-4, 1e-12)))
    start = np.array([getattr(response, name) for name in NAMES])
    reach = np.array(
        [REACH[name] * (1.0 if name == "offset_ev" else getattr(response, name)) for name in NAMES]
    )

    def trial(moved: FloatArray) -> DetectorResponse:
        values = map(float, start + moved * reach)
        return replace(response, **dict(zip(NAMES, values, strict=True)))

    def residual(moved: FloatArray) -> FloatArray:
        parts = components(trial(moved), elements, beam_ev, channels) * root[:, None]
        amounts = _OPTIMIZE.nnls(parts, data * root)[0]
        return parts @ amounts - data * root

    found = _OPTIMIZE.least_squares(residual, np.zeros(len(NAMES)), bounds=(-1, 1), diff_step=1e-4)
    return trial(np.asarray(found.x, dtype=np.float64))
