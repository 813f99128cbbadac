"""A series of frames that a camera is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .refusal import check_file, check_positive, refuse


@dataclass(frozen=True, kw_only=True)
class FrameSeries:
    """Frames that go into one file.

    Parameters
    ----------
    exposure_s
        Of each frame, s.
    frames
        How many.
    period_s
        From the start of one frame to that of the next, s; the exposure unless given.
    images_per_trigger
        Frames that the camera takes by its own clock each time that it is triggered; all unless given.
    retakes
        Whether a trigger that gives no frame leaves the file open, so that it can be given again.
    trigger_mode
        As the camera calls it, such as "Internal".
    binning
        Pixels along each side that are added up to one, by a camera that can.
    folder
        Below the folder of the camera's files, such as that of an experiment.
    name
        Of the file, different for each series; without ending.
    """

    exposure_s: float
    frames: int
    period_s: float | None = None
    images_per_trigger: int | None = None
    retakes: bool = False
    trigger_mode: str = "Internal"
    binning: int = 1
    folder: str = ""
    name: str

    def __post_init__(self) -> None:
        owner = f"series {self.name!r}"
        check_positive(owner, "exposure_s", self.exposure_s, "s")
        if self.binning < 1:
            raise refuse(owner, "binning", self.binning, "give a count of pixels of at least 1")
        if not self.frames >= 1 or self.frames % 1:
            raise refuse(owner, "frames", self.frames, "give a whole number of at least 1")
        if self.period_s is not None and not self.exposure_s <= self.period_s < math.inf:
            raise refuse(owner, "period_s", self.period_s, f"give {self.exposure_s:g} s or more")
        if self.frames % self.per_trigger:
            raise refuse(owner, "images_per_trigger", self.per_trigger, f"give a divisor of {self.frames}")
        check_file(owner, self.folder, self.name)

    @property
    def interval_s(self) -> float:
        """From the start of one frame to that of the next, s."""
        return self.exposure_s if self.period_s is None else self.period_s

    @property
    def per_trigger(self) -> int:
        """Frames that one trigger gives."""
        return self.frames if self.images_per_trigger is None else max(self.images_per_trigger, 1)
