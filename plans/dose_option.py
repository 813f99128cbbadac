"""An exposure that follows the beam, so that each projection gets the same dose."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ConstantDose:
    """Exposure times what the beam has less than it should: photons per projection stay what they are.

    The ring current is looked at before the run, and the exposure of flats, darks and projections is set by
    it. With `each`, in a step scan, that of each projection is set anew: by the ring current, or by I0 as it
    was in the projection before. Flats keep the exposure of the start, so that correction by them needs no
    further scale as long as the dose is held; darks of other exposures differ by what the camera's dark
    current adds.

    Parameters
    ----------
    ring_current_ma : float, optional
        At which a frame is exposed for `Turn.exposure_s`.
    i0_a : float, optional
        Likewise, current of the chamber before the specimen, A; needs `each`.
    each : bool
        Whether each projection of a step scan is exposed anew; on the fly only the start counts.
    most : float
        Factor by which the exposure is longer or shorter at most.

    Raises
    ------
    ValueError
        If not exactly one of ring current and I0 is given, or a number is out of range.
    """

    ring_current_ma: float | None = None
    i0_a: float | None = None
    each: bool = False
    most: float = 3.0

    def __post_init__(self) -> None:
        given = [one for one in (self.ring_current_ma, self.i0_a) if one is not None]
        if len(given) != 1 or not (math.isfinite(given[0]) and given[0] > 0.0):
            raise ValueError(
                f"constant dose: ring_current_ma {self.ring_current_ma}, i0_a {self.i0_a}; give one of both, "
                "above 0, at which a frame is exposed for exposure_s"
            )
        if self.i0_a is not None and not self.each:
            raise ValueError(
                "constant dose: i0_a is known in the scan only; give each = True, or ring_current_ma"
            )
        if not self.most >= 1.0:
            raise ValueError(f"constant dose: most is {self.most}; give a factor of 1 or more")

    @property
    def key(self) -> str:
        """Data key of what is followed."""
        return "ring_current" if self.ring_current_ma is not None else "i0"

    def factor(self, value: float) -> float:
        """Factor of the exposure.

        Parameters
        ----------
        value
            Ring current, mA, or I0, A.

        Examples
        --------
        >>> ConstantDose(ring_current_ma=500.0).factor(400.0)
        1.25
        """
        wanted = self.ring_current_ma if self.ring_current_ma is not None else self.i0_a
        if not value > 0.0 or wanted is None:
            return self.most
        return min(max(wanted / value, 1.0 / self.most), self.most)
