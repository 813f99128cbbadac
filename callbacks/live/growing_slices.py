"""Three slices of one tomogram that grow while it is taken: numbers only, frames in, looks out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.imaging.flat_field import dead_pixels, line_integral
from ..analysis.imaging.preview import OrthogonalSlices, SlicePreview
from ..analysis.imaging.rotation_centre import CentreVerdict, RotationCentre, rotation_centre

LIVE_COLUMNS = 512
"""Columns down to which pixels are joined while the specimen turns: what a screen shows of a slice."""

MOST_KEPT_BYTES = 400_000_000
"""Of the line integrals that are kept to move the axis; pixels are joined until they fit."""

CENTRE_ROWS = 12
LEAST_COVERED = 0.85
LEAST_PROJECTIONS = 24
MOVED_PX = 0.2
"""By how much the axis has to be off, in pixels of the camera, for slices to be made anew."""

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Beam:
    """What normalises a frame: darks, and where and how strong the beam is.

    Parameters
    ----------
    dark, gain
        Counts to subtract, and one over what a flat has above them, shape (rows, columns).
    dead, instead
        Places of pixels without beam and of the nearest good ones, in the flattened frame, shape (n,).
    saturated_part
        Of the pixels of the flat that stood at full scale, 0..1.
    """

    dark: Image
    gain: Image
    dead: NDArray[np.intp]
    instead: NDArray[np.intp]
    saturated_part: float = 0.0

    @classmethod
    def of(cls, flat: NDArray[np.float64] | None, dark: NDArray[np.float64] | None, shape: Any) -> Beam:  # noqa: ANN401
        """Prepare from mean flat (nan: full scale) and mean dark, counts; with no flat nothing is divided."""
        from scipy.ndimage import distance_transform_edt

        below = np.zeros(shape, np.float32) if dark is None else dark.astype(np.float32)
        beam = np.ones(shape, np.float32) if flat is None else flat.astype(np.float32) - below
        full = np.isnan(beam)
        bad = np.zeros(shape, bool) if flat is None else dead_pixels(np.asarray(beam, np.float32))
        if bad.all():
            bad, beam = np.zeros(shape, bool), np.ones(shape, np.float32)
        nearest: Any = distance_transform_edt(bad, return_distances=False, return_indices=True)
        dead = np.flatnonzero(bad)
        instead = np.ravel_multi_index((nearest[0].ravel()[dead], nearest[1].ravel()[dead]), beam.shape)
        gain = np.asarray(1.0 / np.where(bad, 1.0, beam), np.float32)
        return cls(below, gain, dead, np.asarray(instead, np.intp), float(full.mean()))

    def transmission(self, frame: NDArray[Any]) -> Image:
        """Normalise one frame, counts, shape (rows, columns)."""
        values = frame.astype(np.float32)
        values -= self.dark
        values *= self.gain
        flat = values.reshape(-1)
        flat[self.dead] = flat[self.instead]
        return values


def joined(values: NDArray[Any], side: int) -> NDArray[Any]:
    """Average squares of so many pixels on a side; what is left at the far edges is dropped."""
    if side == 1:
        return values
    rows, columns = (size // side for size in values.shape)
    kept = values[: rows * side, : columns * side]
    # Whole rows first: a mean over two axes at once takes twenty times as long.
    tall = kept.reshape(rows, side, columns * side).sum(axis=1, dtype=np.float32)
    total = np.zeros((rows, columns), np.float32)
    for first in range(side):
        total += tall[:, first::side]
    return total / np.float32(side * side)


def joined_side(shape: tuple[int, int], projections: int) -> int:
    """Tell how many pixels on a side are joined for slices that follow a turn."""
    rows, columns = shape
    side = max(-(-columns // LIVE_COLUMNS), 1)
    while 2 * projections * (rows // side) * (columns // side) > MOST_KEPT_BYTES and side < min(shape) // 16:
        side += 1
    return side


class GrowingSlices:
    """Takes projections in any order of angles, shows slices at any time, moves the axis once it is known.

    Parameters
    ----------
    shape
        Rows and columns of a frame, pixels.
    planned_deg
        Angles to come, degrees.
    beam
        What frames are normalised with.
    pixel_um
        Edge of a pixel at the specimen, um.
    centre_px
        Column of the axis as far as it is known, pixels of the camera; the middle unless given.
    side
        Pixels of the camera that are joined, on a side.
    keeps
        Whether line integrals are kept, so that axis and angles can be corrected later.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        planned_deg: NDArray[np.float64],
        beam: Beam,
        *,
        pixel_um: float,
        centre_px: float | None = None,
        side: int = 1,
        keeps: bool = True,
    ) -> None:
        self.side, self.pixel_um, self.beam = side, pixel_um, beam
        self.centre_px = 0.5 * (shape[1] - 1) if centre_px is None else centre_px
        self.found: RotationCentre | None = None
        self._planned = planned_deg
        self._small = shape[0] // side, shape[1] // side
        # Half precision: 5e-4 of a line integral is far below its noise.
        self._keeps = keeps
        self._kept = np.empty((max(len(planned_deg), 1) if keeps else 0, *self._small), np.float16)
        self._angle_deg: list[float] = []
        self._tried = 0
        self._preview = self._begun()

    @property
    def projections(self) -> int:
        """How many have been added."""
        return len(self._angle_deg)

    def add(self, frame: NDArray[Any], angle_deg: float) -> None:
        """Add one frame, counts, shape (rows, columns), taken at an angle in degrees.

        Raises
        ------
        ValueError
            If the frame has another shape, or the angle is not finite.
        """
        image = line_integral(joined(self.beam.transmission(frame), self.side))
        self._preview.add(image, angle_deg)
        if self._keeps:
            self._keep(image)
        self._angle_deg.append(angle_deg)

    def slices(self) -> OrthogonalSlices:
        """Look at what was added so far."""
        return self._preview.slices()

    def correct_angles(self, angle_deg: NDArray[np.float64], *, least_deg: float) -> bool:
        """Put measured angles in place of those given with each projection, if one is off by more.

        Parameters
        ----------
        angle_deg
            Degrees, shape (projections,); NaN for a projection that is to be left out.
        least_deg
            By how much one has to be off, degrees.

        Returns
        -------
        bool
            Whether the slices were made anew.
        """
        given = np.asarray(self._angle_deg)
        if angle_deg.shape != given.shape or not np.isfinite(angle_deg).any():
            return False
        if not (np.isnan(angle_deg).any() or np.max(np.abs(angle_deg - given), initial=0.0) > least_deg):
            return False
        good = np.flatnonzero(np.isfinite(angle_deg))
        for place, index in enumerate(good):
            self._kept[place] = self._kept[index]
        self._angle_deg = angle_deg[good].tolist()
        self._again()
        return True

    def may_find_centre(self) -> bool:
        """Tell whether the angles so far suffice to look for the axis, and are many more than last time."""
        count = self.projections
        enough = count >= LEAST_PROJECTIONS and count >= 1.5 * self._tried
        return enough and self.slices().covered >= LEAST_COVERED

    def find_centre(self) -> bool:
        """Look for the axis, and make the slices anew where it is elsewhere; gives whether they were.

        What is found is in `found`; an axis that is not found stays where it was.
        """
        self._tried = self.projections
        if self.projections < 8:
            return False
        every = max(self._small[0] // CENTRE_ROWS, 1)
        band = self._kept[: self.projections, ::every].astype(np.float32)
        self.found = rotation_centre(band, np.asarray(self._angle_deg))
        if self.found.verdict is CentreVerdict.NOT_FOUND:
            return False
        column_px = (self.found.column_px + 0.5) * self.side - 0.5
        if abs(column_px - self.centre_px) < MOVED_PX:
            return False
        self.centre_px = column_px
        self._again()
        return True

    def _keep(self, image: Image) -> None:
        if len(self._angle_deg) == len(self._kept):
            more = np.empty((len(self._kept) // 4 + 1, *self._small), np.float16)
            self._kept = np.concatenate([self._kept, more])
        self._kept[len(self._angle_deg)] = image

    def _begun(self) -> SlicePreview:
        return SlicePreview(
            self._small,
            centre=(self.centre_px + 0.5) / self.side - 0.5,
            planned_deg=self._planned if len(self._planned) else None,
            pixel_um=(self.pixel_um if math.isfinite(self.pixel_um) else 1.0) * self.side,
        )

    def _again(self) -> None:
        self._preview = self._begun()
        for image, angle_deg in zip(self._kept, self._angle_deg, strict=False):
            self._preview.add(image.astype(np.float32), angle_deg)
