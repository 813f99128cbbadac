"""Angles of a tomogram, in the order in which they are taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

EVEN_PART = 1e-3
"""Largest difference between steps of a turn that is taken on the fly, over the step."""
LEAST_IN_PASS = 3
"""Angles of a turn that is worth a sweep: any two have an even step."""
When = Literal["before", "after", "both"]


@dataclass(frozen=True)
class Pass:
    """Projections that the rotation passes at constant speed.

    Attributes
    ----------
    first, count
        Number of its first projection in the order of the turn, and how many.
    start_deg, step_deg
        Angle of the first, and from one to the next, with its sign, degree.
    """

    first: int
    count: int
    start_deg: float
    step_deg: float

    @property
    def numbers(self) -> range:
        """Numbers of its projections."""
        return range(self.first, self.first + self.count)

    def part(self, numbers: Sequence[int]) -> Pass:
        """Return the shortest part that passes all of these of its projections."""
        first, last = min(numbers), max(numbers)
        start_deg = self.start_deg + (first - self.first) * self.step_deg
        return Pass(first, last - first + 1, start_deg, self.step_deg)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is taken at which angles.

    Parameters
    ----------
    angles_deg : sequence of float
        Of the projections in their order, degree, two or more; kept as a tuple. `sequential_angles`,
        `golden_angles`, `interlaced_angles` and `golden_turns` of `callbacks.analysis.imaging` make some.
    exposure_s : float
        Of each frame, s.
    flats, darks : int
        Frames without specimen and without light; 0 for none.
    references : str
        Whether flats are taken "before" the projections, "after" them, or "both"; darks, which do not drift
        with the beam, are taken once, before unless "after".
    references_max_age_s : float, optional
        Flats and darks before the projections that are younger (s of the cell's clock), of the same exposure,
        energy, `flat_x_um`, frame size, magnification, condenser and phase ring, are not taken anew: the run
        names that in which they are. None: always taken.
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
    references: When = "before"
    references_max_age_s: float | None = None
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
        if self.references not in get_args(When):
            known = ", ".join(get_args(When))
            raise ValueError(f"tomography: references {self.references!r} is unknown; use one of {known}")
        if self.references_max_age_s is not None and not self.references_max_age_s >= 0.0:
            raise ValueError(
                f"tomography: references_max_age_s is {self.references_max_age_s}; give 0 s or more, or None"
            )
        if self.references_max_age_s is not None and self.references == "after":
            raise ValueError(
                'tomography: references "after" the projections are always taken anew; leave '
                'references_max_age_s out, or give references "before" or "both"'
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
                "needs even ones, all up or all down: use sequential_angles(...), or mode step"
            )
        return mean

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Passes at even steps that take all angles on the fly: one per turn of an interlaced order.

        Raises
        ------
        ValueError
            If an angle is by itself between uneven steps, as in a golden order.
        """
        angles, found, first = self.angles_deg, [], 0
        while first < len(angles):
            count = self._even_from(first)
            if count < min(LEAST_IN_PASS, len(angles)):
                raise ValueError(
                    f"tomography: {angles[first]:g} degree (projection {first}) is between uneven steps; a "
                    "fly scan needs even ones, three angles or more in each turn: use sequential_angles, "
                    "interlaced_angles or golden_turns, or mode step"
                )
            step = (angles[first + count - 1] - angles[first]) / (count - 1)
            found.append(Pass(first, count, angles[first], step))
            first += count
        return tuple(found)

    def _even_from(self, first: int) -> int:
        """Count the angles from this one on that follow each other at one step."""
        angles = self.angles_deg[first:]
        if len(angles) < 2 or angles[1] == angles[0]:
            return 1
        step, count = angles[1] - angles[0], 2
        while count < len(angles):
            # Half of the part on each side, so that no two steps of a pass differ by more than it.
            if abs(angles[count] - angles[count - 1] - step) > 0.5 * EVEN_PART * abs(step):
                break
            count += 1
        return count

    def exposed_for(self, exposure_s: float) -> Turn:
        """Return the same turn with another exposure, s."""
        return replace(self, exposure_s=exposure_s)

    @property
    def period_s(self) -> float:
        """From one frame of a fly scan to the next, s."""
        return self.exposure_s / self.live_part

    @property
    def speed_deg_s(self) -> float:
        """Largest speed of the rotation in a fly scan, degree/s."""
        return max(abs(one.step_deg) for one in self.passes) / self.period_s
