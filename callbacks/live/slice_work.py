"""Slices of one tomogram under way: which frame is next, when to look, what is left after the last one."""

from __future__ import annotations

import bisect
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ..analysis.imaging.preview import OrthogonalSlices
from ..analysis.imaging.rotation_centre import CentreVerdict
from ..analysis.saturation import MOST_SATURATED, saturation_warning
from .frame_queue import FrameQueue
from .growing_slices import Beam, GrowingSlices, joined_side
from .run_of_projections import DARK, FLAT, RunOfProjections

logger = logging.getLogger(__name__)

LOOKS = 12
"""Looks at a tomogram while it turns, at most."""

LEAST_LOOK_S = 2.0
"""Shortest wall time between two looks, s."""

LEAST_PROJECTIONS = 8
MOST_WAITING = 60
"""Frames that may wait before the analysis thins them."""

ANGLE_OFF_DEG = 0.05
"""By how much a latched angle has to differ from the planned one for slices to be made anew, degrees."""

NO_AXIS_YET = "the axis is looked for once the angles cover a half turn"
EARLIER_AXIS = "the axis is that of an earlier tomogram, and looked for anew after the turn"

Reference = Callable[[str], NDArray[np.float64] | None]


class Stage(StrEnum):
    """How far slices have come."""

    GROWING = "growing"
    LAST_PROJECTION = "last projection"
    FINAL = "final"


@dataclass(frozen=True)
class Look:
    """Three slices and what is known of them.

    Attributes
    ----------
    stage
        How far they have come.
    slices
        The slices; pixels of the camera joined `side` by `side`.
    side
        See there.
    centre_px, centre_sigma_px, verdict, reason
        Column of the axis, pixels of the camera, and how it was found; "saturated" where too much of the flat
        is at full scale for it to be true.
    saturated_part
        Of the pixels of the flat that stand at full scale, 0..1.
    pixel_um
        Edge of a pixel of the slices at the specimen, um; NaN if unknown, the slices are then per pixel.
    waiting, skipped, left_out
        Frames that wait, that were put off since the last look, and that could not be read.
    analysis_s
        CPU time spent since the first frame, s.
    latency_s
        Wall time since documents told of the latest frame that is in the slices, s: by the clock of who makes
        them, for a camera's may be another, and a simulated one's is.
    """

    stage: Stage
    slices: OrthogonalSlices
    side: int
    centre_px: float
    centre_sigma_px: float
    verdict: str
    reason: str
    saturated_part: float
    pixel_um: float
    waiting: int
    skipped: int
    left_out: int
    analysis_s: float
    latency_s: float


class SliceWork:
    """Turns frames of one tomogram into looks, a short piece at a time.

    Parameters
    ----------
    run
        Documents of the tomogram.
    reference
        Gives the mean of a kind of frames, "flat" or "dark", in counts; None where there is none.
    centre_px
        Column of the axis of an earlier tomogram, pixels; NaN if there is none.
    """

    def __init__(self, run: RunOfProjections, reference: Reference, centre_px: float = float("nan")) -> None:
        self.run, self._reference = run, reference
        self.done = False
        self.centre_px = centre_px
        self._queue = FrameQueue(MOST_WAITING)
        self._growing: GrowingSlices | None = None
        self._fine: GrowingSlices | None = None
        self._order: list[int] = []
        self._looked = (0, 0.0)
        self._told = self._skipped = self._left_out = self._next_fine = 0
        self._cpu_s = 0.0
        self._said = self._lacks_flat = self._showed_last = False
        # To before which frame documents have told, and when that was heard, s.
        self._heard: list[tuple[int, float]] = []
        self._latest = -1

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        return len(self._queue)

    @property
    def is_urgent(self) -> bool:
        """Whether frames wait that were just taken: rather than what makes finished slices finer."""
        return bool(len(self._queue)) or (self.run.ended and not self._finished_growing)

    @property
    def _finished_growing(self) -> bool:
        return self._fine is not None

    def add(self, frames: range) -> None:
        """Take projections that were announced."""
        if len(frames):
            self._queue.add(self.run.uid, frames.start, frames.stop)
            self._told = frames.stop
            self._heard.append((frames.stop, time.monotonic()))

    def step(self) -> Look | None:
        """Do the next piece; gives a look where it is time for one."""
        began_s = time.process_time()
        try:
            return self._step()
        finally:
            self._cpu_s += time.process_time() - began_s

    def _step(self) -> Look | None:
        if len(self._queue):
            self._add_next()
            return self._look(Stage.GROWING) if self._is_time() else None
        if not self.run.ended or self.done:
            return None
        if self._growing is None:
            self.done = True
            return None
        if self._lacks_flat and self._reference(FLAT) is not None:
            self._begin_again()
            return None
        if not self._finished_growing:
            return self._conclude(self._growing)
        return self._refine()

    def _add_next(self) -> None:
        order = self._queue.next()
        self._skipped += order.skipped
        if order.skipped and not self._said:
            self._said = True
            told = "cannot keep up with tomogram %s: adds one frame of %d now, the others when it has ended"
            logger.warning(told, self.run.uid, order.skipped + 1)
        try:
            angle_deg = self.run.angle_deg(order.index)
            if math.isnan(angle_deg):
                return
            frame = self.run.projections.read(order.index)[0]
            self._latest = max(self._latest, order.index)
            growing = self._growing or self._begin((frame.shape[0], frame.shape[1]))
            growing.add(frame, angle_deg)
            self._order.append(order.index)
        except ValueError as error:
            level = logging.DEBUG if self._left_out else logging.ERROR
            logger.log(level, "frame %d of tomogram %s is left out: %s", order.index, self.run.uid, error)
            self._left_out += 1

    def _begin(self, shape: tuple[int, int], side: int | None = None) -> GrowingSlices:
        """Make ready for frames of a shape; they are joined as a screen needs it unless `side` says."""
        run, planned_deg = self.run, self.run.planned_deg
        beam = self._growing.beam if self._growing else self._beam(shape)
        made = GrowingSlices(
            shape,
            planned_deg,
            beam,
            pixel_um=run.pixel_um,
            centre_px=self.centre_px if self._knows_axis else None,
            side=side or joined_side(shape, len(planned_deg)),
            keeps=side is None,
        )
        if side is None:
            self._growing = made
        return made

    def _beam(self, shape: tuple[int, int]) -> Beam:
        flat, dark = self._reference(FLAT), self._reference(DARK)
        self._lacks_flat = flat is None
        if flat is None:
            logger.warning("tomogram %s has no flat yet: its slices show how the beam is, too", self.run.uid)
        return Beam.of(flat, dark, shape)

    def _begin_again(self) -> None:
        """Add all frames anew, with a flat that was taken after them."""
        self._growing, self._lacks_flat, self._looked = None, False, (0, 0.0)
        for index in self._order:
            self._queue.add(self.run.uid, index, index + 1)
        self._order = []

    def _is_time(self) -> bool:
        """Tell whether to look: not too often, and only at slices that show something."""
        growing = self._growing
        if growing is None or growing.projections < LEAST_PROJECTIONS:
            return False
        count, at_s = self._looked
        if self._has_last and not self._showed_last:
            self._showed_last = True
            return True
        if growing.projections >= len(self.run.planned_deg) > 0:
            return growing.projections > count
        every = max(len(self.run.planned_deg) // LOOKS, LEAST_PROJECTIONS)
        return growing.projections >= count + every and time.monotonic() >= at_s + LEAST_LOOK_S

    @property
    def _knows_axis(self) -> bool:
        """Whether an earlier tomogram has told the axis, or this one has when it was whole."""
        return math.isfinite(self.centre_px)

    @property
    def _has_last(self) -> bool:
        """Whether the last projection is in, those put off aside: shown at once, the axis is sought later."""
        return self._told >= len(self.run.planned_deg) > 0 and len(self._queue) == self._queue.put_off

    def _look(self, stage: Stage, of: GrowingSlices | None = None) -> Look | None:
        growing = of or self._growing
        if growing is None:
            return None
        # An axis that an earlier tomogram has told is looked for anew after the turn: it takes seconds.
        is_sought = stage is Stage.GROWING and not self._has_last and not self._knows_axis
        if is_sought and growing.may_find_centre():
            growing.find_centre()
        found, skipped = growing.found, self._skipped
        place = bisect.bisect_right(self._heard, self._latest, key=lambda one: one[0])
        part = growing.beam.saturated_part
        reason = found.reason if found else EARLIER_AXIS if self._knows_axis else NO_AXIS_YET
        self._looked, self._skipped = (growing.projections, time.monotonic()), 0
        return Look(
            stage=stage,
            slices=growing.slices(),
            side=growing.side,
            centre_px=growing.centre_px,
            centre_sigma_px=found.sigma_px * (self._growing or growing).side if found else float("nan"),
            verdict="saturated" if part > MOST_SATURATED else str(found.verdict) if found else "assumed",
            reason="; ".join(filter(None, (reason, saturation_warning(part, "the flat")))),
            saturated_part=part,
            pixel_um=self.run.pixel_um * growing.side,
            waiting=self.waiting,
            skipped=skipped,
            left_out=self._left_out,
            analysis_s=self._cpu_s,
            latency_s=time.monotonic() - self._heard[place][1],
        )

    def _conclude(self, growing: GrowingSlices) -> Look | None:
        """After the last frame: measured angles, the axis, and the slices as far as they go."""
        angles_deg = np.array([self.run.angle_deg(index) for index in self._order])
        growing.correct_angles(angles_deg, least_deg=ANGLE_OFF_DEG)
        self._order = [index for index, deg in zip(self._order, angles_deg, strict=True) if np.isfinite(deg)]
        if not self._order:
            logger.warning("no projection of tomogram %s is good: its slices end as they were", self.run.uid)
            self.done = True
            return None
        growing.find_centre()
        is_lit = growing.beam.saturated_part <= MOST_SATURATED
        if is_lit and growing.found and growing.found.verdict is not CentreVerdict.NOT_FOUND:
            self.centre_px = growing.centre_px
        if growing.side == 1:
            self._fine, self.done = growing, True
            return self._look(Stage.FINAL)
        shape = self.run.projections.read(self._order[0])[0].shape
        self._fine = self._begin((shape[0], shape[1]), side=1)
        self._fine.found = growing.found
        return self._look(Stage.LAST_PROJECTION)

    def _refine(self) -> Look | None:
        """Add the next frame once more, pixel by pixel; after the last one give the final slices."""
        fine = self._fine
        if fine is None or self._next_fine == len(self._order):
            self.done = True
            return self._look(Stage.FINAL, fine)
        index = self._order[self._next_fine]
        self._next_fine += 1
        try:
            fine.add(self.run.projections.read(index)[0], self.run.angle_deg(index))
        except ValueError as error:
            logger.error("frame %d of tomogram %s is not in its final slices: %s", index, self.run.uid, error)
            self._left_out += 1
        return None
