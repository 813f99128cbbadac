"""How far a cell goes under current until its voltage reaches a limit, for estimates."""

import math
from dataclasses import dataclass

FIRST_LEAD = 2.0 / 3.0 * math.sqrt(15.0 / math.pi)
"""Of the surface, per rate x R^2 / (15 D) and root of time in R^2 / (15 D)."""


@dataclass(frozen=True)
class Polarisation:
    """What holds a cell back under current: terminals and surfaces of the particles are ahead of their mean.

    Attributes
    ----------
    resistance_ohm_cm2
        Of electrolyte, surfaces and lithium, ohm cm2.
    diffusion_s
        R^2 / (15 D) of the particles, s: the time by which the lithium content of their surface is ahead.
    """

    resistance_ohm_cm2: float = 30.0
    diffusion_s: float = 5.22e-6**2 / (15 * 4e-15)

    def moved(self, surface_change: float, rate_per_s: float) -> float:
        """Change of the mean lithium content by which that of the surface has changed by so much.

        The surface of a sphere with a constant flux is ahead by `rate_per_s` x R^2 / (15 D) at last, and by
        2 j (t / (pi D))^1/2 at first (Crank 1975, chapter 6); an exponential leads from one to the other.

        Parameters
        ----------
        surface_change
            Of the lithium content at the surface since a rest, without sign.
        rate_per_s
            At which the mean lithium content changes, 1/s.
        """
        ahead = rate_per_s * self.diffusion_s
        if ahead == 0.0:
            return surface_change
        low, high = 0.0, surface_change
        for _ in range(30):
            middle = 0.5 * (low + high)
            reached = middle + ahead * -math.expm1(-FIRST_LEAD * math.sqrt(middle / ahead))
            low, high = (middle, high) if reached < surface_change else (low, middle)
        return low


TYPICAL = Polarisation()
"""Half cell with the particles (5.22 um) and diffusion (4e-15 m2/s) of NMC811 in Chen et al. 2020."""
NONE = Polarisation(resistance_ohm_cm2=0.0, diffusion_s=0.0)
"""A cell that is always at rest: none goes further."""
