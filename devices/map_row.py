"""What a raster tells of a pixel and of a row, as devices that can be read into events."""

from __future__ import annotations

from dataclasses import dataclass

from .told import Told


@dataclass(frozen=True)
class RowOutcome:
    """How a row of a raster went.

    Attributes
    ----------
    row
        Number of the row, from 0.
    attempt
        1 for the first time.
    status
        "good", "redone" (bad, and taken again), or "failed" (bad, and given up).
    reason
        What was wrong; empty for a good one.
    first_frame
        Place of its first frame in the stream of each detector, -1 if it has none.
    frames, expected
        Frames written, fewest of all detectors, and asked for.
    y_um
        Where it is, um.
    row_s
        From its begin to its end, on the cell's clock, s.
    live_fraction
        Part of that time in which the detectors counted; NaN where the cell's clock is too coarse to tell.
    """

    row: int
    attempt: int
    status: str
    reason: str
    first_frame: int
    frames: int
    expected: int
    y_um: float
    row_s: float
    live_fraction: float


@dataclass(frozen=True)
class PixelPlace:
    """A pixel of a raster: row, column, attempt of the row, and its frame counted from the row's first."""

    row: int
    column: int
    attempt: int
    frame: int


class MapRow(Told, of=RowOutcome):
    """The row that has ended last; see `RowOutcome`."""


class MapPixel(Told, of=PixelPlace):
    """The pixel that is measured; see `PixelPlace`."""
