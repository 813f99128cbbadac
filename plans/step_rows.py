"""Rows of a raster step by step: stop at each pixel, count there, and read everything into an event."""

from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from ..devices.map_row import PixelPlace
from .map_rows import await_frames, trigger_all
from .map_taking import MapTaking
from .waiting import WAIT_S, read_event, set_all


@dataclass
class StepRows:
    """Takes rows pixel by pixel; see `map_taking.Rows`."""

    stream: str = "rows"
    flies: bool = False

    def most(self, taking: MapTaking) -> int:
        """Rows for which detectors can be armed at once."""
        return taking.raster.shape[0]

    def arm(self, taking: MapTaking, rows: int) -> MsgGenerator[None]:
        """Nothing is left to do: each pixel is triggered."""
        del taking, rows
        yield from bps.null()

    def begin(self, taking: MapTaking, row: int) -> MsgGenerator[None]:
        """Nothing is left to begin."""
        del taking, row
        yield from bps.null()

    def keep(self, taking: MapTaking, due: int) -> MsgGenerator[None]:
        """Nothing besides the frames."""
        del taking, due
        yield from bps.null()

    def take(self, taking: MapTaking, row: int, attempt: int) -> MsgGenerator[None]:
        """Stop at each pixel of a row and count there; an event of stream `primary` for each.

        Raises
        ------
        BeamLostError
            If the guard finds that the beam was lost.
        """
        station, raster = taking.station, taking.raster
        stage, x_um = station.nanostage, raster.x_um
        detectors = [series.detector for series in taking.series]
        timeout_s = raster.dwell_s + 2 * WAIT_S
        for number, column in enumerate(raster.columns(row)):
            yield from bps.checkpoint()
            targets = {stage.x: x_um[column]} | ({} if number else {stage.y: raster.y_um[row]})
            yield from set_all(targets, timeout_s=2 * WAIT_S)
            yield from trigger_all([*taking.series, station.ion_chambers], timeout_s)
            place = PixelPlace(row, column, attempt, number)
            if taking.inside is not None:
                yield from taking.inside(place)
            yield Msg("set", taking.pixel, place)
            devices = [taking.pixel, stage.x, stage.y, *detectors, station.ion_chambers]
            devices += [station.mono, station.ring, station.cell]
            reading = yield from read_event(devices, trigger=[], stream="primary", timeout_s=WAIT_S)
            taking.check_beam(reading)
        yield from await_frames(taking)

    def disarm(self, taking: MapTaking, *, whole: bool) -> MsgGenerator[None]:
        """Nothing to undo."""
        del taking, whole
        yield from bps.null()

    def read_with_row(self, taking: MapTaking) -> list[Any]:
        """Nothing besides: each pixel has its event."""
        del taking
        return []

    def leave(self) -> MsgGenerator[None]:
        """Nothing to leave."""
        yield from bps.null()
