"""From a row of spectra to a row of maps: counts of each element with uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.mapping.fluorescence import fit_fluorescence
from ..analysis.mapping.fluorescence_detector import DetectorResponse
from ..analysis.mapping.fluorescence_result import FluorescenceVerdict

ELEMENTS = {
    "NMC": ("Mn", "Co", "Ni"),
    "LNO": ("Ni",),
    "NCA": ("Co", "Ni"),
    "LCO": ("Co",),
    "LMO": ("Mn",),
    "LFP": ("Fe",),
}
"""Elements that are fitted where a map names none, by the beginning of the chemistry's name."""

TICK_S = 12.5e-9
"""Clock of Xspress3: 80 MHz."""

CLOCK_TICKS, DEAD_TIME_FACTOR = 0, 9
"""Places in the scalers."""

VERDICTS = tuple(FluorescenceVerdict)
"""Verdicts by their code."""


@dataclass(frozen=True)
class MapFit:
    """How spectra of a map are fitted.

    Attributes
    ----------
    elements
        Symbols.
    response
        The detector.
    """

    elements: tuple[str, ...]
    response: DetectorResponse

    @classmethod
    def of_start(cls, start: Mapping[str, Any]) -> MapFit:
        """Read it from the start document of a map.

        Raises
        ------
        ValueError
            If the map names no elements and its chemistry is unknown.
        """
        elements = tuple(dict.fromkeys(start.get("elements") or ()))
        if not elements:
            chemistry = str((start.get("cell") or {}).get("chemistry", ""))
            found = [metals for name, metals in ELEMENTS.items() if chemistry.startswith(name)]
            if not found:
                raise ValueError(f"map {start['uid']}: chemistry {chemistry!r} tells no elements; give them")
            elements = found[0]
        return cls(elements, DetectorResponse(**start.get("fluorescence", {})))

    @property
    def parameters(self) -> dict[str, Any]:
        """Options, for the documents."""
        response = self.response
        return {
            "elements": list(self.elements),
            "offset_ev": response.offset_ev,
            "gain_ev": response.gain_ev,
            "noise_ev": response.noise_ev,
            "verdicts": [str(each) for each in VERDICTS],
        }

    def row(
        self, spectra: NDArray[Any], scalers: NDArray[np.float64], energy_ev: float
    ) -> dict[str, NDArray[np.float64] | float]:
        """Fit the spectra of a row.

        Parameters
        ----------
        spectra
            Counts, shape (columns, detector elements, channels).
        scalers
            As Xspress3 gives them, shape (columns, detector elements, 11).
        energy_ev
            Of the beam, eV.

        Returns
        -------
        dict
            ``counts`` and ``counts_sigma``, shape (elements, columns), of all detector elements together and
            corrected for dead time; ``elastic``, ``misfit``, ``verdict_code``, ``real_s`` (exposure, s) and
            ``live`` (part of the photons that was recorded), shape (columns,).
        """
        factors, ticks = scalers[..., DEAD_TIME_FACTOR], scalers[..., CLOCK_TICKS]
        counted = spectra.sum(axis=2, dtype=float)
        total = counted.sum(axis=1)
        weights = np.where(total[:, None] > 0, counted, 1.0)
        live = weights.sum(axis=1) / (weights * factors).sum(axis=1)
        summed = spectra.sum(axis=1, dtype=np.float32)
        told = {"real_s": ticks.mean(axis=1) * TICK_S, "live": live}
        fit = fit_fluorescence(summed, self.response, self.elements, beam_ev=energy_ev, live=live)
        codes = {str(each): float(code) for code, each in enumerate(VERDICTS)}
        return {
            "counts": fit.counts,
            "counts_sigma": fit.counts_sigma,
            "elastic": fit.elastic,
            "misfit": fit.misfit,
            "verdict_code": np.array([codes[str(each)] for each in fit.verdict]),
            **told,
        }
