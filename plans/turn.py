"""Angles of a tomogram, in the order in which they are taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

GOLDEN_SHARE = (math.sqrt(5.0) - 1.0) / 2.0
EVEN_PART = 1e-3
"""Largest difference between steps of a turn that is taken on the fly, over the step."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is taken at which angles.

    Parameters
    ----------
    angles_deg : tuple of float
        Of the projections in their order, degree, two or more.
    exposure_s : float
        Of each frame, s.
    flats, darks : int
        Frames without specimen and without light before the projections; 0 for none.
    flat_x_um : float
        Where `sample_x` has the specimen out of the picture, um.
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
    live_part: float = 0.95

    def __post_init__(self) -> None:
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


def even_angles(count: int, *, whole_deg: float = 180.0, start_deg: float = 0.0) -> tuple[float, ...]:
    """Angles (count,) in even steps, degree; the last is a step before the end.

    Examples
    --------
    >>> even_angles(4)
    (0.0, 45.0, 90.0, 135.0)
    """
    return tuple(start_deg + whole_deg * number / count for number in range(count))


def golden_angles(count: int, *, whole_deg: float = 180.0, start_deg: float = 0.0) -> tuple[float, ...]:
    """Angles (count,), degree, of which any first few are spread over the whole range.

    Notes
    -----
    Multiples of the golden section of the range: Koehler, IEEE Nucl. Sci. Symp. (2004), 3961.

    Examples
    --------
    >>> [round(angle, 1) for angle in golden_angles(4)]
    [0.0, 111.2, 42.5, 153.7]
    """
    return tuple(start_deg + whole_deg * (number * GOLDEN_SHARE % 1.0) for number in range(count))


def interlaced_angles(count: int, rounds: int, *, whole_deg: float = 180.0) -> tuple[float, ...]:
    """Angles (count,) in rounds over the whole range, each beginning a part of a step later, degree.

    Examples
    --------
    >>> interlaced_angles(4, 2)
    (0.0, 90.0, 45.0, 135.0)
    """
    even = even_angles(count, whole_deg=whole_deg)
    return tuple(angle for first in range(rounds) for angle in even[first::rounds])
