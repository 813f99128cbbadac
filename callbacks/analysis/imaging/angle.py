"""Orders in which the angles of a tomogram are taken, and how much each angle stands for."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]

GOLDEN_RATIO = (1.0 + math.sqrt(5.0)) / 2.0
HALF_TURN_DEG = 180.0
SAME_DEG = 1e-6
WIDEST_GAP = 3.0
"""Of all but the widest gaps: a wider one is a wedge not measured yet, for which its edges do not stand."""
USUAL_GAPS = 0.9


def _checked(count: int, span_deg: float) -> None:
    if count < 1 or not 0 < span_deg <= 360:
        raise ValueError(
            f"angular order: {count} projections over {span_deg} degrees; give at least 1 over more than 0 "
            "and at most 360 degrees"
        )


def sequential_angles(count: int, *, span_deg: float = HALF_TURN_DEG, start_deg: float = 0.0) -> FloatArray:
    """Return equal steps, the end not among them.

    Parameters
    ----------
    count
        Projections.
    span_deg
        180 or 360, degrees.
    start_deg
        First angle, degrees.

    Returns
    -------
    ndarray
        Angles in the order of acquisition, degrees, shape (count,).

    Examples
    --------
    >>> sequential_angles(4)
    array([  0.,  45.,  90., 135.])
    """
    _checked(count, span_deg)
    steps: FloatArray = np.arange(count, dtype=np.float64)
    return start_deg + steps * (span_deg / count)


def golden_angles(count: int, *, span_deg: float = HALF_TURN_DEG, start_deg: float = 0.0) -> FloatArray:
    """Return steps of the golden section: any first n of them cover the span nearly evenly.

    Each is put into ``[start_deg, start_deg + span_deg)``. The gaps of the first n have at most three sizes
    (Koehler 2004, IEEE Nucl. Sci. Symp. 3961).

    Parameters
    ----------
    count
        Projections.
    span_deg
        180 or 360, degrees.
    start_deg
        First angle, degrees.

    Returns
    -------
    ndarray
        Angles in the order of acquisition, degrees, shape (count,).

    Examples
    --------
    >>> golden_angles(3).round(2)
    array([  0.  , 111.25,  42.49])
    """
    _checked(count, span_deg)
    return start_deg + span_deg * np.mod(np.arange(count) / GOLDEN_RATIO, 1.0)


def interlaced_angles(
    count: int, *, turns: int, span_deg: float = HALF_TURN_DEG, start_deg: float = 0.0
) -> FloatArray:
    """Return several coarse turns, each between the angles of those before, for a stage that only goes on.

    After each turn the angles are even; the turns follow in bit-reversed order (Mohan et al. 2015, IEEE
    Trans. Comput. Imaging 1, 96). Modulo the span, the angles are those of `sequential_angles`.

    Parameters
    ----------
    count
        Projections, a multiple of `turns`.
    turns
        Passes over the span, a power of two.
    span_deg
        180 or 360, degrees.
    start_deg
        First angle, degrees.

    Returns
    -------
    ndarray
        Angles in the order of acquisition, growing from turn to turn, degrees, shape (count,).

    Raises
    ------
    ValueError
        If `turns` is no power of two or does not divide `count`.

    Examples
    --------
    >>> interlaced_angles(4, turns=2)
    array([  0.,  90., 225., 315.])
    """
    _checked(count, span_deg)
    if turns < 1 or turns & (turns - 1) or count % turns:
        raise ValueError(
            f"interlaced order: {count} projections in {turns} turns; turns must be a power of two that "
            "divides the number of projections"
        )
    bits = turns.bit_length() - 1
    order = [int(format(turn, f"0{bits}b")[::-1], 2) if bits else 0 for turn in range(turns)]
    fine_deg = span_deg / count
    coarse: FloatArray = np.arange(0, count, turns, dtype=np.float64)
    passes = [turn * span_deg + (coarse + offset) * fine_deg for turn, offset in enumerate(order)]
    whole: FloatArray = np.concatenate(passes)
    return whole + start_deg


def golden_turns(
    count: int, *, turns: int, span_deg: float = HALF_TURN_DEG, start_deg: float = 0.0
) -> FloatArray:
    """Return coarse turns, each begun a golden section of the coarse step after that before.

    For a stage that only goes on, as `interlaced_angles`, but for any number of turns: after each of them the
    angles cover the span nearly evenly, and none comes twice.

    Parameters
    ----------
    count
        Projections, a multiple of `turns`.
    turns
        Passes over the span.
    span_deg
        180 or 360, degrees.
    start_deg
        First angle, degrees.

    Returns
    -------
    ndarray
        Angles in the order of acquisition, growing, degrees, shape (count,).

    Raises
    ------
    ValueError
        If `turns` does not divide `count`.

    Examples
    --------
    >>> golden_turns(4, turns=2).round(2)
    array([  0.  ,  90.  , 235.62, 325.62])
    """
    _checked(count, span_deg)
    if turns < 1 or count % turns:
        raise ValueError(
            f"golden turns: {count} projections in {turns} turns; turns must divide the number of projections"
        )
    coarse_deg = span_deg * turns / count
    begin = np.arange(turns)
    offset_deg = begin * span_deg + coarse_deg * np.mod(begin / GOLDEN_RATIO, 1.0)
    steps: FloatArray = np.arange(count // turns, dtype=np.float64)
    angles: FloatArray = (offset_deg[:, None] + coarse_deg * steps).ravel()
    return angles + start_deg


def angular_weights(angle_deg: ArrayLike, *, widest_gap: float = WIDEST_GAP) -> FloatArray:
    """Return half the gap between each angle's neighbours, modulo a half turn, in radians.

    With these as weights the sum over projections is the integral over a half turn for any order, for
    half and full turns, and for angles that are not even: crowded ones count less.

    Parameters
    ----------
    angle_deg
        Angles in any order, degrees, shape (n,).
    widest_gap
        The most that counts, of the gap that nine in ten do not exceed, so that the edges of a missing wedge
        are not blown up.

    Returns
    -------
    ndarray
        Weights, radians, shape (n,); they sum to pi where no gap is cut.

    Examples
    --------
    >>> (angular_weights([0, 90, 45, 135]) / np.pi).round(3)
    array([0.25, 0.25, 0.25, 0.25])
    """
    angles = np.mod(np.asarray(angle_deg, dtype=np.float64), HALF_TURN_DEG)
    if angles.ndim != 1 or angles.size == 0 or not np.isfinite(angles).all():
        raise ValueError(
            f"angular weights: angles of shape {angles.shape}, {np.sum(~np.isfinite(angles))} of them not "
            "finite; give a list of finite angles in degrees"
        )
    if angles.size == 1:
        return np.array([math.pi])
    order = np.argsort(angles, kind="stable")
    gaps = np.diff(angles[order], append=angles[order[0]] + HALF_TURN_DEG)
    usual = float(np.quantile(gaps[gaps > SAME_DEG], USUAL_GAPS, method="lower"))
    gaps = np.minimum(gaps, widest_gap * usual)
    weights = np.empty_like(angles)
    weights[order] = np.radians(0.5 * (gaps + np.roll(gaps, 1)))
    return weights
