"""Angles of a tomogram, in the order in which they are taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

EVEN_PART = 1e-3
"""Largest difference between steps of a turn that is taken on the fly, over the step."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is taken at which angles.

    Parameters
    ----------
    angles_deg : sequence of float
        Of the projections in their order, degree, two or more; kept as a tuple. `sequential_angles`,
        `golden_angles` and `interlaced_angles` of `callbacks.analysis.imaging` make some.
    exposure_s : float
        Of each frame, s.
    flats, darks : int
        Frames without specimen and without light before the projections; 0 for none.
    flat_x_um : float
        Where `sample_x` has the specimen out of the picture, um.
    binning : int
        Pixels along each side that the camera adds up to one.
    live_part : float
        Part of a step (0..1) for which a frame is exposed on the fly.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    angles_deg: Sequence[float]
    exposure_s: float
    flats: int = 10
    darks: int = 10
    flat_x_um: float = 100.0
    binning: int = 1
    live_part: float = 0.95

    def __post_init__(self) -> None:
        object.__setattr__(self, "angles_deg", tuple(map(float, self.angles_deg)))
        if len(self.angles_deg) < 2 or not all(math.isfinite(angle) for angle in self.angles_deg):
            raise ValueError(
                f"tomography: {len(self.angles_deg)} angles; give two finite ones or more, in degree"
            )
        if not (math.isfinite(self.exposure_s) and self.exposure_s > 0.0):
            raise ValueError(f"tomography: exposure_s is {self.exposure_s}; give a positive number of s")
        if self.flats < 0 or self.darks < 0 or not 0.0 < self.live_part <= 0.99:
            raise ValueError(
                f"tomography: {self.flats} flats, {self.darks} darks, live_part {self.live_part}; give "
                "counts of 0 or more, and a part above 0 up to 0.99"
            )

    @property
    def step_deg(self) -> float:
        """From one angle to the next, degree, with its sign.

        Raises
        ------
        ValueError
            If the steps are not even, so that the turn cannot be taken on the fly.
        """
        steps = [after - before for before, after in pairwise(self.angles_deg)]
        mean = sum(steps) / len(steps)
        if not mean or max(abs(step - mean) for step in steps) > EVEN_PART * abs(mean):
            raise ValueError(
                f"tomography: steps from {min(steps):g} to {max(steps):g} degree are not even; a fly scan "
                "needs even ones, all up or all down: use even_angles(...), or mode step"
            )
        return mean

    @property
    def period_s(self) -> float:
        """From one frame of a fly scan to the next, s."""
        return self.exposure_s / self.live_part

    @property
    def speed_deg_s(self) -> float:
        """Speed of the rotation in a fly scan, degree/s."""
        return abs(self.step_deg) / self.period_s
