"""Where in a series of patterns peaks begin to split: a change of shape that lasts."""
# pyright: standard

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .peak_shape import NO_PEAK, PeakShape, fit_peak_shape
from .phase import FloatArray

LEAST_BEFORE = 4
"""Patterns from which a trend of the width is known."""
LEAST_DEVIATIONS = 3.0
"""By how many standard deviations widths must leave their trend, peaks together, in each pattern."""
TREND_FREEDOM = 2


class Splitting(StrEnum):
    """What may be said of the peaks of a series."""

    SPLIT = "split"
    BROADENED = "broadened"
    NONE = "no change"
    UNKNOWN = "too little"


@dataclass(frozen=True, eq=False)
class SplittingOnset:
    """Where peaks begin to split.

    Attributes
    ----------
    verdict, reason
        ``split`` where two peaks explain the patterns after the onset better than one wider peak does,
        ``broadened`` where they do not, ``no change``, or ``too little`` to say; and why, in a sentence.
    frame
        First pattern of those that are wider for good, -1 for none.
    order
        What orders the series there and in the pattern before (2,), in its unit; nan for none.
    width, width_sigma
        Full width of each peak (m, n), in the unit of the abscissa, with one standard deviation.
    separation
        Distance of the two peaks that best explain each peak (m, n), same unit; nan before the onset.
    gain
        By how much the Bayes information criterion of two peaks is below that of one (m, n); nan before.
    deviation
        Standard deviations by which the widths of a pattern are above the trend of those before (n,).
    """

    verdict: Splitting
    reason: str
    frame: int
    order: tuple[float, float]
    width: FloatArray
    width_sigma: FloatArray
    separation: FloatArray
    gain: FloatArray
    deviation: FloatArray


Pattern = tuple[ArrayLike, ArrayLike, ArrayLike]


def splitting_onset(
    patterns: Sequence[Pattern],
    windows: Sequence[tuple[float, float]],
    *,
    order: Sequence[float] | None = None,
    persistence: int = 3,
) -> SplittingOnset:
    """Find where peaks begin to split, long before two tops are seen.

    One peak is fitted in each window of each pattern. Widths drift, and what counts is a width that leaves
    the line through those of the patterns before it, in all peaks together, in `persistence` ones running.
    Two peaks of one width are compared with one free width by the Bayes information criterion (Schwarz 1978,
    Ann. Stat. 6, 461): a split is told from mere broadening by the patterns after the onset.

    Parameters
    ----------
    patterns
        Abscissa (k,), intensity (k,) and standard deviation (k,) of each of n patterns, the first unsplit.
    windows
        Lower and upper end about each of m peaks, in the unit of the abscissa.
    order
        What orders the series, such as a temperature or a lithium content (n,); the number if None.
    persistence
        Patterns running that must be wider.

    Raises
    ------
    ValueError
        If `order` has another length than `patterns`, or there is no window.
    """
    place = np.arange(len(patterns), dtype=float) if order is None else np.asarray(order, dtype=float)
    if place.shape != (len(patterns),) or not windows:
        raise ValueError(
            f"peak splitting: {len(patterns)} patterns, an order of {place.size} and {len(windows)} windows: "
            "give one number for each pattern, and one window at least"
        )
    shapes = [[fit_peak_shape(*pattern, window) for pattern in patterns] for window in windows]
    width, sigma = _each(shapes, "width"), _each(shapes, "width_sigma")
    deviation = _deviations(place, width, sigma)
    wider = _lasting(deviation > LEAST_DEVIATIONS, persistence)
    frame = int(np.argmax(wider)) if wider.any() else -1
    pairs = [[*row] for row in shapes]
    for row, window in zip(pairs, windows, strict=True):
        for number in range(frame if frame >= 0 else len(patterns), len(patterns)):
            row[number] = fit_peak_shape(*patterns[number], window, pair=True)
    gain = _each(pairs, "gain")
    verdict, reason = _judged(frame, deviation, gain)
    at = (float(place[frame - 1]), float(place[frame])) if frame > 0 else (float("nan"), float("nan"))
    return SplittingOnset(
        verdict, reason, frame, at, width, sigma, _each(pairs, "separation"), gain, deviation
    )


def _each(shapes: Sequence[Sequence[PeakShape]], name: str) -> FloatArray:
    """One number of every peak of every pattern (m, n)."""
    return np.array([[getattr(shape, name) for shape in row] for row in shapes], dtype=float)


def _deviations(place: FloatArray, width: FloatArray, sigma: FloatArray) -> FloatArray:
    """Give the standard deviations (n,) by which widths (m, n) are above what those before make one expect.

    The line through the widths before is weighted; their scatter about it, where larger than their errors,
    enlarges both. A pattern that is above by more than the limit is left out of later lines: else a slow
    widening would hide itself.
    """
    total = np.full(place.size, np.nan)
    used = np.isfinite(width)
    for frame in range(place.size):
        each: list[float] = []
        for peak in range(len(width)):
            before = np.flatnonzero(used[peak, :frame])
            if before.size >= LEAST_BEFORE and np.isfinite(width[peak, frame]):
                ahead = (place[frame], width[peak, frame], sigma[peak, frame])
                each.append(_above(place[before], width[peak, before], sigma[peak, before], ahead))
        if each:
            total[frame] = float(np.sum(each) / np.sqrt(len(each)))
            used[:, frame] &= not total[frame] > LEAST_DEVIATIONS
    return total


def _above(
    place: FloatArray, width: FloatArray, sigma: FloatArray, ahead: tuple[float, float, float]
) -> float:
    """Give the standard deviations by which a width is above the line through those before it."""
    middle = place.mean()
    design = np.stack([np.ones_like(place), place - middle], axis=1) / sigma[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    line = covariance @ design.T @ (width / sigma)
    scatter = float((((width / sigma) - design @ line) ** 2).sum()) / (place.size - TREND_FREEDOM)
    at = np.array([1.0, ahead[0] - middle])
    variance = (at @ covariance @ at + ahead[2] ** 2) * max(scatter, 1.0)
    return float((ahead[1] - at @ line) / np.sqrt(variance))


def _lasting(above: NDArray[np.bool_], persistence: int) -> NDArray[np.bool_]:
    """Whether each pattern begins `persistence` ones running that are above (n,)."""
    found = np.zeros(above.size, dtype=bool)
    for frame in range(above.size - persistence + 1):
        found[frame] = above[frame : frame + persistence].all()
    return found


def _judged(frame: int, deviation: FloatArray, gain: FloatArray) -> tuple[Splitting, str]:
    """Say what happened, and why."""
    if not np.isfinite(deviation).any():
        return Splitting.UNKNOWN, f"{NO_PEAK}, or fewer than {LEAST_BEFORE + 1} patterns with one"
    if frame < 0:
        return Splitting.NONE, "no width leaves the trend of those before it for good"
    after = float(np.nanmedian(np.nansum(gain[:, frame:], axis=0)))
    if after > 0:
        return Splitting.SPLIT, f"two peaks explain the patterns from {frame} on better than one wider peak"
    return (
        Splitting.BROADENED,
        f"patterns from {frame} on are wider, and one peak explains them as well as two",
    )
