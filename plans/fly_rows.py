"""Rows of a raster on the fly: the piezo moves on, the trigger box gates the detectors at equal steps."""

from dataclasses import dataclass
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator, short_uid

from ..devices.gate_series import GateSeries, PositionPass
from ..devices.map_gates import MapGates
from ..devices.nano_sweep import AxisSweep, Sweep
from .map_rows import trigger_all
from .map_taking import MapTaking
from .raster import Raster
from .waiting import WAIT_S, each_in_turn, order_together, set_all, stopped, wait_bounded

ENCODER = "fine_x"
"""What the trigger box calls the interferometer of the fast axis."""

RUN_UP_S, LEAST_RUN_UP_UM = 0.01, 0.06
"""Run-up of the piezo: time at speed, s, and least way, um, beyond what its hysteresis may hide."""

MOST_FRAMES = 16000
"""Gates for which detectors are armed at once."""

SLOWNESS = 3.0
"""Factor by which a row may last longer than it should before it counts as stalled."""


def row_sweep(raster: Raster, row: int = 0) -> Sweep:
    """Give the way over a row, from the outer edge of its first pixel to that of its last."""
    half_um, x_um = 0.5 * raster.step_um, raster.x_um
    speed = raster.step_um / raster.dwell_s
    sweep = Sweep(x_um[0] - half_um, x_um[-1] + half_um, speed, max(speed * RUN_UP_S, LEAST_RUN_UP_UM))
    return sweep.back if raster.snake and row % 2 else sweep


@dataclass
class FlyRows:
    """Takes rows on the fly; see `map_taking.Rows`.

    Parameters
    ----------
    box
        Trigger box whose encoder `ENCODER` is the interferometer of the fast axis.
    sweep
        Of the fast axis.
    """

    box: MapGates
    sweep: AxisSweep
    stream: str = "primary"
    flies: bool = True
    ready_for: int | None = None
    moving: str = ""

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

    def begin(self, taking: MapTaking, row: int) -> MsgGenerator[None]:
        """Let the axis sweep over a row, for which all waits already unless the row before was bad."""
        yield from bps.checkpoint()
        if self.ready_for != row:
            # Before the box waits for gates: it is not to see the practice.
            yield from order_together([("set", self.sweep, row_sweep(taking.raster, row))], 3 * WAIT_S)
            yield from order_together(self._ready(taking, row), 3 * WAIT_S)
        self.ready_for, self.moving = None, short_uid("sweep")
        yield from bps.checkpoint()
        yield Msg("trigger", self.sweep, group=self.moving)
        yield from bps.checkpoint()

    def take(self, taking: MapTaking, row: int, attempt: int) -> MsgGenerator[None]:
        """Wait for the end of the sweep and for what it has brought; meanwhile get ready for the next row.

        Raises
        ------
        BeamLostError
            If the guard finds that the beam was lost.
        """
        del row, attempt
        station, raster = taking.station, taking.raster
        for device in (station.nanostage.y, station.mono):
            yield from taking.note(device)
        yield from bps.checkpoint()
        row_s = SLOWNESS * taking.columns * raster.dwell_s + WAIT_S
        yield from wait_bounded(self.moving, row_s, [self.sweep])
        # Their waits are bounded by themselves; together they cost the time of the longest.
        due = taking.in_file + taking.columns
        orders: list[tuple[Any, ...]] = [("set", series.due, due) for series in taking.series]
        orders += [("trigger", device) for device in (self.box, station.ion_chambers)]
        orders += [] if taking.next_row is None else self._ready(taking, taking.next_row)
        yield from order_together(orders, 3 * WAIT_S)
        self.ready_for = taking.next_row
        readings: dict[str, Any] = {}
        for device in (station.ion_chambers, station.ring):
            readings.update((yield from taking.note(device)))
        taking.check_beam(readings)

    def _ready(self, taking: MapTaking, row: int) -> list[tuple[Any, ...]]:
        """Orders that bring the stage before a row, and let the box wait for its gates."""
        raster, sweep = taking.raster, row_sweep(taking.raster, row)
        open_fraction, step_um = raster.open_fraction(taking.readout_s), sweep.direction * raster.step_um
        gates = PositionPass(
            encoder=ENCODER,
            start=sweep.begin_um + 0.5 * step_um * (1.0 - open_fraction),
            step=step_um,
            gates=taking.columns,
            open_fraction=open_fraction,
        )
        return [
            ("set", taking.station.nanostage.y, raster.y_um[row]),
            ("prepare", self.sweep, sweep),
            ("set", self.box, gates),
        ]

    def keep(self, taking: MapTaking, due: int) -> MsgGenerator[None]:
        """Tell of the gates of a good row."""
        del taking
        yield from set_all({self.box.kept: due})
        yield Msg("collect", self.box, name=self.box.name, return_payload=False)

    def disarm(self, taking: MapTaking, *, whole: bool) -> MsgGenerator[None]:
        """Close the file of the box, and see whether it holds the gates that were told of."""
        del taking, whole
        self.ready_for = None
        group = short_uid("complete")
        yield Msg("complete", self.box, group=group)
        yield from wait_bounded(group, 2 * WAIT_S, [self.box])

    def read_with_row(self, taking: MapTaking) -> list[Any]:
        """Devices that are read into the event of a row."""
        return [taking.station.nanostage.y, taking.station.ion_chambers]

    def leave(self) -> MsgGenerator[None]:
        """Leave box and axis as they were."""
        yield from each_in_turn(lambda: stopped(self.box), lambda: stopped(self.sweep))
