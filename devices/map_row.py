"""What a raster tells of a pixel and of a row, as devices that can be read into events."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ophyd import Component as Cpt
from ophyd import Device, Signal
from ophyd.status import DeviceStatus


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


class Told(Device):
    """Signals that are put together."""

    def set(self, value: Any) -> DeviceStatus:  # noqa: ANN401 - a dataclass whose fields are the signals
        """Take all values; done at once."""
        for name, one in asdict(value).items():
            getattr(self, name).put(one)
        status = DeviceStatus(self)
        status.set_finished()
        return status


class MapRow(Told):
    """The row that has ended last; see `RowOutcome`."""

    row = Cpt(Signal, value=0)
    attempt = Cpt(Signal, value=0)
    status = Cpt(Signal, value="")
    reason = Cpt(Signal, value="")
    first_frame = Cpt(Signal, value=-1)
    frames = Cpt(Signal, value=0)
    expected = Cpt(Signal, value=0)
    y_um = Cpt(Signal, value=0.0)
    row_s = Cpt(Signal, value=0.0)
    live_fraction = Cpt(Signal, value=0.0)


class MapPixel(Told):
    """The pixel that is measured; see `PixelPlace`."""

    row = Cpt(Signal, value=0)
    column = Cpt(Signal, value=0)
    attempt = Cpt(Signal, value=0)
    frame = Cpt(Signal, value=0)
