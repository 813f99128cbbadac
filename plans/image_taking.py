"""An energy series of images under way: sets of frames that are told of only when whole and lit."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, short_uid

from ..callbacks.analysis.ion_chamber import Chamber, photon_flux
from ..devices.frame_series import FrameSeries
from ..devices.image_report import ImageReport, ImagesOutcome, ImagesReport
from .beam import open_when_permitted, open_with_beam
from .beam_guard import BeamGuard, BeamLostError, Readings
from .brightness import Brightness
from .chamber_count import count_beside
from .collecting import tell
from .grids import EnergyGrid
from .image_options import ImageOptions
from .interruption import Interruptions
from .tomogram_taking import OUTCOME, SLOWNESS, declare
from .waiting import WAIT_S, order, read_event, wait_bounded

logger = logging.getLogger(__name__)

MORE = 1.2
"""Ring current that is waited for, over that by which the guard would still miss beam."""


@dataclass(frozen=True)
class Told:
    """A set of frames that was told of.

    Attributes
    ----------
    first, frames
        Place of the first in its stream, and how many.
    energy_index
        Of which energy of the grid.
    light
        Beam meanwhile: photons/s by I0 where it was counted and the chamber's gas is known, A where it is
        not, else ring current (mA); to be compared with that of other sets.
    """

    first: int
    frames: int
    energy_index: int
    light: float


@dataclass
class Unfinished:
    """A series that was cut short, for the call that goes on with it.

    Attributes
    ----------
    uid
        Of its last run that has an image; empty: there is nothing to go on with.
    next
        Index of the first energy that is missing.
    attempts
        How often that energy was tried.
    contents
        Lithium contents seen so far, 0..1.
    """

    uid: str = ""
    next: int = 0
    attempts: int = 0
    contents: list[float] = field(default_factory=list)

    def clear(self) -> None:
        """Begin anew."""
        self.uid, self.next, self.attempts, self.contents = "", 0, 0, []

    def take(self, taking: ImageTaking) -> None:
        """Remember where a series ended; all of it, if only its end failed, is taken anew."""
        if taking.next >= len(taking.grid):
            self.clear()
            return
        self.uid = taking.uid if taking.next > taking.first else self.uid
        self.next, self.attempts, self.contents = taking.next, taking.attempt, list(taking.contents)


@dataclass
class ImageTaking:
    """A series under way: devices, what is taken, how its files are called, and what was told so far.

    `tried` and `contents` begin with how often the first energy was tried before, and what lithium contents
    were seen then.
    """

    station: Any
    grid: EnergyGrid
    options: ImageOptions
    folder: str
    name: str
    home_x_um: float
    guard: BeamGuard | None = None
    chamber: Chamber | None = None
    first: int = 0
    tried: int = 0
    contents: list[float] = field(default_factory=list)
    uid: str = ""
    attempt: int = 0
    brightness: Brightness = field(default_factory=Brightness)
    next: int = 0
    files: int = 0
    told: dict[str, int] = field(default_factory=dict)
    flat: Told | None = None
    lit: Readings | None = None
    interruptions: Interruptions = field(default_factory=Interruptions)
    image: Any = field(default_factory=lambda: ImageReport(name="image"))
    report: Any = field(default_factory=lambda: ImagesReport(name="images"))
    camera: Any = field(init=False)

    def __post_init__(self) -> None:
        self.camera = self.station.microscope_camera
        self.next = self.first

    @property
    def chambers(self) -> list[Any]:
        """Ion chambers, where beam is looked for."""
        return [self.station.ion_chambers] if self.guard else []

    def series(self, kind: str, frames: int, exposure_s: float) -> FrameSeries:
        """Frames that go into a further file."""
        self.files += 1
        name = f"{self.name}_{self.files:04d}_{kind}"
        return FrameSeries(
            exposure_s=exposure_s, frames=frames, binning=self.options.binning, folder=self.folder, name=name
        )

    def note_cell(self, readings: Readings) -> float:
        """Remember the lithium content of a reading; gives it, NaN where it is not told."""
        content = readings.get("cell_lithium_content") if readings else None
        value = math.nan if content is None else float(content["value"])
        self.contents.append(value)
        return value

    def outcome(self, problem: str) -> ImagesOutcome:
        """Tell how it went."""
        known = [value for value in self.contents if math.isfinite(value)]
        change = max(known) - min(known) if known else math.nan
        moved = bool(change > self.options.max_lithium_change)
        asked = len(self.grid)
        reasons = [one for one in (problem, self.brightness.warning) if one]
        if moved:
            reasons.append(
                f"lithium content moved by {change:.3g}, accepted {self.options.max_lithium_change:g}"
            )
        status = "partial" if self.next < asked else "marked" if moved else "whole"
        return ImagesOutcome(status, "; ".join(reasons), asked, self.next, self.next, moved, change)


def take_set(taking: ImageTaking, kind: str, energy_index: int, frames: int) -> MsgGenerator[Told]:
    """Take frames into a file of their own, and tell of them if they are whole and had beam throughout.

    Returns
    -------
    Told
        Where they are in the stream.

    Raises
    ------
    FramesMissingError
        If the file is not whole; it stays where it is, untold.
    BeamLostError
        Likewise, if the beam was lost or the RunEngine was interrupted meanwhile.
    """
    camera, watched = taking.camera, taking.interruptions
    exposure_s = float(taking.grid.dwell_s[energy_index])
    limit_s = SLOWNESS * frames * exposure_s + 10 * WAIT_S
    yield Msg("null", watched)
    before = watched.count
    yield from order("prepare", camera, 3 * WAIT_S, taking.series(kind, frames, exposure_s))
    if kind not in taking.told:
        yield from declare(camera, kind)
        taking.told[kind] = 0
    yield from _expose(taking, frames * exposure_s, limit_s)
    yield from order("complete", camera, 2 * WAIT_S)
    light = yield from _light(taking, float(taking.grid.energy_ev[energy_index]))
    if watched.count != before:
        raise BeamLostError("the run stood still, paused or without beam, while frames were exposed")
    first = taking.told[kind]
    taking.told[kind] = first + frames
    yield from taking.brightness.look(camera, kind)
    yield from tell(camera, kind)
    return Told(first, frames, energy_index, light)


def _expose(taking: ImageTaking, exposed_s: float, limit_s: float) -> MsgGenerator[None]:
    """Trigger the camera once, and with it the ion chambers, for as long as all its frames take."""
    devices = [taking.camera, *taking.chambers]
    if taking.chambers:
        yield from count_beside(taking.station, exposed_s)
    group = short_uid("expose")
    for device in devices:
        yield from bps.checkpoint()
        yield Msg("trigger", device, group=group)
    yield from bps.checkpoint()
    yield from wait_bounded(group, limit_s, devices)


def chamber_of(station: Any) -> MsgGenerator[Chamber | None]:  # noqa: ANN401 - a station
    """Ask what the first ion chamber is filled with; None where nobody said."""
    chambers = station.ion_chambers
    gas = yield from bps.rd(chambers.i0_gas, default_value="")
    if not gas:
        return None
    length_cm = yield from bps.rd(chambers.i0_length, default_value=15.0)
    pressure_mbar = yield from bps.rd(chambers.i0_pressure, default_value=1013.25)
    return Chamber(str(gas), float(length_cm), float(pressure_mbar))


def _light(taking: ImageTaking, energy_ev: float) -> MsgGenerator[float]:
    """Look for beam at the end of a set; gives what `Told.light` is.

    Raises
    ------
    BeamLostError
        If there is a guard, and by it none.
    """
    readings: Readings = {}
    for device in (taking.station.ring, *taking.chambers):
        readings = {**readings, **((yield Msg("read", device)) or {})}
    if not readings:
        return math.nan
    if taking.guard:
        taking.lit = taking.lit or readings
        taking.guard.check(taking.lit, readings, 0.0)
    light = float(readings["i0" if taking.chambers else "ring_current"]["value"])
    if taking.chambers and taking.chamber:
        return float(photon_flux(light, energy_ev, taking.chamber, behind=True))
    return light


def remembering(begun: Unfinished, taking: ImageTaking, run: MsgGenerator[str]) -> MsgGenerator[str]:
    """Take what is missing of a series, in a run; where that is cut short, `begun` tells the next call."""
    if begun.uid:
        taking.tried, taking.contents = begun.attempts, list(begun.contents)
    try:
        uid = yield from _noting_uid(taking, run)
    except Exception:
        begun.take(taking)
        raise
    begun.clear()
    return uid


def _noting_uid(taking: ImageTaking, plan: MsgGenerator[str]) -> MsgGenerator[str]:
    """Let the series know the uid of its run."""

    def opened(msg: Msg) -> MsgGenerator[str]:
        taking.uid = str((yield msg))
        return taking.uid

    def look(msg: Msg) -> tuple[MsgGenerator[str] | None, None]:
        return (opened(msg) if msg.command == "open_run" else None), None

    return str((yield from bpp.plan_mutator(plan, look)))


def await_beam(taking: ImageTaking) -> MsgGenerator[None]:
    """Open the shutter, with a guard only once there is beam.

    Raises
    ------
    BeamLostError
        If there is none in time.
    """
    station, guard = taking.station, taking.guard
    if guard is not None:
        least_ma = guard.ring_current_min_ma
        if taking.lit:
            # A ring that is being filled has beam again before the guard takes it for some.
            least_ma = max(
                least_ma, MORE * guard.i0_fraction_min * float(taking.lit["ring_current"]["value"])
            )
        yield from open_with_beam(station, least_ma)
        return
    yield from open_when_permitted(station.photon_shutter)


def read_cell(taking: ImageTaking) -> MsgGenerator[float]:
    """Read the cell without an event; gives its lithium content, NaN where it is not told."""
    return taking.note_cell((yield Msg("read", taking.station.cell)) or {})


def tell_outcome(taking: ImageTaking, problem: str = "") -> MsgGenerator[None]:
    """Make the event of stream `outcome`."""
    outcome = taking.outcome(problem)
    if outcome.reason:
        logger.warning("images are %s: %s", outcome.status, outcome.reason)
    yield Msg("set", taking.report, outcome)
    yield from read_event([taking.report], trigger=[], stream=OUTCOME, timeout_s=WAIT_S)
