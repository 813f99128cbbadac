"""What an energy series of images tells of an energy, and at its end of all, as devices that can be read."""

from __future__ import annotations

from dataclasses import dataclass

from .told import Told


@dataclass(frozen=True)
class ImagePlace:
    """An energy whose images are there.

    Attributes
    ----------
    energy_index
        In the grid of the scan, from 0.
    attempt
        1 for the first time.
    first_frame, frames
        Place of its first frame in the stream `projections`, and how many follow each other.
    first_flat, flats
        Likewise in the stream `flat`, of those that belong to it.
    exposure_s
        Of each frame, s.
    light_ratio
        Beam during its frames over that during its flats, in photons by I0 where it was counted, else by ring
        current.
    lithium_content_before
        Of the cell, before its frames; NaN where it is not known.
    """

    energy_index: int
    attempt: int
    first_frame: int
    frames: int
    first_flat: int
    flats: int
    exposure_s: float
    light_ratio: float
    lithium_content_before: float


@dataclass(frozen=True)
class ImagesOutcome:
    """How an energy series of images went.

    Attributes
    ----------
    status
        "whole", "marked" (lithium moved by more than accepted), or "partial" (energies are missing).
    reason
        Why it is not whole, in words.
    asked, done
        Energies: of the grid, and of those the ones whose images are in this run or were there before it.
    next
        Index of the first energy that is missing, where a later call goes on; `asked` if none is.
    moved
        Whether lithium content moved by more than was accepted.
    lithium_change
        Largest less least lithium content during this run, 0..1; NaN where it is not known.
    """

    status: str
    reason: str
    asked: int
    done: int
    next: int
    moved: bool
    lithium_change: float


class ImageReport(Told, of=ImagePlace):
    """The energy that was taken last; see `ImagePlace`."""


class ImagesReport(Told, of=ImagesOutcome):
    """The series that has ended; see `ImagesOutcome`."""
