"""What a fluorescence fit says: counts with uncertainties, and when to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from .reason import reasons_of
from .rocking_geometry import FloatArray

MISFIT = 3.0
LEAST_LIVE = 0.5
LEAST_COUNTS = 30.0


class FluorescenceVerdict(StrEnum):
    """Whether the counts of a position may be used."""

    GOOD = "good"
    WEAK = "weak"
    MISFIT = "misfit"
    SATURATED = "saturated"


REASONS = {
    FluorescenceVerdict.GOOD: "",
    FluorescenceVerdict.WEAK: f"fewer than {LEAST_COUNTS:.0f} counts in the fitted channels: dwell longer",
    FluorescenceVerdict.MISFIT: f"misfit is over {MISFIT:g} times counting noise: calibrate the response, "
    "or name the elements that are missing",
    FluorescenceVerdict.SATURATED: f"less than {LEAST_LIVE:.0%} of the photons were recorded: attenuate",
}


@dataclass(frozen=True)
class FluorescenceMap:
    """Elements of a map.

    Attributes
    ----------
    elements
        Symbols, length n.
    counts
        Photons of each element's lines, corrected for dead time, shape (n, *map).
    counts_sigma
        One standard deviation by counting statistics, before the limit at zero, shape (n, *map).
    elastic, compton, background
        Counts of the scattering peaks and of the straight background, shape of the map.
    misfit
        Squared misfit over what counting noise gives: 1 where the model is complete.
    limited
        Where some component was held at zero.
    channels
        First and last channel fitted.
    verdict
        Strings of `FluorescenceVerdict`, shape of the map.
    """

    elements: tuple[str, ...]
    counts: FloatArray
    counts_sigma: FloatArray
    elastic: FloatArray
    compton: FloatArray
    background: FloatArray
    misfit: FloatArray
    limited: NDArray[np.bool_]
    channels: tuple[int, int]
    verdict: NDArray[np.str_]

    def of(self, element: str) -> FloatArray:
        """Give the counts of one element, shape of the map."""
        return self.counts[self.elements.index(element)]

    @property
    def reason(self) -> NDArray[np.object_]:
        """Why each position is (not) to be trusted; empty where it is."""
        return reasons_of(self.verdict, REASONS)


def judge(total: FloatArray, misfit: FloatArray, live: FloatArray) -> NDArray[np.str_]:
    """Judge each position.

    Parameters
    ----------
    total
        Counts in the fitted channels, shape (n,).
    misfit
        Over that of counting noise, shape (n,).
    live
        Part of the photons that were recorded, shape (n,).

    Returns
    -------
    ndarray of str
        The gravest verdict that holds, shape (n,).
    """
    return np.select(
        [~(live >= LEAST_LIVE), ~(total >= LEAST_COUNTS), misfit > MISFIT],
        [str(FluorescenceVerdict.SATURATED), str(FluorescenceVerdict.WEAK), str(FluorescenceVerdict.MISFIT)],
        default=str(FluorescenceVerdict.GOOD),
    )
