"""Pictures of one sample by different instruments, shown on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..mapping.registration import filled, levelled
from ..xas.grid import FloatArray
from .sample_frame import SampleFrame

MARGIN = 2.0
"""Standard deviations of the Gaussian within which what a picture lacks changes gradients."""
NORMAL_MAD = 0.6745
"""Median of the amount of normal noise over its standard deviation."""
UNEVEN = 3.0
"""Standard deviations of the median of a line by which lines differ that are levelled."""
ALL = 0.999
"""Part of a value that comes from pixels that were measured."""


@dataclass(frozen=True)
class Move:
    """How a picture lies otherwise than believed: turned and stretched about its middle, then moved.

    Attributes
    ----------
    along_um
        By how much its middle moves, um (z, x).
    roll_deg
        By how much it turns about the beam, from z towards x, degree.
    scale
        By how much its pixels are larger than believed.
    """

    along_um: tuple[float, float] = (0.0, 0.0)
    roll_deg: float = 0.0
    scale: float = 1.0

    @property
    def turn(self) -> FloatArray:
        """Turn and stretch (2, 2) of positions (z, x)."""
        angle = np.deg2rad(self.roll_deg)
        c, s = float(np.cos(angle)), float(np.sin(angle))
        return self.scale * np.array([[c, -s], [s, c]])


@dataclass(frozen=True)
class Grid:
    """Square pixels in the plane across the beam: middle and pitch in um (z, x), and shape."""

    middle_um: FloatArray
    pitch_um: float
    shape: tuple[int, int]

    @property
    def corner_um(self) -> FloatArray:
        """Position of pixel (0, 0), um (z, x)."""
        return self.middle_um - 0.5 * self.pitch_um * (np.array(self.shape) - 1)

    @property
    def positions_um(self) -> FloatArray:
        """Positions (2, rows, columns), um (z, x)."""
        steps = np.indices(self.shape, dtype=np.float64)
        return self.corner_um[:, None, None] + self.pitch_um * steps


def lines_differ(image: FloatArray) -> bool:
    """Tell whether scan lines are brighter or darker than their neighbours by more than noise makes them.

    Levelling lines moves structures that are wide along them, a tenth of a pixel once they are turned: it is
    for those maps that need it.
    """
    bend = image[1:-1] - (image[:-2] + image[2:]) / 2
    bend = bend[np.isfinite(bend).all(axis=1)]
    if not bend.size:
        return False
    line = np.median(bend, axis=1)
    spread = np.median(np.abs(bend - line[:, None])) / NORMAL_MAD
    return bool(np.sqrt((line**2).mean()) > UNEVEN * spread * np.sqrt(np.pi / 2 / bend.shape[1]))


class Picture:
    """A map in the plane across the beam, where it is believed to lie.

    Parameters
    ----------
    image
        Shape (rows, columns); nan where nothing was measured.
    frame
        Where its pixels lie.
    pitch_um
        Pitch of the grids on which it will be shown; what is finer is smoothed before.
    """

    def __init__(self, image: FloatArray, frame: SampleFrame, pitch_um: float) -> None:
        ndimage: Any = import_module("scipy.ndimage")
        fine = [0.5 * pitch_um / abs(frame.pixel_um[axis]) for axis in (0, 2)]
        smooth = ndimage.gaussian_filter(
            levelled(image) if lines_differ(image) else filled(image),
            [width if width > 0.5 else 0.0 for width in fine],
            mode="nearest",
        )
        self._spline: FloatArray = ndimage.spline_filter(smooth, order=3, mode="nearest")
        self._seen = np.isfinite(image).astype(np.float64)
        corner = frame.index([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])[:, [0, 2]]
        self._start, self._slope = corner[0], (corner[1:] - corner[0]).T
        ends = np.array(image.shape, dtype=np.float64) - 1
        corners = [[row, 0.0, column] for row in (0.0, ends[0]) for column in (0.0, ends[1])]
        self.corners_um: FloatArray = frame.position_um(corners)[:, [0, 2]]
        self.middle_um: FloatArray = self.corners_um.mean(axis=0)

    def grid(self, pitch_um: float) -> Grid:
        """Square pixels that cover it where it is believed to lie."""
        low, high = self.corners_um.min(axis=0), self.corners_um.max(axis=0)
        rows, columns = (int(count) + 1 for count in np.ceil((high - low) / pitch_um))
        return Grid((low + high) / 2, pitch_um, (rows, columns))

    def shown(self, grid: Grid, move: Move) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Values on a grid, by cubic splines, and where they are known."""
        ndimage: Any = import_module("scipy.ndimage")
        off = self.middle_um + np.array(move.along_um)
        back = np.tensordot(np.linalg.inv(move.turn), grid.positions_um - off[:, None, None], axes=1)
        index = np.tensordot(self._slope, back + self.middle_um[:, None, None], axes=1)
        index += self._start[:, None, None]
        values = ndimage.map_coordinates(self._spline, index, order=3, mode="nearest", prefilter=False)
        known = ndimage.map_coordinates(self._seen, index, order=1, mode="constant", cval=0.0) > ALL
        return values, known


def edges(
    values: FloatArray, known: NDArray[np.bool_], smooth_px: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Magnitude of the gradient, zero where it is not known, and where it is."""
    ndimage: Any = import_module("scipy.ndimage")
    steep = ndimage.gaussian_gradient_magnitude(values, smooth_px, mode="nearest")
    reach = 2 * round(MARGIN * smooth_px) + 1
    inner = ndimage.minimum_filter(known, size=reach, mode="constant", cval=False)
    return np.where(inner, steep, 0.0), inner
