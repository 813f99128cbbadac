"""What a tomogram tells of a projection, of a pass, and of all at its end, read into events."""

from __future__ import annotations

from dataclasses import dataclass

from .told import Told


@dataclass(frozen=True)
class ProjectionPlace:
    """A projection of a step scan.

    Attributes
    ----------
    number
        In the order of the turn, from 0.
    attempt
        1 for the first time.
    frame
        Place of its frame in the stream `projections`, -1 if it was lost.
    exposure_s
        Of its frame, s.
    """

    number: int
    attempt: int
    frame: int
    exposure_s: float


@dataclass(frozen=True)
class PassPlace:
    """Projections that are taken while the rotation goes on.

    Attributes
    ----------
    attempt
        1 for the first time.
    first, count
        Number of its first projection in the order of the turn, and how many.
    first_id
        Number that the camera gives to the frame of its first projection, in the file.
    start_deg, step_deg, speed_deg_s
        Angle of its first projection, from one to the next, degree, and speed, degree/s.
    """

    attempt: int
    first: int
    count: int
    first_id: int
    start_deg: float
    step_deg: float
    speed_deg_s: float


@dataclass(frozen=True)
class TomogramOutcome:
    """How a tomogram went; lists have a value for each projection asked for, in the order of the turn.

    Attributes
    ----------
    status
        "whole", "marked" (some are missing or dark, or lithium moved too much), or "partial" (too few to be
        called a tomogram).
    reason
        Why it is not whole, in words.
    asked, good, missing, dark
        Projections: asked for, good, without a frame, and without beam.
    moved
        Whether lithium content moved by more than was accepted.
    lithium_change
        Largest less least lithium content during the projections, 0..1; NaN where it is not known.
    frame
        Place in the stream `projections`, -1 where there is none.
    verdict
        0 good, 1 missing, 2 dark; after `ProjectionVerdict`.
    angle_deg
        As latched; as asked for where nothing was.
    time_s
        Middle of the exposure, UNIX s by the camera's clock; NaN where not known.
    light
        Beam over full beam; NaN where not known.
    lithium_content
        Of the cell at that time; NaN where not known.
    """

    status: str
    reason: str
    asked: int
    good: int
    missing: int
    dark: int
    moved: bool
    lithium_change: float
    frame: list[int]
    verdict: list[int]
    angle_deg: list[float]
    time_s: list[float]
    light: list[float]
    lithium_content: list[float]


class ProjectionReport(Told, of=ProjectionPlace):
    """The projection that was taken last; see `ProjectionPlace`."""


class PassReport(Told, of=PassPlace):
    """The pass that begins; see `PassPlace`."""


class TomogramReport(Told, of=TomogramOutcome):
    """The tomogram that has ended; see `TomogramOutcome`."""
