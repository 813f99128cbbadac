"""Peaks by themselves: place, width and area of each, without a structure behind them."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .lattice_result import LEAST_SIGNIFICANCE, MISFIT_CHI2, MISFIT_PART
from .line_shape import sum_lines
from .phase import FloatArray
from .refinement import Bounds, refine

REACH_PER_A = 0.08
"""How far on both sides of its peaks a pattern is fitted unless told otherwise, 1/angstrom."""
POINTS_PER_NUMBER = 3
STEPS = 60
LORENTZIAN, LORENTZIAN_SPREAD = 0.5, 0.3
"""What the Lorentzian part is where the pattern does not tell."""
BACKGROUND = 2
"""Numbers of the straight background."""


class PeakVerdict(StrEnum):
    """Whether the numbers of a peak may be used."""

    GOOD = "good"
    WEAK = "weak"
    AT_LIMIT = "at a limit"
    MISFIT = "misfit"
    NO_DATA = "no data"


REASONS = {
    PeakVerdict.GOOD: "",
    PeakVerdict.WEAK: f"its area is less than {LEAST_SIGNIFICANCE:g} standard deviations: count longer",
    PeakVerdict.AT_LIMIT: "it ran to an end of the window, or is as wide as that or as narrow as a point: "
    "give a nearer place, or another reach",
    PeakVerdict.MISFIT: f"what the fit leaves is more than {MISFIT_PART:.0%} of the peaks and reduced chi "
    f"squared above {MISFIT_CHI2:g}: name the peaks that are missing",
    PeakVerdict.NO_DATA: "too few finite points about it",
}


@dataclass(frozen=True, eq=False)
class PeakFit:
    """Peaks of one window, in the order of the places given; arrays of shape (m,).

    Attributes
    ----------
    place_per_a, width_per_a, area
        Middle and full width at half maximum, 1/angstrom; intensity times 1/angstrom.
    place_sigma_per_a, width_sigma_per_a, area_sigma
        One standard deviation of each, enlarged where the shape does not fit.
    lorentzian
        Lorentzian part of all of them, 0 to 1.
    chi2_reduced
        Sum of weighted squares over points less parameters.
    verdict
        Strings of `PeakVerdict`.
    """

    place_per_a: FloatArray
    width_per_a: FloatArray
    area: FloatArray
    place_sigma_per_a: FloatArray
    width_sigma_per_a: FloatArray
    area_sigma: FloatArray
    lorentzian: float
    chi2_reduced: float
    verdict: NDArray[np.str_]

    @property
    def reason(self) -> list[str]:
        """Why each peak is not to be trusted; empty where it is."""
        return [REASONS[PeakVerdict(str(verdict))] for verdict in self.verdict]


def fit_peaks(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None = None,
    *,
    places_per_a: Sequence[float],
    reach_per_a: float = REACH_PER_A,
) -> PeakFit:
    """Fit neighbouring peaks by pseudo-Voigts of one Lorentzian part on a straight background.

    For one reflection that is followed, such as (003) through a charge: give the next frame the places found
    in this one. A lattice is known better from all lines together, by `fit_lattice`.

    Parameters
    ----------
    q_per_a, intensity
        The pattern (n,), 1/angstrom and counts (or proportional to counts, with `sigma`), in any order.
    sigma
        Standard deviations (n,); None if the intensities are counts.
    places_per_a
        Where the peaks are, about, 1/angstrom: of all that overlap, and of no others.
    reach_per_a
        How far beyond the outermost places the fit goes, 1/angstrom.

    Returns
    -------
    PeakFit
        With a verdict for each peak; ugly data end in one.

    Raises
    ------
    ValueError
        If the shapes differ, no place is given or one lies outside of the pattern, or the reach is not above
        0.

    Examples
    --------
    >>> q = np.arange(1.2, 1.5, 0.002)
    >>> counts = 100 + 5000 * np.exp(-0.5 * ((q - 1.33) / 0.006) ** 2)
    >>> found = fit_peaks(q, counts, places_per_a=[1.34])
    >>> round(float(found.place_per_a[0]), 4), str(found.verdict[0])
    (1.33, 'good')
    """
    places = np.asarray(places_per_a, dtype=float)
    q, values, spread = _window(q_per_a, intensity, sigma, places, reach_per_a)
    if q.size < POINTS_PER_NUMBER * (BACKGROUND + 3 * places.size + 1):
        return _nothing(places.size)
    step = float(np.median(np.diff(q)))
    start = _start(q, values, places, step)
    linear = np.column_stack([np.ones_like(q), q - q.mean()])
    gradient = np.eye(3 * places.size).reshape(places.size, 3, -1)

    def model(vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        lines = np.column_stack([_peaks(vector), np.full(places.size, vector[-1])])
        total, jacobian = sum_lines(q, lines, gradient, linear)
        return total + linear @ vector[:BACKGROUND], jacobian

    bounds = _bounds(places.size, q, step)
    refined = refine(model, start, values, spread, bounds, max_steps=STEPS)
    chi2 = refined.chi2 / (q.size - start.size)
    deviations = np.sqrt(np.diag(refined.covariance) * max(chi2, 1.0))
    lines = refined.pattern - linear @ refined.vector[:BACKGROUND]
    noise = float(np.mean(spread**2))
    left = max(float(np.mean((values - refined.pattern) ** 2)) - noise, 0.0)
    misfit = chi2 > MISFIT_CHI2 and left > MISFIT_PART**2 * float(np.mean(lines**2))
    return _told(refined.vector, deviations, chi2, bounds, misfit=misfit)


def _window(
    q_per_a: ArrayLike,
    intensity: ArrayLike,
    sigma: ArrayLike | None,
    places: FloatArray,
    reach_per_a: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give the good points about the peaks in rising q."""
    q, values = np.asarray(q_per_a, dtype=float), np.asarray(intensity, dtype=float)
    spread = np.sqrt(np.maximum(values, 1.0)) if sigma is None else np.asarray(sigma, dtype=float)
    if not q.shape == values.shape == spread.shape or q.ndim != 1:
        raise ValueError(
            f"fit_peaks: q {q.shape}, intensity {values.shape}, sigma {spread.shape}: give arrays (n,)"
        )
    known = q[np.isfinite(q)]
    low, high = (known.min(), known.max()) if known.size else (0.0, np.inf)
    if places.ndim != 1 or not places.size or not ((places > low) & (places < high)).all():
        raise ValueError(
            f"fit_peaks: places_per_a is {places.tolist()}; give one or more between {low:g} and {high:g} "
            "1/angstrom, where the pattern is"
        )
    if not reach_per_a > 0:
        raise ValueError(f"fit_peaks: reach_per_a is {reach_per_a:g} 1/angstrom, must be above 0")
    near = (q > places.min() - reach_per_a) & (q < places.max() + reach_per_a)
    good = near & np.isfinite(values) & np.isfinite(spread) & (spread > 0)
    order = np.flatnonzero(good)[np.argsort(q[good], kind="stable")]
    return q[order], values[order], spread[order]


def _start(q: FloatArray, values: FloatArray, places: FloatArray, step: float) -> FloatArray:
    """Begin with a level below most points, and the tops nearest to the places."""
    base = float(np.quantile(values, 0.2))
    above = np.clip(values - base, 0.0, None)
    wide = max(float(above.sum() * step / max(above.max(), 1e-300)) / places.size, 2 * step)
    numbers = [base, 0.0]
    for place in places:
        near = np.flatnonzero(np.abs(q - place) <= max(wide, 2 * step))
        top = (
            near[np.argmax(values[near])] if places.size == 1 and near.size else np.argmin(np.abs(q - place))
        )
        numbers += [float(q[top]), wide, float(above[top]) * wide]
    return np.array([*numbers, LORENTZIAN])


def _bounds(count: int, q: FloatArray, step: float) -> Bounds:
    """Keep places within the window, and widths between a point and the window."""
    free = (-np.inf, np.inf)
    each = ((q[0], q[-1]), (step, q[-1] - q[0]), free)
    low, high = np.array([free] * BACKGROUND + [*each] * count + [(0.0, 1.0)]).T
    expected, weight = np.zeros(low.size), np.zeros(low.size)
    expected[-1], weight[-1] = LORENTZIAN, 1 / LORENTZIAN_SPREAD**2
    return Bounds(low, high, expected, weight, np.zeros(low.size, dtype=bool))


def _peaks(vector: FloatArray) -> FloatArray:
    """Place, width and area of each peak (m, 3)."""
    return vector[BACKGROUND:-1].reshape(-1, 3)


def _told(
    vector: FloatArray, deviations: FloatArray, chi2: float, bounds: Bounds, *, misfit: bool
) -> PeakFit:
    place, width, area = _peaks(vector).T
    place_sigma, width_sigma, area_sigma = _peaks(deviations).T
    ends = (vector <= bounds.low) | (vector >= bounds.high)
    stuck = ends[BACKGROUND:-1].reshape(-1, 3).any(axis=1)
    weak = ~(area > LEAST_SIGNIFICANCE * area_sigma)
    verdict = np.select(
        [np.full(place.size, misfit), weak, stuck],
        [str(PeakVerdict.MISFIT), str(PeakVerdict.WEAK), str(PeakVerdict.AT_LIMIT)],
        default=str(PeakVerdict.GOOD),
    )
    return PeakFit(place, width, area, place_sigma, width_sigma, area_sigma, float(vector[-1]), chi2, verdict)


def _nothing(count: int) -> PeakFit:
    nan = np.full(count, np.nan)
    verdict = np.full(count, str(PeakVerdict.NO_DATA))
    return PeakFit(nan, nan, nan, nan, nan, nan, float("nan"), float("nan"), verdict)
