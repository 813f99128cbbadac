"""A tomogram under way: its devices and options, what is told of it, and the waits that its parts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import Msg, MsgGenerator

from ..devices.frame_series import FrameSeries
from ..devices.map_gates import MapGates
from ..devices.motor_sweep import MotorSweep
from ..devices.projection_series import ProjectionSeries
from ..devices.tomogram_report import PassReport, ProjectionReport, TomogramReport
from .beam import open_when_permitted, open_with_beam
from .beam_guard import BeamGuard, Readings, require_ring
from .brightness import Brightness
from .dose_option import ConstantDose
from .projection_table import ProjectionTable, TomogramPartialError
from .redo import check_redo
from .turn import Turn
from .waiting import WAIT_S, read_event

PROJECTIONS, ANGLES, PASSES, OUTCOME = "projections", "angles", "passes", "outcome"
SLOWNESS = 10.0
"""Factor by which server and disk may be slower than the camera."""
TELL_S = 0.5
"""Longest wall time between two times that documents tell of frames, s."""
REFILLED = 0.5
"""Part of the ring current at the start from which on it counts as filled again after a loss."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What a tomogram puts up with.

    Parameters
    ----------
    max_missing : float
        Largest part (0..1) of the projections that may be missing or dark; with more the run fails.
    max_lithium_change : float
        Largest change of lithium content during the projections that is neither announced nor marked: by 0.01
        the valence of nickel moves by what a valence map tells apart.
    redo : int
        How often projections that lost their beam are taken again, if there is a guard.
    """

    max_missing: float = 0.05
    max_lithium_change: float = 0.01
    redo: int = 2

    def __post_init__(self) -> None:
        check_redo("tomography", self.redo)
        if not (0.0 <= self.max_missing < 1.0 and self.max_lithium_change > 0.0):
            raise ValueError(
                f"tomography: max_missing {self.max_missing}, max_lithium_change {self.max_lithium_change}; "
                "give parts of 0 to 1, and a change above 0"
            )


@dataclass
class Taking:
    """A tomogram under way: devices, what is taken, and how its files are called."""

    station: Any
    turn: Turn
    folder: str
    name: str
    home_x_um: float = 0.0
    nominal_s: float = 0.0
    guard: BeamGuard | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    dose: ConstantDose | None = None
    box: MapGates | None = None
    sweep: MotorSweep | None = None
    files: int = 0
    references: int = 0
    told: int = 0
    first: Readings | None = None
    full_rate_hz: float = 0.0
    ring_ma: float = 0.0
    camera: Any = field(init=False)
    series: ProjectionSeries = field(init=False)
    table: ProjectionTable = field(init=False)
    brightness: Brightness = field(default_factory=Brightness)
    projection: ProjectionReport = field(default_factory=lambda: ProjectionReport(name="projection"))
    pass_report: PassReport = field(default_factory=lambda: PassReport(name="pass"))
    report: TomogramReport = field(default_factory=lambda: TomogramReport(name="tomogram"))

    def __post_init__(self) -> None:
        self.camera = self.station.microscope_camera
        self.series = ProjectionSeries(self.camera)
        self.table = ProjectionTable(self.turn.angles_deg)

    def frames(self, what: str, frames: int, **options: Any) -> FrameSeries:  # noqa: ANN401
        """Frames that go into one file."""
        return FrameSeries(
            exposure_s=self.turn.exposure_s,
            frames=frames,
            binning=self.turn.binning,
            folder=self.folder,
            name=f"{self.name}_{what}",
            **options,
        )

    def unused(self, what: str) -> str:
        """Name of a further file of references."""
        self.references += 1
        return f"{what}_{self.references}"

    @property
    def limit_s(self) -> float:
        """Longest wait for the projections, s of wall time."""
        return SLOWNESS * len(self.turn.angles_deg) * self.turn.period_s + 10 * WAIT_S


def declare(device: Any, stream: str) -> MsgGenerator[None]:  # noqa: ANN401 - whatever collects
    """Declare a stream of a device."""
    yield from bps.declare_stream(device, name=stream, collect=True)


def read_state(
    taking: Taking, *, stream: str = "primary", also: Sequence[Any] = ()
) -> MsgGenerator[Readings]:
    """Make an event of angle, pixel size, energy, ring and cell, and of what else is given."""
    station = taking.station
    devices = [*also, station.microscope, station.mono, station.ring, station.cell]
    readings = yield from read_event(devices, trigger=[], stream=stream, timeout_s=WAIT_S)
    taking.table.note_cell(readings)
    return readings


def await_beam(taking: Taking) -> MsgGenerator[None]:
    """Open the shutter, with a guard only once there is beam.

    Raises
    ------
    BeamLostError
        If there is none in time.
    """
    station, guard = taking.station, taking.guard
    if guard is not None:
        yield from open_with_beam(station, _least_ma(taking, guard))
        reading = yield Msg("read", station.ring)
        if reading and not taking.ring_ma:
            taking.ring_ma = float(reading["ring_current"]["value"])
        return
    yield from open_when_permitted(station.photon_shutter)


def had_beam(taking: Taking) -> MsgGenerator[None]:
    """See whether the ring still holds its beam, where there is a guard.

    Raises
    ------
    BeamLostError
        If it does not.
    """
    if taking.guard is None:
        return
    reading = yield Msg("read", taking.station.ring)
    if reading:
        require_ring(reading, _least_ma(taking, taking.guard))


def _least_ma(taking: Taking, guard: BeamGuard) -> float:
    """Ring current that counts as beam: a ring that is being filled has not what the guard asks of I0."""
    return max(guard.ring_current_min_ma, REFILLED * taking.ring_ma)


def tell_outcome(taking: Taking, problem: str = "") -> MsgGenerator[None]:
    """Make the event of stream `outcome`.

    Raises
    ------
    TomogramPartialError
        If too many projections are missing or dark, and there was no problem that is told of already.
    """
    tolerance = taking.tolerance
    outcome = taking.table.outcome(
        max_missing=tolerance.max_missing, max_lithium_change=tolerance.max_lithium_change, problem=problem
    )
    report: Any = taking.report
    reasons = [one for one in (outcome.reason, taking.brightness.warning) if one]
    if problem and taking.brightness.warning in problem:
        reasons = reasons[:1]
    yield Msg("set", report, replace(outcome, reason="; ".join(reasons)))
    yield from read_event([report], trigger=[], stream=OUTCOME, timeout_s=WAIT_S)
    if outcome.status == "partial" and not problem:
        raise TomogramPartialError(outcome.asked, outcome.good, outcome.reason)
