"""Mean valence from the position of an edge, by a calibration made from references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from .grid import FloatArray, rising_powers
from .result import EdgeFit

Landmark = Literal["half_step_ev", "e0_ev", "white_line_ev"]

LEAST_SCATTER_EV = 0.02


class Edged(Protocol):
    """What has edge energies of an element by the names of `Landmark`: fits of spectra, maps of a stack."""

    @property
    def element(self) -> str:
        """Symbol."""
        ...


@dataclass(frozen=True)
class Calibration:
    """Valence as a polynomial of an edge energy.

    Attributes
    ----------
    element
        What it is for.
    landmark
        Which energy: half step, inflection or white line.
    coefficients
        Rising powers of (energy - centre), valence per eV^k.
    covariance
        Of the coefficients.
    centre_ev
        Mean energy of the references.
    energy_range_ev, valence_range
        What the references span.
    scatter
        Rms deviation of the references from the polynomial, in valence units; 0 where the polynomial goes
        through all.
    """

    element: str
    landmark: Landmark
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    centre_ev: float
    energy_range_ev: tuple[float, float]
    valence_range: tuple[float, float]
    scatter: float


@dataclass(frozen=True)
class Valence:
    """Mean valence with uncertainty.

    Attributes
    ----------
    value, sigma
        Valence and one standard deviation; floats, or arrays of length n_spectra.
    extrapolated
        Whether the energy lies outside the references by more than twice its sigma.
    """

    value: FloatArray | float
    sigma: FloatArray | float
    extrapolated: np.ndarray | bool


def calibrate_valence(
    references: Sequence[EdgeFit] | ArrayLike,
    valences: ArrayLike,
    *,
    energy_sigma_ev: ArrayLike | None = None,
    element: str | None = None,
    landmark: Landmark = "half_step_ev",
    degree: int | None = None,
) -> Calibration:
    """Make a calibration of valence against edge energy from references.

    Parameters
    ----------
    references
        Edge fits of the references, or their energies in eV.
    valences
        Their formal valences.
    energy_sigma_ev
        Uncertainty of the energies in eV; by default that of the fits, at least 0.02 eV (alignment of a
        foil).
    element
        Needed where energies are given.
    landmark
        Which energy to use. Half steps move least with normalisation; the first inflection jumps between
        features.
    degree
        Of the polynomial. By default 2 with three or more references at different energies, for the half step
        moves by 2.2 eV from Ni2+ to Ni3+ and by 1.7 eV to Ni4+, else 1.

    Returns
    -------
    Calibration
        To be given to `valence`.

    Raises
    ------
    ValueError
        If there are too few distinct references, numbers are not finite, or the valence does not rise with
        energy.

    Examples
    --------
    >>> calibration = calibrate_valence([8342.4, 8344.5], [2, 3], element="Ni")
    >>> round(float(1 / calibration.coefficients[1]), 2)
    2.1
    """
    energy, sigma, fitted_element = _edge_energies(references, landmark)
    element = element or fitted_element
    if element is None:
        raise ValueError("calibration from energies needs the element: give element='Ni' or the like")
    if energy_sigma_ev is not None:
        sigma = np.broadcast_to(np.asarray(energy_sigma_ev, dtype=float), energy.shape)
    known = np.asarray(valences, dtype=float)
    if degree is None:
        degree = 2 if np.unique(energy.round(3)).size > 2 else 1
    _require_references(energy, known, sigma, degree, element)
    centre = float(energy.mean())
    coefficients, covariance, scatter = _weighted_fit(energy - centre, known, sigma, degree)
    between = np.linspace(float(energy.min()), float(energy.max()), 50) - centre
    if np.any(_polynomial(coefficients, between)[1] <= 0):
        raise ValueError(
            f"{element}: valence does not rise steadily with {landmark} over the references "
            f"{energy.round(2).tolist()} eV -> {known.tolist()}: check them, or lower the degree"
        )
    return Calibration(
        element=element,
        landmark=landmark,
        coefficients=tuple(float(value) for value in coefficients),
        covariance=tuple(tuple(float(value) for value in row) for row in covariance),
        centre_ev=centre,
        energy_range_ev=(float(energy.min()), float(energy.max())),
        valence_range=(float(known.min()), float(known.max())),
        scatter=scatter,
    )


def _edge_energies(
    references: Sequence[EdgeFit] | ArrayLike, landmark: Landmark
) -> tuple[FloatArray, FloatArray, str | None]:
    """Energies of references and their uncertainties, eV, and their element where fits tell it."""
    fits = [item for item in cast("Sequence[object]", references) if isinstance(item, EdgeFit)]
    if not fits:
        energy: FloatArray = np.asarray(references, dtype=float)
        return energy, np.full(energy.shape, LEAST_SCATTER_EV), None
    fitted = np.array([float(getattr(fit, f"{landmark}_sigma")) for fit in fits])
    energy = np.array([float(getattr(fit, landmark)) for fit in fits])
    return energy, np.maximum(fitted, LEAST_SCATTER_EV), fits[0].element


def _weighted_fit(
    offset: FloatArray, known: FloatArray, sigma_ev: FloatArray, degree: int
) -> tuple[FloatArray, FloatArray, float]:
    """Coefficients, their covariance, and rms deviation of a polynomial through valences.

    Uncertainties of energies (eV) count by the mean slope. Where references scatter by more than these, the
    covariance grows with it.
    """
    design = rising_powers(offset, degree + 1)
    sigma = abs(np.polynomial.polynomial.polyfit(offset, known, 1)[1]) * sigma_ev
    inverse: FloatArray = np.asarray(np.linalg.pinv(design / sigma[:, None]), dtype=float)
    coefficients: FloatArray = inverse @ (known / sigma)
    covariance: FloatArray = inverse @ inverse.T
    residual: FloatArray = known - design @ coefficients
    freedom = known.size - degree - 1
    if freedom < 1:
        return coefficients, covariance, 0.0
    covariance = covariance * max(1.0, float(((residual / sigma) ** 2).sum() / freedom))
    return coefficients, covariance, float(np.sqrt((residual**2).sum() / freedom))


def _polynomial(coefficients: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Value and slope of a polynomial with rising coefficients."""
    powers = rising_powers(x, coefficients.size)
    return powers @ coefficients, powers[..., :-1] @ (coefficients[1:] * np.arange(1.0, coefficients.size))


def _require_references(
    energy: FloatArray, known: FloatArray, sigma: FloatArray, degree: int, element: str
) -> None:
    if energy.shape != known.shape:
        raise ValueError(f"{element}: {energy.size} references but {known.size} valences: give one for each")
    if not (np.isfinite(energy).all() and np.isfinite(known).all() and np.all(sigma > 0)):
        raise ValueError(f"{element}: references {energy.tolist()} eV, {known.tolist()}: all must be finite")
    distinct = np.unique(energy.round(3)).size
    if degree < 1 or distinct < degree + 1:
        raise ValueError(
            f"{element}: a calibration of degree {degree} needs degree >= 1 and {degree + 1} references at "
            f"different energies, got {distinct}"
        )


def valence(edge_fit: Edged, calibration: Calibration) -> Valence:
    """Mean valence of an element from the position of its edge.

    Parameters
    ----------
    edge_fit
        Fit of one spectrum or of a stack, or `XanesMaps`.
    calibration
        From `calibrate_valence`, for the same element.

    Returns
    -------
    Valence
        With the uncertainties of edge and calibration, and of the scatter of the references, added in
        squares; NaN where the edge was not found.

    Raises
    ------
    ValueError
        If fit and calibration are of different elements.
    """
    if edge_fit.element != calibration.element:
        raise ValueError(
            f"fit of {edge_fit.element}, calibration of {calibration.element}: calibrate each element"
        )
    energy = np.asarray(getattr(edge_fit, calibration.landmark), dtype=float)
    energy_sigma = np.asarray(getattr(edge_fit, f"{calibration.landmark}_sigma"), dtype=float)
    offset = energy - calibration.centre_ev
    coefficients = np.array(calibration.coefficients)
    value, slope = _polynomial(coefficients, offset)
    powers = rising_powers(offset, coefficients.size)
    known = ((powers @ np.array(calibration.covariance)) * powers).sum(axis=-1)
    sigma = np.sqrt((slope * energy_sigma) ** 2 + known + calibration.scatter**2)
    low, high = calibration.energy_range_ev
    outside = (energy < low - 2 * energy_sigma) | (energy > high + 2 * energy_sigma)
    if energy.ndim == 0:
        return Valence(float(value), float(sigma), bool(outside))
    return Valence(value, sigma, outside)
