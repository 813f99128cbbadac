"""The dark of an exposure from darks of others: by its rate, or by offset and rate where two are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .detector_response import CameraDark

SAME_EXPOSURE = 1e-3
"""Exposures that differ by less, relative, are the same."""


@dataclass(frozen=True)
class TakenDark:
    """A dark, and the exposure (s) of each of its frames."""

    exposure_s: float
    dark: CameraDark


@dataclass(frozen=True)
class ScaledDark:
    """A dark for an exposure, and in a few words how it was come by; empty if it was measured so."""

    dark: CameraDark
    told: str


def dark_at(exposure_s: float, taken: Sequence[TakenDark]) -> ScaledDark:
    """Give the dark of an exposure.

    One that was taken with it is used as it is, the last one of several. Of two others each pixel has an
    offset and a rate, on the straight line through both. A single other one is taken for a rate without
    offset, which the result tells.

    Parameters
    ----------
    exposure_s
        Of the frames that are to be corrected, s.
    taken
        Darks of one camera, the newest last.

    Returns
    -------
    ScaledDark
        Mean in counts, and its variance: errors of two darks are weighted as the line weights them.

    Raises
    ------
    ValueError
        If no dark is given, or an exposure is not above zero.

    Examples
    --------
    >>> def even(counts):
    ...     whole = np.full((1, 2), counts)
    ...     return CameraDark(whole, whole / 10, np.zeros((1, 2), dtype=bool))
    >>> rate = dark_at(4.0, [TakenDark(1.0, even(10.0))])
    >>> float(rate.dark.mean[0, 0]), rate.told.split(":")[0]
    (40.0, 'dark x 4 by exposure, taken for a rate without offset')
    >>> line = dark_at(4.0, [TakenDark(1.0, even(10.0)), TakenDark(2.0, even(12.0))])
    >>> float(line.dark.mean[0, 0]), line.told
    (16.0, 'dark by offset and rate from 1 s and 2 s')
    """
    wrong = [each for each in (exposure_s, *(dark.exposure_s for dark in taken)) if not each > 0]
    if not taken or wrong:
        raise ValueError(
            f"dark for {exposure_s:g} s from {len(taken)} darks: give one or more, of exposures above 0 s"
        )
    for each in reversed(taken):
        if abs(each.exposure_s / exposure_s - 1) <= SAME_EXPOSURE:
            return ScaledDark(each.dark, "")
    pair = _nearest_pair(exposure_s, taken)
    if pair is not None:
        one, other = pair
        said = f"dark by offset and rate from {one.exposure_s:g} s and {other.exposure_s:g} s"
        return ScaledDark(_on_the_line(exposure_s, one, other), said)
    last = taken[-1]
    factor, dark = exposure_s / last.exposure_s, last.dark
    said = (
        f"dark x {factor:.4g} by exposure, taken for a rate without offset: take darks of two exposures to "
        "tell them apart"
    )
    return ScaledDark(CameraDark(dark.mean * factor, dark.variance * factor**2, dark.bad), said)


def _nearest_pair(exposure_s: float, taken: Sequence[TakenDark]) -> tuple[TakenDark, TakenDark] | None:
    """Two darks of unlike exposures, those that are nearest; the shorter one first."""
    newest = {round(float(np.log(dark.exposure_s)) / SAME_EXPOSURE): dark for dark in taken}
    pairs = combinations(sorted(newest.values(), key=lambda dark: dark.exposure_s), 2)

    def far(pair: tuple[TakenDark, TakenDark]) -> float:
        return sum(abs(float(np.log(dark.exposure_s / exposure_s))) for dark in pair)

    return min(pairs, key=far, default=None)


def _on_the_line(exposure_s: float, one: TakenDark, other: TakenDark) -> CameraDark:
    """Give what lies on the straight line of each pixel."""
    part = (exposure_s - one.exposure_s) / (other.exposure_s - one.exposure_s)
    mean = (1 - part) * one.dark.mean + part * other.dark.mean
    variance = (1 - part) ** 2 * one.dark.variance + part**2 * other.dark.variance
    return CameraDark(mean, variance, one.dark.bad | other.dark.bad)
