"""From spectrum to result: foil shift, edge fit and valence of one experiment, spectrum by spectrum."""

import logging
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..analysis.xas.edge import fit_edge
from ..analysis.xas.foil import foil_shift
from ..analysis.xas.grid import edge_energy
from ..analysis.xas.result import EdgeFit, Verdict
from ..analysis.xas.valence import Calibration, calibrate_valence, valence
from .spectrum import Spectrum

logger = logging.getLogger(__name__)

FAILED = "failed"
"""Verdict of a spectrum on which the analysis itself broke down."""

UNCORRECTED = "in fluorescence, self-absorption not corrected"
"""Remark of a fit whose half step is too early where the sample is not thin."""


@dataclass
class EdgeAnalysis:
    """Live analysis of one experiment: it learns foil and valence scale from the references as they come.

    Attributes
    ----------
    parameters
        Options handed to `fit_edge`.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    _foils: dict[tuple[str, str], Spectrum] = field(default_factory=dict, init=False)
    _references: dict[tuple[str, str], dict[str, tuple[EdgeFit, float]]] = field(
        default_factory=dict, init=False
    )

    def result(self, spectrum: Spectrum) -> dict[str, Any]:
        """Fit one spectrum; whatever happens, a result with a verdict comes back.

        Parameters
        ----------
        spectrum
            Of the cell or of a reference, which then also joins the valence scale.

        Returns
        -------
        dict
            Values of one event of live results, without ``latency_s``.
        """
        head = {
            "measurement_run": spectrum.run,
            "measurement": spectrum.name,
            "purpose": spectrum.purpose,
            **{name: float(value) for name, value in spectrum.cell.items()},
        }
        try:
            return head | self._fit(spectrum)
        except Exception as error:
            logger.exception("the fit of run %s (%s) broke down", spectrum.run, spectrum.name)
            return head | failed(spectrum, error)

    def _fit(self, spectrum: Spectrum) -> dict[str, Any]:
        shift_ev, remark = self._foil_shift(spectrum)
        corrected_ev = spectrum.energy_ev + (shift_ev if np.isfinite(shift_ev) else 0.0)
        names: dict[str, Any] = {"element": spectrum.element, "edge": spectrum.edge}
        fit = fit_edge(corrected_ev, spectrum.mu, **names, **self.parameters, asked_ev=spectrum.asked_ev)
        if spectrum.purpose == "reference":
            known = self._references.setdefault((spectrum.element, spectrum.edge), {})
            known[spectrum.name] = (fit, spectrum.valence)
        value, sigma = self._valence(fit)
        values = flat(fit) | {"foil_shift_ev": shift_ev, "valence": value, "valence_sigma": sigma}
        remarks = (str(fit.reason), remark, UNCORRECTED if spectrum.in_fluorescence else "")
        return values | {"reason": "; ".join(part for part in remarks if part)}

    def _foil_shift(self, spectrum: Spectrum) -> tuple[float, str]:
        """Energy to add to this scan so that its foil is that of the first, eV; or NaN and the reason."""
        if not np.isfinite(spectrum.foil_mu).any():
            return float("nan"), "energy not aligned: no reference foil in this scan"
        first = self._foils.get((spectrum.element, spectrum.edge))
        if first is None:
            # All later scans are aligned to this foil: it must be one.
            element, edge = spectrum.element, spectrum.edge
            foil = fit_edge(spectrum.energy_ev, spectrum.foil_mu, element=element, edge=edge)
            if foil.verdict in (Verdict.NO_DATA, Verdict.NO_EDGE, Verdict.NOISY):
                return float("nan"), f"energy not aligned: the reference foil shows {foil.verdict}"
            self._foils[element, edge] = spectrum
            return 0.0, ""
        try:
            shift_ev = foil_shift(spectrum.energy_ev, spectrum.foil_mu, first.energy_ev, first.foil_mu)
            return float(shift_ev), ""
        except ValueError as error:
            return float("nan"), f"energy not aligned: {error}"

    def _valence(self, fit: EdgeFit) -> tuple[float, float]:
        """Valence and its uncertainty; NaN while fewer than two references of different valence are known."""
        calibration = self._calibration((fit.element, fit.edge))
        if calibration is None:
            return float("nan"), float("nan")
        found = valence(fit, calibration)
        return float(found.value), float(found.sigma)

    def _calibration(self, where: tuple[str, str]) -> Calibration | None:
        known = list(self._references.get(where, {}).values())
        if len({value for _, value in known}) < 2:
            return None
        return calibrate_valence([fit for fit, _ in known], [value for _, value in known])


def flat(fit: EdgeFit) -> dict[str, Any]:
    """Fields of an edge fit as plain numbers, texts and lists, as documents carry them."""
    values: dict[str, Any] = {}
    for name, value in asdict(fit).items():
        if isinstance(value, str):
            values[name] = str(value)
        elif name in ("post_degree", "repaired_points"):
            values[name] = int(value)
        elif np.ndim(value) == 0:
            values[name] = float(value)
        else:
            values[name] = [float(part) for part in value]
    return values


def failed(spectrum: Spectrum, error: Exception) -> dict[str, Any]:
    """Build the result of a spectrum on which the analysis broke down: no number, a verdict, its reason."""
    nothing = np.full(0, np.nan)
    empty = flat(fit_edge(nothing, nothing, element="Ni", edge="K"))
    return empty | {
        "element": spectrum.element,
        "edge": spectrum.edge,
        "tabulated_edge_ev": tabulated_ev(spectrum),
        "foil_shift_ev": float("nan"),
        "valence": float("nan"),
        "valence_sigma": float("nan"),
        "verdict": FAILED,
        "reason": f"{type(error).__name__}: {error}",
    }


def tabulated_ev(spectrum: Spectrum) -> float:
    """Tabulated edge of a spectrum in eV; NaN if its element or edge is unknown."""
    try:
        return edge_energy(spectrum.element, spectrum.edge)
    except ValueError:
        return float("nan")
