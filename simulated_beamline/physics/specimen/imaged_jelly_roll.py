"""A small cell as a microscope asks for it: projections of some states are kept, those between mixed."""

from functools import lru_cache
from typing import Protocol

import numpy as np

from ..array import FloatArray, ImageArray
from ..imaged_specimen import Passed
from .imaged_electrode import GridOfCamera
from .jelly_roll import JellyRoll, RealArray
from .thermal_runaway import RunawayLaw, RunawayStage
from .voxel_kernel import add_turned, splat_slices

COLUMN_MM = 0.025
"""Width of the columns of the kept projections, and of the voxels of the slices that they are made from."""
ROW_MM = 0.25
"""Distance of the slices; the roll changes slowly along its axis."""
KEPT = 4000
"""Projections that are kept, some 25 kB each."""


class StateOfRunaway(Protocol):
    """What of the cell is seen."""

    @property
    def runaway_s(self) -> float:
        """Time since thermal runaway began; negative before."""
        ...


class ImagedJellyRoll:
    """A cell that can be turned and looked through, before and in thermal runaway.

    Parameters
    ----------
    cell
        What stands there.
    law
        How it runs away.
    beam_ev
        Mean energy of the pink beam.
    steps
        States of the runaway whose projections are kept.
    angles
        Angles in a full turn for which they are kept; the nearest one is shown.
    """

    def __init__(
        self,
        cell: JellyRoll,
        law: RunawayLaw,
        *,
        beam_ev: float = 38000.0,
        steps: int = 8,
        angles: int = 720,
    ) -> None:
        self.cell, self.law, self.beam_ev = cell, law, beam_ev
        self._angles = angles
        self._rows = int(np.ceil(cell.height_mm / ROW_MM)) + 3
        early = np.linspace(0.0, law.vent_s, steps, endpoint=False)
        late = np.geomspace(law.vent_s * (1.0 + 1e-9), law.settled_s, max(steps // 2, 2))
        self._times_s = np.append(early, late)
        self._kept = lru_cache(maxsize=KEPT)(self._compute)
        self._slices = lru_cache(maxsize=self._times_s.size)(self._compute_slices)

    def prepare(self, angle_deg: float) -> None:
        """Compute all states at an angle, so that none has to be in a burst of frames."""
        for step in range(self._times_s.size):
            self._kept(step, self._nearest(angle_deg))

    def attenuation(
        self, view: GridOfCamera, *, angle_deg: float, energy_ev: float, state: StateOfRunaway
    ) -> ImageArray:
        """Line integrals of the attenuation at the energy of the pink beam.

        Parameters
        ----------
        view
            Grid of the camera.
        angle_deg
            Rotation about z; the nearest kept one is shown.
        energy_ev
            Of the monochromator, which the pink beam goes around: not used.
        state
            Of the cell.

        Returns
        -------
        ndarray
            Shape (rows, columns); the transmission is exp(-it).
        """
        del energy_ev
        kept = self._composed(state.runaway_s, self._nearest(angle_deg))
        image = np.zeros(view.shape, dtype=np.float32)
        tilt, pixel_mm = -np.radians(view.tilt_deg), 1e-3 * view.pixel_um
        scale = pixel_mm / ROW_MM, pixel_mm / COLUMN_MM
        middle = 0.5 * (self._rows - 1), 0.5 * (kept.shape[1] - 1)
        axis = view.origin_row, view.axis_column
        add_turned(kept, scale, (float(np.cos(tilt)), float(np.sin(tilt))), axis, middle, image)
        return image

    def passed(
        self, view: GridOfCamera, *, angle_deg: float, energy_ev: float, state: StateOfRunaway
    ) -> Passed:
        """Attenuation, and no phase: in pixels of a cell it turns many times, of which nothing is seen."""
        path = self.attenuation(view, angle_deg=angle_deg, energy_ev=energy_ev, state=state)
        return Passed(path, np.zeros_like(path))

    def truth_per_mm(self, runaway_s: float, z_mm: RealArray, y_mm: RealArray, x_mm: RealArray) -> RealArray:
        """Attenuation (1/mm) at places (mm) that broadcast; see `JellyRoll.per_mm`."""
        return self.cell.per_mm(z_mm, y_mm, x_mm, self.beam_ev, self.law.stage(runaway_s))

    def _composed(self, since_s: float, angle: int) -> ImageArray:
        """Return what stays and the core where it has flown to, with room above for all of the core."""
        stays, core = self._mixed(since_s, angle)
        image = np.zeros((2 * self._rows, stays.shape[1]), dtype=np.float32)
        image[: self._rows] = stays
        lift = self.law.stage(since_s).ejected_mm / ROW_MM
        whole = int(min(lift, 2 * self._rows))
        for row, share in ((whole, 1.0 - lift + whole), (whole + 1, lift - whole)):
            room = max(min(self._rows, 2 * self._rows - row), 0)
            if room:
                image[row : row + room] += np.float32(share) * core[:room]
        return image

    def _nearest(self, angle_deg: float) -> int:
        return round(angle_deg / 360.0 * self._angles) % self._angles

    def _mixed(self, since_s: float, angle: int) -> tuple[ImageArray, ImageArray]:
        """Return what stays, and the core, linear in time between two kept states."""
        times = self._times_s
        after = int(np.searchsorted(times, since_s))
        if after == 0 or after == times.size:
            return self._kept(min(after, times.size - 1), angle)
        share = np.float32((since_s - times[after - 1]) / (times[after] - times[after - 1]))
        before, following = self._kept(after - 1, angle), self._kept(after, angle)
        stays, core = (a + share * (b - a) for a, b in zip(before, following, strict=True))
        return stays.astype(np.float32), core.astype(np.float32)

    def _compute(self, step: int, angle: int) -> tuple[ImageArray, ImageArray]:
        """Projections of what stays and of the core, one row per slice."""
        turn = 2.0 * np.pi * angle / self._angles
        across_mm = self._across_mm()
        extent = across_mm.size * 1.5
        stays, core = (
            np.zeros((part.shape[0], int(extent)), dtype=np.float32) for part in self._slices(step)
        )
        for part, image in zip(self._slices(step), (stays, core), strict=True):
            splat_slices(part, np.cos(turn), np.sin(turn), image)
            image *= np.float32(COLUMN_MM)
        return stays, core

    def _compute_slices(self, step: int) -> tuple[ImageArray, ImageArray]:
        stage: RunawayStage = self.law.stage(float(self._times_s[step]))
        across = self._across_mm().astype(np.float32)
        z = (ROW_MM * (np.arange(self._rows) - 0.5 * (self._rows - 1))).astype(np.float32)
        place = z[:, None, None], across[None, :, None], across[None, None, :]
        roll = self.cell.roll_per_mm(*place, self.beam_ev, stage)
        can = self.cell.can_per_mm(*place, self.beam_ev, is_vented=stage.is_vented)
        core = self.cell.is_core(place[1], place[2])
        return (can + np.where(core, 0.0, roll)).astype(np.float32), np.where(core, roll, 0.0).astype(
            np.float32
        )

    def _across_mm(self) -> FloatArray:
        count = int(np.ceil(self.cell.diameter_mm / COLUMN_MM)) + 3
        return COLUMN_MM * (np.arange(count, dtype=np.float64) - 0.5 * (count - 1))
