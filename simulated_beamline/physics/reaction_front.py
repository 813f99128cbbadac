"""Lithium in a particle: a front that moves in from the surface and lags where cracks are in the way."""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportArgumentType=false

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from .array import FloatArray

FARTHEST = 40.0
"""Widths of the front beyond which it is out of the particle."""
SMALLEST = 1e-9
"""Content, of lithium or of vacancies, below which there is none to be uneven."""


@dataclass(frozen=True)
class ReactionFront:
    """How uneven the lithium content is.

    Attributes
    ----------
    contrast : float
        Lithium content ahead of the front minus that behind it, 0 (even) to 1. The default is a plausible
        value for a simulation, not a measured one (differences that persist: Gent 2016, Adv. Mater. 28).
    width_nm : float
        Of the front.
    """

    contrast: float = 0.3
    width_nm: float = 250.0

    def lithium_content(
        self, reach_nm: FloatArray, amount: FloatArray, mean: float, *, charging: float = True
    ) -> FloatArray:
        """Local lithium content of a particle whose mean is given.

        Far behind the front the content is (1 - contrast) mean, far ahead of it that plus the contrast: both
        lie within 0..1 whatever the mean. The position of the front is what makes the mean right.

        Parameters
        ----------
        reach_nm
            What the front has to go before it arrives at each pixel, nm, any shape.
        amount
            Weight of each pixel, mol/cm2, of the same shape; zero outside.
        mean
            x of Li_x MO2, 0 to 1.
        charging
            Whether lithium leaves the surface first; else it arrives there first. Between 0 and 1 the share
            of the former while the particle passes over, see `front_memory.FrontMemory`.

        Returns
        -------
        ndarray
            x at each pixel, 0..1, of the same shape; its weighted mean is `mean` to 1e-6.

        Raises
        ------
        ValueError
            If the mean is outside 0..1.

        Notes
        -----
        The map depends on mean and direction alone: it does not relax when the current stops.
        """
        if 0.0 < charging < 1.0:
            ways = (self.lithium_content(reach_nm, amount, mean, charging=way) for way in (True, False))
            leaving, arriving = ways
            return charging * leaving + (1.0 - charging) * arriving
        if not 0.0 <= mean <= 1.0:
            raise ValueError(f"lithium_content {mean} of the particle is outside 0..1: give x of Li_x MO2")
        if min(mean, 1.0 - mean) < SMALLEST or self.contrast == 0.0:
            return np.full_like(reach_nm, mean)
        sign = 1.0 if charging else -1.0
        steps = sign * reach_nm / self.width_nm
        where = amount > 0.0
        within, weight = steps[where], amount[where] / amount[where].sum()

        def excess(place: float) -> float:
            return float(weight @ expit(within - place)) - mean

        bounds = float(within.min()) - FARTHEST, float(within.max()) + FARTHEST
        place = float(brentq(excess, *bounds, xtol=1e-7))
        return np.clip((1.0 - self.contrast) * mean + self.contrast * expit(steps - place), 0.0, 1.0)
