"""Rows of a raster on the fly: the piezo moves on, the trigger box gates the detectors at equal steps."""

from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, short_uid

from ..devices.gate_rows import GateRows
from ..devices.gate_series import GateSeries, PositionPass
from ..devices.nano_sweep import AxisSweep, Sweep
from .map_rows import MapTaking, trigger_all
from .waiting import WAIT_S, wait_bounded

ENCODER = "fine_x"
"""What the trigger box calls the interferometer of the fast axis."""

OPEN_FRACTION = 0.98
"""Part of a pixel in which the gate is open: detectors need a gap between gates."""

RUN_UP_S, LEAST_RUN_UP_UM = 0.01, 0.06
"""Run-up of the piezo: time at speed, s, and least way, um, beyond what its hysteresis may hide."""

MOST_FRAMES = 16000
"""Gates for which detectors are armed at once."""

SLOWNESS = 3.0
"""Factor by which a row may last longer than it should before it counts as stalled."""


@dataclass
class FlyRows:
    """Takes rows on the fly; see `map_rows.Rows`.

    Parameters
    ----------
    box
        Trigger box whose encoder `ENCODER` is the interferometer of the fast axis.
    sweep
        Of the fast axis.
    """

    box: GateRows
    sweep: AxisSweep
    stream: str = "primary"
    flies: bool = True

    def most(self, taking: MapTaking) -> int:
        """Rows for which detectors can be armed at once."""
        return max(MOST_FRAMES // taking.columns, 1)

    def arm(self, taking: MapTaking, rows: int) -> MsgGenerator[None]:
        """Let the box wait for the gates of so many rows, and arm the detectors."""
        order = GateSeries(
            gates=rows * taking.columns,
            offsets={ENCODER: 0.0},
            folder=taking.folder,
            name=f"{taking.name}_{self.box.name}_{taking.files:03d}",
        )
        group = short_uid("prepare")
        yield Msg("prepare", self.box, order, group=group)
        yield from wait_bounded(group, 2 * WAIT_S, [self.box])
        if not taking.files:
            yield Msg("declare_stream", None, self.box, name=self.box.name, collect=True)
        yield from trigger_all(taking.series, WAIT_S)

    def take(self, taking: MapTaking, row: int, attempt: int) -> MsgGenerator[None]:
        """Sweep over a row.

        Raises
        ------
        BeamLostError
            If the guard finds that the beam was lost.
        """
        del attempt
        station, raster = taking.station, taking.raster
        half_um, x_um = 0.5 * raster.step_um, raster.x_um
        backwards = raster.snake and row % 2 == 1
        begin, end = x_um[0] - half_um, x_um[-1] + half_um
        begin, end, sign = (end, begin, -1) if backwards else (begin, end, 1)
        speed = raster.step_um / raster.dwell_s
        run_up = max(speed * RUN_UP_S, LEAST_RUN_UP_UM)
        gates = PositionPass(
            encoder=ENCODER,
            start=begin + sign * half_um * (1.0 - OPEN_FRACTION),
            step=sign * raster.step_um,
            gates=taking.columns,
            open_fraction=OPEN_FRACTION,
        )
        group = short_uid("row")
        yield from bps.checkpoint()
        yield Msg("set", station.nanostage.y, raster.y_um[row], group=group)
        yield Msg("prepare", self.sweep, Sweep(begin, end, speed, run_up), group=group)
        yield Msg("set", self.box, gates, group=group)
        yield from wait_bounded(group, 3 * WAIT_S, [station.nanostage.y, self.sweep, self.box])
        row_s = SLOWNESS * taking.columns * raster.dwell_s + WAIT_S
        yield from trigger_all([self.sweep], row_s)
        # Their waits are bounded by themselves; together they cost the time of the longest.
        group = short_uid("written")
        for series in taking.series:
            yield Msg("set", series.due, taking.in_file + taking.columns, group=group)
        for device in (self.box, station.ion_chambers):
            yield Msg("trigger", device, group=group)
        yield from wait_bounded(group, 3 * WAIT_S, [self.box, *taking.series])
        readings: dict[str, Any] = {}
        for device in (station.ion_chambers, station.ring):
            readings.update((yield Msg("read", device)) or {})
        taking.check_beam(readings)

    def disarm(self, taking: MapTaking, *, whole: bool) -> MsgGenerator[None]:
        """Close the file of the box; of rows that came to a bad end it is not told."""
        del taking
        if not whole:
            yield Msg("stop", self.box)
            return
        group = short_uid("complete")
        yield Msg("complete", self.box, group=group)
        yield from wait_bounded(group, 2 * WAIT_S, [self.box])
        yield Msg("collect", self.box, name=self.box.name, return_payload=False)

    def read_with_row(self, taking: MapTaking) -> list[Any]:
        """Devices that are read into the event of a row."""
        return [taking.station.nanostage.y, taking.station.ion_chambers]

    def leave(self) -> MsgGenerator[None]:
        """Leave box and axis as they were."""
        yield Msg("stop", self.box)
        yield Msg("stop", self.sweep)
