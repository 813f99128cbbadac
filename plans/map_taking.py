"""A raster map under way: what is measured, with what, and how far it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bluesky.protocols import Readable
from bluesky.utils import Msg, MsgGenerator

from ..devices.map_row import MapPixel, MapRow, PixelPlace, RowOutcome
from ..devices.row_series import RowSeries
from .beam_guard import BeamGuard, Readings
from .fly_points import Stamped
from .raster import Raster

Inside = Callable[[PixelPlace], MsgGenerator[Any]]
"""Stub that is run at each pixel of a step scan, after its detectors have counted."""


@dataclass
class MapTaking:
    """A map under way.

    Parameters
    ----------
    station
        Devices: those of `plans.station.MapStation`.
    raster
        What is measured.
    series
        Its detectors.
    name, folder
        Of the files.
    guard
        Limits below which a row is bad because the beam was lost; None: no check.
    redo
        How often a bad row is taken again.
    inside
        What is done at each pixel besides.
    """

    station: Any
    raster: Raster
    series: Sequence[RowSeries]
    name: str
    folder: str = ""
    guard: BeamGuard | None = None
    redo: int = 1
    inside: Inside | None = None
    next_row: int | None = None
    report: MapRow = field(default_factory=lambda: MapRow(name="map"))
    pixel: MapPixel = field(default_factory=lambda: MapPixel(name="pixel"))
    first: Readings | None = None
    files: int = 0
    in_file: int = 0
    told: int = 0
    ended_s: float = 0.0
    good: RowOutcome | None = None
    devices: dict[str, Stamped] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)

    @property
    def columns(self) -> int:
        """Pixels of a row."""
        return self.raster.shape[1]

    @property
    def readout_s(self) -> float:
        """Of the slowest detector, s."""
        return max((each.readout_s for each in self.series), default=0.0)

    def check_beam(self, reading: Readings) -> None:
        """Compare a reading with the first one of the map.

        Raises
        ------
        BeamLostError
            If the beam was lost.
        """
        if reading:
            self.first = self.first or reading
            if self.guard:
                self.guard.check(self.first, reading, 0.0)

    def note(self, device: Readable[Any], *, again: bool = False) -> MsgGenerator[Readings]:
        """Read a device for the event of the present row, unless it was read for it before."""
        known = self.devices.get(device.name)
        if known is not None and device.name in self.fresh and not again:
            return known.read()
        reading = (yield Msg("read", device)) or {}
        self.fresh.add(device.name)
        if known is None:
            self.devices[device.name] = Stamped(device, reading)
        else:
            known.take(reading)
        return reading


class Rows(Protocol):
    """How rows are taken: `StepRows`, or `fly_rows.FlyRows`.

    Attributes
    ----------
    stream
        Where the events of the rows go.
    flies
        Whether detectors are gated from outside.
    """

    stream: str
    flies: bool

    def most(self, taking: MapTaking) -> int:
        """Rows for which detectors can be armed at once."""
        ...

    def arm(self, taking: MapTaking, rows: int) -> MsgGenerator[None]:
        """Do what is needed once the detectors are prepared for so many rows."""
        ...

    def begin(self, taking: MapTaking, row: int) -> MsgGenerator[None]:
        """Begin a row; what follows until `take` is done while it goes on."""
        ...

    def take(self, taking: MapTaking, row: int, attempt: int) -> MsgGenerator[None]:
        """Measure the row that was begun, and see that it is good."""
        ...

    def keep(self, taking: MapTaking, due: int) -> MsgGenerator[None]:
        """Tell of what a good row has brought besides the frames of the detectors."""
        ...

    def disarm(self, taking: MapTaking, *, whole: bool) -> MsgGenerator[None]:
        """Undo `arm`; `whole`: all rows were good."""
        ...

    def read_with_row(self, taking: MapTaking) -> list[Any]:
        """Devices that are read into the event of a row."""
        ...

    def leave(self) -> MsgGenerator[None]:
        """Leave its devices as they were, on every way out."""
        ...
