"""Drift of the sample over a series of maps, such as those of the angles of a rocking scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .drift_refinement import refine_drift
from .registration import Registration, RegistrationVerdict, register
from .rocking_geometry import FloatArray

WINDOW, LEAP_PX = 11, 0.5
"""Maps through which a parabola is laid, and what is no noise of registration, pixels."""
ELSEWHERE_PX = 2.0
"""A refined map further than this from where it was registered is not believed."""
BESIDE_PX, LEAST_OTHERS = 1.0, 2
"""How near an ambiguous map must be to where those around it are, and more than how many must be sure."""


@dataclass(frozen=True)
class MapDrift:
    """Where each map of a series lies against the first.

    Attributes
    ----------
    shift_px
        Rows and columns by which the sample appears moved, shape (n, 2); that of the map before where a map
        cannot be placed.
    sigma_px
        One standard deviation of each place, shape (n, 2); nan where it is only registered (some
        hundredths to tenths of a pixel) or unknown.
    verdict
        Strings of `RegistrationVerdict`, shape (n,).
    reason
        Why a map cannot be placed, shape (n,); empty where it can.
    """

    shift_px: FloatArray
    sigma_px: FloatArray
    verdict: NDArray[np.str_]
    reason: NDArray[np.object_]


def map_drift(maps: Iterable[ArrayLike], *, smooth_px: float = 2.0) -> MapDrift:
    """Find the drift over a series of maps.

    Each map is registered with the first, so that errors do not add up, and those that could be are refined
    together (`refine_drift`). Take maps of something that does not change with the series, such as
    fluorescence or transmission; diffracted intensity walks over a bent crystal as it turns.

    Parameters
    ----------
    maps
        Maps of equal shape, at least 16 x 16 pixels.
    smooth_px
        Standard deviation of the Gaussian in the gradient, pixels.

    Returns
    -------
    MapDrift
        One shift per map, for `RockingMoments.add`.

    Raises
    ------
    ValueError
        If there is no map, or they differ in shape.

    Examples
    --------
    >>> rows, columns = np.mgrid[0:48, 0:48]
    >>> def spot(row):
    ...     return np.exp(-((rows - row) ** 2 + (columns - 24.0) ** 2) / 30)
    >>> found = map_drift([spot(20), spot(20.6), spot(21.3)])
    >>> [round(float(shift), 1) for shift in found.shift_px[1:, 0]]
    [0.6, 1.3]
    """
    series = [np.asarray(each, dtype=float) for each in maps]
    if not series:
        raise ValueError("map_drift: no map is given; give the maps of the series, the first one included")
    found: list[Registration] = [register(series[0], each, smooth_px=smooth_px) for each in series]
    placed = _placed(found)
    shift_px, sigma_px = _refined(np.stack(series), found, placed)
    for place in np.flatnonzero(~placed):
        shift_px[place] = shift_px[place - 1]
    return MapDrift(
        shift_px=shift_px,
        sigma_px=sigma_px,
        verdict=np.array(
            [
                str(RegistrationVerdict.GOOD if here and number else each.verdict)
                for number, (each, here) in enumerate(zip(found, placed, strict=True))
            ]
        ),
        reason=np.array([each.reason for each in found], dtype=object),
    )


def _placed(found: Sequence[Registration]) -> NDArray[np.bool_]:
    """Which maps lie where they were registered (n,): of two places alike, the one beside the others.

    The first one is where the others are counted from, whatever its own edges are like.
    """
    verdicts = np.array([str(each.verdict) for each in found])
    good = verdicts == str(RegistrationVerdict.GOOD)
    good[0] = True
    if good.sum() <= LEAST_OTHERS:
        return good
    shifts = np.array([each.shift_px for each in found], dtype=np.float64)
    number = np.arange(len(found), dtype=np.float64)
    beside = np.empty_like(shifts)
    for axis in (0, 1):
        beside[:, axis] = np.interp(number, number[good], shifts[good, axis])
    near = np.abs(shifts - beside).max(axis=1) < BESIDE_PX
    return np.asarray(good | (near & (verdicts == str(RegistrationVerdict.AMBIGUOUS))), dtype=np.bool_)


def _refined(
    series: FloatArray, found: Sequence[Registration], placed: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Shifts of a series as registered, made better where that does not lead elsewhere, and their sigmas."""
    registered = np.array([each.shift_px for each in found], dtype=np.float64)
    shift_px, sigma_px = registered.copy(), np.full_like(registered, np.nan)
    better = refine_drift(series[placed], registered[placed])
    shift_px[placed], sigma_px[placed] = better.shift_px, better.sigma_px
    elsewhere = np.abs(shift_px - registered).max(axis=1) > ELSEWHERE_PX
    shift_px[elsewhere], sigma_px[elsewhere] = registered[elsewhere], np.nan
    return shift_px, sigma_px


def smooth_drift(drift_px: ArrayLike, sigma_px: ArrayLike | None = None) -> FloatArray:
    """Drift over a series without the noise of its registration: a parabola through the maps around each.

    A specimen drifts, and walks with the rotation, smoothly; of a map that is off by a twentieth of a pixel
    against its neighbours, a boundary of grains makes a strain of 3e-5. Where a stage has leapt, a
    drift is left as it was found. What is more than noise is kept: the part of the scatter about the
    parabolas that exceeds the known uncertainty (James and Stein 1961, Proc. 4th Berkeley Symp. 1, 361).

    Parameters
    ----------
    drift_px
        Rows and columns by which the sample is moved since the first map, shape (n, 2).
    sigma_px
        One standard deviation of each, shape (n, 2), such as `MapDrift` has; all scatter counts as noise
        where none is known.

    Returns
    -------
    numpy.ndarray
        Of the same shape.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(0.0, 0.05, (40, 2))
    >>> line = np.outer(np.arange(40.0), [0.1, 0.05])
    >>> bool(np.std(smooth_drift(line + noise) - line) < 0.6 * np.std(noise))
    True
    """
    found = np.asarray(drift_px, dtype=np.float64)
    if len(found) < WINDOW:
        return found
    number = np.arange(len(found), dtype=np.float64)
    smooth, freedom = np.empty_like(found), np.empty(len(found))
    for place in range(len(found)):
        first = min(max(place - WINDOW // 2, 0), len(found) - WINDOW)
        near = slice(first, first + WINDOW)
        weights = np.linalg.pinv(np.vander(number[near] - place, 3))[-1]
        smooth[place], freedom[place] = weights @ found[near], 1.0 - weights[place - first]
    if np.abs(smooth - found).max() > LEAP_PX:
        return found
    scatter: FloatArray = found - smooth
    return np.asarray(smooth + _more_than_noise(scatter, freedom, sigma_px) * scatter, dtype=np.float64)


def _more_than_noise(scatter: FloatArray, freedom: FloatArray, sigma_px: ArrayLike | None) -> FloatArray:
    """Part (2,) of the scatter about smooth curves that is movement; none where the noise is not known."""
    noise = np.full_like(scatter, np.nan) if sigma_px is None else np.asarray(sigma_px, dtype=np.float64)
    known = np.isfinite(noise)
    if not known.all(axis=1).any():
        return np.zeros(2)
    expected = np.where(known, noise**2 * freedom[:, None], 0.0).sum(axis=0)
    seen = np.where(known, scatter**2, 0.0).sum(axis=0)
    return np.asarray(np.clip(1.0 - expected / np.maximum(seen, 1e-300), 0.0, 1.0), dtype=np.float64)


def shift_between(first: ArrayLike, later: ArrayLike) -> tuple[float, float] | None:
    """Rows and columns by which the sample appears moved in a later map; None if that cannot be placed.

    Parameters
    ----------
    first, later
        Maps of equal shape, at least 16 x 16 pixels, of something that does not change, see `map_drift`.

    Returns
    -------
    tuple or None
        Pixels; see `map_drift`.
    """
    found = map_drift([first, later])
    placed = found.verdict[1] == str(RegistrationVerdict.GOOD)
    return (float(found.shift_px[1, 0]), float(found.shift_px[1, 1])) if placed else None
