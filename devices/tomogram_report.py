"""What a tomogram tells of a projection, of a pass, and of all at its end, read into events."""

from __future__ import annotations

from dataclasses import dataclass

from ophyd import Component as Cpt
from ophyd import Signal

from .map_row import Told


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


class ProjectionReport(Told):
    """The projection that was taken last; see `ProjectionPlace`."""

    number = Cpt(Signal, value=0)
    attempt = Cpt(Signal, value=0)
    frame = Cpt(Signal, value=-1)
    exposure_s = Cpt(Signal, value=0.0)


class PassReport(Told):
    """The pass that begins; see `PassPlace`."""

    attempt = Cpt(Signal, value=0)
    first = Cpt(Signal, value=0)
    count = Cpt(Signal, value=0)
    first_id = Cpt(Signal, value=0)
    start_deg = Cpt(Signal, value=0.0)
    step_deg = Cpt(Signal, value=0.0)
    speed_deg_s = Cpt(Signal, value=0.0)


class TomogramReport(Told):
    """The tomogram that has ended; see `TomogramOutcome`."""

    status = Cpt(Signal, value="")
    reason = Cpt(Signal, value="")
    asked = Cpt(Signal, value=0)
    good = Cpt(Signal, value=0)
    missing = Cpt(Signal, value=0)
    dark = Cpt(Signal, value=0)
    moved = Cpt(Signal, value=False)
    lithium_change = Cpt(Signal, value=0.0)
    frame = Cpt(Signal, value=[])
    verdict = Cpt(Signal, value=[])
    angle_deg = Cpt(Signal, value=[])
    time_s = Cpt(Signal, value=[])
    light = Cpt(Signal, value=[])
    lithium_content = Cpt(Signal, value=[])
