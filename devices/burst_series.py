"""A burst of frames around a trigger that a camera is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .frame_series import FrameSeries
from .refusal import refuse

NEVER = "0"
"""Condition of a ring that only an order triggers."""
CONDITION = re.compile(r"A(>=|<=|>|<)[-+]?[0-9.]+(e[-+]?[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class BurstSeries:
    """Frames before and after a trigger that go into one file.

    Parameters
    ----------
    exposure_s, period_s
        Of each frame, and from the start of one to that of the next, s.
    frames_before, frames_after
        How many are kept of those before the trigger, and taken from it on, its own frame included.
    attribute, condition
        Attribute of a frame that triggers, as the camera's server calls it, and its condition, such as
        "A>160"; "0": only an order does.
    binning, folder, name
        As of `FrameSeries`.
    """

    exposure_s: float
    period_s: float
    frames_before: int
    frames_after: int
    attribute: str = ""
    condition: str = NEVER
    binning: int = 1
    folder: str = ""
    name: str

    def __post_init__(self) -> None:
        owner = f"burst {self.name!r}"
        if self.frames_before < 0:
            raise refuse(owner, "frames_before", self.frames_before, "give a count of at least 0")
        if self.frames_after < 1:
            raise refuse(owner, "frames_after", self.frames_after, "give a count of at least 1")
        if self.condition != NEVER and not (self.attribute and CONDITION.fullmatch(self.condition)):
            told = "name an attribute, and give a condition such as A>60; 0 for none"
            raise refuse(owner, "condition", f"{self.attribute}: {self.condition}", told)
        self.as_frames()

    @property
    def frames(self) -> int:
        """All of them."""
        return self.frames_before + self.frames_after

    def as_frames(self) -> FrameSeries:
        """Make the order for camera and writer."""
        return FrameSeries(
            exposure_s=self.exposure_s,
            period_s=self.period_s,
            frames=self.frames,
            binning=self.binning,
            folder=self.folder,
            name=self.name,
        )
