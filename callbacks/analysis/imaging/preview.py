"""Three orthogonal slices that grow projection by projection, in any order of angles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .angle import HALF_TURN_DEG, FloatArray, angular_weights
from .image_filter import ImageFilter
from .ramp import FloatImage, Window
from .slab import imaging_module, outside_circle, places, turn_of

MOST_BYTES = 256 * 2**20
MOST_SECTORS = 64
LEAST_SECTORS = 4


@dataclass(frozen=True)
class OrthogonalSlices:
    """Three slices through one point of the volume.

    Attributes
    ----------
    xy, xz, yz
        Attenuation, 1/um, shapes (y, x), (z, x) and (z, y); 0 outside the circle that is always in the field.
    at_px
        Numbers z, y, x of the pixel that is in all three.
    projections
        How many have been added.
    covered
        Part of the half turn for which projections stand, 0 to 1: below about 0.9 a wedge is missing.
    """

    xy: FloatImage
    xz: FloatImage
    yz: FloatImage
    at_px: tuple[int, int, int]
    projections: int
    covered: float


class SlicePreview:
    """Add projections as they come, look at three slices at any time.

    Each projection is filtered and projected back onto the three slices only, into the sum of its sector of
    angles. A look weighs the sectors by the gaps between the angles seen so far (`angular_weights`), so that
    any first part of a golden or interlaced order is a useful picture, and all of an order gives what
    `reconstruct` gives.

    Parameters
    ----------
    shape
        Rows and columns of a projection, pixels.
    centre
        Column of the rotation axis, pixels.
    at_px
        Numbers z, y, x of the pixel that is in all three; the middle by default.
    planned_deg
        All angles to come, where they are not even: then the last look is exact for them too, degrees.
    pixel_um
        Edge of a pixel at the sample, um.
    window
        Damping of high frequencies.
    sectors
        Of the half turn; by default as many as fit into 256 MiB, 4 to 64.

    Examples
    --------
    >>> preview = SlicePreview((4, 16), centre=7.5)
    >>> preview.add(np.ones((4, 16)), 30.0)
    >>> preview.slices().xy.shape, preview.slices().projections
    ((16, 16), 1)
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        centre: float,
        at_px: tuple[int, int, int] | None = None,
        planned_deg: ArrayLike | None = None,
        pixel_um: float = 1.0,
        window: Window | str = Window.RAMP,
        sectors: int | None = None,
    ) -> None:
        rows, columns = shape
        if not (math.isfinite(centre) and 0.0 < pixel_um < math.inf):
            raise ValueError(
                f"slice preview: centre = {centre}, pixel_um = {pixel_um}; give a finite column, and the "
                "edge of a pixel, um"
            )
        self._shape, self._centre, self._pixel_um = (rows, columns), float(centre), pixel_um
        self._filter = ImageFilter((rows, columns), window)
        self._at = at_px or (rows // 2, columns // 2, columns // 2)
        if not all(0 <= place < side for place, side in zip(self._at, (rows, columns, columns), strict=True)):
            raise ValueError(
                f"slice preview: pixel {self._at} (z, y, x) is outside {rows} x {columns} x {columns}; the "
                "middle is the default"
            )
        each = 4 * (columns * columns + 2 * rows * columns)
        count = sectors or min(max(MOST_BYTES // each, LEAST_SECTORS), MOST_SECTORS)
        self._xy = np.zeros((count, columns, columns), np.float32)
        self._xz = np.zeros((count, 1, columns, rows), np.float32)
        self._yz = np.zeros((count, columns, 1, rows), np.float32)
        self._planned = None if planned_deg is None else np.asarray(planned_deg, dtype=np.float64)
        self._planned_weight = None if self._planned is None else angular_weights(self._planned)
        self._place = places(columns)
        self._kernel = imaging_module(".kernel")
        self._seen_deg: list[float] = []
        self._sector_of: list[int] = []
        self._added = np.zeros(count)

    def add(self, line_integrals: ArrayLike, angle_deg: float) -> None:
        """Add one projection.

        Parameters
        ----------
        line_integrals
            After the logarithm, shape (rows, columns).
        angle_deg
            Degrees, any turn.

        Raises
        ------
        ValueError
            If the projection has another shape, or the angle or a pixel is not finite.
        """
        image = np.ascontiguousarray(line_integrals, dtype=np.float32)
        if image.shape != self._shape or not math.isfinite(angle_deg):
            raise ValueError(
                f"slice preview: a projection of shape {image.shape} at {angle_deg} degrees; give shape "
                f"{self._shape} and a finite angle"
            )
        if not np.isfinite(image).all():
            raise ValueError(
                f"slice preview: {np.count_nonzero(~np.isfinite(image))} pixels at {angle_deg} degrees are "
                "not finite and would spread over the slices; `line_integral` makes them 0"
            )
        weight = self._weight_of(angle_deg)
        sector = int(angle_deg % HALF_TURN_DEG / HALF_TURN_DEG * len(self._added)) % len(self._added)
        self._back_project(self._filter(image, weight), turn_of([angle_deg]), sector)
        self._seen_deg.append(angle_deg)
        self._sector_of.append(sector)
        self._added[sector] += weight

    def _weight_of(self, angle_deg: float) -> float:
        """Weight that the plan gives to an angle: that of the nearest planned one."""
        if self._planned is None or self._planned_weight is None:
            return 1.0
        off = np.abs(np.mod(self._planned - angle_deg + HALF_TURN_DEG / 2, HALF_TURN_DEG) - HALF_TURN_DEG / 2)
        return float(self._planned_weight[np.argmin(off)])

    def _back_project(self, filtered: FloatImage, turn: FloatArray, sector: int) -> None:
        z, y, x = self._at
        row, deep = np.ascontiguousarray(filtered[:, z])[None], filtered[None]
        place = self._place
        project = self._kernel.back_project
        self._kernel.back_project_row(row, turn, self._centre, place, place, self._xy[sector])
        project(deep, turn, self._centre, place[y : y + 1], place, self._xz[sector])
        project(deep, turn, self._centre, place, place[x : x + 1], self._yz[sector])

    def slices(self) -> OrthogonalSlices:
        """Look at what has been added so far; all is 0 before the first projection.

        Returns
        -------
        OrthogonalSlices
            Copies, which later projections do not change.
        """
        share, covered = self._shares()
        outside = outside_circle(self._shape[1])
        _, y, x = self._at
        xy, xz, yz = (
            np.tensordot(share, part, axes=1) for part in (self._xy, self._xz[:, 0], self._yz[:, :, 0])
        )
        xy[outside] = 0.0
        xz[outside[y]] = 0.0
        yz[outside[:, x]] = 0.0
        return OrthogonalSlices(xy, xz.T.copy(), yz.T.copy(), self._at, len(self._seen_deg), covered)

    def _shares(self) -> tuple[NDArray[np.float32], float]:
        """Give what each sector counts, per um, and the part of the half turn that is covered."""
        count = len(self._added)
        if not self._seen_deg:
            return np.zeros(count, np.float32), 0.0
        weights = angular_weights(self._seen_deg)
        sums = np.bincount(self._sector_of, weights=weights, minlength=count)
        share = np.divide(sums, self._added, out=np.zeros(count), where=self._added > 0)
        covered = min(float(weights.sum()) / math.pi, 1.0)
        return (share / self._pixel_um).astype(np.float32), covered
